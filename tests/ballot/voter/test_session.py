"""A voter's turn survives a stop at any moment: no vote is lost, none is counted twice."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import stembus.ballot.voter.acknowledgements
import stembus.ballot.voter.sent_ballots
import stembus.ballot.voter.session
from stembus.audit.durable import write_durably
from stembus.audit.errors import ReceiptInvalid
from stembus.audit.formats.receipt import Promise, make_promise, parse_promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.setup import load_setup
from stembus.ballot.errors import BallotError, BallotRejected, CastOutOfTurn, RequestInvalid
from stembus.ballot.issuance.token import VotingPass, new_pass
from stembus.ballot.voter.session import VotingSession
from tests.ballot.conftest import Poll


class Stopped(Exception):
    """The device's battery is empty."""


def session(poll: Poll, folder: Path, box: object | None = None) -> VotingSession:
    setup = load_setup(FolderPlace(poll.office.public), poll.office.referendum)
    return VotingSession(setup, [poll.office.registrar()], box or poll.office.box, folder)  # type: ignore[arg-type]


def vote(poll: Poll, folder: Path, choice: int, box: object | None = None) -> Promise:
    """What `stembus vote` does once the voter has chosen."""
    with session(poll, folder, box) as turn:
        prepared = turn.prepare([[choice]])
        turn.take_token(poll.letter_key(0), poll.letters[0][1])
        turn.send_unanswered()
        return turn.cast(prepared)


def casts(poll: Poll, folder: Path) -> int:
    with session(poll, folder) as turn:
        return turn.casts


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
        for module in (stembus.ballot.voter.session, stembus.ballot.voter.sent_ballots):
            patch.setattr(module, "write_durably", write)
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

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
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
    assert casts(lite, tmp_path / "pass") == 2
    assert lite.office.box.accepted() == 2


def test_a_stop_between_counting_a_ballot_and_forgetting_it_does_not_count_it_twice(
    lite: Poll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Path, target: Path) -> None:
        raise Stopped

    def plainly(path: Path, data: bytes, private: bool = False) -> None:
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        for module in (
            stembus.ballot.voter.session,
            stembus.ballot.voter.sent_ballots,
            stembus.ballot.voter.acknowledgements,
        ):
            patch.setattr(module, "write_durably", plainly)
        with pytest.raises(Stopped):
            vote(lite, tmp_path / "pass", 0)
    assert casts(lite, tmp_path / "pass") == 1
    assert (tmp_path / "pass" / "ballot").exists()
    vote(lite, tmp_path / "pass", 1)
    assert casts(lite, tmp_path / "pass") == 2


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
        casts(lite, folder)
    (folder / "voting-pass.json").write_text("{}")
    with pytest.raises(BallotError, match="not a voting pass"):
        casts(lite, folder)


@pytest.mark.parametrize("damaged", [b"", b"half a ballot", b"\xff" * 64])
def test_a_damaged_ballot_file_is_set_aside_and_the_vote_goes_on(lite: Poll, tmp_path: Path, damaged: bytes) -> None:
    folder = tmp_path / "pass"
    vote(lite, folder, 0)
    (folder / "ballot").write_bytes(damaged)
    with pytest.raises(BallotRejected):
        vote(lite, folder, 1)
    assert [path.read_bytes() for path in folder.glob("refused-*")] == [damaged]
    vote(lite, folder, 1)
    assert casts(lite, folder) == 2


def test_a_ballot_whose_turn_was_taken_is_set_aside_as_evidence(lite: Poll, tmp_path: Path) -> None:
    folder = tmp_path / "pass"
    vote(lite, folder, 0)
    ballot = lite.ballot(VotingPass.from_json((folder / "voting-pass.json").read_text()), [[1]], 0)
    (folder / "ballot").write_bytes(ballot)
    with pytest.raises(CastOutOfTurn):
        vote(lite, folder, 1)
    assert [path.read_bytes() for path in folder.glob("refused-*")] == [ballot]
    vote(lite, folder, 1)


class Swapping:
    """Answers with the promise of another ballot, each time."""

    def __init__(self, promise: Promise) -> None:
        self._promise = promise

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
        return self._promise


def test_the_promise_of_another_ballot_is_no_answer_however_often_it_comes(lite: Poll, tmp_path: Path) -> None:
    folder, box = tmp_path / "pass", Swapping(vote(lite, tmp_path / "other", 0))
    lite.letters = lite.letters[1:]
    for _ in range(3):
        with pytest.raises(ReceiptInvalid, match="another ballot"):
            vote(lite, folder, 1, box)
        assert casts(lite, folder) == 1, "its turn is used"
        assert (folder / "ballot").exists()
    promise = vote(lite, folder, 1)
    assert casts(lite, folder) == 2, "the ballot that waited, and the new one"
    assert parse_promise((folder / "promise.json").read_bytes()) == promise


def test_a_promise_that_gives_the_ballot_another_number_is_no_answer(lite: Poll, tmp_path: Path) -> None:
    """The voter noted the number before casting; the promise must say the same."""

    class Renaming:
        def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
            cast_hash, key = hashlib.sha256(raw).digest(), lite.office.signing_key("box")
            return make_promise(lite.office.referendum, cast_hash, bytes(32), 1, key)

    folder = tmp_path / "pass"
    with pytest.raises(ReceiptInvalid, match="another ballot"):
        vote(lite, folder, 1, Renaming())
    assert (folder / "ballot").exists()
    assert not (folder / "promise.json").exists()
    with session(lite, folder) as turn:
        turn.send_unanswered()
        prepared = turn.prepare([[0]])
        assert turn.cast(prepared).ballot_id == prepared.ballot_id.hex()


def test_a_new_ballot_waits_until_an_earlier_one_has_its_answer(lite: Poll, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        vote(lite, tmp_path / "pass", 0, Deaf(lite))
    with session(lite, tmp_path / "pass") as turn, pytest.raises(RequestInvalid, match="goes first"):
        turn.cast(turn.prepare([[1]]))


def test_two_sessions_on_one_folder_take_turns(lite: Poll, tmp_path: Path) -> None:
    """The second one waits, finds the pass of the first one, and replaces its vote."""
    failures: list[BaseException] = []

    def work(choice: int) -> None:
        try:
            vote(lite.reopen(), tmp_path / "pass", choice)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(choice,)) for choice in (0, 1, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert casts(lite, tmp_path / "pass") == 3


def test_a_pass_that_is_no_text_is_refused_in_a_sentence(lite: Poll, tmp_path: Path) -> None:
    (tmp_path / "pass").mkdir()
    (tmp_path / "pass" / "voting-pass.json").write_bytes(b"\xff\xfe")
    with pytest.raises(RequestInvalid, match="not a voting pass"):
        casts(lite, tmp_path / "pass")
