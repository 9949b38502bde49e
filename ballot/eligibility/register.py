"""The population register: who is eligible, and the two files into which names and second factors are split.

Reads the register's CSV, refuses each bad line by number and reason, and writes *letters* (voter number,
name, address, language) for the credential authority and *factors* (voter number, hashed second factor)
for the registrars. Nothing is half-imported; a killed run goes on where it was.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from stdnum.be import nn
from stdnum.exceptions import ValidationError

from stembus.audit.durable import remove_leftovers, write_durably
from stembus.audit.formats.manifest import Eligibility, SecondFactor
from stembus.ballot.eligibility.second_factor import FactorHasher
from stembus.ballot.errors import RollInvalid

COLUMNS = ["national_number", "last_name", "first_name", "birth_date", "street", "postcode", "city", "language"]
LETTER_COLUMNS = ["number", "last_name", "first_name", "street", "postcode", "city", "language"]
FACTOR_COLUMNS = ["number", "factor"]
_CHUNK = 512
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Person:
    """One accepted row of the register."""

    national_number: str
    birth_date: str
    letter: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class RollReading:
    accepted: list[Person]
    refused: list[Refusal]


def read_register(path: Path, rule: Eligibility, languages: list[str]) -> RollReading:
    """Raises RollInvalid when the file as a whole cannot be read."""
    accepted: list[Person] = []
    refused: list[Refusal] = []
    seen: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, None)
            if header != COLUMNS:
                raise RollInvalid(f"{path}: the first line must name the columns {','.join(COLUMNS)}")
            for row in rows:
                line = rows.line_num
                problem = _problem(row, rule, languages, seen)
                if problem:
                    refused.append(Refusal(line, problem))
                    continue
                number = nn.compact(row[0])
                seen[number] = line
                accepted.append(Person(number, row[3], (row[1], row[2], row[4], row[5], row[6], row[7])))
    except FileNotFoundError:
        raise RollInvalid(f"there is no register {path}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise RollInvalid(f"{path} is not a CSV file in UTF-8: {error}") from None
    return RollReading(accepted, refused)


def _problem(row: list[str], rule: Eligibility, languages: list[str], seen: dict[str, int]) -> str | None:
    if len(row) != len(COLUMNS):
        return f"{len(row)} columns instead of {len(COLUMNS)}"
    try:
        number = nn.validate(row[0])
        stated = nn.get_birth_date(number)
    except ValidationError:
        return "the national number is not valid"
    try:
        born = date.fromisoformat(row[3])
        if born.isoformat() != row[3]:
            raise ValueError
    except ValueError:
        return "the birth date is not written like 1980-12-31"
    if stated is not None and stated != born:
        return "national number and birth date do not agree"
    if number in seen:
        return f"the same person as line {seen[number]}"
    if not (row[1].strip() and row[4].strip() and row[6].strip()):
        return "name or address is empty"
    if row[5] not in rule.postcodes:
        return f"postcode {row[5]} is outside the area"
    if _age(born, date.fromisoformat(rule.age_date)) < rule.minimum_age:
        return f"younger than {rule.minimum_age} on {rule.age_date}"
    if row[7] not in languages:
        return f"language {row[7]!r} is none of {', '.join(languages)}"
    return None


def _age(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def import_roll(
    register: Path,
    rule: Eligibility,
    languages: list[str],
    factor: SecondFactor,
    pepper: bytes,
    folder: Path,
    progress: Progress | None = None,
) -> RollReading:
    """Writes `letters.csv` and `factors.csv` into `folder`. Raises RollInvalid when the number of accepted
    people is not the official one, or when another register was imported before."""
    reading = read_register(register, rule, languages)
    if len(reading.accepted) != rule.official_count:
        raise RollInvalid(
            f"the register holds {len(reading.accepted)} eligible people and the manifest's official count is "
            f"{rule.official_count}; nothing was imported"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("numbers", "imported-from", "letters.csv", "factors.csv"):
        remove_leftovers(folder / name)
    digest = hashlib.sha256(register.read_bytes()).hexdigest()
    marker = folder / "imported-from"
    if marker.exists() and marker.read_text() != digest:
        raise RollInvalid(f"{folder} holds the import of another register")
    if (folder / "factors.csv").exists():
        (folder / "numbers").unlink(missing_ok=True)
        (folder / "factors.csv.partial").unlink(missing_ok=True)
        return reading
    numbers = _assigned_numbers(folder, len(reading.accepted))
    write_durably(marker, digest.encode("ascii"), private=True)
    _write_letters(folder / "letters.csv", numbers, reading.accepted)
    kind = factor.kind
    values = [p.birth_date if kind == "birth-date" else p.national_number for p in reading.accepted]
    _write_factors(folder / "factors.csv", numbers, values, FactorHasher(factor, pepper), progress)
    (folder / "numbers").unlink()
    return reading


def _assigned_numbers(folder: Path, count: int) -> list[str]:
    """Random voter numbers, kept until the import is complete so that a killed run can go on."""
    path = folder / "numbers"
    if path.exists():
        return path.read_text(encoding="ascii").split()
    chosen: set[str] = set()
    while len(chosen) < count:
        chosen.add(f"{secrets.randbelow(10**9):09d}")
    numbers = list(chosen)
    write_durably(path, ("\n".join(numbers) + "\n").encode("ascii"), private=True)
    return numbers


def _write_letters(path: Path, numbers: list[str], people: list[Person]) -> None:
    lines = [LETTER_COLUMNS, *([number, *person.letter] for number, person in zip(numbers, people, strict=True))]
    write_csv(path, sorted(lines[1:], key=lambda line: line[0]), LETTER_COLUMNS)


def write_csv(path: Path, rows: list[list[str]], columns: list[str]) -> None:
    """A secret CSV file, in one step."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_durably(path, text.getvalue().encode("utf-8"), private=True)


def read_csv(path: Path, columns: list[str]) -> Iterator[list[str]]:
    """Raises RollInvalid."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            if next(rows, None) != columns:
                raise RollInvalid(f"{path} does not have the columns {','.join(columns)}")
            yield from rows
    except FileNotFoundError:
        raise RollInvalid(f"there is no file {path}; the step before this one writes it") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise RollInvalid(f"{path} is damaged: {error}") from None


def _write_factors(
    path: Path, numbers: list[str], values: list[str], hasher: FactorHasher, progress: Progress | None
) -> None:
    """Hashes with all cores, appending; a partial file from a killed run is continued."""
    partial = path.with_name("factors.csv.partial")
    done = _complete_lines(partial)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file, ThreadPoolExecutor() as pool:
        pairs = iter(zip(numbers[done:], values[done:], strict=True))
        while chunk := list(islice(pairs, _CHUNK)):
            hashes = pool.map(hasher.hash, (value for _, value in chunk))
            file.writelines(f'{number},"{hashed}"\n' for (number, _), hashed in zip(chunk, hashes, strict=True))
            file.flush()
            os.fsync(file.fileno())
            done += len(chunk)
            if progress:
                progress(done, len(numbers))
    lines = partial.read_text(encoding="ascii").splitlines()
    write_csv(path, sorted(csv.reader(lines)), FACTOR_COLUMNS)
    partial.unlink()


def _complete_lines(path: Path) -> int:
    """Cuts a torn last line off; returns the number of whole ones."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        path.write_bytes(whole)
    return whole.count(b"\n")
