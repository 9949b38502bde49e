"""What is destroyed once a referendum is over: all that ties letters, tokens or votes to people.

    DIR/purge.json    what was destroyed and two officers have not signed in the log yet

Decides what goes: registers, codes, letters, databases with their side files, issuance records, secrets of services and
trustees. What stays: the published log, the definition, keys of officers and log, settings. Nothing is touched that is
not this referendum's, or that a link leads to. Files are overwritten before they are removed; that says nothing of
flash storage, of copies, or of backups.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.durable import sync_folder, write_durably
from stembus.audit.state_machine import Phase
from stembus.ballot.errors import BallotError, DatabaseMissing, DatabaseUnreachable
from stembus.ballot.issuance.issuance_record import read_record
from stembus.ballot.office.databases import Databases
from stembus.ballot.office.office import Office

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


class NotToDestroy(BallotError):
    """The referendum is not over, or something of another one, or a link, stands where its own should."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """`what` is the sentence for the log; `paths` are files and whole folders, `party` whose PostgreSQL tables go."""

    what: str
    paths: tuple[Path, ...] = ()
    party: str = ""


def doomed(office: Office) -> list[Doomed]:
    """What lies here and is to go. Raises NotToDestroy, and DatabaseForeign or DatabaseUnreachable for a database that
    is not this referendum's, or cannot be told."""
    if office.reading().order.phase not in _OVER:
        raise NotToDestroy("nothing is destroyed before there is a result, or the referendum was cancelled")
    plan = [one for one in _everything(office) if one.party or any(_is_there(path) for path in one.paths)]
    for one in plan:
        for path in one.paths:
            _refuse_links(path)
    return plan


def _everything(office: Office) -> Iterator[Doomed]:
    databases = Databases(office, office.referendum)
    for number in range(1, len(office.manifest.registrars) + 1):
        party = f"registrar-{number}"
        yield from _database(databases, party, f"the database of registrar {number}")
        yield from _record(office, databases, number)
        yield Doomed(f"files and keys of registrar {number}", (office.folder(party),))
    for party, what in (("box", "the database of the ballot box"), ("desk", "the database of the help desk")):
        yield from _database(databases, party, what)
    yield Doomed("the seed of the paper ballots", (office.paper_seed,))
    yield from (Doomed(what, (office.folder(name),)) for name, what in _FOLDERS.items())
    for path in sorted(office.root.glob("trustee-*")):
        if path.is_dir() and re.fullmatch("trustee-[1-9][0-9]?", path.name):
            yield Doomed(f"the key file of {path.name} that lay in the office's folder", (path,))


def _database(databases: Databases, party: str, what: str) -> Iterator[Doomed]:
    """Only what opens as this folder's own; a file inside the party's own folder may be damaged."""
    if not databases.made(party):
        return
    file = databases.file(party)
    own = file is not None and databases.layout.folder(party).resolve() in file.resolve().parents
    try:
        databases.open(party, only_reading=True).dispose()
    except DatabaseMissing:
        if file is None:
            return  # it is not there, so nothing is said of it
    except DatabaseUnreachable:
        if not own:
            raise
    yield (
        Doomed(what, party=party)
        if file is None
        else Doomed(what, tuple(file.with_name(f"{file.name}{side}") for side in _SIDE_FILES))
    )


def _record(office: Office, databases: Databases, number: int) -> Iterator[Doomed]:
    path = databases.record_path(number)
    if not _is_there(path):
        return
    own = office.folder(f"registrar-{number}").resolve() in path.resolve().parents
    if not own and (not path.is_file() or read_record(path).header.referendum != office.referendum):
        raise NotToDestroy(
            f"{path} is not the issuance record of this referendum; correct settings.toml; nothing is gone"
        )
    yield Doomed(f"the issuance record of registrar {number}", (path, path.with_name(f"{path.name}.lock")))


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _refuse_links(path: Path) -> None:
    """What a link leads to would stay, and the log would say that it is gone."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    for one in (path, *inside):
        if one.is_symlink():
            raise NotToDestroy(
                f"{one} is a link: destroy what it leads to, remove it, and run this again; nothing is gone"
            )


def begun(office: Office) -> list[str] | None:
    """What an earlier run destroyed and the log does not say yet."""
    path = office.purge_record
    return [str(text) for text in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else None


def destroy(office: Office, plan: Sequence[Doomed]) -> list[str]:
    """Destroys it all, and returns what the log is to say: what is gone, and nothing else. Killed anywhere, it is done
    again, and forgets nothing."""
    texts = begun(office) or []
    for one in plan:
        if one.what not in texts:
            texts.append(one.what)
        write_durably(office.purge_record, json.dumps(texts).encode("utf-8"), private=True)
        if one.party:
            Databases(office, office.referendum).drop(one.party)
        for path in one.paths:
            _remove(path)
    return texts


def forget(office: Office) -> None:
    """Once it stands in the log."""
    office.purge_record.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if not path.exists():
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
    """Not where the same bytes have another name: who made that wants to keep them."""
    found = path.stat()
    if found.st_nlink > 1 or not stat.S_ISREG(found.st_mode):
        return
    path.chmod(0o600)
    with path.open("r+b", buffering=0) as file:
        for start in range(0, found.st_size, _CHUNK):
            file.write(bytes(min(_CHUNK, found.st_size - start)))
        os.fsync(file.fileno())
