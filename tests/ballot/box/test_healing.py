"""After the last batch, who misses a promised ballot hands it in again; nobody else gets anything in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete

from stembus.audit.formats.receipt import Promise, encode_promise, make_promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.box.recovery import recover
from stembus.ballot.errors import BallotRejected, CastOutOfTurn, NotOpen
from stembus.ballot.office.closing import StillHealing, close_voting
from stembus.ballot.storage import ballots, waiting_ballots
from stembus.ballot.voter.safety_net import look_after
from tests.ballot.box.test_ballot_box import batches, cast_many
from tests.ballot.conftest import DATABASES, Poll, on_database
from tests.ballot.voter.test_safety_net import session
from tests.conftest import Finished


@pytest.fixture(params=DATABASES)
def poll(request: pytest.FixtureRequest, opened_healing: Finished, tmp_path: Path) -> Iterator[Poll]:
    yield from on_database(request, opened_healing, tmp_path)


@pytest.fixture
def lost(poll: Poll) -> dict[bytes, Promise]:
    """Four promised ballots; the box loses the last two, and its last batch stands in the log without them."""
    promises = cast_many(poll, range(4))
    gone = list(promises)[2:]
    with poll.office.box._engine.begin() as db:
        for table in waiting_ballots:
            for raw in gone:
                found = poll.office.context().ballot_id(raw[1 : 1 + poll.office.context().body_bytes])
                db.execute(delete(table).where(table.c.ballot_id == found))
    begin_healing(poll)
    return {raw: promises[raw] for raw in gone}


def begin_healing(poll: Poll) -> None:
    poll.until_close()
    with pytest.raises(StillHealing) as wait:
        close_voting(poll.office)
    last = poll.office.log().time_at(poll.office.log().batch_end)
    assert last is not None
    assert wait.value.until == last + poll.office.manifest.batching.healing_seconds


def end(poll: Poll) -> None:
    """The time is over, and the referendum closed, counted and verified."""
    poll.rehearsal.clock.move_to(poll.office.log().healing_end)
    close_voting(poll.office)
    poll.rehearsal.tally()


def checked(poll: Poll) -> list[str]:
    return [fault.check for fault in verify(FolderPlace(poll.office.public), poll.office.referendum).faults]


def test_a_lost_ballot_is_handed_in_again_with_its_promise_and_counts(poll: Poll, lost: dict[bytes, Promise]) -> None:
    for raw, promise in lost.items():
        with pytest.raises(NotOpen):
            poll.office.box.cast(raw)
        again = poll.office.box.cast(raw, encode_promise(promise))
        assert again.batch == 2
        assert poll.office.box.cast(raw, encode_promise(promise)) == poll.office.box.cast(raw) == again
    assert poll.rehearsal.seal() is None, "the close brings it in"
    end(poll)
    assert checked(poll) == []
    assert set(batches(poll)[2]) == set(lost)


def test_without_missing_ballots_nothing_follows_the_last_batch(poll: Poll) -> None:
    cast_many(poll, range(4))
    begin_healing(poll)
    end(poll)
    assert checked(poll) == []
    assert list(batches(poll)) == [1]


def test_nobody_gets_a_ballot_in_that_was_not_promised(poll: Poll, lost: dict[bytes, Promise]) -> None:
    """Not with somebody else's promise, nor with one that the box did not sign."""
    office, box = poll.office, poll.office.box
    raw, promise = next(iter(lost.items()))
    other = next(iter(list(lost)[1:]))
    forged = make_promise(
        office.referendum,
        bytes.fromhex(promise.cast_hash),
        bytes.fromhex(promise.ballot_id),
        1,
        office.signing_key("log"),
    )
    for handed, earlier in (
        (other, encode_promise(promise)),
        (raw, encode_promise(forged)),
    ):
        with pytest.raises(NotOpen):
            box.cast(handed, earlier)
    for no_promise in (encode_promise(promise)[:-1], b"{}", b"\0" * 400):
        with pytest.raises(BallotRejected, match=f"bytes, not {len(raw) + len(no_promise)}"):
            box.cast(raw, no_promise)
    damaged = raw[:-1] + bytes([raw[-1] ^ 1])
    with pytest.raises((NotOpen, BallotRejected)):
        box.cast(damaged, encode_promise(promise))
    end(poll)
    assert list(batches(poll)) == [1]


@pytest.mark.parametrize("behind", [b"\0", b"{}", b"garbage"])
def test_bytes_behind_a_ballot_that_are_no_promise_make_it_none(poll: Poll, behind: bytes) -> None:
    raw = poll.ballot(poll.token(0))
    with pytest.raises(BallotRejected, match=f"bytes, not {len(raw) + len(behind)}"):
        poll.office.box.cast(raw, behind)
    assert poll.office.box.accepted() == 0
    promise = poll.office.box.cast(raw)
    assert poll.office.box.cast(raw, encode_promise(promise)) == promise


