"""Whether the box's database and the log belong together.

The database remembers how far it knows the log: how many batches it has sealed, how many of them it saw published, the
header of the last of these, and the log's size and root then. Decides what that says: the log may be further by the one
batch that was sealed and not noted yet; any other difference means that one of the two came back from an older copy, or
is another one, and then nothing is taken, promised or sealed. How a database is rebuilt is in `recovery`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select, func, select, true

from stembus.audit.log.tile_reader import TileReader
from stembus.audit.state_machine import Order
from stembus.ballot.database import reading
from stembus.ballot.errors import TAKE_A_COPY, DatabaseBehind, LogBehindDatabase
from stembus.ballot.storage import box_state


class Log(Protocol):
    """What is asked of a log, by its writer or by who only reads it."""

    @property
    def size(self) -> int: ...

    @property
    def order(self) -> Order: ...

    @property
    def batches(self) -> list[tuple[int, int]]: ...

    def reader(self) -> TileReader: ...

    def refresh(self) -> None: ...


_TURN = 0x57E3_B06  # the number of the box's lock in a PostgreSQL database


class Stage(IntEnum):
    """CASTS: ballots are taken. ENDING: none is, and the last batch is not sealed yet. HEALING: it is, and a ballot
    that was promised and is not in the log is taken again. ENDED: nothing is."""

    CASTS = 0
    ENDING = 1
    HEALING = 2
    ENDED = 3


@dataclass(frozen=True, slots=True)
class Position:
    """The box's state. `batch` is the number of the open one."""

    batch: int
    header: bytes | None
    logged: int
    header_hash: bytes | None
    log_size: int
    log_root: bytes | None
    stage: Stage

    @property
    def sealed(self) -> int:
        return self.batch - 1


def position(db: Connection, lock: str = "") -> Position:
    """`lock` is shared, against sealing; exclusive, against casts and other sealers; or none."""
    return _parse(db.execute(_statement(lock, db.dialect.name == "postgresql")).one())


@cache
def _statement(lock: str, queued: bool) -> Select[Any]:
    statement = select(box_state)
    if not lock:
        return statement
    if queued:
        # Rows are locked in no order: a sealer that waits would be passed by new casts for ever. This lock has a queue.
        turn = func.pg_advisory_xact_lock_shared if lock == "shared" else func.pg_advisory_xact_lock
        statement = statement.join_from(select(turn(_TURN)).subquery("turn"), box_state, true())
    return statement.with_for_update(read=lock == "shared", of=box_state)


def _parse(row: Any) -> Position:
    return Position(
        batch=int(row.batch),
        header=_bytes(row.header),
        logged=int(row.logged),
        header_hash=_bytes(row.header_hash),
        log_size=int(row.log_size),
        log_root=_bytes(row.log_root),
        stage=Stage(row.stage),
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def header_hash(log: Log, batch: int) -> bytes | None:
    """Of the header of batch `batch` in the log; None for batch 0."""
    if not batch:
        return None
    first, _ = log.batches[batch - 1]
    return hashlib.sha256(log.reader().entry(first - 1)).digest()


class Bond:
    """Looks again only at what has changed since it last looked."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._seen: tuple[object, ...] | None = None

    def demand(self, found: Position) -> None:
        """`found` was read after the log was refreshed. Raises DatabaseBehind or LogBehindDatabase."""
        log = self._log
        if log.order.batches < found.logged or log.size < found.log_size:
            log.refresh()  # another process was faster
        known = (
            found.sealed,
            found.logged,
            found.header is None,
            found.header_hash,
            found.log_size,
            found.log_root,
            log.order.batches,
        )
        if known == self._seen:
            return
        batches = log.order.batches
        if batches > found.sealed:
            raise DatabaseBehind(
                f"the log holds {batches} batches and the ballot box's database knows of {found.sealed}: the database "
                "came back from an older copy; bring back the newest one, or run: stembus box recover DIR"
            )
        if batches == found.sealed > found.logged and found.header is None:
            # A header is stored before its batch is appended, and goes once that was noted.
            raise DatabaseBehind(
                f"the log holds batch {batches}, which the ballot box's database holds back without its header: the "
                "database came back from an older copy; bring back the newest one, or run: stembus box recover DIR"
            )
        if batches < found.logged or log.size < found.log_size:
            raise LogBehindDatabase(
                f"the ballot box saw {found.logged} batches in a log of {found.log_size} entries, and this log has "
                f"{batches} in {log.size}: its folder came back from an older copy; bring back the newest one, or "
                f"{TAKE_A_COPY}"
            )
        if header_hash(log, found.logged) != found.header_hash or self._root(found.log_size) != found.log_root:
            raise LogBehindDatabase(
                "the ballot box's database belongs to another log than this one; bring back the one that belongs here"
            )
        self._seen = known

    def position(self, engine: Engine) -> Position:
        """The database's, now; the log is refreshed before. Raises as `demand` does."""
        try:
            return self._read(engine)
        except DatabaseBehind:
            # The log is looked at last, and may have got the next batch in between.
            return self._read(engine)

    def _read(self, engine: Engine) -> Position:
        self._log.refresh()
        with reading(engine) as db:
            found = position(db)
        self.demand(found)
        return found

    def _root(self, size: int) -> bytes | None:
        """Of the log's first `size` entries; None for none."""
        return self._log.reader().subtree(0, size) if size else None
