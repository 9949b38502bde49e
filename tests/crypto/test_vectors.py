"""The published test vectors are what the code gives, and the code reads from them what they say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.cast_ballot import BallotContext, parse_body
from stembus.ballot.eligibility.letter_code import credential_key, format_code, parse_code
from stembus.ballot.voter.encrypt import build_body, rebuild_id
from stembus.crypto.batch import ProvenBallot, verify_all, verify_one
from stembus.crypto.derive import scalar_stream
from stembus.crypto.group import Point, generator_times, scalar_to_bytes
from stembus.crypto.signing import SchnorrKey
from stembus.crypto.threshold import partial_decrypt
from stembus.crypto.transcript import Transcript
from stembus.scripts.develop.vectors import FILE, SEED, encode_vectors, main, make_vectors

VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="ascii"))
BALLOTS: list[dict[str, Any]] = VECTORS["ballots"]


def _hex(record: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(record[name]) for name in names]


def _context(record: dict[str, Any]) -> BallotContext:
    """From the stored values alone."""
    referendum, election_key, joint_key = _hex(record, "referendum", "election_key", "joint_key")
    questions = tuple(
        QuestionShape(**question | {"costs": tuple(question["costs"])}) for question in record["questions"]
    )
    return BallotContext(referendum, election_key, Point.from_bytes(joint_key), (), questions, 0, 1)


def test_the_stored_file_is_what_the_generator_makes() -> None:
    assert VECTORS["seed"] == SEED.hex()
    assert encode_vectors(make_vectors(SEED)) == FILE.read_text(encoding="ascii")
    assert FILE.stat().st_size < 100_000


def test_the_command_writes_the_stored_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["vectors", "--file", str(tmp_path / "made.json")])
    main()
    assert (tmp_path / "made.json").read_bytes() == FILE.read_bytes()


def test_another_seed_makes_other_vectors() -> None:
    made = make_vectors(bytes(32))
    for name in ("scalars", "codes", "tokens", "ballots"):
        assert all(record not in VECTORS[name] for record in made[name])


@pytest.mark.parametrize("record", VECTORS["transcripts"], ids=lambda record: record["tag"])
def test_a_stored_transcript_is_hashed_as_framed(record: dict[str, Any]) -> None:
    transcript = Transcript(record["tag"])
    framed = b""
    for label, value in [["stembus/v1", record["tag"].encode().hex()], *record["fields"]]:
        data = bytes.fromhex(value)
        framed += len(label).to_bytes(2, "big") + label.encode() + len(data).to_bytes(4, "big") + data
        if label != "stembus/v1":
            transcript.add(label, data)
    assert framed.hex() == record["framed"]
    assert transcript.digest().hex() == record["digest"]
    assert scalar_to_bytes(transcript.scalar()).hex() == record["scalar"]


@pytest.mark.parametrize("record", VECTORS["scalars"], ids=lambda record: record["seed"][:8])
def test_a_stored_stream_of_scalars_is_drawn_again(record: dict[str, Any]) -> None:
    next_scalar = scalar_stream(*_hex(record, "seed", "salt", "info"))
    for scalar in record["scalars"]:
        assert scalar_to_bytes(next_scalar()).hex() == scalar


@pytest.mark.parametrize("record", VECTORS["codes"], ids=lambda record: record["symbols"][:4])
def test_a_stored_code_reads_and_gives_its_credential(record: dict[str, Any]) -> None:
    assert format_code(record["symbols"]) == record["printed"]
    assert parse_code(record["printed"]) == record["symbols"]
    assert parse_code(record["symbols"] + record["check"]) == record["symbols"]
    key = credential_key(record["symbols"], bytes.fromhex(record["referendum"]))
    assert (key.secret.hex(), key.public.hex()) == (record["credential_secret"], record["credential"])


@pytest.mark.parametrize("record", VECTORS["tokens"], ids=lambda record: record["token_key"][:8])
def test_a_stored_token_has_its_message_and_commitment(record: dict[str, Any]) -> None:
    referendum, election_key, secret, nonce = _hex(record, "referendum", "election_key", "token_secret", "nonce")
    context = BallotContext(referendum, election_key, generator_times(1), (), (), 0, 1)
    key = SchnorrKey(secret)
    assert key.public.hex() == record["token_key"]
    assert context.token_message(key.public).hex() == record["token_message"]
    assert context.token_commitment(key.public, nonce).hex() == record["token_commitment"]


@pytest.mark.parametrize("record", BALLOTS, ids=lambda record: json.dumps(record["choice"]))
def test_a_stored_ballot_is_built_again_from_its_seed(record: dict[str, Any]) -> None:
    context = _context(record)
    commitment, seed, body = _hex(record, "token_commitment", "seed", "body")
    assert context.shape.hex() == record["shape"]
    assert build_body(context, commitment, record["choice"], seed) == body
    assert context.ballot_id(body).hex() == record["ballot_id"]
    assert rebuild_id(context, commitment, record["choice"], seed).hex() == record["ballot_id"]


@pytest.mark.parametrize("record", BALLOTS, ids=lambda record: json.dumps(record["choice"]))
def test_a_stored_ballot_proves_and_decrypts_to_its_choice(record: dict[str, Any]) -> None:
    context = _context(record)
    [body, secret] = _hex(record, "body", "joint_secret")
    assert len(body) == context.body_bytes
    ciphertexts, statements = parse_body(context, body)
    assert [scalar_to_bytes(s.challenge).hex() for s in statements] == record["challenges"]
    verify_one(context.joint_key, ProvenBallot(ciphertexts, statements))
    verify_all(context.joint_key, [ProvenBallot(ciphertexts, statements)])
    share = int.from_bytes(secret, "big")
    expected = []
    for chosen, question in zip(record["choice"], record["questions"], strict=True):
        if (question["options"], question["most"], question["budget"]) == (2, 1, 0):
            expected.append({(): 0, (0,): 1, (1,): 2**32}[tuple(chosen)])
        else:
            expected += [int(option in chosen) for option in range(question["options"])]
            left = question["budget"] - sum(question["costs"][option] for option in chosen if question["costs"])
            expected += [int(bit) for bit in reversed(f"{left:b}".rjust(question["budget"].bit_length(), "0")[:-1])]
    plain = [c.blinded - partial_decrypt(share, c) for c in ciphertexts]
    assert plain == [generator_times(number) for number in expected]


@pytest.mark.parametrize("record", BALLOTS, ids=lambda record: json.dumps(record["choice"]))
def test_another_seed_choice_or_commitment_gives_another_ballot(record: dict[str, Any]) -> None:
    context = _context(record)
    commitment, seed = _hex(record, "token_commitment", "seed")
    blank: list[list[int]] = [[] for _ in record["choice"]]
    others = [(commitment, record["choice"], bytes(32)), (bytes(32), record["choice"], seed)]
    if blank != record["choice"]:
        others.append((commitment, blank, seed))
    bodies = {bytes.fromhex(record["body"]), *(build_body(context, *other) for other in others)}
    assert len(bodies) == 1 + len(others)
    # Nothing of the encryption is shared: the first nonce points all differ.
    assert len({body[32:65] for body in bodies}) == len(bodies)
