"""In which table a ballot lies: one for the batches that were noted as published, two for those that were not.

Decides that a batch which waits has a table for itself, by whether its number is even: at most two wait, the open one
and a sealed one, because none is sealed before the one before it was noted. A table whose batch goes over to the
published ones is emptied in the same transaction (`publish`), so a ballot lies in one table at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Insert,
    Row,
    Select,
    Table,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import ColumnElement

from stembus.audit.formats.cast_ballot import CastBallot
from stembus.ballot.resting_order import empty
from stembus.ballot.storage import ballots, waiting_ballots

Columns = ReadOnlyColumnCollection[str, Any]
ALL = (ballots, *waiting_ballots)


def waiting(batch: int) -> Table:
    """The table of a batch that was not noted as published."""
    return waiting_ballots[batch % 2]


def table_of(batch: int, logged: int) -> Table:
    """Where the ballots of `batch` lie, if `logged` batches were noted."""
    return ballots if batch <= logged else waiting(batch)


def every(where: Callable[[Columns], ColumnElement[bool]]) -> CompoundSelect[Any]:
    """Rows of all three tables, as of one moment. The condition stands in each part, so that each uses its index."""
    return union_all(*(select(table).where(where(table.c)) for table in ALL))


def _insert_newest(table: Table) -> Insert:
    values = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in table.c}
    token, seq, ballot_id = values["token"], values["seq"], values["ballot_id"]
    overtaken = [exists().where((other.c.token == token) & (other.c.seq >= seq)) for other in ALL]
    known = [exists().where(other.c.ballot_id == ballot_id) for other in ALL]
    statement = insert(table).from_select(list(values), select(*values.values()).where(~or_(*overtaken, *known)))
    return statement.execution_options(preserve_rowcount=True)  # an insert's count is not kept by itself


# Built once: a cast should not pay for putting them together.
_INSERT = tuple(insert(table) for table in waiting_ballots)
_INSERT_NEWEST = tuple(_insert_newest(table) for table in waiting_ballots)
_OF_TOKEN = every(lambda c: c.token == bindparam("of_token"))
_NEWEST = _OF_TOKEN.order_by(_OF_TOKEN.selected_columns.seq.desc()).limit(1)
_WITH_ID = every(lambda c: c.ballot_id == bindparam("of_id"))


def row_of(ballot: CastBallot, batch: int) -> dict[str, object]:
    """As it stands in a table."""
    return {
        "ballot_id": ballot.ballot_id,
        "token": ballot.token_key,
        "seq": ballot.seq,
        "cast_hash": ballot.cast_hash,
        "batch": batch,
        "cast_ballot": ballot.raw,
    }


def store(db: Connection, ballot: CastBallot, batch: int) -> None:
    """For the batch that waits. Raises IntegrityError for an id, or a turn of the token, that this batch has."""
    db.execute(_INSERT[batch % 2], row_of(ballot, batch))


def store_newest(db: Connection, ballot: CastBallot, batch: int) -> bool:
    """Says whether it was stored: it is not if the token has a ballot whose turn is as high or higher, or one with this
    id. Raises as `store` does."""
    row = {f"new_{name}": value for name, value in row_of(ballot, batch).items()}
    return db.execute(_INSERT_NEWEST[batch % 2], row).rowcount == 1


def newest(db: Connection, token: bytes) -> Row[Any]:
    """The ballot with the highest turn of a token that has one."""
    return db.execute(_NEWEST, {"of_token": token}).one()


def with_id(db: Connection, ballot_id: bytes) -> Row[Any] | None:
    return db.execute(_WITH_ID, {"of_id": ballot_id}).one_or_none()


def count_tokens(*tables: Table) -> Select[int]:
    """How many tokens have a ballot in one of these."""
    tokens = union_all(*(select(table.c.token) for table in tables)).subquery()
    return select(func.count(func.distinct(tokens.c.token)))


def count_new_tokens(batch: int) -> Select[int]:
    """How many tokens of the open batch have no ballot among the published ones, nor in the batch before it."""
    table, before = waiting(batch), waiting(batch - 1)
    known = [exists().where(other.c.token == table.c.token) for other in (ballots, before)]
    return select(func.count(func.distinct(table.c.token))).where(~or_(*known))


def count_ballots(db: Connection, *tables: Table) -> int:
    each = union_all(*(select(func.count().label("n")).select_from(table) for table in tables)).subquery()
    return int(db.execute(select(func.coalesce(func.sum(each.c.n), 0))).scalar_one())


def move_waiting(db: Connection, batch: int, into: int) -> None:
    """Adds the ballots of one batch that waits to those of another. The caller holds the box's state alone."""
    table = waiting(batch)
    names = [column.name for column in table.c]
    rows = select(*(literal(into).label("batch") if name == "batch" else table.c[name] for name in names))
    db.execute(insert(waiting(into)).from_select(names, rows.order_by(table.c.ballot_id)))
    empty(db, table)


def publish(db: Connection, batch: int) -> int:
    """Writes the ballots of a batch in key order among the published ones; returns how many they are. The caller holds
    the box's state alone. Raises TableInUse."""
    table = waiting(batch)
    moved = count_ballots(db, table)
    in_key_order = select(table).order_by(table.c.ballot_id)
    db.execute(insert(ballots).from_select([column.name for column in ballots.c], in_key_order))
    empty(db, table)
    return moved
