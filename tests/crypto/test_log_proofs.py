"""A proof about logarithms answers one exact statement: every field of its transcript, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stembus.crypto import proofs
from stembus.crypto.errors import ProofInvalid
from stembus.crypto.group import ORDER, generator_times
from stembus.crypto.proofs import prove_equal_logs, prove_key, verify_equal_logs, verify_key
from stembus.crypto.transcript import Transcript
from tests.framing import Field, challenge, framed_digest

SECRET, NONCE = 1234567, 7654321
BASE = generator_times(7)
CONTEXT_FIELDS: list[Field] = [("who", b"somebody"), ("number", 7)]


def _context() -> Transcript:
    return Transcript("test").add("who", b"somebody").add_int("number", 7)


def _key_fields() -> list[Field]:
    return [
        *CONTEXT_FIELDS,
        ("public", generator_times(SECRET).to_bytes()),
        ("commitment", generator_times(NONCE).to_bytes()),
    ]


def _equal_fields() -> list[Field]:
    return [
        *CONTEXT_FIELDS,
        ("public", generator_times(SECRET).to_bytes()),
        ("base", BASE.to_bytes()),
        ("image", (BASE * SECRET).to_bytes()),
        ("first", generator_times(NONCE).to_bytes()),
        ("second", (BASE * NONCE).to_bytes()),
    ]


def _proof(fields: list[Field]) -> proofs.LogProof:
    c = challenge(framed_digest("test", *fields))
    return proofs.LogProof(c, (NONCE + c * SECRET) % ORDER)


def _verify_key(fields: list[Field]) -> None:
    verify_key(generator_times(SECRET), _proof(fields), _context())


def _verify_equal(fields: list[Field]) -> None:
    verify_equal_logs(generator_times(SECRET), BASE, BASE * SECRET, _proof(fields), _context())


STATEMENTS = [(_verify_key, _key_fields()), (_verify_equal, _equal_fields())]
LEFT_OUT = [
    pytest.param(verify, fields, left, id=f"{verify.__name__[1:]}-{fields[left][0]}")
    for verify, fields in STATEMENTS
    for left in range(len(fields))
]


@pytest.mark.parametrize(("verify", "fields"), STATEMENTS)
def test_a_proof_over_the_fields_of_the_protocol_holds(verify: Callable[..., None], fields: list[Field]) -> None:
    verify(fields)


@pytest.mark.parametrize(("verify", "fields", "left"), LEFT_OUT)
def test_a_proof_without_one_of_the_fields_does_not_hold(
    verify: Callable[..., None], fields: list[Field], left: int
) -> None:
    with pytest.raises(ProofInvalid):
        verify(fields[:left] + fields[left + 1 :])
    renamed: Field = (fields[left][0] + "x", fields[left][1])
    with pytest.raises(ProofInvalid):
        verify([*fields[:left], renamed, *fields[left + 1 :]])
    if left:
        with pytest.raises(ProofInvalid):
            verify([*fields[: left - 1], fields[left], fields[left - 1], *fields[left + 1 :]])


def test_a_prover_answers_over_the_fields_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "random_scalar", lambda: NONCE)
    assert prove_key(SECRET, _context()) == _proof(_key_fields())
    assert prove_equal_logs(SECRET, BASE, _context()) == _proof(_equal_fields())


def test_a_context_can_be_used_again_after_a_proof() -> None:
    context = _context()
    before = context.digest()
    prove_key(SECRET, context)
    prove_equal_logs(SECRET, BASE, context)
    _verify_key(_key_fields())
    assert context.digest() == before
