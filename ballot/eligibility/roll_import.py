"""The two files into which names and second factors of those who may vote are split.

Writes *letters* (voter number, name, address, language) for the credential authority and *factors* (voter number,
hashed second factor) for the registrars. Decides that their number is the official one, which comes from elsewhere than
the register. Nothing is half-imported; a killed run goes on where it was.
"""

from __future__ import annotations

import csv
import hashlib
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from stembus.audit.durable import remove_leftovers, write_durably
from stembus.audit.formats.manifest import Eligibility, SecondFactor
from stembus.ballot.eligibility.own_csv import FACTOR_COLUMNS, LETTER_COLUMNS, write_csv
from stembus.ballot.eligibility.register import Person, RollReading
from stembus.ballot.eligibility.second_factor import FactorHasher
from stembus.ballot.errors import RollInvalid

_CHUNK = 512
Progress = Callable[[int, int], None]


def import_roll(
    reading: RollReading,
    rule: Eligibility,
    factor: SecondFactor,
    pepper: bytes,
    folder: Path,
    progress: Progress | None = None,
) -> None:
    """Writes `letters.csv` and `factors.csv` into `folder`. Raises RollInvalid when the number of accepted
    people is not the official one, or when other people were imported before."""
    if len(reading.accepted) != rule.official_count:
        faults = len(reading.faults)
        mend = f"; {faults} lines are faulty, and may be the difference: mend them" if faults else ""
        raise RollInvalid(
            f"the register holds {len(reading.accepted)} eligible people and the manifest's official count is "
            f"{rule.official_count}{mend}; nothing was imported"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("numbers", "imported-from", "letters.csv", "factors.csv"):
        remove_leftovers(folder / name)
    digest = _digest(reading.accepted)
    marker = folder / "imported-from"
    if marker.exists() and marker.read_text() != digest:
        raise RollInvalid(
            f"{folder} holds the import of another register, or of this one read in another way; it counts, and "
            "nothing was changed. If no letter was made from it yet, move that folder away, and import again"
        )
    if (folder / "factors.csv").exists():
        (folder / "numbers").unlink(missing_ok=True)
        (folder / "factors.csv.partial").unlink(missing_ok=True)
        return
    numbers = _assigned_numbers(folder, len(reading.accepted))
    write_durably(marker, digest.encode("ascii"), private=True)
    _write_letters(folder / "letters.csv", numbers, reading.accepted)
    kind = factor.kind
    values = [p.birth_date if kind == "birth-date" else p.national_number for p in reading.accepted]
    _write_factors(folder / "factors.csv", numbers, values, FactorHasher(factor, pepper), progress)
    (folder / "numbers").unlink()


def _digest(people: list[Person]) -> str:
    """Of all that is imported, in its order."""
    digest = hashlib.sha256()
    for person in people:
        digest.update("\0".join((person.national_number, person.birth_date, *person.letter, "")).encode("utf-8"))
    return digest.hexdigest()


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
