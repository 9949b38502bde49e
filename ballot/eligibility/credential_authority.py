"""The credential authority: a code for each letter, public keys for everyone else.

Works offline on the letters file. Decides codes, spare letters, and what is published. The codes exist in
two secret files until the letters are printed; `destroy_codes` ends that: what stays is who got which public key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from stembus.audit.durable import STAGED, remove_leftovers
from stembus.audit.formats.entry_bodies import Roll
from stembus.audit.formats.lists import CREDENTIALS, SPARES, encode_keys, list_root
from stembus.ballot.eligibility.letter_code import credential_key, format_code, new_code, parse_code
from stembus.ballot.eligibility.own_csv import LETTER_COLUMNS, read_csv, write_csv
from stembus.ballot.errors import RollInvalid

CODED_COLUMNS = [*LETTER_COLUMNS, "code"]
SPARE_COLUMNS = ["spare", "code"]
ENROLMENT_COLUMNS = ["number", "credential"]
SPARE_KEY_COLUMNS = ["spare", "credential"]
SPARE_SHARE = 0.02
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    credentials: int
    spares: int


def make_credentials(letters: Path, folder: Path, referendum: bytes, progress: Progress | None = None) -> Made:
    """Writes codes.csv and spares.csv (secret) and enrolment.csv (for the registrars) into `folder`.
    Done again, it keeps what is there: letters may be at the printer's."""
    if (folder / "enrolment.csv").exists():
        count = sum(1 for _ in read_csv(folder / "enrolment.csv", ENROLMENT_COLUMNS))
        return Made(count, sum(1 for _ in read_csv(folder / "spare-keys.csv", SPARE_KEY_COLUMNS)))
    for name in ("codes.csv", "spares.csv", "spare-keys.csv", "enrolment.csv"):
        remove_leftovers(folder / name)
    rows = list(read_csv(letters, LETTER_COLUMNS))
    coded, enrolment = [], []
    for done, row in enumerate(rows, 1):
        symbols = new_code()
        coded.append([*row, format_code(symbols)])
        enrolment.append([row[0], credential_key(symbols, referendum).public.hex()])
        if progress and done % 256 == 0:
            progress(done, len(rows))
    spares = [[f"spare-{k:05d}", format_code(new_code())] for k in range(1, ceil(len(rows) * SPARE_SHARE) + 1)]
    write_csv(folder / "codes.csv", coded, CODED_COLUMNS)
    write_csv(folder / "spares.csv", spares, SPARE_COLUMNS)
    keys = [[label, credential_key(parse_code(code), referendum).public.hex()] for label, code in spares]
    write_csv(folder / "spare-keys.csv", keys, SPARE_KEY_COLUMNS)
    write_csv(folder / "enrolment.csv", enrolment, ENROLMENT_COLUMNS)
    return Made(len(rows), len(spares))


def publish_lists(folder: Path, publish: Callable[[str, bytes], None]) -> Roll:
    """Writes both sorted public lists into the bundle, by `publish(name, data)`, and returns the entry's body."""
    credentials = [bytes.fromhex(row[1]) for row in read_csv(folder / "enrolment.csv", ENROLMENT_COLUMNS)]
    spares = list(spare_keys(folder).values())
    if len({*credentials, *spares}) != len(credentials) + len(spares):
        raise RollInvalid("two letters have the same code; make the credentials again")
    publish(CREDENTIALS, encode_keys(credentials).encode("ascii"))
    publish(SPARES, encode_keys(spares).encode("ascii"))
    count, root = list_root(sorted(credentials))
    spare_count, spare_root = list_root(sorted(spares))
    return Roll(count=count, credentials_root=root.hex(), spares=spare_count, spares_root=spare_root.hex())


def spare_keys(folder: Path) -> dict[str, bytes]:
    """The public key of each spare letter, by its label. The codes are not needed for it."""
    return {row[0]: bytes.fromhex(row[1]) for row in read_csv(folder / "spare-keys.csv", SPARE_KEY_COLUMNS)}


def count_codes(folder: Path) -> tuple[int, int] | None:
    """Of letters and of spare ones; None once they are destroyed, or before they are made."""
    if not (folder / "codes.csv").exists() or not (folder / "spares.csv").exists():
        return None
    rows = (read_csv(folder / "codes.csv", CODED_COLUMNS), read_csv(folder / "spares.csv", SPARE_COLUMNS))
    return len(list(rows[0])), len(list(rows[1]))


def destroy_codes(folder: Path, letters: Path) -> list[str]:
    """Deletes the codes, and the PDF files of letters, once these are printed; returns what was destroyed. What was
    deleted can lie on a disk for longer, or in a backup: only an encrypted disk, whose key goes as well, ends that."""
    gone = []
    for name in ("codes.csv", "spares.csv"):
        remove_leftovers(folder / name)
        if (folder / name).exists():
            (folder / name).unlink()
            gone.append(name)
    for path in sorted(letters.rglob("*.pdf")):
        path.unlink()
        gone.append(path.name)
    for left in letters.rglob(f".*{STAGED}"):
        left.unlink()
    return gone
