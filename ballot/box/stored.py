"""In which table a ballot lies: one for the batches that were noted as published, two for those that were not.

Decides that a batch which waits has a table for itself, by whether its number is even: at most two wait, the open one
and a sealed one, because none is sealed before the one before it was noted. A table whose batch goes over to the
published ones is emptied in the same transaction (`publish`), so a ballot lies in one table at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, Table, func, insert, select, union_all
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import ColumnElement

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


def count_tokens(*tables: Table) -> Select[int]:
    """How many tokens have a ballot in one of these."""
    tokens = union_all(*(select(table.c.token) for table in tables)).subquery()
    return select(func.count(func.distinct(tokens.c.token)))


def count_ballots(db: Connection, *tables: Table) -> int:
    each = union_all(*(select(func.count().label("n")).select_from(table) for table in tables)).subquery()
    return int(db.execute(select(func.coalesce(func.sum(each.c.n), 0))).scalar_one())


def publish(db: Connection, batch: int) -> int:
    """Writes the ballots of a batch in key order among the published ones; returns how many they are. The caller holds
    the box's state alone. Raises TableInUse."""
    table = waiting(batch)
    moved = count_ballots(db, table)
    in_key_order = select(table).order_by(table.c.ballot_id)
    db.execute(insert(ballots).from_select([column.name for column in ballots.c], in_key_order))
    empty(db, table)
    return moved
