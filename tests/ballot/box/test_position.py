"""A ballot box whose database and log do not belong together takes nothing, and is rebuilt from the log."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, text, true

from stembus.audit.formats.entry_bodies import Cancel, Incident
from stembus.audit.formats.receipt import Promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.box import ballot_box, sealing
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.box.position import position
from stembus.ballot.box.recovery import Recovered, recover
from stembus.ballot.box.stored import ALL, every, table_of, waiting
from stembus.ballot.errors import (
    Cancelled,
    CastOutOfTurn,
    Closed,
    CountsContradict,
    DatabaseBehind,
    LogBehindDatabase,
    LogDamaged,
)
from stembus.ballot.issuance.token import VotingPass
from stembus.ballot.office.closing import close_voting
from stembus.ballot.storage import ballots, box_state
from tests.ballot.conftest import Poll, copy_of, move_to_postgres
from tests.conftest import Finished

Rows = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def backup(box: BallotBox) -> Rows:
    with box._engine.connect() as db:
        every_ballot = every(lambda _: true())
        found = [[dict(row._mapping) for row in db.execute(query)] for query in (every_ballot, select(box_state))]
    return found[0], found[1]


def put_back(box: BallotBox, rows: Rows) -> None:
    with box._engine.begin() as db:
        for table in (*ALL, box_state):
            db.execute(delete(table))
        stored, state = rows
        for row in stored:
            db.execute(insert(table_of(row["batch"], state[0]["logged"])).values(row))
        db.execute(insert(box_state), state)


def vote(poll: Poll, voters: range, choice: int = 1) -> dict[int, tuple[VotingPass, bytes, Promise]]:
    passes = {voter: poll.token(voter) for voter in voters}
    cast = {voter: poll.rehearsal.cast(passes[voter], [[choice]]) for voter in voters}
    return {voter: (passes[voter], *cast[voter]) for voter in voters}


def seal(poll: Poll) -> int | None:
    poll.wait(600)
    return poll.rehearsal.seal()


def finished(poll: Poll) -> list[int]:
    poll.until_close()
    poll.rehearsal.close()
    poll.rehearsal.tally()
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    assert report.faults == []
    assert report.result is not None
    return list(report.result.questions[0].total)


def test_an_older_database_takes_promises_and_seals_nothing(poll: Poll) -> None:
    first = vote(poll, range(3))
    old = backup(poll.office.box)
    assert seal(poll) == 1
    vote(poll, range(3, 6))
    assert seal(poll) == 2
    put_back(poll.office.box, old)
    passes = first[0][0], poll.token(7)
    later = poll.reopen()
    for use in (
        lambda: later.office.box,
        lambda: poll.office.box.cast(poll.ballot(passes[0], seq=1)),
        lambda: poll.office.box.cast(poll.ballot(passes[1])),
        lambda: seal(poll),
        lambda: close_voting(poll.office) if poll.until_close() is None else None,
    ):
        with pytest.raises(DatabaseBehind, match="stembus box recover"):
            use()
    assert poll.office.log().order.phase.value == "open"


def test_a_recovered_box_knows_every_turn_of_the_log_and_loses_nothing(poll: Poll) -> None:
    first = vote(poll, range(3))
    waiting = vote(poll, range(3, 5))
    old = backup(poll.office.box)
    assert seal(poll) == 1
    again = poll.rehearsal.cast(first[0][0], [[0]], 1)[0]
    vote(poll, range(5, 8))
    assert seal(poll) == 2
    put_back(poll.office.box, old)
    later = poll.reopen()
    found = later.office.recover_box()
    assert found is not None
    assert (found.batches, found.ballots, found.waiting, found.superseded) == (2, 9, 0, ())
    box = later.office.box
    with pytest.raises(CastOutOfTurn) as refusal:
        box.cast(later.ballot(first[0][0], seq=1))
    assert refusal.value.current == again
    for _, raw, promise in (*first.values(), *waiting.values()):
        assert box.cast(raw) == promise
    assert later.office.recover_box() is None
    vote(later, range(10, 12), 0)
    assert finished(later) == [3, 7]


def test_a_lost_database_is_rebuilt_from_the_log(lite: Poll) -> None:
    cast = vote(lite, range(4))
    assert seal(lite) == 1
    lite.end()
    for path in lite.office.folder("box").glob("box.db*"):
        path.unlink()
    later = lite.reopen()
    found = later.office.recover_box()
    assert found is not None
    assert (found.batches, found.ballots, found.waiting) == (1, 4, 0)
    for _, raw, promise in cast.values():
        assert later.office.box.cast(raw) == promise
    assert finished(later) == [0, 4]


def test_what_the_older_database_still_held_waits_for_the_next_batch(lite: Poll) -> None:
    """A replica that was used for a while: it took ballots that the log never got."""
    first = vote(lite, range(3))
    old = backup(lite.office.box)
    assert seal(lite) == 1
    newer = backup(lite.office.box)
    put_back(lite.office.box, old)
    # As that replica stored it, and a recast that the log's batch has overtaken.
    lost = lite.ballot(lite.token(9))
    with lite.office.box._engine.begin() as db:
        context = lite.office.context()
        values = {"ballot_id": context.ballot_id(lost[1 : 1 + context.body_bytes]), "token": b"t" * 32, "seq": 0}
        db.execute(insert(waiting(1)).values(**values, cast_hash=b"h" * 32, batch=1, cast_ballot=lost))
    found = lite.reopen().office.recover_box()
    assert found is not None
    assert (found.batches, found.ballots, found.waiting) == (1, 3, 1)
    rows = {bytes(row["ballot_id"]): row for row in backup(lite.office.box)[0]}
    assert rows[values["ballot_id"]]["batch"] == 2
    assert newer[1][0]["header_hash"] == backup(lite.office.box)[1][0]["header_hash"]
    assert len(first) == 3


def test_a_ballot_that_a_running_service_stores_while_the_box_is_rebuilt_is_kept(
    poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide says to stop the service. Whoever forgets that loses nothing."""
    vote(poll, range(3))
    box, late = poll.office.box, poll.ballot(poll.token(4))
    stored, go_on = threading.Event(), threading.Event()
    real = ballot_box.store_newest

    def store_slowly(*arguments: Any) -> bool:
        done = real(*arguments)
        stored.set()
        go_on.wait(20)
        return done

    monkeypatch.setattr(ballot_box, "store_newest", store_slowly)
    promises: list[Promise] = []
    casting = threading.Thread(target=lambda: promises.append(box.cast(late)))
    casting.start()
    assert stored.wait(20)
    found: list[Recovered] = []
    office = poll.reopen().office
    rebuilding = threading.Thread(
        target=lambda: found.append(recover(office._database("box"), office.context(), office.log()))
    )
    rebuilding.start()
    rebuilding.join(1)
    assert rebuilding.is_alive(), "it waits for the cast that has begun"
    go_on.set()
    rebuilding.join(20)
    casting.join(20)
    assert [one.waiting for one in found] == [4]
    monkeypatch.undo()
    assert box.cast(late) == promises[0]


