"""The second factor in its one spelling: a birth date as ISO text, with 00 for what of it is unknown, or a national
number as eleven digits.

Apart from the hashing, so that a voter's device needs no server library.
"""

from __future__ import annotations

import re
from datetime import date

from stembus.ballot.errors import RequestInvalid


def normalise_factor(kind: str, text: str) -> str:
    """Raises RequestInvalid with what to type instead."""
    text = text.strip()
    if kind == "birth-date":
        for pattern, order in (
            (r"(\d{4})-(\d{2})-(\d{2})", (1, 2, 3)),
            (r"(\d{1,2})[ ./-]+(\d{1,2})[ ./-]+(\d{4})", (3, 2, 1)),
            (r"(\d{2})(\d{2})(\d{4})", (3, 2, 1)),
        ):
            if match := re.fullmatch(pattern, text):
                year, month, day = (int(match[i]) for i in order)
                if not _is_day(year, month, day):
                    raise RequestInvalid(f"{text} is no day of any calendar; look at day and month")
                return f"{year:04d}-{month:02d}-{day:02d}"
        raise RequestInvalid(
            "type the birth date as day, month, year, like 31/12/1980; what of it is unknown as 00, like 00/00/1980"
        )
    digits = re.sub(r"[ .-]", "", text)
    if not re.fullmatch(r"[0-9]{11}", digits):
        raise RequestInvalid("a national number has eleven digits, like 80.12.31-123.45")
    return digits


def _is_day(year: int, month: int, day: int) -> bool:
    """Or a month or year, where the rest is 0."""
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        return False
    return month > 0 or day == 0
