"""A birth date as registers state it: month, or day, or both may be unknown, as with many people born elsewhere.

Decides which spellings are read, and the one that is kept: ISO, with 00 for what is unknown. It is what the voter types
as second factor, too (docs/protocol.md, 9).
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

_CLOCK = re.compile(r"[ T]0{1,2}:00(:00)?(\.0+)?Z?\Z")
_FORMS: tuple[tuple[re.Pattern[str], tuple[int, ...]], ...] = tuple(
    (re.compile(pattern), order)
    for pattern, order in (
        (r"(\d{4})[-./ ](\d{1,2})[-./ ](\d{1,2})", (1, 2, 3)),
        (r"(\d{1,2})[-./ ]+(\d{1,2})[-./ ]+(\d{4})", (3, 2, 1)),
        (r"((?:18|19|20)\d{2})(\d{2})(\d{2})", (1, 2, 3)),
        (r"(\d{2})(\d{2})((?:18|19|20)\d{2})", (3, 2, 1)),
        (r"(\d{4})[-./ ](\d{1,2})", (1, 2)),
        (r"(\d{1,2})[-./ ](\d{4})", (2, 1)),
        (r"(\d{4})", (1,)),
    )
)
_EARLIEST_YEAR = 1850


@dataclass(frozen=True, slots=True)
class BirthDate:
    """`month` and `day` are 0 where they are unknown; so is the day where the month is."""

    year: int
    month: int
    day: int

    @property
    def iso(self) -> str:
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"

    @property
    def is_complete(self) -> bool:
        return self.month > 0 and self.day > 0

    def earliest(self) -> date:
        return date(self.year, self.month or 1, self.day or 1)

    def latest(self) -> date:
        month = self.month or 12
        return date(self.year, month, self.day or monthrange(self.year, month)[1])

    def joined_with(self, other: BirthDate) -> BirthDate:
        """What either knows; they agree."""
        month = self.month or other.month
        return BirthDate(self.year, month, (self.day or other.day) if month else 0)

    def agrees_with(self, other: BirthDate) -> bool:
        """As far as both know."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return all(0 in pair or pair[0] == pair[1] for pair in pairs)


def parse_birth_date(text: str) -> BirthDate | None:
    """None for what is no such date, or could be one of two."""
    text = _CLOCK.sub("", text.strip())
    for pattern, order in _FORMS:
        if match := pattern.fullmatch(text):
            parts = [*(int(match[group]) for group in order), 0, 0]
            if (found := _date(parts[0], parts[1], parts[2])) is not None:
                return found  # 19011975 is no day of 1901, but one of 1975
    return None


def _date(year: int, month: int, day: int) -> BirthDate | None:
    if not month:
        day = 0
    found = BirthDate(year, month, day)
    try:
        return found if year >= _EARLIEST_YEAR and found.earliest() and found.latest() else None
    except ValueError:  # calendar's error of an illegal month is one, too
        return None


def age_on(day: date, born: date) -> int:
    """In full years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