def test_a_sealer_that_waits_is_not_passed_by_new_casts(opened: Finished, tmp_path: Path, postgres_url: str) -> None:
    """While many vote, some cast holds the state at any moment."""
    poll = copy_of(opened, tmp_path / "copy")
    move_to_postgres(poll.office, postgres_url)
    engine, order = poll.office._database("box"), list[str]()

    def take(lock: str) -> threading.Thread:
        def hold() -> None:
            with engine.begin() as db:
                position(db, lock)
                order.append(lock)

        thread = threading.Thread(target=hold)
        thread.start()
        return thread

    with engine.begin() as first:
        position(first, "shared")
        sealer = take("exclusive")
        until_waiting(engine, 1)
        cast = take("shared")
        until_waiting(engine, 2)
        assert order == []
    sealer.join(20)
    cast.join(20)
    assert order == ["exclusive", "shared"]
    poll.end()


def until_waiting(engine: Engine, number: int) -> None:
    """So many sessions wait for the lock."""
    for _ in range(200):
        with engine.connect() as db:
            if db.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one() >= number:
                return
        threading.Event().wait(0.05)
    raise AssertionError("it does not wait")


def test_a_waiting_ballot_is_named_when_a_later_cast_of_its_token_is_in_the_log(lite: Poll) -> None:
    voting_pass = lite.token(0)
    lite.rehearsal.cast(voting_pass, [[0]])
    old = backup(lite.office.box)
    with lite.office.box._engine.begin() as db:
        db.execute(delete(waiting(1)))
    lite.rehearsal.cast(voting_pass, [[1]], 1)
    vote(lite, range(1, 4))
    assert seal(lite) == 1
    put_back(lite.office.box, old)
    found = lite.reopen().office.recover_box()
    assert found is not None
    assert (found.waiting, found.superseded) == (0, (bytes(old[0][0]["ballot_id"]),))


