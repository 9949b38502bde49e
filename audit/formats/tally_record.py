"""What the tally's entries bind: the digest of the sums, and the context of each decryption proof."""

from __future__ import annotations

from collections.abc import Sequence

from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.transcript import Transcript


def sums_digest(referendum: bytes, sums: Sequence[Ciphertext]) -> bytes:
    """32 bytes over the summed ciphertexts in the order of the ballot."""
    joined = b"".join(ciphertext.to_bytes() for ciphertext in sums)
    return Transcript("sums").add("referendum", referendum).add("ciphertexts", joined).digest()


def decryption_context(referendum: bytes, root: bytes, trustee: int, question: int, number: int) -> Transcript:
    """For one sum of a question; question and number count from 0."""
    transcript = Transcript("decryption").add("referendum", referendum).add("root", root)
    return transcript.add_int("trustee", trustee).add_int("question", question).add_int("sum", number)
