"""What a trustee keeps secret between the ceremony and the count.

Decides the content of a trustee's secret file: a frozen, versioned record, parsed once. Leaves its passphrase and
its file to whoever opens it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from stembus.audit.formats.canonical import Count, Hash, Index, Key, Scalar
from stembus.crypto.group import scalar_from_bytes, scalar_to_bytes
from stembus.crypto.sealed import new_box_key
from stembus.crypto.signing import SigningKey
from stembus.crypto.threshold import random_polynomial
from stembus.tally.errors import KeyFileInvalid


class AttemptSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A trustee's part in one attempt of the ceremony: the polynomial, constant term first, and the receiving key."""

    number: Index
    coefficients: tuple[Scalar, ...]
    receiving_secret: Key
    receiving_key: Key

    @classmethod
    def generate(cls, number: int, threshold: int) -> AttemptSecrets:
        secret, public = new_box_key()
        coefficients = tuple(scalar_to_bytes(c).hex() for c in random_polynomial(threshold))
        return cls(number=number, coefficients=coefficients, receiving_secret=secret.hex(), receiving_key=public.hex())

    def __repr__(self) -> str:
        return f"<a trustee's part in attempt {self.number}>"

    @property
    def polynomial(self) -> list[int]:
        return [scalar_from_bytes(bytes.fromhex(text)) for text in self.coefficients]


class AnnouncedTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The one tree that this trustee is ready to decrypt for: size, root, and the digest of the sums."""

    size: Count
    root: Hash
    sums: Hash


class TrusteeKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`seed` is the identity key (Ed25519). `referendum` binds the file at its first use. `share` is this trustee's
    part of the election key, once the ceremony is confirmed."""

    version: Literal[1]
    role: Literal["trustee"]
    seed: Key
    referendum: Hash | None = None
    attempts: tuple[AttemptSecrets, ...] = ()
    share: Scalar | None = None
    announced: AnnouncedTree | None = None

    @classmethod
    def generate(cls) -> TrusteeKey:
        """Before any ceremony."""
        return cls(version=1, role="trustee", seed=SigningKey.generate().seed.hex())

    def __repr__(self) -> str:
        return "<the key of a trustee>"

    def attempt(self, number: int) -> AttemptSecrets | None:
        return next((attempt for attempt in self.attempts if attempt.number == number), None)

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)


def parse_trustee_key(content: bytes) -> TrusteeKey:
    """Raises KeyFileInvalid."""
    try:
        return msgspec.json.decode(content, type=TrusteeKey)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        # The reason would quote a secret.
        raise KeyFileInvalid("this secret file opens, and does not hold a trustee's key of this version") from None
