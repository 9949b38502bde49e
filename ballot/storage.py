"""Databases of registrar and ballot box: SQLite by default, PostgreSQL by URL.

Decides tables and connection settings. No table holds a time, an address or an order of arrival: SQLite
tables are WITHOUT ROWID, keyed by credential or ballot id. Uniqueness *is* the rule: a violated constraint
becomes a named refusal in the services. The help desk has a database of its own, whose actions have an order and no
time.

A transaction that writes takes SQLite's write lock at its start (`engine.begin()`); one that only reads takes none
(`reading(engine)`), so people who ask do not queue behind those who vote.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

_WAL_TRIES = 1000

registrar_tables = MetaData()
box_tables = MetaData()
desk_tables = MetaData()

# state: ready -> issued | struck | replaced. Striking for paper and issuing exclude each other here.
voters = Table(
    "voter",
    registrar_tables,
    Column("credential", LargeBinary(32), primary_key=True),
    Column("number", String(32), nullable=False, unique=True),
    Column("factor", String(256), nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("request_hash", LargeBinary(32)),
    Column("signature", LargeBinary(64)),
    CheckConstraint("state IN ('ready', 'issued', 'struck', 'replaced')"),
    CheckConstraint("(state = 'issued') = (request_hash IS NOT NULL)"),
    sqlite_with_rowid=False,
)
registrar_state = Table(
    "registrar_state",
    registrar_tables,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("referendum", LargeBinary(32), nullable=False),
    Column("closed", Integer, nullable=False),
)

# `cast` is emptied once the ballot stands in the log.
ballots = Table(
    "ballot",
    box_tables,
    Column("ballot_id", LargeBinary(32), primary_key=True),
    Column("token", LargeBinary(32), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("cast_hash", LargeBinary(32), nullable=False),
    Column("batch", Integer, nullable=False, index=True),
    Column("cast_ballot", LargeBinary),
    UniqueConstraint("token", "seq"),
    sqlite_with_rowid=False,
)
box_state = Table(
    "box_state",
    box_tables,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("referendum", LargeBinary(32), nullable=False),
    Column("batch", Integer, nullable=False),
    Column("header", LargeBinary),
)

officers = Table(
    "officer",
    desk_tables,
    Column("name", String(32), primary_key=True),
    Column("password", String(256), nullable=False),
    Column("session", String(64)),
)
# outcome: asked (the desk stopped before it ended) -> done | the name of the refusal
desk_actions = Table(
    "desk_action",
    desk_tables,
    Column("number", Integer, primary_key=True),
    Column("officer", String(32), nullable=False),
    Column("action", String(16), nullable=False),
    Column("voter", String(32), nullable=False),
    Column("outcome", String(32), nullable=False),
)


def open_database(url: str, tables: MetaData) -> Engine:
    """Connects and creates what is missing. SQLite: WAL, every commit on disk, deleted data overwritten."""
    # What a voter or officer sent never stands in an error's text.
    engine = create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    tables.create_all(engine)
    return engine


def bind_database(engine: Engine, state: Table, start: dict[str, object]) -> bytes:
    """Writes a service's state row unless there is one; returns the referendum it belongs to."""
    try:
        with engine.begin() as db:
            if db.execute(select(state.c.referendum)).scalar_one_or_none() is None:
                db.execute(insert(state).values(start))
    except IntegrityError:
        pass  # another worker was first
    with reading(engine) as db:
        return bytes(db.execute(select(state.c.referendum)).scalar_one())


def reading(engine: Engine) -> Connection:
    """A connection that writes nothing. The caller closes it, by `with`."""
    return engine.execution_options(stembus_reads=True).connect()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _settings(connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ARG001
        assert isinstance(connection, sqlite3.Connection)
        # SQLAlchemy's own recipe: let it begin transactions, not the driver.
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout=60000")
        _switch_to_wal(connection)
        for pragma in ("synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("stembus_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Workers that start together open a new database together. SQLite does not wait for others in this one statement,
    so it is tried again."""
    for _ in range(_WAL_TRIES - 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA journal_mode=WAL")
