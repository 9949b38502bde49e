"""Registers to be read: good rows, and rows that are wrong in one column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from stembus.audit.formats.manifest import Eligibility, SecondFactor
from stembus.ballot.eligibility.register import COLUMNS, RollReading, read_register
from stembus.ballot.eligibility.register_columns import Settings
from stembus.ballot.eligibility.roll_import import import_roll
from stembus.scripts.rehearsal.made_up_register import national_number

REFERENCE = date(2019, 10, 14)
LANGUAGES = ["nl", "en", "fr"]
FACTOR = SecondFactor(kind="birth-date", memory_kib=8, passes=1)
PEPPER = b"p" * 32


def rule(count: int = 1) -> Eligibility:
    return Eligibility(
        description=dict.fromkeys(LANGUAGES, "all"),
        minimum_age=16,
        age_date=REFERENCE.isoformat(),
        residence_date=REFERENCE.isoformat(),
        postcodes=["8500", "8501"],
        official_count=count,
    )


def row(born: str = "1980-12-31", serial: int = 1, **changes: str) -> list[str]:
    """A good row of the register, or one that is wrong in one column."""
    values = {
        "national_number": national_number(date.fromisoformat(born), serial),
        "last_name": "Peeters",
        "first_name": "Emma" if serial == 1 else f"Emma {serial}",
        "birth_date": born,
        "street": "Leiestraat 1",
        "postcode": "8500",
        "city": "Kortrijk",
        "language": "nl",
    }
    return list((values | changes).values())


def write_rows(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def read_rows(path: Path, rows: Sequence[Sequence[str]], settings: Settings | None = None) -> RollReading:
    return read_register(write_rows(path, rows), rule(), LANGUAGES, settings)


def run(register: Path, folder: Path, count: int, factor: SecondFactor = FACTOR) -> RollReading:
    reading = read_register(register, rule(count), LANGUAGES)
    import_roll(reading, rule(count), factor, PEPPER, folder)
    return reading


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