def test_what_stands_in_the_log_is_not_taken_again(poll: Poll, lost: dict[bytes, Promise]) -> None:
    logged = batches(poll)[1][0]
    with poll.office.box._engine.begin() as db:
        db.execute(delete(ballots))
    promise = poll.office.box._promise(_hash(logged), poll.office.context().ballot_id(_body(poll, logged)), 1)
    with pytest.raises(NotOpen):
        poll.office.box.cast(logged, encode_promise(promise))


def _hash(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def _body(poll: Poll, raw: bytes) -> bytes:
    return raw[1 : 1 + poll.office.context().body_bytes]


def test_once_the_time_is_over_nothing_is_taken(poll: Poll, lost: dict[bytes, Promise]) -> None:
    first, second = lost.items()
    poll.office.box.cast(first[0], encode_promise(first[1]))
    end(poll)
    with pytest.raises(NotOpen):
        poll.office.box.cast(second[0], encode_promise(second[1]))
    assert batches(poll)[2] == [first[0]]


def test_only_the_newest_ballot_of_a_token_is_taken_again(poll: Poll) -> None:
    voting_pass = poll.token(0)
    first, second = (poll.ballot(voting_pass, seq=seq) for seq in (0, 1))
    promise = poll.office.box.cast(first)
    poll.office.box.cast(second)
    with poll.office.box._engine.begin() as db:
        for table in waiting_ballots:
            db.execute(delete(table).where(table.c.seq == 0))
    begin_healing(poll)
    with pytest.raises(CastOutOfTurn):
        poll.office.box.cast(first, encode_promise(promise))


def test_the_voters_program_hands_in_what_it_misses_while_the_log_heals(poll: Poll, tmp_path: Path) -> None:
    """Its promise is for a batch that never comes: what waited at the close came to the batch before."""
    cast_many(poll, range(1, 4))
    poll.rehearsal.seal()
    with session(poll, tmp_path / "pass") as turn:
        turn.take_token(poll.letter_key(0), poll.letters[0][1])
        assert turn.cast(turn.prepare([[0]])).batch == 2
    with poll.office.box._engine.begin() as db:
        db.execute(delete(waiting_ballots[0]))
    begin_healing(poll)
    assert list(batches(poll)) == [1]
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    with session(poll, tmp_path / "pass") as turn:
        assert [found.again for found in look_after(turn, report.demand_log(), over=False)] == [None]
        list(look_after(turn, report.demand_log(), over=True))
    end(poll)
    assert checked(poll) == []
    assert len(batches(poll)[2]) == 1


def test_what_a_box_lost_that_had_nothing_else_left_heals_too(poll: Poll) -> None:
    """No batch comes with the close then; the one of missing ballots comes when the time is over."""
    promises = cast_many(poll, range(3))
    poll.rehearsal.seal()
    promises |= cast_many(poll, range(3, 6))
    assert poll.rehearsal.seal() == 1
    with poll.office.box._engine.begin() as db:
        for table in waiting_ballots:
            db.execute(delete(table))
    recover(poll.office.box._engine, poll.office.context(), poll.office.log())
    poll.until_close()
    office, manifest = poll.office, poll.office.manifest
    with pytest.raises(StillHealing) as wait:
        close_voting(office)
    raw, promise = list(promises.items())[4]
    assert promise.batch == 2
    over = manifest.closes_at + manifest.grace_seconds
    assert wait.value.until >= over + manifest.batching.healing_seconds
    again = office.box.cast(raw, encode_promise(promise))
    poll.rehearsal.clock.move_to(wait.value.until)
    close_voting(office)
    poll.rehearsal.tally()
    assert checked(poll) == []
    assert batches(poll)[again.batch] == [raw]


def test_where_nothing_heals_the_close_takes_one_step(lite: Poll) -> None:
    raw, promise = next(iter(cast_many(lite, range(2)).items()))
    lite.until_close()
    lite.office.box.finish(lite.office.count_statements)
    with lite.office.box._engine.begin() as db:
        db.execute(delete(ballots))
    assert not lite.office.box.is_healing()
    with pytest.raises(NotOpen):
        lite.office.box.cast(raw[:-1] + b"0", encode_promise(promise))


def test_the_same_ballot_from_several_pages_at_once_is_taken_once(poll: Poll, lost: dict[bytes, Promise]) -> None:
    raw, promise = next(iter(lost.items()))
    boxes = [poll.reopen().office.box for _ in range(4)]
    with ThreadPoolExecutor(4) as pages:
        answers = list(pages.map(lambda box: box.cast(raw, encode_promise(promise)).batch, boxes))
    assert answers == [2] * 4
    end(poll)
    assert batches(poll)[2] == [raw]
    assert checked(poll) == []
