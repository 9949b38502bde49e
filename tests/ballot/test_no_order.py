"""Tables and files at rest tell no order: neither of the ballots of a sealed batch, nor of letters that got a token.

Voters come in an order drawn by lot, and every reading of `order_at_rest` is compared with it. A reading that tells
nothing lies outside the bound once in 500 million times, and some hundred readings are made.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine

from stembus.ballot.errors import FactorWrong
from stembus.ballot.issuance.token import VotingPass
from tests.ballot.conftest import DATABASES, Poll, on_database
from tests.ballot.order_at_rest import Keys, Reading, postgres_wal, readings, score, sqlite_wal_bytes, wal_position
from tests.conftest import Finished, prepare

VOTERS = 128
BOUND = 6.0


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """An open referendum of 128 voters."""
    root = tmp_path_factory.mktemp("many")
    rehearsal, letters = prepare(root, VOTERS, batch_tokens=1)
    return Finished(root, rehearsal.office.referendum, letters)


@pytest.fixture(params=DATABASES)
def crowd(request: pytest.FixtureRequest, many: Finished, tmp_path: Path) -> Iterator[Poll]:
    """Once on each kind of database."""
    yield from on_database(request, many, tmp_path)


@dataclass
class Came:
    """What each row can be told by, in the order in which the rows came."""

    ballots: list[tuple[bytes, ...]] = field(default_factory=list)
    letters: list[tuple[bytes, ...]] = field(default_factory=list)

    def ask(self, poll: Poll, voter: int) -> VotingPass:
        voting_pass, request = poll.ask(voter)
        voting_pass = poll.take(voting_pass, poll.office.registrar().issue(request))
        self.letters.append((request.credential, request.request_hash, request.signature))
        return voting_pass

    def come(self, poll: Poll, voter: int, passes: dict[int, VotingPass]) -> None:
        """Asks for a token, unless there is one, and votes."""
        seq = 1
        if voter not in passes:
            seq, passes[voter] = 0, self.ask(poll, voter)
        raw, promise = poll.rehearsal.cast(passes[voter], [[voter % 2]], seq)
        token = passes[voter].token_key.public
        self.ballots.append((hashlib.sha256(raw).digest(), bytes.fromhex(promise.ballot_id), token, raw[-64:]))


def keys(rows: Sequence[tuple[bytes, ...]]) -> list[Keys]:
    """Each column by itself: a letter's credential was there before it got a token, its request was not."""
    return [{key: place for place, key in enumerate(column)} for column in zip(*rows, strict=True)]


def telling(found: Sequence[Reading]) -> list[str]:
    """The readings that tell an order; all of them are shown when the test fails."""
    lines = []
    for reading in found:
        value = score(reading)
        line = f"{reading.name}: {reading.rows} rows, score {value:.1f}"
        print(line)
        lines += [line] if abs(value) >= BOUND else []
    return lines


def look(engine: Engine, rows: Sequence[tuple[bytes, ...]]) -> list[str]:
    lines = []
    for column, places in enumerate(keys(rows)):
        found = list(readings(engine, places))
        assert column or any(reading.rows >= len(rows) for reading in found), "the readings miss the rows"
        lines += telling(found)
    # It holds whole pages as of each transaction: who compares these sees more than these readings do.
    left = sqlite_wal_bytes(engine)
    return [*lines, f"{left} bytes of SQLite's write-ahead log"] if left else lines


def test_a_measure_finds_the_order_that_is_there_and_none_that_is_not() -> None:
    chance = random.Random(1)
    drawn = list(range(64))
    chance.shuffle(drawn)
    ordered = {k: float(k) for k in range(64)}
    assert telling([Reading("as they came", (ordered,))])
    assert telling([Reading("backwards", ({k: -v for k, v in ordered.items()},))])
    pages = tuple({k: float(k) for k in page} for page in (drawn[:32], drawn[32:]))
    assert telling([Reading("within pages", pages)])
    assert not telling([Reading("by lot", ({k: float(v) for k, v in enumerate(drawn)},))])
    assert not telling([Reading("all alike", (dict.fromkeys(range(64), 5.0),))])


def test_ballots_of_a_sealed_batch_lie_in_no_order_of_their_coming(crowd: Poll) -> None:
    chance = random.Random(2)
    office, passes = crowd.office, {}
    batches, engine = [Came(), Came()], office.box._engine
    start = wal_position(engine) if engine.dialect.name == "postgresql" else ""
    half = VOTERS // 2
    for number, voters in enumerate((range(half), range(VOTERS))):
        order = list(voters)
        chance.shuffle(order)
        for voter in order:
            batches[number].come(crowd, voter, passes)
        if number == 0:
            crowd.wait(600)
            assert crowd.rehearsal.seal() == 1
            assert look(engine, batches[0].ballots) == []
    if start:
        told = postgres_wal(engine, start, keys(batches[0].ballots)[0])
        print(f"{told.name}: {told.rows} of {half} ballots of the sealed batch, score {score(told):.1f}")
    crowd.rehearsal.close()
    for came in batches:
        assert look(engine, came.ballots) == []
    assert office.box.forget() == 0
    for came in batches:
        assert look(engine, came.ballots) == []


def test_letters_that_got_a_token_lie_in_no_order_after_a_count_statement_and_after_the_close(crowd: Poll) -> None:
    chance = random.Random(3)
    registrar, came = crowd.office.registrar(), [Came(), Came()]
    engine = registrar._engine
    start = wal_position(engine) if engine.dialect.name == "postgresql" else ""
    order = list(range(VOTERS))
    chance.shuffle(order)
    for place, voter in enumerate(order):
        half = came[place * 2 // VOTERS]
        if place % 3 == 0:
            with pytest.raises(FactorWrong):
                registrar.issue(crowd.ask(voter, factor="1900-01-01")[1])
        half.ask(crowd, voter)
        if place == VOTERS // 2 - 1:
            registrar.count_statement(1, 0)
            assert look(engine, came[0].letters) == []
    if start:
        told = postgres_wal(engine, start, keys(came[0].letters)[1])
        print(f"{told.name}: {told.rows} of {VOTERS // 2} letters with a token, score {score(told):.1f}")
    crowd.until_close()
    assert len(registrar.close(0).issued) == VOTERS
    for half in came:
        assert look(engine, half.letters) == []


def test_letters_with_a_wrong_second_factor_lie_in_no_order_after_a_count_statement(crowd: Poll) -> None:
    """Whoever types it wrong is about to vote."""
    registrar, credentials = crowd.office.registrar(), []
    order = list(range(VOTERS))
    random.Random(4).shuffle(order)
    for voter in order:
        with pytest.raises(FactorWrong):
            registrar.issue(crowd.ask(voter, factor="1900-01-01")[1])
        credentials.append((crowd.credential(voter),))
    registrar.count_statement(1, 0)
    assert look(registrar._engine, credentials) == []
