"""A backup of a referendum's folder, made while its services run.

    BACKUP/backup.json        the referendum, the SHA-256 of every file, and the databases that are not in it
    BACKUP/...                the folder's files; databases and issuance records in their party's own folder

Decides what is copied, and in which order: what witnesses have seen, then the databases by SQLite's own backup (a plain
copy of a database that is in use can be empty), then the issuance records, at last the log, in one moment under its
lock. So no part is older than one that was copied before it and must not be further. Left out on purpose: the letters'
codes, which are to be destroyed, and what voters keep for themselves. Leaves putting back to `restoration`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url

from stembus.audit.durable import is_staged, locked, write_durably
from stembus.audit.log.tiles import HEAD
from stembus.ballot.errors import BallotError
from stembus.ballot.office.databases import Databases
from stembus.ballot.office.new_place import demand_new, made_beside
from stembus.ballot.office.office import Office

FORMAT = "stembus-backup-v1"
CONTENTS = "backup.json"
_LEFT_OUT = {"authority/codes.csv", "authority/spares.csv", "officer-1/paper.seed"}
_ELSEWHERE = ("public", "log", "voters", "letters")  # copied apart, or not at all


class BackupFailed(BallotError):
    """A part of the folder cannot be copied. No backup was made."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """How many files a backup holds, a command for each database that is PostgreSQL's, and the issuance records that
    were not where they belong."""

    files: int
    dumps: tuple[str, ...]
    missing: tuple[Path, ...]


def parties(office: Office, databases: Databases) -> list[str]:
    """Those whose database was made for this folder, and is therefore part of its backup. A help desk's own folder has
    the mark of the registrar's database, which is backed up where the registrar lies."""
    numbers = range(1, len(office.manifest.registrars) + 1)
    registrars = [f"registrar-{number}" for number in numbers if databases.has_registrar(number)]
    return [party for party in (*registrars, "box", "desk") if databases.made(party)]


def database_name(party: str) -> str:
    """Inside a backup."""
    return f"{party}/{party.partition('-')[0]}.db"


def record_name(number: int) -> str:
    """Inside a backup."""
    return f"registrar-{number}/issuance.record"


def back_up(office: Office, target: Path) -> BackedUp:
    """Raises PlaceTaken, BackupFailed, or what settings and manifest refuse."""
    root = office.root
    demand_new(root, target)
    databases = Databases(office, office.referendum)
    used = parties(office, databases)
    files = {party: databases.file(party) for party in used}
    with made_beside(target) as copy:
        own = [root.absolute() / database_name(party) for party in used]
        _copy_rest(root, copy, [*own, *(file for file in files.values() if file is not None)])
        for party, file in files.items():
            if file is not None:
                _copy_database(file, copy / database_name(party))
        records = {
            party: databases.record_path(int(party.partition("-")[2]))
            for party in used
            if party.startswith("registrar-")
        }
        missing = tuple(record for record in records.values() if not record.exists())
        for party, record in records.items():
            if record not in missing:
                _copy_record(record, copy / party / "issuance.record")
        _copy_log(office, copy)
        dumps = {party: _dump(databases.url(party)) for party, file in files.items() if file is None}
        hashes = {str(path.relative_to(copy)): sha256(path) for path in files_of(copy)}
        contents = {"format": FORMAT, "referendum": office.referendum.hex(), "files": hashes, "postgresql": [*dumps]}
        write_durably(copy / CONTENTS, json.dumps(contents, indent=1).encode("utf-8"), private=True)
    return BackedUp(len(hashes), tuple(dumps.values()), missing)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_file(source: Path, target: Path) -> None:
    """With its mode, and on the disk when this returns. Folders get the modes of the source's."""
    _copy_folder(source.parent, target.parent)
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written)
        written.flush()
        os.fsync(written.fileno())
    shutil.copystat(source, target)


def _copy_folder(source: Path, target: Path) -> None:
    if not target.exists():
        _copy_folder(source.parent, target.parent)
        target.mkdir()
        shutil.copymode(source, target)


def _copy_rest(root: Path, copy: Path, databases: list[Path]) -> None:
    """Keys, marks, settings, what witnesses have seen, and whatever else lies there."""
    apart = {Path(f"{file}{helper}") for file in databases for helper in ("", "-wal", "-shm")}
    for path in files_of(root):
        relative = path.relative_to(root)
        absent = relative.parts[0] in _ELSEWHERE or str(relative) in _LEFT_OUT or path.absolute() in apart
        if not absent and path.name != "issuance.record" and not is_staged(path.name):
            copy_file(path, copy / relative)


def _copy_database(file: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True, mode=0o700)
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=60)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise BackupFailed(f"the database {file} is damaged; no backup was made")
    except sqlite3.Error as error:
        raise BackupFailed(f"the database {file} cannot be copied: {error}; no backup was made") from None


def _copy_record(record: Path, target: Path) -> None:
    """No letter changes meanwhile: who writes one waits for this lock."""
    with record.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        content = file.read()
    target.parent.mkdir(exist_ok=True, mode=0o700)
    write_durably(target, content, private=True)


def _copy_log(office: Office, copy: Path) -> None:
    """Most of it without the lock; under the lock, what has changed since."""
    public, log = office.public, office.folder("log")
    if not log.is_dir():
        _copy_changes(public, copy / "public")
        return
    _copy_changes(public, copy / "public")
    with locked(log / "lock"):
        _copy_changes(public, copy / "public")
        for path in _lasting(log):
            copy_file(path, copy / "log" / path.relative_to(log))


def _copy_changes(source: Path, target: Path) -> None:
    there = set()
    for path in _lasting(source):
        relative = path.relative_to(source)
        there.add(relative)
        old = target / relative
        try:
            if not old.exists() or relative.name == HEAD or _changed(path, old):
                copy_file(path, old)
        except FileNotFoundError:
            if path.exists():
                raise
    for path in files_of(target):
        if path.relative_to(target) not in there:
            path.unlink()


def _changed(path: Path, copied: Path) -> bool:
    new, old = path.stat(), copied.stat()
    return (new.st_size, new.st_mtime_ns) != (old.st_size, old.st_mtime_ns)


def _lasting(folder: Path) -> Iterator[Path]:
    return (path for path in files_of(folder) if not is_staged(path.name))


def _dump(url: str) -> str:
    """What copies a PostgreSQL database, without its password."""
    parsed = make_url(url)
    parts = (parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query)
    shown = URL.create("postgresql", *parts).render_as_string()
    return f"pg_dump --no-owner --no-acl --dbname='{shown}'"
