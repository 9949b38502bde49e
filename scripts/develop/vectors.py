"""Test vectors for whoever writes a second implementation: everything follows from one seed.

`python -m stembus.scripts.develop.vectors` writes tests/vectors/ballots.json. Decides what is in the vectors;
how each value comes about is decided where it is used. Needs neither a log nor a registrar, and draws no randomness
that could change an output. The secrets in the file protect nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.ballot.eligibility.letter_code import ALPHABET, CHECK_SYMBOLS, SYMBOLS, credential_key, format_code
from stembus.ballot.voter.encrypt import build_body
from stembus.crypto.derive import scalar_stream
from stembus.crypto.group import ORDER, generator_times, scalar_to_bytes
from stembus.crypto.signing import SchnorrKey
from stembus.crypto.transcript import PROTOCOL, Transcript, frame

SEED = hashlib.sha256(b"stembus test vectors, version 1").digest()
FILE = Path(__file__).parents[2] / "tests" / "vectors" / "ballots.json"

_TRANSCRIPTS: Sequence[tuple[str, Sequence[tuple[str, bytes]]]] = (
    ("empty", ()),
    ("example", (("label", b"value"), ("empty", b""), ("number", (258).to_bytes(8, "big")))),
    ("borders", (("ab", b"c"), ("a", b"bc"))),
)
_YES_NO = QuestionShape(2, 1)
# The questions, and the chosen options of each.
_BALLOTS: Sequence[tuple[tuple[QuestionShape, ...], tuple[tuple[int, ...], ...]]] = (
    ((_YES_NO,), ((0,),)),
    ((_YES_NO,), ((1,),)),
    ((_YES_NO,), ((),)),
    ((QuestionShape(3, 3),), ((0, 2),)),
    ((_YES_NO, QuestionShape(5, 3)), ((1,), (4, 0, 2))),
    ((QuestionShape(1, 1),), ((0,),)),
    ((QuestionShape(2, 2),), ((0, 1),)),
    ((_YES_NO, _YES_NO, QuestionShape(2, 2)), ((1,), (), (1,))),
    ((QuestionShape(3, 3, (4, 9, 5), 10),), ((0, 2),)),
    ((QuestionShape(3, 2, (4, 9, 5), 9),), ((0, 2),)),
    ((QuestionShape(2, 1, (1, 1), 1),), ((1,),)),
    ((QuestionShape(2, 2, (7, 8), 8), _YES_NO), ((), (0,))),
)


def derive(seed: bytes, label: str) -> bytes:
    """32 bytes for each label."""
    return hashlib.sha256(seed + label.encode("ascii")).digest()


def _secret(seed: bytes, label: str) -> int:
    return int.from_bytes(derive(seed, label), "big") % (ORDER - 1) + 1


def make_vectors(seed: bytes) -> dict[str, Any]:
    """All vectors as JSON values; byte strings and scalars in lower-case hexadecimal."""
    return {
        "seed": seed.hex(),
        "transcripts": [_transcript(tag, fields) for tag, fields in _TRANSCRIPTS],
        "scalars": [_scalars(seed, number) for number in range(2)],
        "codes": [_code(seed, number) for number in range(4)],
        "tokens": [_token(seed, number) for number in range(3)],
        "ballots": [_ballot(seed, number, *case) for number, case in enumerate(_BALLOTS)],
    }


def _transcript(tag: str, fields: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    transcript = Transcript(tag)
    framed = frame(PROTOCOL.decode("ascii"), tag.encode("ascii"))
    for label, value in fields:
        transcript.add(label, value)
        framed += frame(label, value)
    return {
        "tag": tag,
        "fields": [[label, value.hex()] for label, value in fields],
        "framed": framed.hex(),
        "digest": transcript.digest().hex(),
        "scalar": scalar_to_bytes(transcript.scalar()).hex(),
    }


def _scalars(seed: bytes, number: int) -> dict[str, Any]:
    secret, salt = derive(seed, f"scalars {number}"), derive(seed, f"salt {number}")
    info = b"an example" * number
    next_scalar = scalar_stream(secret, salt, info)
    return {
        "seed": secret.hex(),
        "salt": salt.hex(),
        "info": info.hex(),
        "scalars": [scalar_to_bytes(next_scalar()).hex() for _ in range(4)],
    }


def _code(seed: bytes, number: int) -> dict[str, Any]:
    bits = int.from_bytes(derive(seed, f"code {number}"), "big")
    symbols = "".join(ALPHABET[bits >> 5 * place & 31] for place in range(SYMBOLS))
    referendum = derive(seed, f"referendum {number}")
    key = credential_key(symbols, referendum)
    printed = format_code(symbols)
    return {
        "symbols": symbols,
        "check": printed.replace("-", "")[-CHECK_SYMBOLS:],
        "printed": printed,
        "referendum": referendum.hex(),
        "credential_secret": key.secret.hex(),
        "credential": key.public.hex(),
    }


def _context(seed: bytes, number: int, questions: tuple[QuestionShape, ...]) -> BallotContext:
    """Registrars and the size of a cast ballot play no part in tokens, bodies and challenges."""
    joint_key = generator_times(_secret(seed, f"joint {number}"))
    referendum, election_key = derive(seed, f"referendum {number}"), derive(seed, f"election key {number}")
    return BallotContext(referendum, election_key, joint_key, (), questions, 0, 1)


def _token(seed: bytes, number: int) -> dict[str, Any]:
    context = _context(seed, number, (_YES_NO,))
    key = SchnorrKey(scalar_to_bytes(_secret(seed, f"token {number}")))
    nonce = derive(seed, f"nonce {number}")
    return {
        "referendum": context.referendum.hex(),
        "election_key": context.election_key.hex(),
        "token_secret": key.secret.hex(),
        "token_key": key.public.hex(),
        "token_message": context.token_message(key.public).hex(),
        "nonce": nonce.hex(),
        "token_commitment": context.token_commitment(key.public, nonce).hex(),
    }


def _ballot(
    seed: bytes, number: int, questions: tuple[QuestionShape, ...], choice: tuple[tuple[int, ...], ...]
) -> dict[str, Any]:
    context = _context(seed, number, questions)
    key = SchnorrKey(scalar_to_bytes(_secret(seed, f"token {number}")))
    commitment = context.token_commitment(key.public, derive(seed, f"nonce {number}"))
    ballot_seed = derive(seed, f"ballot {number}")
    body = build_body(context, commitment, choice, ballot_seed)
    statement = (body[32 : context.commitments_at], body[context.commitments_at : context.scalars_at])
    return {
        "referendum": context.referendum.hex(),
        "election_key": context.election_key.hex(),
        "joint_secret": scalar_to_bytes(_secret(seed, f"joint {number}")).hex(),
        "joint_key": context.joint_key.to_bytes().hex(),
        "questions": [asdict(question) for question in questions],
        "shape": context.shape.hex(),
        "token_commitment": commitment.hex(),
        "seed": ballot_seed.hex(),
        "choice": [list(chosen) for chosen in choice],
        "body": body.hex(),
        "ballot_id": context.ballot_id(body).hex(),
        "challenges": [scalar_to_bytes(c).hex() for c in context.challenges(commitment, *statement)],
    }


def encode_vectors(vectors: dict[str, Any]) -> str:
    return json.dumps(vectors, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the test vectors.")
    parser.add_argument("--seed", type=bytes.fromhex, default=SEED, help="32 bytes in hexadecimal")
    parser.add_argument("--file", type=Path, default=FILE)
    arguments = parser.parse_args()
    arguments.file.write_text(encode_vectors(make_vectors(arguments.seed)), encoding="ascii")


if __name__ == "__main__":
    main()
