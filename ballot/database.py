"""Databases: SQLite by default, PostgreSQL by URL. Made once, and only opened after that.

Decides how a database comes about (whole or not at all, readable by its owner only), how one is told from another, and
the settings of a connection. A transaction that writes takes SQLite's write lock at its start (`engine.begin()`); one
that only reads takes none (`reading(engine)`), so people who ask do not queue behind those who vote. Which tables
there are is decided in `storage`; where a database lies, in `office.databases`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, Table, create_engine, event, insert, inspect, select
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from stembus.ballot.errors import DatabaseForeign, DatabaseMissing, DatabaseUnreachable

_WAL_TRIES = 1000
# Of libpq, unless the address says otherwise: a machine that vanished from the network is noticed before whoever asked
# gives up.
_LIMITS: dict[str, int | str] = {"connect_timeout": 5, "tcp_user_timeout": 10_000}  # seconds; milliseconds
# For who only looks: nothing is written, and no lock or statement is waited for long (milliseconds).
_ONLY_READING = "-c default_transaction_read_only=on -c lock_timeout=5000 -c statement_timeout=30000"
_ADVISORY_LOCK = 0x57E3_B05  # one creation at a time in a PostgreSQL database


def open_database(url: str, state: Table, referendum: bytes, instance: bytes, only_reading: bool = False) -> Engine:
    """Opens the database that was made for this referendum and folder; creates nothing. With `only_reading` nothing can
    be written, and a server that is away is not waited for. Raises DatabaseMissing, DatabaseForeign or
    DatabaseUnreachable."""
    engine = _engine(url, only_reading)
    try:
        row = _state_row(engine, state)
    except OperationalError as error:
        engine.dispose()
        raise DatabaseUnreachable(f"{_shown(url)} does not answer: {_reason(error)}; {_remedy(error)}") from None
    except DatabaseError as error:
        engine.dispose()
        raise DatabaseUnreachable(
            f"{_shown(url)} is damaged: {_reason(error)}; bring back its newest copy, and keep "
            "this file: it may hold what is nowhere else; see in the official's guide how a lost one is recovered"
        ) from None
    except Exception:
        engine.dispose()
        raise
    if row is None:
        engine.dispose()
        raise DatabaseMissing(f"{_shown(url)} holds no {state.name.removesuffix('_state')} of a referendum")
    if (bytes(row.referendum), bytes(row.instance)) != (referendum, instance):
        engine.dispose()
        whose = "another referendum" if bytes(row.referendum) != referendum else "another folder"
        raise DatabaseForeign(f"{_shown(url)} belongs to {whose}; nothing was changed")
    return engine


def create_database(url: str, state: Table, start: dict[str, object]) -> None:
    """Makes the tables and their state row in one step; after a crash it is done again. Done already for the same
    referendum and instance, it changes nothing. Raises DatabaseForeign where another one is."""
    if (path := sqlite_file(url)) is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = _engine(url)
    try:
        if path is not None:
            with engine.connect() as db:
                _switch_to_wal(db.connection.driver_connection)
        with engine.begin() as db:
            if path is None:
                db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            state.metadata.create_all(db)
            found = db.execute(select(state.c.referendum, state.c.instance)).one_or_none()
            if found is None:
                db.execute(insert(state).values(id=1, **start))
            elif (bytes(found.referendum), bytes(found.instance)) != (start["referendum"], start["instance"]):
                raise DatabaseForeign(f"{_shown(url)} was made for another folder already; give this one its own")
    except OperationalError as error:
        raise DatabaseUnreachable(f"{_shown(url)} cannot be made: {_reason(error)}") from None
    finally:
        engine.dispose()


def reading(engine: Engine) -> Connection:
    """A connection that writes nothing. The caller closes it, by `with`."""
    return engine.execution_options(stembus_reads=True).connect()


def _state_row(engine: Engine, state: Table) -> Any:
    """Raises DatabaseError for what cannot be read, and for a SQLite file any page of which is damaged."""
    with reading(engine) as db:
        if db.dialect.name == "sqlite" and (said := db.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()) != "ok":
            raise DatabaseError("", None, sqlite3.DatabaseError(said.replace("\n", " ")))
        if not inspect(db).has_table(state.name):
            return None
        return db.execute(select(state)).one_or_none()


def sqlite_file(url: str) -> Path | None:
    """None for a database that is no SQLite file."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def database_kind(url: str) -> str:
    """Such as sqlite or postgresql."""
    return make_url(url).get_backend_name()


def _shown(url: str) -> str:
    """Without a password."""
    path = sqlite_file(url)
    return f"the database {path if path is not None else make_url(url).render_as_string(hide_password=True)}"


def _remedy(error: DatabaseError) -> str:
    """For a server that says no; it does not say so in a code that the driver would hand on while it connects."""
    said = str(error.orig)
    if "does not exist" in said:
        return "create it empty, with its owner, and bring back its newest dump: see the administrator's guide"
    if "permission denied" in said:
        return "give the service's user its rights there: see the administrator's guide"
    return "try again"


def _reason(error: DatabaseError) -> str:
    return str(error.orig).partition("\n")[0]


def _engine(url: str, only_reading: bool = False) -> Engine:
    # What a voter or officer sent never stands in an error's text. A server that was away is asked anew.
    path = sqlite_file(url)
    if path is None:
        wanted = _LIMITS | ({"options": _ONLY_READING} if only_reading else {})
        limits = {name: value for name, value in wanted.items() if name not in make_url(url).query}
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=limits)
    engine = create_engine(url, hide_parameters=True)
    _prepare_sqlite(engine, path, "ro" if only_reading else "rw")
    return engine


def _prepare_sqlite(engine: Engine, path: Path, mode: str) -> None:
    @event.listens_for(engine, "do_connect")
    def _open_only(dialect: Any, record: Any, arguments: Any, named: dict[str, Any]) -> sqlite3.Connection:  # noqa: ARG001
        try:
            opened: sqlite3.Connection = sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, **named)
        except sqlite3.OperationalError:
            if path.exists():
                raise
            raise DatabaseMissing(f"there is no database {path}") from None
        return opened

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ARG001
        assert isinstance(connection, sqlite3.Connection)
        # SQLAlchemy's own recipe: let it begin transactions, not the driver.
        connection.isolation_level = None
        for pragma in ("busy_timeout=60000", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("stembus_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _switch_to_wal(connection: Any) -> None:
    """SQLite does not wait for others in this one statement, so it is tried again."""
    for _ in range(_WAL_TRIES - 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA journal_mode=WAL")
