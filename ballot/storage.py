"""The tables of registrar, ballot box and help desk.

No column holds a time, an address or an order of arrival. The rows do, as they come: PostgreSQL numbers row versions,
and in a page of either database the newest row lies first. So ballots of a batch that is not published, and what became
of letters since the last statement, have small tables of their own; from there they are written anew in key order and
leave nothing behind (`resting_order`). Whoever takes the disk while a batch is open, or PostgreSQL's write-ahead log,
has that batch's order: see the threat model. SQLite tables are WITHOUT ROWID, keyed by credential or ballot id.

Uniqueness *is* the rule: a violated constraint becomes a named refusal in the services. The help desk has a
database of its own, whose actions have an order and no time. Each has a state of one row, which says what the database
belongs to: the referendum, and `instance`, a random number that the folder knows as well. How databases are made and
opened is decided in `database`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint
from sqlalchemy.schema import SchemaItem

INSTANCE_BYTES = 16


def _state() -> tuple[Column[Any], ...]:
    """The first columns of each table of one row."""
    return (
        Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        Column("referendum", LargeBinary(32), nullable=False),
        Column("instance", LargeBinary(INSTANCE_BYTES), nullable=False),
    )


def _letter_columns() -> tuple[SchemaItem, ...]:
    """What a letter has become."""
    return (
        Column("state", String(16), nullable=False),
        Column("tries", Integer, nullable=False),
        Column("request_hash", LargeBinary(32)),
        Column("signature", LargeBinary(64)),
        CheckConstraint("state IN ('ready', 'issued', 'struck', 'replaced')"),
        CheckConstraint("(state = 'issued') = (request_hash IS NOT NULL)"),
    )


registrar_tables = MetaData()
box_tables = MetaData()
desk_tables = MetaData()

# state: ready -> issued | struck | replaced. Striking for paper and issuing exclude each other here.
voters = Table(
    "voter",
    registrar_tables,
    Column("credential", LargeBinary(32), primary_key=True),
    # Of registrar 1's letters. The others know no numbers and no factors: the letter's first credential, and nothing.
    Column("number", String(80), nullable=False, unique=True),
    Column("factor", String(256), nullable=False),
    *_letter_columns(),
    Column("acknowledgement", LargeBinary(64)),
    sqlite_with_rowid=False,
)
# What has become of ready letters since the registrar's last statement; then it goes over to `voter`.
letter_changes = Table(
    "letter_change",
    registrar_tables,
    Column("credential", LargeBinary(32), primary_key=True),
    *_letter_columns(),
    sqlite_with_rowid=False,
)
# Of devices that said since the last statement that their token was used; then it goes over to `voter`, too.
acknowledgements = Table(
    "acknowledgement",
    registrar_tables,
    Column("credential", LargeBinary(32), primary_key=True),
    Column("signature", LargeBinary(64), nullable=False),
    sqlite_with_rowid=False,
)
# halted: "" while tokens are given out; "closed" or "cancelled" for good; "behind" until the database is recovered.
registrar_state = Table(
    "registrar_state",
    registrar_tables,
    *_state(),
    Column("enrolled", Boolean, nullable=False),
    Column("halted", String(16), nullable=False),
    CheckConstraint("halted IN ('', 'closed', 'cancelled', 'behind')"),
)


def _ballots(name: str) -> Table:
    return Table(
        name,
        box_tables,
        Column("ballot_id", LargeBinary(32), primary_key=True),
        Column("token", LargeBinary(32), nullable=False),
        Column("seq", Integer, nullable=False),
        Column("cast_hash", LargeBinary(32), nullable=False),
        Column("batch", Integer, nullable=False),
        Column("cast_ballot", LargeBinary),
        UniqueConstraint("token", "seq"),
        sqlite_with_rowid=False,
    )


# Of the batches that were noted as published. `cast_ballot` is emptied once the close is published and the ballot was
# read back from the log.
ballots = _ballots("ballot")
# Of the batches that were not: the open one in one table, a sealed one in the other, by whether their number is even.
waiting_ballots = (_ballots("waiting_ballot_even"), _ballots("waiting_ballot_odd"))
# `batch` is open for casts. Those before it are sealed; `logged` of them are known to stand in the log, which had
# `log_size` entries and this root then. One may be sealed and not logged: `header` is its header, once the registrars'
# counts are in it. `header_hash` is that of batch `logged`.
box_state = Table(
    "box_state",
    box_tables,
    *_state(),
    Column("batch", Integer, nullable=False),
    Column("header", LargeBinary),
    Column("logged", Integer, nullable=False),
    Column("header_hash", LargeBinary(32)),
    Column("log_size", Integer, nullable=False),
    Column("log_root", LargeBinary(32)),
    Column("stage", Integer, CheckConstraint("stage BETWEEN 0 AND 3"), nullable=False),
)

# What testers said of their devices, by day.
device_tests = Table(
    "device_test",
    box_tables,
    Column("day", String(10), primary_key=True),
    Column("held", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    sqlite_with_rowid=False,
)

desk_state = Table("desk_state", desk_tables, *_state())
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
