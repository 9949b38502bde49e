"""What one malicious voter does must not stop the count, and one fault must not hide another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stembus.audit.errors import CannotRead, RecordInvalid
from stembus.audit.formats.cast_ballot import encode_body, parse_ballot
from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.verify import conclusions, engine, voter_evidence
from stembus.audit.verify.ballots import BallotChecker
from stembus.audit.verify.ceremony import CeremonyCheck
from stembus.audit.verify.checkpoints import CheckpointCheck
from stembus.audit.verify.report import Verdict
from stembus.audit.verify.roll import RollCheck
from stembus.audit.verify.stream import LogStream
from stembus.audit.verify.tally import TallyCheck
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.crypto.elgamal import encrypt
from stembus.crypto.group import ORDER, random_scalar
from stembus.crypto.proofs import commit_membership, respond_membership
from stembus.scripts.cli.main import main
from tests.tampered.ballots import simulated, with_body
from tests.tampered.forge import Forge, judge, new_forge


def _blank_with(forge: Forge, voter: int, randomness: int, seq: int) -> bytes:
    context, voting_pass = forge.context, forge.voters[voter].voting_pass
    nonce = bytes([seq]) * 32
    commitment = context.token_commitment(voting_pass.token_key.public, nonce)
    ciphertext = encrypt(context.joint_key, 0, randomness)
    [shape] = context.proofs
    witness = commit_membership(context.joint_key, ciphertext, 0, randomness, shape.values, random_scalar)
    points = b"".join(p.to_bytes() for pair in witness.commitments for p in pair)
    [challenge] = context.challenges(commitment, ciphertext.to_bytes(), points)
    body = encode_body(context, commitment, [ciphertext], [respond_membership(witness, challenge)])
    return with_body(forge, body, nonce, voter, seq)


def test_a_voter_whose_two_casts_cancel_out_does_not_stop_the_count(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    secret = random_scalar()
    pair = [_blank_with(forge, 12, secret, 0), _blank_with(forge, 12, ORDER - secret, 1)]
    forge.batches = [pair]
    forge.with_tally = False
    report = judge(forge, forge.build())
    assert report.faults == []
    assert report.figures.counted == 1


def test_a_bundle_with_several_faults_has_each_of_them_reported(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    forge.batches[0][0] = simulated(forge, (5,))
    forge.batches[0][1] = forge.batches[0][1][:-1]
    forge.batches[1].append(forge.ballot(7, 0, seq=9))
    forge.tally_hook = lambda made: made[-1][1]["questions"][0].update(outcome="accepted")
    forge.files_hook = lambda files: files.update({"notes.txt": b"", "log.vkey": b"x\n"})
    report = judge(forge, forge.build())
    assert {fault.check for fault in report.faults} == {"V1", "V4", "V16", "V19", "V20", "V28"}
    assert report.exit_status == 1


CHAPTERS = {
    "ballots": (BallotChecker, "settle", {"V1", "V4", "V16", "V21"}),
    "checkpoints": (CheckpointCheck, "check_series", {"V1", "V4", "V16", "V21"}),
    "kept copies": (CheckpointCheck, "check_before", {"V1", "V4", "V16", "V21", "V28"}),
    "tally": (TallyCheck, "conclude", {"V1", "V4", "V16", "V21"}),
    "ceremony": (CeremonyCheck, "conclude", {"V1", "V4", "V16", "V21", "V28"}),
    "figures": (conclusions, "_note_figures", {"V1", "V4", "V16", "V21", "V28"}),
    "files": (conclusions, "check_files", {"V1", "V4", "V16", "V21", "V28"}),
}


def several_faults(parts: dict[str, Any]) -> Forge:
    forge = new_forge(parts)
    forge.batches[0][1] = forge.batches[0][1][:-1]
    forge.tally_hook = lambda made: made[-1][1]["questions"][0].update(outcome="accepted")
    forge.files_hook = lambda files: files.update({"notes.txt": b"", "log.vkey": b"x\n", "issuance/1": b"x\n"})
    return forge


@pytest.mark.parametrize("error", [RuntimeError("a bug"), CannotRead("gone"), RecordInvalid("odd"), MemoryError()])
@pytest.mark.parametrize("chapter", list(CHAPTERS))
def test_a_chapter_that_cannot_run_hides_no_other(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, chapter: str, error: Exception
) -> None:
    owner, name, found = CHAPTERS[chapter]
    faulty, sound = several_faults(parts).build(), new_forge(parts).build()

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, broken)
    report = judge(new_forge(parts), faulty)
    assert {fault.check for fault in report.faults} >= found
    assert [fault.where for fault in report.faults if fault.verdict is Verdict.UNCHECKED] == [chapter]
    assert report.exit_status == 1
    report = judge(new_forge(parts), sound)
    assert [fault.where for fault in report.faults] == [chapter]
    assert report.exit_status == 8
    assert report.log is None
    with pytest.raises(CannotRead):
        report.demand_log()


@pytest.mark.parametrize("chapter", list(CHAPTERS))
def test_a_chapter_that_cannot_run_makes_no_promise_look_kept(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, chapter: str
) -> None:
    owner, name, _ = CHAPTERS[chapter]
    forge = new_forge(parts)
    place = forge.build()
    ballot = forge.batches[0][0]
    body = parse_ballot(forge.context, ballot)
    key = forge.keys.parties["box"]
    promise = encode_promise(make_promise(forge.referendum, body.cast_hash, body.ballot_id, 1, key))
    report = judge(forge, place)
    assert check_voter_evidence(report, promise, None).startswith("kept")
    assert report.exit_status == 0

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(owner, name, broken)
    report = judge(forge, place)
    assert check_voter_evidence(report, promise, None).startswith("not looked for")
    assert report.exit_status == 8
    assert "V30" not in report.done


@pytest.mark.parametrize("name", ["_check_receipt", "_parse"])
def test_evidence_that_cannot_be_judged_is_not_kept(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    forge = new_forge(parts)
    report = judge(forge, forge.build())
    monkeypatch.setattr(voter_evidence, name, broken)
    assert (
        check_voter_evidence(report, *((b"{}", None) if name == "_parse" else (None, b"{}")))
        == "could not be looked for"
    )
    assert report.exit_status == 8
    assert "V30" not in report.done


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (RollCheck, "take_roll"),
        (RollCheck, "take_close"),
        (BallotChecker, "add"),
        (TallyCheck, "take_intent"),
        (LogStream, "checked"),
        (engine, "handle"),
        (engine, "_verified"),
    ],
)
def test_a_pass_that_breaks_off_keeps_what_it_found_and_establishes_nothing(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    forge = new_forge(parts)
    place = forge.build()
    monkeypatch.setattr(owner, name, broken)
    report = judge(forge, place)
    assert report.exit_status == 8
    assert report.log is None
    assert report.referendum == forge.referendum


@pytest.mark.parametrize(("step", "where"), [("take", "verifier"), ("conclude", "ceremony")])
def test_an_exception_inside_a_step_is_named_and_nothing_is_established(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, step: str, where: str
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug in the verifier")

    monkeypatch.setattr(CeremonyCheck, step, broken)
    forge = new_forge(parts)
    forge.with_tally = False
    report = judge(forge, forge.build())
    assert [(fault.where, fault.verdict) for fault in report.faults] == [(where, Verdict.UNCHECKED)]
    assert report.exit_status == 8
    assert report.log is None


@pytest.mark.parametrize("raw", [b'{"body":', b'{"body":' + b"[" * 50_000, b"{\xff}"])
def test_an_entry_that_is_no_json_is_a_breach_and_is_not_shown(
    parts: dict[str, Any], tmp_path: Path, raw: bytes
) -> None:
    forge = new_forge(parts)
    place = forge.bundle([*forge.setup, raw])
    assert {fault.check for fault in judge(forge, place).faults} == {"V8"}
    for path, data in place.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    result = CliRunner().invoke(main, ["show", str(tmp_path), str(len(forge.setup))])
    assert result.exit_code == 1
    assert "is no JSON" in result.output
