"""Puts a backup back, into a folder that does not exist yet.

Decides that only a whole backup is put back, that nothing which exists is overwritten, and that no voter gets a second
token by it: a registrar's record from a backup does not know the tokens that were given out after it was made, so once
the voting may have begun every letter that it calls *ready* becomes *unknown*, and gets none. A record that lies
elsewhere and is still there is newer, and stays. Leaves judging the folder to `examination`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.clock import Clock
from stembus.audit.durable import staged
from stembus.ballot.errors import BallotError
from stembus.ballot.issuance.issuance_record import create_record, read_record
from stembus.ballot.issuance.issuance_slot import State
from stembus.ballot.issuance.record_comparison import doubted
from stembus.ballot.office.backup import (
    CONTENTS,
    FORMAT,
    copy_file,
    database_name,
    files_of,
    parties,
    record_name,
    sha256,
)
from stembus.ballot.office.databases import Databases
from stembus.ballot.office.new_place import demand_new, made_beside
from stembus.ballot.office.office import Office


class BackupInvalid(BallotError):
    """A folder is no backup, or not whole. Nothing was restored."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`notes` are sentences about what was not simply put back. `dumps` are the parties whose database is PostgreSQL's
    and comes from its own dump."""

    files: int
    notes: tuple[str, ...]
    dumps: tuple[str, ...]


def restore(backup: Path, root: Path, clock: Clock | None, no_token_since: bool) -> Restored:
    """`no_token_since` is an official's word that no registrar gave out a token after the backup was made. Raises
    BackupInvalid, PlaceTaken, or what settings and manifest refuse."""
    hashes, dumps = _read(backup)
    demand_new(backup, root)
    notes: list[str] = []
    with made_beside(root) as beside:
        for name in hashes:
            copy_file(backup / name, beside / name)
        beside.chmod(backup.stat().st_mode & 0o777)
        made = Office(beside, _no_passphrase, clock)
        later = not no_token_since and made.may_have_begun()
        notes += _place_databases(made)
        # Last: cut off after it, the next restoring would take it for a newer one.
        for number in range(1, len(made.manifest.registrars) + 1):
            if record_name(number) in hashes:
                notes += _place_record(made, number, later, root)
    return Restored(len(hashes), tuple(notes), tuple(dumps))


def _no_passphrase(party: str) -> str:
    raise BallotError(f"the key of {party} is not opened by restoring")


def _read(backup: Path) -> tuple[Mapping[str, str], list[str]]:
    try:
        contents = json.loads((backup / CONTENTS).read_text(encoding="utf-8"))
        hashes, dumps = dict(contents["files"]), [str(party) for party in contents["postgresql"]]
        if contents["format"] != FORMAT:
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupInvalid(f"{backup} is no whole backup: its {CONTENTS} is missing or damaged") from None
    found = {str(path.relative_to(backup)) for path in files_of(backup)} - {CONTENTS}
    for name in sorted(found ^ hashes.keys()):
        what = "is missing in" if name in hashes else "does not belong to"
        raise BackupInvalid(f"{name} {what} the backup {backup}; nothing was restored")
    for name, digest in hashes.items():
        if sha256(backup / name) != digest:
            raise BackupInvalid(f"{backup / name} is not what was backed up; nothing was restored")
    return hashes, dumps


def _place_record(office: Office, number: int, later: bool, root: Path) -> list[str]:
    """`root` is where the folder of this office will be."""
    own = office.root / record_name(number)
    place = Databases(office, office.referendum).record_path(number)
    elsewhere = place.absolute() != own.absolute()
    if elsewhere and place.exists():
        own.unlink()
        return [f"{place} is there and was left as it is: it is newer than the backup's"]
    old = read_record(own)
    slots = doubted(dict(old.slots())) if later else dict(old.slots())
    own.unlink()
    create_record(place, old.header.referendum, number, slots.keys(), slots)
    if not later:
        return []
    if not elsewhere:
        place = root / record_name(number)
    unknown = sum(slot.state is State.UNKNOWN for slot in slots.values())
    return [
        f"registrar {number} gives no token to {unknown} letters, for nobody knows here which of them had one after "
        "the backup was made; bring back a newer copy of its database or record if there is any; if you are sure that "
        f"no token was given out since, remove {root} and {place}, and restore with --no-token-since"
    ]


def _place_databases(office: Office) -> list[str]:
    """SQLite databases that the settings put elsewhere."""
    databases = Databases(office, office.referendum)
    notes = []
    for party in parties(office, databases):
        file, own = databases.file(party), office.root / database_name(party)
        if file is None or not own.exists() or file.absolute() == own.absolute():
            continue
        if file.exists():
            notes.append(f"{file} is there and was left as it is: it is newer than the backup's")
        else:
            # Whole or not at all: cut off here, the next restoring would take a part for a newer database.
            with own.open("rb") as source, staged(file, private=True) as target:
                shutil.copyfileobj(source, target)
        own.unlink()
    return notes
