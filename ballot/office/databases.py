"""Where the databases of a folder lie, and that each is made once.

    DIR/settings.toml         their addresses; without one, SQLite in the party's own folder
    DIR/registrar-1/issuance.record   the registrar's second record, unless settings.toml names another place for it
    DIR/box/database          that the ballot box's database was made: its random number and its kind; also
                              registrar-1/, desk/

Decides that a service and a command never work on different databases, and that a lost one is named and not made anew:
an empty database in its place would forget who has a token and which ballots were promised.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, Table

from stembus.audit.durable import create_durably, sync_folder, write_durably
from stembus.ballot.database import create_database, database_kind, open_database, sqlite_file
from stembus.ballot.errors import BallotError, DatabaseForeign, DatabaseMissing
from stembus.ballot.office.folder_settings import folder_settings
from stembus.ballot.office.layout import Layout
from stembus.ballot.office.settings import FOLDER_FILE, Settings
from stembus.ballot.storage import INSTANCE_BYTES, box_state, desk_state, registrar_state

_STARTS: dict[str, tuple[Table, dict[str, object]]] = {
    "registrar": (registrar_state, {"enrolled": False, "halted": ""}),
    "box": (box_state, {"batch": 1, "logged": 0, "log_size": 0, "stage": 0}),
    "desk": (desk_state, {}),
}


class DatabaseLost(DatabaseMissing):
    """A database was made for this folder, and is not there any more."""


@dataclass(frozen=True)
class Databases:
    """`party` is box, desk or registrar-1 and so on."""

    layout: Layout
    referendum: bytes

    @cached_property
    def settings(self) -> Settings:
        return folder_settings(self.layout.root)

    def url(self, party: str) -> str:
        role = party.partition("-")[0]
        own = f"sqlite:///{self.layout.folder(party).absolute() / role}.db"
        return self.settings.get(self._setting(party), own)

    @staticmethod
    def _setting(party: str) -> str:
        return f"{party.upper().replace('-', '_')}_DATABASE"

    def file(self, party: str) -> Path | None:
        """The SQLite file; None where the database is PostgreSQL's."""
        return sqlite_file(self.url(party))

    def record_path(self, number: int) -> Path:
        """Of registrar `number`'s issuance record, which belongs on another disk than its database."""
        own = self.layout.folder(f"registrar-{number}") / "issuance.record"
        return Path(self.settings.get(f"REGISTRAR_{number}_RECORD", str(own)))

    def has_registrar(self, number: int) -> bool:
        """Whether registrar `number` lies in this folder, be parts of it lost. A help desk's own folder has the mark of
        that database too, its settings name the record, and no more."""
        party, record = f"registrar-{number}", self.record_path(number)
        own = [self.layout.key_path(party), *([self.layout.pepper_file] if number == 1 else [])]
        if self.layout.root in record.parents:
            own.append(record)
        if not self.layout.folder("desk").is_dir():
            own += [record, self.mark(party)]
        return any(path.exists() for path in own)

    def made(self, party: str) -> bool:
        """Whether this folder's database was ever made, be it lost or not."""
        return self.mark(party).exists()

    def create(self, party: str) -> bool:
        """Makes the database, once; False when it was made before, and is there. Killed anywhere, it is done again.
        Raises DatabaseLost, DatabaseForeign or DatabaseUnreachable."""
        mark = self.mark(party)
        if mark.exists():
            self.open(party).dispose()
            return False
        begun = mark.with_name(f"{mark.name}.begun")
        if not begun.exists():
            self.layout.make_folder(party)
            create_durably(begun, _mark(secrets.token_bytes(INSTANCE_BYTES), self._kind(party)))
        instance, kind = _parse_mark(begun)
        if kind != self._kind(party):  # the settings were changed before there was anything
            write_durably(begun, _mark(instance, self._kind(party)), private=True)
        self._make(party, instance)
        begun.rename(mark)
        sync_folder(mark.parent)
        return True

    def is_lost(self, party: str) -> bool:
        """Whether a database was made and is not there. Raises as `open` does, but for DatabaseLost."""
        try:
            self.open(party).dispose()
        except DatabaseLost:
            return True
        return False

    def remake(self, party: str) -> None:
        """Puts an empty database in the place of a lost one, to be filled from elsewhere at once. Raises
        DatabaseForeign or DatabaseUnreachable."""
        self._make(party, self._marked(party))

    def open(self, party: str, only_reading: bool = False) -> Engine:
        """`only_reading` is for who looks and can write nothing. Raises DatabaseMissing where none was made,
        DatabaseLost where it is gone, DatabaseForeign or DatabaseUnreachable."""
        if not self.made(party):
            root = self.layout.root
            raise DatabaseMissing(f"the database of {party} was not made yet; run: stembus services create {root}")
        state, _ = _STARTS[party.partition("-")[0]]
        try:
            return open_database(self.url(party), state, self.referendum, self._marked(party), only_reading)
        except DatabaseMissing as error:
            raise DatabaseLost(
                f"{error}, and one was made for this folder ({self.settings.source}); bring back its newest copy, or "
                f"see in the official's guide how {party} is recovered; nothing was changed"
            ) from None

    def drop(self, party: str) -> None:
        """Removes this folder's tables from PostgreSQL for good. Raises as `open` does."""
        engine = self.open(party)
        state, _ = _STARTS[party.partition("-")[0]]
        try:
            state.metadata.drop_all(engine)
        finally:
            engine.dispose()

    def mark(self, party: str) -> Path:
        """The file that says that the database was made."""
        return self.layout.folder(party) / "database"

    def _kind(self, party: str) -> str:
        return database_kind(self.url(party))

    def _marked(self, party: str) -> bytes:
        """The instance that the mark says. Raises DatabaseForeign where the settings name another kind of database than
        was made: they are lost, or not those of this folder."""
        instance, kind = _parse_mark(self.mark(party))
        if kind != self._kind(party):
            file = self.layout.root / FOLDER_FILE
            remedy = f"correct {self._setting(party).lower()} in" if file.exists() else "bring back"
            raise DatabaseForeign(
                f"the database of {party} was made in {kind}, and the settings ({self.settings.source}) name one in "
                f"{self._kind(party)}; {remedy} {file}; nothing was changed"
            )
        return instance

    def _make(self, party: str, instance: bytes) -> None:
        state, start = _STARTS[party.partition("-")[0]]
        create_database(self.url(party), state, {**start, "referendum": self.referendum, "instance": instance})


def _mark(instance: bytes, kind: str) -> bytes:
    return f"{instance.hex()} {kind}\n".encode("ascii")


def _parse_mark(path: Path) -> tuple[bytes, str]:
    """Raises BallotError."""
    try:
        number, kind = path.read_text(encoding="ascii").split()
        instance = bytes.fromhex(number)
    except (ValueError, UnicodeError):
        instance, kind = b"", ""
    if len(instance) != INSTANCE_BYTES:
        raise BallotError(f"{path} is damaged; restore it from a backup of the folder")
    return instance, kind
