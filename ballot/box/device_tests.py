"""How many testers said that their device held what it had shown, and how many that it did not: a bare count by day.

Anybody can say it, so it proves nothing by itself; what it tells is whether people test at all, and when somebody
should look closer. Decides that nothing but a count is kept: no ballot, no person, no address, no time finer than a
day. The published table is no part of the log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from stembus.audit.clock import Clock
from stembus.audit.durable import write_durably
from stembus.ballot.database import reading
from stembus.ballot.storage import device_tests

FILE = "device-tests.csv"
ZONE = ZoneInfo("Europe/Brussels")
_HEAD = "day,held,failed"
_LINE = re.compile(r"(\d{4}-\d\d-\d\d),(\d{1,9}),(\d{1,9})")
_FILE_BYTES = 64 * 1024
_MOST = 999_999_999  # what a line can say


@dataclass(frozen=True, slots=True)
class DayCount:
    day: date
    held: int
    failed: int


class DeviceTests:
    """Of one box. `public` is its published folder."""

    def __init__(self, engine: Engine, clock: Clock, public: Path) -> None:
        self._engine = engine
        self._clock = clock
        self._public = public

    def report(self, held: bool) -> None:
        """Counts one test more, of today."""
        day = datetime.fromtimestamp(self._clock.now(), ZONE).date().isoformat()
        column = device_tests.c.held if held else device_tests.c.failed
        if not self._count(day, column):
            self._begin(day)
            self._count(day, column)

    def _count(self, day: str, column: Column[int]) -> bool:
        more = update(device_tests).where(device_tests.c.day == day, column < _MOST).values({column: column + 1})
        with self._engine.begin() as db:
            return bool(db.execute(more).rowcount)

    def _begin(self, day: str) -> None:
        """A line for this day, unless somebody else has just begun it."""
        with suppress(IntegrityError), self._engine.begin() as db:
            db.execute(insert(device_tests).values(day=day, held=0, failed=0))

    def publish(self) -> None:
        """Writes the table beside the log, if it says something else by now."""
        with reading(self._engine) as db:
            rows = db.execute(select(device_tests).order_by(device_tests.c.day)).all()
        text = "\n".join([_HEAD, *(f"{day},{held},{failed}" for day, held, failed in rows), ""]).encode("ascii")
        path = self._public / FILE
        if rows and (not path.is_file() or path.read_bytes() != text):
            write_durably(path, text)


def published_tests(public: Path) -> Sequence[DayCount]:
    """Of a published folder, by day; none where nobody reported, or the file is not one that `publish` writes."""
    try:
        with (public / FILE).open(encoding="ascii") as file:
            head, *lines = file.read(_FILE_BYTES).splitlines()
        found = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
        days = [DayCount(date.fromisoformat(day), int(held), int(failed)) for day, held, failed in found]
    except (OSError, ValueError):
        return []
    return days if head == _HEAD and len(days) == len(lines) else []
