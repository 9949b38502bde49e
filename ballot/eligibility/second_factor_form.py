"""The second factor in its one spelling: a birth date as ISO text, or a national number as eleven digits.

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
                try:
                    return date(*(int(match[i]) for i in order)).isoformat()
                except ValueError:
                    raise RequestInvalid(f"{text} is no day of any calendar; look at day and month") from None
        raise RequestInvalid("type the birth date as day, month, year, like 31/12/1980")
    digits = re.sub(r"[ .-]", "", text)
    if not re.fullmatch(r"[0-9]{11}", digits):
        raise RequestInvalid("a national number has eleven digits, like 80.12.31-123.45")
    return digits
