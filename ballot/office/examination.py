"""Examines the folder of a referendum, and changes nothing in it: no file, no lock, no passphrase.

Decides what is read, which parts belong to this folder, and that what is missing, damaged or does not answer becomes a
finding. Leaves the judging to `health`. SQLite makes its own helpers of a database that is being read (`-wal`, `-shm`).
"""

from __future__ import annotations

import ctypes
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import sleep

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from stembus.audit.clock import Clock
from stembus.audit.durable import is_staged
from stembus.audit.entry_rules import DOCUMENTS
from stembus.audit.errors import AuditError
from stembus.audit.formats.entry_bodies import Client, Minutes
from stembus.ballot.box.position import Bond
from stembus.ballot.database import reading
from stembus.ballot.errors import BallotError
from stembus.ballot.issuance.issuance_record import IssuanceRecord, open_record
from stembus.ballot.issuance.letter_state import enrolled_credentials
from stembus.ballot.issuance.record_comparison import Kind, differences
from stembus.ballot.issuance.registrar_recovery import known_slots
from stembus.ballot.log_operator.log_reading import LogReading
from stembus.ballot.office import health
from stembus.ballot.office.co_registrars import desk_key
from stembus.ballot.office.databases import Databases
from stembus.ballot.office.folder_settings import folder_settings
from stembus.ballot.office.health import Finding, Mode, fail, ok, skipped
from stembus.ballot.office.office import Office
from stembus.ballot.office.own_secret import read_own_secret
from stembus.ballot.office.settings import FOLDER_FILE, load_settings
from stembus.ballot.office.witness_examination import Witnesses, examine_elsewhere, examine_here
from stembus.ballot.storage import officers, registrar_state
from stembus.crypto.errors import CryptoError
from stembus.crypto.sealed import is_sealed

# The last three are what a damaged file does to a parser that does not expect it.
_NAMED = (BallotError, AuditError, CryptoError, OSError, SQLAlchemyError, ValueError, TypeError, LookupError)
_PARTIES = ("trustee-*", "officer-*", "registrar-*", "witness-*", "box", "log", "client")
_SECRET = (*_PARTIES, "importer", "authority", "desk")
_CODES = ("codes.csv", "spares.csv")
_TRIES, _WAIT_SECONDS = 3, 0.2
_CLOCK_ERROR = 5  # what adjtimex(2) returns for a clock that is not synchronised


def examine(root: Path, clock: Clock | None = None) -> list[Finding]:
    """Everything but certificates. Raises nothing that a damaged folder could cause."""
    return list(_Examination(root, clock).findings())


def _no_passphrase(party: str) -> str:
    raise BallotError(f"the key of {party} is not opened by an examination")


