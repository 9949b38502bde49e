"""A made-up population register for demos and tests: valid Belgian national numbers, Kortrijk postcodes.

Among the eligible people stand some who are too young, live elsewhere, appear twice or have a bad number,
so that an import has something to refuse. Names are invented; any likeness is chance.
"""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from pathlib import Path

from stembus.ballot.eligibility.register import COLUMNS

_FIRST = ["Emma", "Louis", "Marie", "Lucas", "Julie", "Noah", "Lotte", "Arthur", "Hanne", "Jef", "Fatima", "Omar"]
_LAST = ["Peeters", "Janssens", "Maes", "Jacobs", "Mertens", "Willems", "Claes", "Goossens", "Wouters", "De Smet"]
_STREETS = ["Doorniksestraat", "Leiestraat", "Rijselsestraat", "Burgemeester Reynaertstraat", "Voorstraat"]
_CITIES = {"8500": "Kortrijk", "8501": "Bissegem", "8510": "Marke", "8511": "Aalbeke"}


def national_number(born: date, serial: int) -> str:
    """A Belgian national number: birth date, serial, and 97 less the remainder."""
    head = f"{born:%y%m%d}{serial:03d}"
    full = int(("2" if born.year >= 2000 else "") + head)
    return f"{head}{97 - full % 97:02d}"


def write_register(path: Path, eligible: int, reference: date, refused_each: int, seed: int = 2019) -> None:
    """`eligible` good rows and `refused_each` of each of four kinds of bad ones, shuffled."""
    chance = random.Random(seed)
    serials: dict[date, int] = {}
    homes: list[str] = []

    def person(youngest: int, oldest: int, postcode: str) -> list[str]:
        while True:
            born = reference - timedelta(days=chance.randrange(youngest * 366, oldest * 365))
            if (serial := serials.get(born, 0) + 1) <= 997:
                break
        serials[born] = serial
        # No two people share name and address, so that a letter finds its reader.
        street = f"{chance.choice(_STREETS)} {chance.randrange(1, 300)} bus {len(homes) + 1}"
        homes.append(street)
        city = _CITIES.get(postcode, "Gent")
        language = chance.choices(["nl", "fr", "en"], [94, 5, 1])[0]
        names = [chance.choice(_LAST), chance.choice(_FIRST)]
        return [national_number(born, serial), *names, born.isoformat(), street, postcode, city, language]

    codes = list(_CITIES)
    rows = [person(17, 95, chance.choice(codes)) for _ in range(eligible)]
    bad = [person(5, 15, "8500") for _ in range(refused_each)]
    bad += [person(17, 90, "9000") for _ in range(refused_each)]
    bad += [list(chance.choice(rows)) for _ in range(refused_each)]
    for _ in range(refused_each):
        row = person(17, 90, "8500")
        row[0] = row[0][:-2] + f"{(int(row[0][-2:]) + 1) % 97:02d}"
        bad.append(row)
    everyone = rows + bad
    chance.shuffle(everyone)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(everyone)
