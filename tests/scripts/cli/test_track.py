"""`stembus track`: each verdict in words and by its exit status, from a folder that `stembus vote` left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stembus.audit.formats.cast_ballot import parse_ballot
from stembus.audit.formats.receipt import Promise, make_promise
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.office.services import ServedOffice
from tests.scripts.cli.test_commands import CLOSED, LATER, NUMBER, OPENS, Run, _letters, _set_up, run

__all__ = ["run"]
NEXT = "2019-10-16T09:00:00+02:00"


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    """An open referendum."""
    made = tmp_path / "kortrijk"
    _set_up(run, made)
    run("open", made, at=OPENS)
    return made


def vote(run: Run, folder: Path, voters: range, at: str = OPENS) -> str:
    said = ""
    for _, code, born in _letters(folder)[voters.start : voters.stop]:
        said = run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=at, answer="cast").output
    return said


def lose(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """The box promises for this batch, and stores nothing."""

    def promise(box: BallotBox, raw: bytes) -> Promise:
        ballot = parse_ballot(box.context, raw)
        return make_promise(box.context.referendum, ballot.cast_hash, ballot.ballot_id, batch, box._key)

    monkeypatch.setattr(BallotBox, "cast", promise)


def test_a_ballot_is_waited_for_and_then_found(run: Run, folder: Path) -> None:
    said = vote(run, folder, range(3))
    assert f"stembus track {folder}" in said
    waiting = run("track", folder, at=OPENS, status=4).output
    assert len(re.findall(f"ballot {NUMBER}  not due yet\n", waiting)) == 3
    run("seal", folder, at=LATER)
    found = run("track", folder, at=LATER).output
    assert len(re.findall(f"ballot {NUMBER}  kept: entry [0-9]+, in batch 1\n", found)) == 3
    assert len(list((folder / "voters").glob("*/receipt-*.txt"))) == 3
    assert "no ballot that was cast from here waits" in run("track", folder, at=LATER).output


def first_batch_without_the_first_ballot(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        lose(patch, 1)
        vote(run, folder, range(1))
    vote(run, folder, range(1, 4))
    run("seal", folder, at=LATER)


def test_a_lost_ballot_is_handed_in_again_and_found_late(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_batch_without_the_first_ballot(run, folder, monkeypatch)
    said = run("track", folder, at=LATER, status=5).output
    assert "missing so far" in said
    assert "it was handed in again, and is promised for batch 2" in said
    run("track", folder, at=LATER, status=4)
    vote(run, folder, range(4, 7), at=LATER)
    run("seal", folder, at=NEXT)
    assert re.search("late but counted: entry [0-9]+, in batch 2", run("track", folder, at=NEXT, status=5).output)


def test_a_broken_promise_ends_with_1_and_the_ballot_tells_the_verifier_the_same(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_batch_without_the_first_ballot(run, folder, monkeypatch)
    run("close", folder, at=CLOSED)
    said = run("track", folder, at=CLOSED, status=1).output
    assert re.search(f"ballot {NUMBER}  broken\n", said)
    assert "are evidence" in said
    [ballot] = (folder / "voters").glob("*/sent-*")
    promise, identity = ballot.parent / "promise.json", (folder / "referendum.id").read_text().strip()
    words = ("verify", folder / "public", "--referendum", identity, "--workers", 1, "--promise", promise)
    alone = run(*words, status=1).output
    assert "evidence     broken, unless the voter cast again with the same token" in alone
    both = run(*words, "--ballot", ballot, status=1).output
    assert "evidence     broken: neither the ballot nor a later cast of its token is in the log" in both
    assert "goes with --promise" in run(*words[:-2], "--ballot", ballot, status=2).output


def test_a_ballot_that_another_device_replaced_is_told_from_a_lost_one(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lose(patch, 1)
        vote(run, folder, range(1))
    [lost] = (folder / "voters").glob("*/sent-*")
    promise, raw = (lost.parent / "promise.json").read_bytes(), lost.read_bytes()
    vote(run, folder, range(3))
    run("seal", folder, at=LATER)
    said = run("track", folder, at=LATER, status=5).output
    assert "superseded by the same token\n" in said
    assert "a later vote with the same voting pass is in the log, and counts" in said
    assert not lost.exists()
    for name, data in (("promise", promise), ("ballot", raw)):
        (folder / name).write_bytes(data)
    identity = (folder / "referendum.id").read_text().strip()
    words = ("verify", folder / "public", "--referendum", identity, "--workers", 1, "--promise", folder / "promise")
    told = run(*words, "--ballot", folder / "ballot", status=5).output
    assert re.search("evidence     superseded by the same token: its later cast is entry [0-9]+, in batch 1", told)


def test_after_a_cancellation_nothing_is_kept_and_the_status_says_so(run: Run, folder: Path) -> None:
    vote(run, folder, range(3))
    run("cancel", folder, "--text", "nl=Geen stroom.", "--yes", at=LATER)
    said = run("track", folder, at=LATER, status=6).output
    assert "the referendum was cancelled, and nothing is counted" in said
    assert list((folder / "voters").glob("*/sent-*")) == []
    assert "no ballot" in run("track", folder, at=LATER).output


def test_a_pass_of_another_referendum_is_passed_over_and_the_others_looked_after(run: Run, folder: Path) -> None:
    vote(run, folder, range(2))
    first, _ = sorted((folder / "voters").glob("*/voting-pass.json"))
    identity = ServedOffice(folder, lambda _: "rehearsal").referendum.hex()
    first.write_text(first.read_text().replace(identity, "00" * 32))
    said = run("track", folder, at=OPENS, status=4).output
    assert "passed over" in said
    assert said.count("not due yet") == 1


def test_a_folder_without_a_pass_is_said_to_be_so(run: Run, folder: Path) -> None:
    assert "no voting pass is kept in" in run("track", folder, at=OPENS, status=1).output
