"""That no order stays at rest: how a table is emptied without a trace in it, and SQLite's write-ahead log too.

What comes in one by one (ballots, letters) lies in the order of its coming: PostgreSQL's row versions are numbered, and
within a page of either database the newest row lies first. So such rows have a small table of their own, and at times
are written anew in key order into the table where they stay. Decides how the small one is emptied then. Leaves when to
`box.sealing` and `issuance.letter_changes`.

Not reached from here: PostgreSQL's own write-ahead log, which it overwrites when it likes, and blocks that a file
system has freed. See the threat model.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy import Connection, Engine, Table, delete, text
from sqlalchemy.exc import OperationalError

from stembus.ballot.errors import TableInUse

_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's code
# Longer than PostgreSQL takes to call off its own vacuum (`deadlock_timeout`, one second).
_PATIENCE = "2s"


def empty(db: Connection, *tables: Table) -> None:
    """In the caller's transaction. On PostgreSQL the tables get new files, so that not even dead row versions stay;
    SQLite overwrites what is deleted (`secure_delete`). Raises TableInUse where a reader holds a table for longer than
    two seconds; then the transaction is to be rolled back."""
    if db.dialect.name != "postgresql":
        for table in tables:
            db.execute(delete(table))
        return
    names = ", ".join(db.dialect.identifier_preparer.format_table(table) for table in tables)
    with _impatient(db):
        db.execute(text(f"TRUNCATE {names}"))


def lock(db: Connection, table: Table, against: Literal["all", "writers"] = "all") -> None:
    """Nobody else reads or writes the table, or nobody else writes it, until the transaction ends. Raises TableInUse as
    `empty` does. SQLite needs none: a transaction that writes is alone."""
    if db.dialect.name == "postgresql":
        name = db.dialect.identifier_preparer.format_table(table)
        mode = "ACCESS EXCLUSIVE" if against == "all" else "SHARE"
        with _impatient(db):
            db.execute(text(f"LOCK TABLE {name} IN {mode} MODE"))


@contextmanager
def _impatient(db: Connection) -> Iterator[None]:
    db.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise TableInUse(
            "somebody reads a table of the database for long, a backup or a `psql` that was left open; nothing was "
            "changed: end it, or wait, and try again"
        ) from None
    db.execute(text("SET LOCAL lock_timeout = DEFAULT"))


def shed_wal(engine: Engine) -> None:
    """Brings SQLite's write-ahead log into the file and cuts it to nothing, because it holds each transaction in order.
    Waits for nobody: while somebody else reads or writes, it is left to the next time. Outside a transaction."""
    if engine.dialect.name != "sqlite":
        return
    pooled = engine.raw_connection()
    try:
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        try:
            connection.execute("PRAGMA busy_timeout=0")
            # The first keeps no writer waiting, so that little is left for the second, which does.
            for mode in ("PASSIVE", "TRUNCATE"):
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        except sqlite3.OperationalError:
            pass  # busy, or a full disk: what was committed stays in the log
        finally:
            connection.execute(f"PRAGMA busy_timeout={patience}")
    finally:
        pooled.close()
