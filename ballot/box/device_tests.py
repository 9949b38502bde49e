"""How many testers said that their device held what it had shown, and how many that it did not: a bare count by day.

Anybody can say it, so it proves nothing by itself; what it tells is whether people test at all, and when somebody
should look closer. Decides that nothing but a count is kept: no ballot, no person, no address, no time finer than a
day: a day is shown when it is over, or the voting is. The table lies beside the published folder, since it is no part
of the log, and nothing depends on it.
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
    """Of one box. `folder` is where the table is shown."""

    def __init__(self, engine: Engine, clock: Clock, folder: Path) -> None:
        self._engine = engine
        self._clock = clock
        self._folder = folder

    def report(self, held: bool) -> None:
        """Counts one test more, of today."""
        day = self._today()
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

    def take_back(self) -> None:
        """What was shown already is counted again, where a lost database knows less."""
        for shown in published_tests(self._folder):
            day = shown.day.isoformat()
            self._begin(day)
            with self._engine.begin() as db:
                for column, least in ((device_tests.c.held, shown.held), (device_tests.c.failed, shown.failed)):
                    fewer = update(device_tests).where(device_tests.c.day == day, column < least)
                    db.execute(fewer.values({column: least}))

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), ZONE).date().isoformat()

    def publish(self, over: bool = False) -> None:
        """Writes the table anew if it says something else by now; today too, where the voting is `over`. Raises
        OSError, or what the database raises."""
        with reading(self._engine) as db:
            rows = db.execute(select(device_tests).order_by(device_tests.c.day)).all()
        rows = [row for row in rows if over or row.day < self._today()]
        text = "\n".join([_HEAD, *(f"{day},{held},{failed}" for day, held, failed in rows), ""]).encode("ascii")
        path = self._folder / FILE
        if rows and (not path.is_file() or path.read_bytes() != text):
            write_durably(path, text)


def shown_beside(public: Path) -> Path:
    """The folder of the table that belongs to this published folder."""
    return public.parent / "counts"


def published_tests(folder: Path) -> Sequence[DayCount]:
    """By day; none where nobody reported, or the file is not one that `publish` writes."""
    try:
        with (folder / FILE).open(encoding="ascii") as file:
            head, *lines = file.read(_FILE_BYTES).splitlines()
        found = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
        days = [DayCount(date.fromisoformat(day), int(held), int(failed)) for day, held, failed in found]
    except (OSError, ValueError):
        return []
    return days if head == _HEAD and len(days) == len(lines) else []
