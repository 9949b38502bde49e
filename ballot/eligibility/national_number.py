"""A Belgian national number, or the bis number of somebody who is in no register of a municipality.

Decides which spellings are read, and what a spreadsheet did to one that is not valid. Check digits and parts are
stdnum's (Royal decree of 3 April 1984; month plus 20 or 40 in a bis number).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from stdnum.be import bis, nn
from stdnum.exceptions import ValidationError

from stembus.ballot.eligibility.birth_date import BirthDate

_DIGITS = 11
_ROUNDED = re.compile(r"\d([.,]\d+)?[eE]\+?\d{1,2}")


class Damage(Enum):
    """Why a cell is no national number."""

    INVALID = "not valid"
    LOST_ZEROS = "lost its leading zeros"
    ROUNDED = "was rounded"


@dataclass(frozen=True, slots=True)
class NationalNumber:
    """`born` is what the number says of the birth date; None where it says nothing."""

    digits: str
    born: BirthDate | None


def parse_national_number(text: str) -> NationalNumber | Damage:
    """Dots, dashes, slashes, spaces and an apostrophe in front are left out."""
    digits = re.sub(r"[ ./-]", "", text.strip().removeprefix("'"))
    if _ROUNDED.fullmatch(text.strip()):
        return Damage.ROUNDED
    if not (digits.isascii() and digits.isdigit()):
        return Damage.INVALID
    if len(digits) == _DIGITS:
        return _valid(digits) or Damage.INVALID
    if len(digits) < _DIGITS and _valid(digits.zfill(_DIGITS)):
        return Damage.LOST_ZEROS
    return Damage.INVALID


def with_zeros(text: str) -> NationalNumber | None:
    """Of a cell whose leading zeros are lost, what it was."""
    return _valid(re.sub(r"[ ./-]", "", text.strip().removeprefix("'")).zfill(_DIGITS))


def _valid(digits: str) -> NationalNumber | None:
    kind = nn if digits[2:4] < "20" else bis
    try:
        kind.validate(digits)
        year, month = kind.get_birth_year(digits), kind.get_birth_month(digits)
        day = kind.get_birth_date(digits)
    except ValidationError:
        return None
    return NationalNumber(digits, BirthDate(year, month or 0, day.day if day else 0) if year else None)
