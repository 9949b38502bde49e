"""What a database's files and tables tell of the order in which rows came: measured, as who holds the disk would.

A reading is one way of looking: a table read without an order, PostgreSQL's row positions and transaction numbers, or
the places of each row's keys in a file. `score` compares it with the true order: Spearman's rank correlation times
sqrt(n - 1), which is close to a standard normal variable when a reading tells nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

Keys = Mapping[bytes, int]  # bytes that one row alone holds -> its place in the true order
Places = dict[int, float]  # place in the true order -> place in the reading
_PAGE = {"sqlite": 4096, "postgresql": 8192}
_FRAME = 24 + 4096  # of SQLite's write-ahead log


@dataclass(frozen=True, slots=True)
class Reading:
    """Groups are pages, where only what lies in the same page is compared; else there is one."""

    name: str
    groups: tuple[Places, ...]

    @property
    def rows(self) -> int:
        return sum(map(len, self.groups))


def score(reading: Reading) -> float:
    """0 when nothing can be told, because all rows are alike or none was found."""
    total = variance = 0.0
    for places in reading.groups:
        order = sorted(places)
        a, b = _ranks(order), _ranks([places[k] for k in order])
        if len(order) > 1:
            total += sum(x * y for x, y in zip(a, b, strict=True))
            variance += sum(x * x for x in a) * sum(y * y for y in b) / (len(order) - 1)
    return total / math.sqrt(variance) if variance else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Mean ranks, less their mean."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(place)
    middle = (len(values) - 1) / 2
    return [sum(places[value]) / len(places[value]) - middle for value in values]


def readings(engine: Engine, keys: Keys) -> Iterator[Reading]:
    """Every one that the database allows."""
    with engine.connect() as db:
        for table in inspect(engine).get_table_names():
            yield from _table(db, table, keys)
    if engine.dialect.name == "sqlite":
        yield from _file("file", Path(str(engine.url.database)).read_bytes(), keys, _PAGE["sqlite"])
        if sqlite_wal_bytes(engine):
            yield from _file("write-ahead log", _sqlite_wal(engine).read_bytes(), keys, _FRAME)
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("CHECKPOINT"))
        files = db.execute(
            text(
                "SELECT relname, pg_read_binary_file(pg_relation_filepath(oid)) FROM pg_class WHERE relkind IN "
                "('r', 'i', 't') AND relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace) "
                "AND pg_relation_filenode(oid) IS NOT NULL"
            )
        )
        for name, raw in files.all():
            yield from _file(f"file of {name}", bytes(raw), keys, _PAGE["postgresql"])


def _table(db: Connection, table: str, keys: Keys) -> Iterator[Reading]:
    columns = "ctid::text, xmin::text, *" if db.dialect.name == "postgresql" else "*"
    found: dict[str, Places] = {"read without an order": {}, "ctid": {}, "xmin": {}}
    for place, row in enumerate(db.execute(text(f'SELECT {columns} FROM "{table}"')).all()):
        for value in row:
            if (rank := keys.get(bytes(value) if isinstance(value, bytes | memoryview) else b"")) is None:
                continue
            found["read without an order"][rank] = place
            if db.dialect.name == "postgresql":
                block, item = row.ctid.strip("()").split(",")
                found["ctid"][rank] = int(block) * 65536 + int(item)
                found["xmin"][rank] = int(row.xmin)
    for name, places in found.items():
        if places:
            yield Reading(f"{table}, {name}", (places,))


def _file(name: str, raw: bytes, keys: Keys, page: int) -> Iterator[Reading]:
    first: Places = {}
    last: Places = {}
    pages: dict[int, Places] = {}
    for key, rank in keys.items():
        at = raw.find(key)
        while at >= 0:
            first[rank] = min(at, first.get(rank, at))
            last[rank] = max(at, last.get(rank, at))
            pages.setdefault(at // page, {})[rank] = at
            at = raw.find(key, at + 1)
    if first:
        yield Reading(f"{name}, first place", (first,))
        yield Reading(f"{name}, last place", (last,))
        yield Reading(f"{name}, within pages", tuple(pages.values()))


def _sqlite_wal(engine: Engine) -> Path:
    return Path(f"{engine.url.database}-wal")


def sqlite_wal_bytes(engine: Engine) -> int:
    """The size of SQLite's write-ahead log; 0 on PostgreSQL."""
    path = _sqlite_wal(engine)
    return path.stat().st_size if engine.dialect.name == "sqlite" and path.exists() else 0


def wal_position(engine: Engine) -> str:
    """Where PostgreSQL writes now: the name of a segment of its write-ahead log."""
    with engine.connect() as db:
        return str(db.execute(text("SELECT pg_walfile_name(pg_current_wal_lsn())")).scalar_one())


def postgres_wal(engine: Engine, start: str, keys: Keys) -> Reading:
    """What PostgreSQL's write-ahead log tells from segment `start` on, until PostgreSQL writes over it."""
    first: Places = {}
    with engine.connect() as db:
        names = db.execute(text("SELECT name FROM pg_ls_waldir() WHERE name >= :start ORDER BY name"), {"start": start})
        for number, name in enumerate(names.scalars().all()):
            query = text("SELECT pg_read_binary_file('pg_wal/' || :name)")
            raw = bytes(db.execute(query, {"name": name}).scalar_one())
            for key, rank in keys.items():
                if rank not in first and (at := raw.find(key)) >= 0:
                    first[rank] = number * len(raw) + at
    return Reading("PostgreSQL's write-ahead log", (first,))
