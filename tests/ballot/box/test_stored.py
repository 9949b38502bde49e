"""Ballots that wait lie apart from those that are published, and go over to them whole and in key order."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select, text

from stembus.ballot.box import sealing
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.box.position import position
from stembus.ballot.box.stored import ALL, count_ballots, waiting
from stembus.ballot.database import reading
from stembus.ballot.errors import DatabaseBehind, TableInUse, WitnessesMissing
from stembus.ballot.storage import ballots
from tests.ballot.conftest import Poll
from tests.ballot.order_at_rest import sqlite_wal_bytes


def lying(box: BallotBox) -> list[int]:
    """How many ballots are published, in a waiting batch of an even number, and in one of an odd number."""
    with reading(box._engine) as db:
        return [count_ballots(db, table) for table in ALL]


def cast(poll: Poll, voters: range) -> None:
    for voter in voters:
        poll.rehearsal.cast(poll.token(voter), [[1]])


def seal(poll: Poll) -> int | None:
    poll.wait(600)
    return poll.rehearsal.seal()


def test_ballots_go_over_to_the_published_ones_when_their_batch_is_noted_and_not_before(
    poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = poll.office.box
    cast(poll, range(3))
    assert lying(box) == [0, 0, 3]
    with monkeypatch.context() as patch:
        patch.setattr(box._log, "cosign", lambda: False)
        with pytest.raises(WitnessesMissing):
            seal(poll)
        cast(poll, range(3, 7))
        assert lying(box) == [0, 4, 3]
    assert seal(poll) == 1
    assert lying(box) == [3, 4, 0]
    assert seal(poll) == 2
    assert lying(box) == [7, 0, 0]
    assert box.accepted() == 7
    assert box.missing() == 0
    with reading(box._engine) as db:
        assert sorted(db.execute(select(ballots.c.batch)).scalars()) == [1, 1, 1, 2, 2, 2, 2]


def test_a_reader_that_stays_holds_off_postgresqls_batch_and_no_cast(poll: Poll) -> None:
    box = poll.office.box
    cast(poll, range(3))
    with reading(box._engine) as reader:
        reader.execute(select(waiting(1))).all()
        if box._engine.dialect.name == "postgresql":
            with pytest.raises(TableInUse):
                seal(poll)
            cast(poll, range(3, 4))
            assert lying(box) == [0, 1, 3]
        else:
            assert seal(poll) == 1
            assert sqlite_wal_bytes(box._engine) > 0
    assert seal(poll) == (1 if box._engine.dialect.name == "postgresql" else None)
    assert lying(box)[2] == 0
    assert sqlite_wal_bytes(box._engine) == 0


def test_a_writer_at_the_same_time_leaves_the_write_ahead_log_to_the_next_seal(lite: Poll) -> None:
    box = lite.office.box
    cast(lite, range(3))
    with box._engine.begin() as db:
        position(db)
        sealing.shed_wal(box._engine)
        assert sqlite_wal_bytes(box._engine) > 0
    sealing.shed_wal(box._engine)
    assert sqlite_wal_bytes(box._engine) == 0
    with reading(box._engine) as db:
        assert db.execute(text("PRAGMA busy_timeout")).scalar_one() == 60000


def test_a_batch_that_the_database_holds_in_part_is_not_noted(poll: Poll, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of a PostgreSQL database that was made while a batch went over to the published ones."""
    box = poll.office.box
    cast(poll, range(3))
    with monkeypatch.context() as patch:
        patch.setattr(box._log, "cosign", lambda: False)
        with pytest.raises(WitnessesMissing):
            seal(poll)
    with box._engine.begin() as db:
        db.execute(delete(waiting(1)))
    with pytest.raises(DatabaseBehind, match="box recover"):
        seal(poll)
    assert poll.office.recover_box() is not None
    assert lying(poll.office.box) == [3, 0, 0]
    assert seal(poll.reopen()) is None
