"""What one malicious voter does must not stop the count, and one fault must not hide another."""

from __future__ import annotations

from typing import Any

import pytest

from stembus.audit.formats.cast_ballot import encode_body
from stembus.audit.verify.ceremony import CeremonyCheck
from stembus.audit.verify.report import Verdict
from stembus.crypto.elgamal import add_ciphertexts, encrypt
from stembus.crypto.group import ORDER, random_scalar
from stembus.crypto.proofs import commit_range, respond_range
from tests.conftest import Finished
from tests.tampered.ballots import simulated, with_body
from tests.tampered.forge import Forge, judge, load_parts, new_forge


@pytest.fixture(scope="module")
def parts(opened: Finished) -> dict[str, Any]:
    return load_parts(opened.root)


def _ballot_with(forge: Forge, voter: int, choice: tuple[int, int], randomness: tuple[int, int], seq: int) -> bytes:
    context, voting_pass = forge.context, forge.voters[voter].voting_pass
    nonce = bytes([seq]) * 32
    commitment = context.token_commitment(voting_pass.token_key.public, nonce)
    ciphertexts = [encrypt(context.joint_key, v, r) for v, r in zip(choice, randomness, strict=True)]
    witnesses = []
    for shape in context.proofs:
        part = slice(shape.first, shape.last)
        total, secret = add_ciphertexts(ciphertexts[part]), sum(randomness[part]) % ORDER
        value = sum(choice[part])
        witnesses.append(commit_range(context.joint_key, total, value, secret, shape.maximum, random_scalar))
    points = b"".join(p.to_bytes() for w in witnesses for pair in w.commitments for p in pair)
    challenges = context.challenges(commitment, b"".join(c.to_bytes() for c in ciphertexts), points)
    proofs = [respond_range(w, c) for w, c in zip(witnesses, challenges, strict=True)]
    return with_body(forge, encode_body(context, commitment, ciphertexts, proofs), nonce, voter, seq)


def test_a_voter_whose_two_casts_cancel_out_does_not_stop_the_count(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    first, second = random_scalar(), random_scalar()
    pair = [
        _ballot_with(forge, 12, (0, 0), (first, second), 0),
        _ballot_with(forge, 12, (0, 0), (ORDER - first, ORDER - second), 1),
    ]
    forge.batches = [pair]
    forge.with_tally = False
    report = judge(forge, forge.build())
    assert report.faults == []
    assert report.figures.counted == 1


def test_a_bundle_with_several_faults_has_each_of_them_reported(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    forge.batches[0][0] = simulated(forge, (5, 0), ())
    forge.batches[0][1] = forge.batches[0][1][:-1]
    forge.batches[1].append(forge.ballot(7, 0, seq=9))
    forge.tally_hook = lambda made: made[-1][1]["questions"][0].update(outcome="accepted")
    forge.files_hook = lambda files: files.update({"notes.txt": b"", "log.vkey": b"x\n"})
    report = judge(forge, forge.build())
    assert {fault.check for fault in report.faults} == {"V1", "V4", "V16", "V19", "V20", "V28"}
    assert report.exit_status == 1


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
