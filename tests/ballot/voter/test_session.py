"""A voter's turn survives a stop at any moment: no vote is lost, none is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import stembus.ballot.voter.session
from stembus.audit.durable import write_durably
from stembus.audit.formats.receipt import Promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.setup import load_setup
from stembus.ballot.errors import BallotError, RequestInvalid
from stembus.ballot.issuance.token import new_pass
from stembus.ballot.voter.session import VotingSession
from tests.ballot.conftest import Poll


class Stopped(Exception):
    """The device's battery is empty."""


def session(poll: Poll, folder: Path, box: object | None = None) -> VotingSession:
    setup = load_setup(FolderPlace(poll.office.public), poll.office.referendum)
    return VotingSession(setup, [poll.office.registrar()], box or poll.office.box, folder)  # type: ignore[arg-type]


def vote(poll: Poll, folder: Path, choice: int, box: object | None = None) -> Promise:
    """What `stembus vote` does once the voter has chosen."""
    turn = session(poll, folder, box)
    prepared = turn.prepare([[choice]])
    turn.take_token(poll.letter_key(0), poll.letters[0][1])
    turn.send_unanswered()
    return turn.cast(prepared)


@contextmanager
def stopping(call: int, stored: bool) -> Iterator[None]:
    """The device stops at its `call`-th write: before it, or right after it."""
    left = call

    def write(path: Path, data: bytes, private: bool = False) -> None:
        nonlocal left
        left -= 1
        if left == 0 and not stored:
            raise Stopped
        write_durably(path, data, private)
        if left == 0:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stembus.ballot.voter.session, "write_durably", write)
        yield


@pytest.mark.parametrize("stored", [False, True], ids=["before the write", "after the write"])
def test_a_session_that_stops_at_any_write_is_made_good_by_the_next(lite: Poll, tmp_path: Path, stored: bool) -> None:
    call, stopped = 0, True
    while stopped:
        call += 1
        folder = tmp_path / str(call)
        lite.letters = lite.letters[1:] if call > 1 else lite.letters
        stopped = False
        with stopping(call, stored):
            try:
                vote(lite, folder, 0)
            except Stopped:
                stopped = True
        vote(lite, folder, 1)
        vote(lite, folder, 1)
        assert not (folder / "ballot").exists()
    assert call > 4
    lite.rehearsal.close()
    lite.rehearsal.tally()
    report = verify(FolderPlace(lite.office.public), lite.office.referendum)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    assert report.result.questions[0].total == [0, call]


class Deaf:
    """The box stores every ballot; its answer is lost while `deaf`."""

    def __init__(self, poll: Poll) -> None:
        self._poll = poll
        self.deaf = True

    def cast(self, raw: bytes) -> Promise:
        promise = self._poll.office.box.cast(raw)
        if self.deaf:
            raise Stopped
        return promise


def test_a_ballot_whose_answer_was_lost_is_sent_again_before_another_is_signed(lite: Poll, tmp_path: Path) -> None:
    box = Deaf(lite)
    with pytest.raises(Stopped):
        vote(lite, tmp_path / "pass", 0, box)
    assert (tmp_path / "pass" / "ballot").exists()
    box.deaf = False
    vote(lite, tmp_path / "pass", 1, box)
    assert session(lite, tmp_path / "pass").casts == 2
    assert lite.office.box.accepted() == 2


def test_a_stop_between_counting_a_ballot_and_forgetting_it_does_not_count_it_twice(
    lite: Poll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Path, missing_ok: bool = False) -> None:
        raise Stopped

    def plainly(path: Path, data: bytes, private: bool = False) -> None:
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stop)
        patch.setattr(stembus.ballot.voter.session, "write_durably", plainly)
        with pytest.raises(Stopped):
            vote(lite, tmp_path / "pass", 0)
    assert session(lite, tmp_path / "pass").casts == 1
    assert (tmp_path / "pass" / "ballot").exists()
    vote(lite, tmp_path / "pass", 1)
    assert session(lite, tmp_path / "pass").casts == 2


def test_what_a_device_keeps_is_its_owners_only(lite: Poll, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        vote(lite, tmp_path / "pass", 0, Deaf(lite))
    for name in ("voting-pass.json", "ballot"):
        assert (tmp_path / "pass" / name).stat().st_mode & 0o077 == 0


def test_the_pass_of_another_referendum_is_refused(lite: Poll, tmp_path: Path) -> None:
    folder = tmp_path / "pass"
    folder.mkdir()
    own = new_pass(lite.office.context()).to_json()
    (folder / "voting-pass.json").write_text(own.replace(lite.office.referendum.hex(), "00" * 32))
    with pytest.raises(RequestInvalid, match="another referendum"):
        session(lite, folder)
    (folder / "voting-pass.json").write_text("{}")
    with pytest.raises(BallotError, match="not a voting pass"):
        session(lite, folder)