def test_an_older_log_is_refused_and_the_database_is_not_rebuilt_from_it(lite: Poll, tmp_path: Path) -> None:
    vote(lite, range(3))
    for name in ("public", "log"):
        shutil.copytree(lite.office.root / name, tmp_path / name)
    assert seal(lite) == 1
    for name in ("public", "log"):
        shutil.rmtree(lite.office.root / name)
        shutil.copytree(tmp_path / name, lite.office.root / name)
    before = backup(lite.office.box)
    later = lite.reopen()
    for use in (lambda: later.office.box, later.office.recover_box):
        with pytest.raises(LogBehindDatabase, match="came back from an older copy"):
            use()
    assert backup(lite.office.box) == before


@pytest.mark.parametrize("column", ["header_hash", "log_root"])
def test_the_database_of_another_log_is_refused(lite: Poll, column: str) -> None:
    vote(lite, range(3))
    assert seal(lite) == 1
    with lite.office.box._engine.begin() as db:
        db.execute(box_state.update().values({column: bytes(32)}))
    with pytest.raises(LogBehindDatabase, match="another log"):
        _ = lite.reopen().office.box


def test_a_box_that_is_killed_between_sealing_and_noting_goes_on(poll: Poll, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = vote(poll, range(3))
    with monkeypatch.context() as patch:
        patch.setattr(sealing.Sealing, "_note", _die)
        poll.wait(600)
        with pytest.raises(KeyboardInterrupt):
            poll.rehearsal.seal()
    later = poll.reopen()
    assert later.office.log().order.batches == 1
    for _, raw, promise in cast.values():
        assert later.office.box.cast(raw) == promise
    assert later.rehearsal.seal() == 1
    assert later.rehearsal.seal() is None
    assert finished(later) == [0, 3]


def _die(*_: object) -> None:
    raise KeyboardInterrupt


# Registrars that are slow or wrong


@contextmanager
def hung(poll: Poll) -> Iterator[tuple[threading.Event, Callable[..., Any]]]:
    """A registrar that is asked for its count and does not answer until the block ends."""
    asked, answer = threading.Event(), threading.Event()

    def statements(batch: int, at_least: Any) -> Any:
        asked.set()
        answer.wait(60)
        return poll.office.count_statements(batch, at_least)

    try:
        yield asked, statements
    finally:
        answer.set()


def test_casts_do_not_wait_for_a_registrar_that_hangs(poll: Poll) -> None:
    vote(poll, range(3))
    poll.wait(600)
    sealed: list[int | None] = []
    with hung(poll) as (asked, statements):
        thread = threading.Thread(target=lambda: sealed.append(poll.office.box.seal(statements)))
        thread.start()
        assert asked.wait(30)
        other = poll.reopen()
        promise = vote(other, range(3, 5))[3][2]
        assert promise.batch == 2
    thread.join(60)
    assert sealed == [1]
    assert finished(poll) == [0, 5]


@pytest.mark.parametrize(("fewer", "words"), [(1, "are used in the ballot box"), (3, "are used in the ballot box")])
def test_a_batch_waits_while_fewer_tokens_are_stated_than_used(poll: Poll, fewer: int, words: str) -> None:
    vote(poll, range(3))
    poll.wait(600)

    def states_too_few(batch: int, at_least: Any) -> Any:
        real = poll.office.registrar()
        right = real.issued_count
        real.issued_count = lambda: right() - fewer  # type: ignore[method-assign]
        try:
            return poll.office.count_statements(batch, at_least)
        finally:
            real.issued_count = right  # type: ignore[method-assign]

    with pytest.raises(CountsContradict, match=words):
        poll.office.box.seal(states_too_few)
    assert poll.office.log().order.batches == 0
    assert poll.rehearsal.seal() == 1
    assert finished(poll) == [0, 3]


# Around the close


def test_no_cast_is_promised_after_the_last_batch_and_none_before_it_is_left_out(poll: Poll) -> None:
    manifest = poll.office.manifest
    passes = [poll.token(voter) for voter in range(12)]
    raws = [poll.ballot(voting_pass) for voting_pass in passes]
    poll.rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds - 1)
    late = poll.reopen()
    promised: list[Promise] = []
    begin = threading.Barrier(2)

    def cast_all() -> None:
        begin.wait()
        for raw in raws:
            try:
                promised.append(late.office.box.cast(raw))
            except Closed:
                return

    thread = threading.Thread(target=cast_all)
    thread.start()
    begin.wait()
    poll.until_close()  # this clock only: the other worker's is a second behind
    poll.rehearsal.close()
    thread.join(60)
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    assert report.figures.ballots == len(promised)
    assert poll.office.box.forget() == 0
    with pytest.raises(Closed):
        late.office.box.cast(poll.ballot(passes[0], seq=1))


