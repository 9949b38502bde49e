"""What is destroyed once a referendum is over: all that ties letters, tokens or votes to people.

    DIR/purge.json    what was begun to be destroyed, until two officers have signed it in the log

Decides what goes: registers, codes, letters, databases with their side files, issuance records, secrets of services and
trustees. What stays: the published log, the definition, keys of officers and log, settings. Files are overwritten
before they are removed; that says nothing of flash storage, of copies, or of backups.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.durable import sync_folder, write_durably
from stembus.audit.state_machine import Phase
from stembus.ballot.errors import BallotError
from stembus.ballot.office.databases import Databases
from stembus.ballot.office.office import Office

RECORD = "purge.json"
_CHUNK = 1 << 20
_OVER = (Phase.TALLIED, Phase.CANCELLED, Phase.ABANDONED)
_SIDE_FILES = ("", "-wal", "-shm", "-journal")
# Folders that go whole, and how the log names what was in them.
_FOLDERS = {
    "importer": "what was kept of the population register",
    "authority": "letter codes, spare codes and the enrolment list",
    "letters": "the letters",
    "voters": "what devices of voters kept in this folder",
    "desk": "the help desk's files",
    "box": "the ballot box's files and key",
    "client": "the key of the voting pages",
}


class NothingToDestroy(BallotError):
    """The referendum is not over, or nothing of it is left here."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """`what` is the sentence for the log; `paths` are files and whole folders, `party` whose PostgreSQL tables go."""

    what: str
    paths: tuple[Path, ...] = ()
    party: str = ""


def doomed(office: Office) -> list[Doomed]:
    """What lies here and is to go. Raises NothingToDestroy while the referendum goes on."""
    if office.reading().order.phase not in _OVER:
        raise NothingToDestroy("nothing is destroyed before there is a result, or the referendum was cancelled")
    return [one for one in _everything(office) if one.party or any(path.exists() for path in one.paths)]


def _everything(office: Office) -> Iterator[Doomed]:
    databases = Databases(office, office.referendum)
    for number in range(1, len(office.manifest.registrars) + 1):
        party = f"registrar-{number}"
        if databases.made(party):
            yield _database(databases, party, f"the database of registrar {number}")
        record = databases.record_path(number)
        yield Doomed(f"the issuance record of registrar {number}", (record, record.with_name(f"{record.name}.lock")))
        yield Doomed(f"files and keys of registrar {number}", (office.folder(party),))
    for party, what in (("box", "the database of the ballot box"), ("desk", "the database of the help desk")):
        if databases.made(party):
            yield _database(databases, party, what)
    yield Doomed("the seed of the paper ballots", (office.paper_seed,))
    yield from (Doomed(what, (office.folder(name),)) for name, what in _FOLDERS.items())
    for path in sorted(office.root.glob("trustee-*")):
        yield Doomed(f"the key file of {path.name} that lay in the office's folder", (path,))


def _database(databases: Databases, party: str, what: str) -> Doomed:
    file = databases.file(party)
    if file is None:
        return Doomed(what, party=party)
    return Doomed(what, tuple(file.with_name(f"{file.name}{side}") for side in _SIDE_FILES))


def begun(office: Office) -> list[str] | None:
    """What an earlier run destroyed and the log does not say yet."""
    path = office.root / RECORD
    return [str(text) for text in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else None


def destroy(office: Office, plan: list[Doomed]) -> list[str]:
    """Destroys it all, and returns what the log is to say. Killed anywhere, it is done again, and forgets nothing."""
    texts = begun(office) or []
    texts += [one.what for one in plan if one.what not in texts]
    write_durably(office.root / RECORD, json.dumps(texts).encode("utf-8"), private=True)
    for one in plan:
        if one.party:
            Databases(office, office.referendum).drop(one.party)
        for path in one.paths:
            _remove(path)
    return texts


def forget(office: Office) -> None:
    """Once it stands in the log."""
    (office.root / RECORD).unlink(missing_ok=True)


def _remove(path: Path) -> None:
    """A link is removed, and not what it leads to."""
    if path.is_symlink() or not path.exists():
        path.unlink(missing_ok=True)
        return
    if path.is_dir():
        for child in sorted(path.iterdir()):
            _remove(child)
        path.rmdir()
    else:
        _overwrite(path)
        path.unlink()
    sync_folder(path.parent)


def _overwrite(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        for start in range(0, size, _CHUNK):
            file.write(bytes(min(_CHUNK, size - start)))
        os.fsync(file.fileno())
