"""The fault suite in short: a few rows with real services; and its count, which must be able to tell what is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stembus.ballot.issuance.token import VotingPass
from stembus.scripts.develop.faults.__main__ import SHORT_SIZE, run_row
from stembus.scripts.develop.faults.counting import Count, Logged, count, read_log
from stembus.scripts.develop.faults.rows import ROWS, SHORT_ROWS
from stembus.scripts.develop.faults.stores import PostgresServer
from stembus.scripts.develop.faults.voters import Acknowledged
from tests.ballot.conftest import Poll, copy_of
from tests.conftest import Finished

SHORT = [(database, name) for database, names in SHORT_ROWS.items() for name in names]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    running = PostgresServer()
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize(("database", "name"), SHORT)
def test_nothing_that_was_promised_is_lost_and_nothing_stands_twice(
    database: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    row = next(row for row in ROWS if row.name == name)
    used = request.getfixturevalue("server") if database == "postgresql" else None
    outcome = run_row(row, used, 1, SHORT_SIZE, tmp_path)
    assert outcome.holds, "\n".join([*outcome.lines(), *outcome.messages])
    assert outcome.count is not None
    assert outcome.count.acknowledged == outcome.count.once > 0


class Cast:
    """Two tokens with a logged ballot each, the first one's second turn; and what else could have been promised."""

    def __init__(self, poll: Poll) -> None:
        self.poll, self.tokens = poll, [poll.token(0), poll.token(1)]
        self.logged = [self.cast(self.tokens[0], 1), self.cast(self.tokens[1], 0)]
        poll.until_close()
        poll.rehearsal.close()

    def ballot(self, token: VotingPass, seq: int, batch: int = 1) -> Acknowledged:
        return Acknowledged(0, self.poll.ballot(token, [[0]], seq), seq, batch)

    def cast(self, token: VotingPass, seq: int) -> Acknowledged:
        made = self.ballot(token, seq)
        self.poll.office.box.cast(made.raw)
        return made

    def read(self) -> Logged:
        return read_log(self.poll.office.public, self.poll.office.context())

    def count(self, *ballots: Acknowledged, logged: Logged | None = None) -> Count:
        return count(ballots, logged or self.read(), self.poll.office.context())


@pytest.fixture
def voted(opened: Finished, tmp_path: Path) -> Iterator[Cast]:
    poll = copy_of(opened, tmp_path / "copy")
    yield Cast(poll)
    poll.end()


def test_promised_ballots_that_are_logged_count_once(voted: Cast) -> None:
    assert voted.count(*voted.logged) == Count(2, 2, twice=0, lost=0, replaced=0, late=0)


def test_a_promised_ballot_that_is_not_logged_is_lost(voted: Cast) -> None:
    missing = voted.ballot(voted.tokens[0], 2)
    assert voted.count(*voted.logged, missing) == Count(3, 2, twice=0, lost=1, replaced=0, late=0)


def test_one_that_a_later_ballot_of_its_token_follows_is_replaced(voted: Cast) -> None:
    earlier = voted.ballot(voted.tokens[0], 0)
    assert voted.count(*voted.logged, earlier) == Count(3, 2, twice=0, lost=0, replaced=1, late=0)


def test_a_ballot_outside_the_batch_of_its_promise_is_told(voted: Cast) -> None:
    first, second = voted.logged
    assert voted.count(first, replace(second, batch=second.batch - 1)).late == 1
    # What waits at the close comes into the batch that is held back: a promise says at the latest.
    assert voted.count(first, replace(second, batch=second.batch + 1)).late == 0


def test_a_ballot_or_a_turn_that_stands_twice_is_told(voted: Cast) -> None:
    logged = voted.read()
    ballot_twice = replace(logged, times=logged.times + Counter([voted.logged[0].cast_hash]))
    assert voted.count(*voted.logged, logged=ballot_twice).twice == 1
    turn_twice = replace(logged, turns=logged.turns + Counter([next(iter(logged.turns))]))
    assert voted.count(*voted.logged, logged=turn_twice).twice == 1
