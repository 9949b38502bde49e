"""The Python voter keeps a ballot until it is found, and hands it in again when its batch stands without it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stembus.audit.errors import ReceiptInvalid
from stembus.audit.formats.cast_ballot import parse_ballot
from stembus.audit.formats.receipt import Promise, check_receipt, make_promise, parse_receipt
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.promised_ballot import Verdict
from stembus.audit.verify.setup import load_setup
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.errors import BallotRejected, CastOutOfTurn
from stembus.ballot.issuance.token import VotingPass
from stembus.ballot.voter.safety_net import LookedAfter, look_after
from stembus.ballot.voter.session import VotingSession
from tests.ballot.conftest import Poll


class LosingBox:
    """Promises what comes in for this batch, and loses it, `times` times; then the real box answers."""

    def __init__(self, poll: Poll, batch: int, times: int) -> None:
        self._poll, self._batch, self._left = poll, batch, times
        self.sent: list[bytes] = []

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
        self.sent.append(raw)
        if not self._left:
            return self._poll.office.box.cast(raw)
        self._left -= 1
        ballot = parse_ballot(self._poll.office.context(), raw)
        key = self._poll.office.signing_key("box")
        return make_promise(self._poll.office.referendum, ballot.cast_hash, ballot.ballot_id, self._batch, key)


def session(poll: Poll, folder: Path, box: object | None = None) -> VotingSession:
    setup = load_setup(FolderPlace(poll.office.public), poll.office.referendum)
    return VotingSession(setup, [poll.office.registrar()], box or poll.office.box, folder)  # type: ignore[arg-type]


def vote(poll: Poll, folder: Path, box: object | None = None) -> bytes:
    with session(poll, folder, box) as turn:
        turn.take_token(poll.letter_key(0), poll.letters[0][1])
        turn.cast(turn.prepare([[0]]))
    return next(folder.glob("sent-*")).read_bytes()


def others_vote(poll: Poll, first: int) -> None:
    """A batch of four other people comes into the log."""
    for voter in range(first, first + 4):
        poll.office.box.cast(poll.ballot(poll.token(voter)))
    poll.wait(3600)
    assert poll.rehearsal.seal() is not None


def verified(poll: Poll) -> VerifiedLog:
    log = verify(FolderPlace(poll.office.public), poll.office.referendum).log
    assert log is not None
    return log


def looked_after(poll: Poll, folder: Path, box: object | None = None) -> list[LookedAfter]:
    with session(poll, folder, box) as turn:
        return list(look_after(turn, verified(poll)))


def test_a_ballot_goes_only_when_it_is_found_and_its_receipt_stays(lite: Poll, tmp_path: Path) -> None:
    folder = tmp_path / "pass"
    raw = vote(lite, folder)
    [waiting] = looked_after(lite, folder)
    assert waiting.fate.verdict is Verdict.NOT_DUE
    assert next(folder.glob("sent-*")).read_bytes() == raw
    others_vote(lite, 1)
    [found] = looked_after(lite, folder)
    assert (found.fate.verdict, found.again) == (Verdict.KEPT, None)
    assert found.receipt is not None
    check_receipt(lite.office.manifest, parse_receipt(found.receipt.read_bytes()), raw)
    assert list(folder.glob("sent-*")) == []
    assert (folder / "promise.json").exists()
    assert looked_after(lite, folder) == []


def test_a_ballot_that_its_batch_lacks_is_handed_in_again_and_found_late(lite: Poll, tmp_path: Path) -> None:
    folder, box = tmp_path / "pass", LosingBox(lite, 1, 1)
    raw = vote(lite, folder, box)
    others_vote(lite, 1)
    [again] = looked_after(lite, folder, box)
    assert again.fate.verdict is Verdict.MISSING
    assert again.again is not None
    assert again.again.batch == 2
    assert box.sent == [raw, raw]
    [waiting] = looked_after(lite, folder, box)
    assert (waiting.fate.verdict, waiting.again) == (Verdict.NOT_DUE, None)
    assert len(box.sent) == 2, "it is not sent a third time before its new batch is there"
    others_vote(lite, 5)
    [found] = looked_after(lite, folder, box)
    assert (found.fate.verdict, found.fate.batch) == (Verdict.LATE, 2)
    assert list(folder.glob("sent-*")) == []


def test_the_old_promise_is_no_answer_to_a_ballot_that_is_handed_in_again(lite: Poll, tmp_path: Path) -> None:
    folder, box = tmp_path / "pass", LosingBox(lite, 1, 9)
    vote(lite, folder, box)
    others_vote(lite, 1)
    for _ in range(2):
        [missing] = looked_after(lite, folder, box)
        assert (missing.fate.verdict, missing.again) == (Verdict.MISSING, None)
        assert "old promise" in missing.refusal
    assert len(list(folder.glob("promise-*.json"))) == 1
    with session(lite, folder, box) as turn, pytest.raises(ReceiptInvalid, match="old promise"):
        turn.hand_in_again(next(folder.glob("sent-*")).read_bytes())


def test_after_the_close_a_promise_is_broken_and_the_ballot_stays_as_evidence(lite: Poll, tmp_path: Path) -> None:
    folder, box = tmp_path / "pass", LosingBox(lite, 1, 1)
    raw = vote(lite, folder, box)
    others_vote(lite, 1)
    lite.until_close()
    lite.rehearsal.close()
    [broken] = looked_after(lite, folder, box)
    assert (broken.fate.verdict, broken.again, broken.refusal) == (Verdict.BROKEN, None, "")
    assert next(folder.glob("sent-*")).read_bytes() == raw
    assert len(box.sent) == 1


def test_a_ballot_whose_answer_was_lost_is_found_without_a_promise(lite: Poll, tmp_path: Path) -> None:
    folder = tmp_path / "pass"
    raw = vote(lite, folder)
    next(folder.glob("sent-*")).replace(folder / "ballot")
    for path in folder.glob("promise*"):
        path.unlink()
    others_vote(lite, 1)
    [found] = looked_after(lite, folder)
    assert found.receipt is not None
    check_receipt(lite.office.manifest, parse_receipt(found.receipt.read_bytes()), raw)
    assert not (folder / "ballot").exists()


def test_a_lost_ballot_goes_when_a_later_cast_of_its_token_is_in_the_log(lite: Poll, tmp_path: Path) -> None:
    folder = tmp_path / "pass"
    vote(lite, folder)
    voting_pass = VotingPass.from_json((folder / "voting-pass.json").read_text())
    lost = lite.ballot(voting_pass, [[1]], 0)
    lite.office.box.cast(lite.ballot(voting_pass, [[1]], 1))
    next(folder.glob("sent-*")).unlink()
    (folder / f"sent-{hashlib.sha256(lost).hexdigest()[:16]}").write_bytes(lost)
    others_vote(lite, 1)
    [replaced] = looked_after(lite, folder)
    assert (replaced.fate.verdict, replaced.again) == (Verdict.SUPERSEDED, None)
    assert list(folder.glob("sent-*")) == []


# Turns


class Refusing:
    """Calls the first ballot faulty; takes the others, whatever their turn."""

    def __init__(self, poll: Poll) -> None:
        self._losing = LosingBox(poll, 1, 99)
        self.sent: list[bytes] = []

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
        self.sent.append(raw)
        if len(self.sent) == 1:
            raise BallotRejected("V19", "a membership proof does not hold")
        return self._losing.cast(raw)


def seqs(poll: Poll, ballots: list[bytes]) -> list[int]:
    return [parse_ballot(poll.office.context(), raw).seq for raw in ballots]


def test_a_refused_ballots_turn_is_never_signed_again(lite: Poll, tmp_path: Path) -> None:
    folder, box = tmp_path / "pass", Refusing(lite)
    with pytest.raises(BallotRejected):
        vote(lite, folder, box)
    vote(lite, folder, box)
    assert seqs(lite, box.sent) == [0, 1]
    assert len(list(folder.glob("refused-*"))) == 1


class Showing:
    """Says once that the turn was taken, and shows this ballot."""

    def __init__(self, poll: Poll, shown: bytes | None) -> None:
        self._losing = LosingBox(poll, 1, 99)
        self._shown = [shown]
        self.sent: list[bytes] = []

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
        self.sent.append(raw)
        if self._shown:
            raise CastOutOfTurn("another cast is the current one", self._shown.pop() or raw)
        return self._losing.cast(raw)


def test_a_turn_that_another_device_took_is_passed_and_the_same_body_is_cast_after_it(
    lite: Poll, tmp_path: Path
) -> None:
    folder = tmp_path / "pass"
    with session(lite, folder) as turn:
        turn.take_token(lite.letter_key(0), lite.letters[0][1])
    voting_pass = VotingPass.from_json((folder / "voting-pass.json").read_text())
    box = Showing(lite, lite.ballot(voting_pass, [[1]], 4))
    vote(lite, folder, box)
    assert seqs(lite, box.sent) == [0, 5]
    first, second = (parse_ballot(lite.office.context(), raw) for raw in box.sent)
    assert first.ballot_id == second.ballot_id


@pytest.mark.parametrize("shown", ["its own", "another token", "not signed", "nothing"])
def test_a_box_cannot_make_a_client_use_up_its_turns(lite: Poll, tmp_path: Path, shown: str) -> None:
    folder = tmp_path / "pass"
    with session(lite, folder) as turn:
        turn.take_token(lite.letter_key(0), lite.letters[0][1])
    voting_pass = VotingPass.from_json((folder / "voting-pass.json").read_text())
    good = lite.ballot(voting_pass, [[1]], 4)
    ballot = {
        "its own": None,
        "another token": lite.ballot(lite.token(1), [[1]], 4),
        "not signed": good[:-1] + bytes([good[-1] ^ 1]),
        "nothing": b"",
    }[shown]
    box = Showing(lite, ballot if ballot is None or ballot else b"\0")
    with pytest.raises(CastOutOfTurn):
        vote(lite, folder, box)
    assert len(box.sent) == 1
    with session(lite, folder) as turn:
        assert turn.casts == 1