def test_after_the_cancellation_the_box_takes_nothing(poll: Poll) -> None:
    voting_pass = poll.token(0)
    raw = poll.ballot(voting_pass)
    promise = poll.office.box.cast(raw)
    poll.office.log().append([poll.office.officers_sign(Cancel(text={"nl": "afgelast"}))])
    with pytest.raises(Cancelled):
        poll.office.box.cast(poll.ballot(voting_pass, seq=1))
    assert poll.office.box.cast(raw) == promise


def test_after_the_cancellation_sealing_has_nothing_to_do(poll: Poll) -> None:
    vote(poll, range(3))
    poll.office.log().append([poll.office.officers_sign(Cancel(text={"nl": "afgelast"}))])
    assert seal(poll) is None
    assert poll.office.box.pending() == 3


def test_a_missing_checkpoint_of_the_last_batch_is_named_and_does_not_end_the_batches_quietly(lite: Poll) -> None:
    vote(lite, range(3))
    assert seal(lite) == 1
    end = lite.office.log().batch_end
    lite.office.log().append([lite.office.officers_sign(Incident(number=1, text={"nl": "voorval"}), 1)])
    vote(lite, range(3, 6))
    lost = lite.office.public / "checkpoints" / str(end)
    kept = lost.read_bytes()
    lost.unlink()
    with pytest.raises(LogDamaged, match=f"checkpoints/{end} is missing"):
        seal(lite)
    lost.write_bytes(kept)
    assert lite.rehearsal.seal() == 2


# Handing in again


def test_a_ballot_whose_batch_stands_without_it_is_promised_anew(lite: Poll) -> None:
    """The database was put back within a batch: the row is gone, or says what is not true any more."""
    voting_pass = lite.token(0)
    raw = lite.ballot(voting_pass)
    first = lite.office.box.cast(raw)
    with lite.office.box._engine.begin() as db:
        db.execute(delete(waiting(1)))
    vote(lite, range(1, 4))
    assert seal(lite) == 1
    with lite.office.box._engine.begin() as db:
        context = lite.office.context()
        stale = {"ballot_id": context.ballot_id(raw[1 : 1 + context.body_bytes]), "token": voting_pass.token_key.public}
        hashed = bytes.fromhex(first.cast_hash)
        db.execute(insert(ballots).values(**stale, seq=0, cast_hash=hashed, batch=1, cast_ballot=None))
    again = lite.office.box.cast(raw)
    assert (first.batch, again.batch) == (1, 2)
    assert lite.office.box.cast(raw) == again
    assert finished(lite) == [0, 4]
