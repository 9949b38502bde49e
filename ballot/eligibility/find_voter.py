"""The voter number of somebody who lost the letter, by name and address.

Decides who is meant by what an officer types: all words must stand in the name or the address, whatever their accents
and capitals. Leaves to the help desk that it is written down who looked.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from stembus.ballot.eligibility.own_csv import LETTER_COLUMNS, read_csv
from stembus.ballot.errors import RollInvalid

MOST = 10


@dataclass(frozen=True, slots=True)
class Found:
    """`number` is the voter number; `name` and `address` as they stand on the letter."""

    number: str
    name: str
    address: str


def find_voters(letters: Path, typed: str) -> list[Found]:
    """Raises RollInvalid for words that too many people have, or nobody."""
    words = _plain(typed).split()
    if not words:
        raise RollInvalid("type a name, and some of the address if several people have it")
    found = []
    for number, last, first, street, postcode, city, _ in read_csv(letters, LETTER_COLUMNS):
        one = Found(number, f"{first} {last}".strip(), f"{street}, {postcode} {city}")
        written = f" {_plain(f'{one.name} {one.address}')}"
        if all(f" {word}" in written for word in words):
            found.append(one)
    if not found:
        raise RollInvalid("nobody on the roll has all these words in name and address; type fewer of them")
    if len(found) > MOST:
        raise RollInvalid(f"{len(found)} people have these words in name and address; type more of them")
    return found


def _plain(text: str) -> str:
    """Without accents and capitals; what is no letter or digit parts words."""
    split = unicodedata.normalize("NFD", text.casefold())
    kept = "".join(c for c in split if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in kept).split())