class _Examination:
    def __init__(self, root: Path, clock: Clock | None) -> None:
        self.office = Office(root, _no_passphrase, clock)
        self._log: LogReading | None = None
        self._phase: str | None = None

    def findings(self) -> Iterator[Finding]:
        root = self.office.root
        if not root.is_dir():
            yield fail("folder", f"there is no folder {root}; give the folder of a referendum")
            return
        settings = [*_guarded("settings", self._settings)]
        yield from settings
        yield from _guarded("permissions", self._permissions)
        yield from _guarded("keys", self._keys)
        yield from _guarded("disk", lambda: [health.room("disk", root, shutil.disk_usage(root).free)])
        definition = [*_guarded("manifest", self._definition)]
        yield from definition
        if not health.is_go([*settings, *definition]):
            yield skipped("services", "without sound settings and manifest, nobody can tell which services are meant")
            return
        yield from _guarded("services", self._log_and_services)

    def _log_and_services(self) -> Iterator[Finding]:
        self.databases = Databases(self.office, self.office.referendum)
        yield from self._part("log", self._has_log(), self._log_findings, "no key of the log lies here")
        yield from _guarded("clock", self._clock)
        has_box = self._has_box()
        yield from self._part("box", has_box, self._box, "no key of the ballot box lies here")
        registrars = range(1, len(self.office.manifest.registrars) + 1)
        for number in registrars:
            yield from self._registrar(number)
        has_desk = self.office.folder("desk").is_dir()
        yield from self._part("desk", has_desk, self._desk, "no help desk lies here")
        binding, here = self.office.manifest.binding, any(map(self.databases.has_registrar, registrars))
        yield from _guarded("codes", self._codes)
        yield health.apart(binding, has_box, here)

    # Which parts lie here

    def _has_log(self) -> bool:
        return self.office.folder("log").exists() or self._has_box()

    def _has_box(self) -> bool:
        return self.office.key_path("box").exists() or self.databases.made("box")

    def _part(self, check: str, here: bool, look: Callable[[], Iterable[Finding]], absent: str) -> Iterator[Finding]:
        return _guarded(check, look) if here else iter([skipped(check, absent)])

    # Definition, settings, permissions, clock

    def _settings(self) -> Iterator[Finding]:
        load_settings()
        yield ok("settings", f"read: {folder_settings(self.office.root).source}")

    def _definition(self) -> Iterator[Finding]:
        referendum = self.office.referendum.hex()
        _ = self.office.manifest
        id_file = self.office.id_file
        if id_file.exists() and id_file.read_text(encoding="ascii").strip() != referendum:
            yield fail("manifest", f"{id_file} is of another referendum than manifest.json; restore both from a backup")
            return
        yield ok("manifest", f"referendum {referendum}{'' if self.office.manifest.binding else ' (rehearsal)'}")

    def _permissions(self) -> list[Finding]:
        root = self.office.root
        files = [(root / FOLDER_FILE, 0o640), *self._elsewhere()]
        for folder in (folder for pattern in _SECRET for folder in sorted(root.glob(pattern)) if folder.is_dir()):
            files.append((folder, 0o700))
            files += [(path, 0o600) for path in sorted(folder.iterdir()) if _is_secret(path)]
        return health.permissions([Mode(path, path.stat().st_mode, most) for path, most in files if path.exists()])

    def _keys(self) -> Iterator[Finding]:
        files = [path for pattern in _PARTIES for path in self.office.root.glob(f"{pattern}/*.key")]
        damaged = sorted(path for path in files if not is_sealed(path.read_bytes()))
        for path in damaged:
            yield fail("keys", f"{path} is damaged, or no secret file; restore it from a backup")
        if not damaged:
            yield ok("keys", f"{len(files)} key files look whole; their passphrases were not tried")

    def _elsewhere(self) -> list[tuple[Path, int]]:
        """Databases and records that the settings put elsewhere, and their widest modes: a help desk of its own user
        writes in the registrar's record."""
        values = folder_settings(self.office.root).values
        databases = Databases(self.office, b"")
        parties = [name.removesuffix("_DATABASE").lower().replace("_", "-") for name in values if "_DATABASE" in name]
        records = [Path(value) for name, value in values.items() if name.endswith("_RECORD")]
        found = [(path, 0o600) for party in parties if (path := databases.file(party)) is not None]
        return [*found, *((path, 0o660) for path in records)]

    def _clock(self) -> list[Finding]:
        signed = self._log.time() if self._log is not None else 0
        real = self.office.manifest.clock == "real"
        return [health.clock(self.office.clock.now(), signed, _is_synchronised() if real else None)]

    # The log and its witnesses

    def _log_findings(self) -> Iterator[Finding]:
        office, manifest = self.office, self.office.manifest
        lock = office.folder("log") / "lock"
        if not office.key_path("log").exists():
            yield fail("log key", f"{office.key_path('log')} is missing; bring log/ back from a backup")
        if not lock.with_name("lock.started").exists():
            yield fail("log", f"{office.folder('log')} does not know that a log was begun; bring it back from a backup")
        self._log = LogReading(office.public, lock, manifest, office.manifest_raw)
        self._phase = self._log.order.phase.value
        log, witnesses = self._log, Witnesses.of(office)
        yield health.published(log.size, log.waiting() is not None, len(witnesses), manifest.witnesses.quorum)
        for number in witnesses.here:
            yield from _guarded(f"witness {number}", lambda number=number: [examine_here(office, log, number)])  # type: ignore[misc]
        yield from examine_elsewhere(office, log, witnesses.elsewhere, len(witnesses.here))
        bodies = [entry.body for entry in self._log.entries()]
        yield health.pages(any(isinstance(body, Client) for body in bodies), manifest.binding, self._phase)
        names = [body.name for body in bodies if isinstance(body, Minutes)]
        yield health.documents([name for name in names if not (office.public / DOCUMENTS / name).exists()])
        yield health.readable(office.public, sum(map(_is_closed, (office.public, *office.public.rglob("*")))))

    # Services

    def _opened(self, party: str) -> Engine:
        """Raises BallotError, also for a mark that is lost while its database is there."""
        mark, file = self.databases.mark(party), self.databases.file(party)
        if not mark.exists() and file is not None and file.exists():
            raise BallotError(f"{mark} is missing, which says that {file} belongs here; restore it from a backup")
        return self.databases.open(party, only_reading=True)

    def _box(self) -> Iterator[Finding]:
        if not self.office.key_path("box").exists():
            yield fail("box", f"{self.office.key_path('box')} is missing; restore it from a backup")
        engine = self._opened("box")
        try:
            if self._log is None:
                yield skipped("box", "its database is there; whether it belongs to the log cannot be told without it")
                return
            position = Bond(self._log).position(engine)
            yield ok("box", f"its database belongs to the log, after {position.logged} batches")
        finally:
            engine.dispose()

    def _registrar(self, number: int) -> Iterator[Finding]:
        absent, here = f"no key of registrar {number} lies here", self.databases.has_registrar(number)
        return self._part(f"registrar-{number}", here, lambda: self._registrar_findings(number), absent)

    def _registrar_findings(self, number: int) -> Iterator[Finding]:
        party = f"registrar-{number}"
        if not self.office.key_path(party).exists():
            yield fail(party, f"{self.office.key_path(party)} is missing; restore it from a backup")
        if number == 1:
            yield from _guarded("pepper", self._pepper)
        engine = self._opened(party)
        try:
            with reading(engine) as db:
                state = db.execute(select(registrar_state.c.halted, registrar_state.c.enrolled)).one()
            path = self.databases.record_path(number)
            if not state.enrolled and not path.exists():
                yield health.letters(party, {}, state.halted, False, self._phase, number)
                return
            record = open_record(path, self.office.referendum, number, enrolled_credentials(engine))
            differing = _differing(engine, record)
            yield health.letters(party, differing, state.halted, state.enrolled, self._phase, number)
            file = self.databases.file(party)
            device = None if file is None else file.stat().st_dev
            binding = self.office.manifest.binding
            yield health.record_device("issuance record", binding, device, path.stat().st_dev, number)
            yield health.room("disk of the record", path, shutil.disk_usage(path.parent).free)
        finally:
            engine.dispose()

    def _pepper(self) -> list[Finding]:
        read_own_secret(self.office.pepper_file)
        return [ok("pepper", "it is there")]

    def _desk(self) -> Iterator[Finding]:
        read_own_secret(self.office.folder("desk") / "sessions.key")
        if len(self.office.manifest.registrars) > 1 and not self.office.key_path("registrar-1").exists():
            yield from _guarded("desk elsewhere", self._asks)
        engine = self._opened("desk")
        try:
            with reading(engine) as db:
                yield health.accounts(db.execute(select(func.count()).select_from(officers)).scalar_one())
        finally:
            engine.dispose()

    def _asks(self) -> list[Finding]:
        desk_key(self.office)
        return [ok("desk elsewhere", "registrar 1 allows this help desk to strike people at the other registrars")]

    def _codes(self) -> list[Finding]:
        left = [name for name in _CODES if (self.office.folder("authority") / name).exists()]
        left += ["letters"] if any(self.office.folder("letters").rglob("*.pdf")) else []
        return [health.codes(left, self._phase, self.office.manifest.binding)]


def _guarded(check: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What cannot be looked at is a finding too."""
    try:
        yield from look()
    except _NAMED as error:
        said = str(error.orig) if isinstance(error, SQLAlchemyError) and hasattr(error, "orig") else str(error)
        yield fail(check, said.partition("\n")[0] or type(error).__name__)


def _differing(engine: Engine, record: IssuanceRecord) -> Counter[Kind]:
    """A letter that gets its token at this moment stands in the record first; it is looked at again."""
    for tried in range(_TRIES):
        found = Counter(d.kind for d in differences(known_slots(engine).items(), record))
        if not found or tried == _TRIES - 1:
            break
        sleep(_WAIT_SECONDS)
    return found


def _is_secret(path: Path) -> bool:
    """Locks hold nothing."""
    return path.is_file() and not path.name.endswith("lock")


def _is_closed(path: Path) -> bool:
    """Whether only its owner can read it. What is being written, or goes meanwhile, is not published."""
    try:
        bits = path.stat().st_mode
        closed = not bits & 0o044 or (path.is_dir() and not bits & 0o011)
        return closed and not is_staged(path.name)
    except FileNotFoundError:
        return False


def _is_synchronised() -> bool | None:
    """What the kernel says of its clock, asked without changing it; None where it cannot be asked."""
    try:
        answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != _CLOCK_ERROR
