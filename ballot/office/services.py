"""Registrars and ballot box of an office: what needs the `server` extra.

Decides which database each service gets: the URL that the settings give it, or SQLite in its party's folder.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, MetaData

from stembus.audit.clock import Clock
from stembus.audit.durable import create_durably
from stembus.audit.formats.entry_bodies import Close, IssuedCount, PaperRoll
from stembus.audit.formats.lists import PAPER, encode_keys, issuance_path, list_root
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.eligibility.credential_authority import ENROLMENT_COLUMNS
from stembus.ballot.eligibility.register import FACTOR_COLUMNS, read_csv
from stembus.ballot.errors import SecretFileError
from stembus.ballot.issuance.help_desk import HelpDesk
from stembus.ballot.issuance.letter_state import Letters
from stembus.ballot.issuance.registrar import Enrolment, Registrar
from stembus.ballot.issuance.remote_statements import RemoteStatements
from stembus.ballot.issuance.statements import Statements
from stembus.ballot.office.key_ring import Passphrase
from stembus.ballot.office.office import Office
from stembus.ballot.office.party_key import parse_party_key
from stembus.ballot.office.settings import Settings, load_settings
from stembus.ballot.storage import box_tables, desk_tables, open_database, registrar_tables
from stembus.crypto.blind_signer import BlindSigner

_SECRET_BYTES = 32


class ServedOffice(Office):
    """An office that runs its own services. Settings that are not given are loaded when a database is opened."""

    def __init__(
        self, root: Path, passphrase: Passphrase, clock: Clock | None = None, settings: Settings | None = None
    ) -> None:
        super().__init__(root, passphrase, clock)
        if settings is not None:
            self.settings = settings

    @cached_property
    def settings(self) -> Settings:
        return load_settings()

    def pepper(self) -> bytes:
        return _own_secret(self.folder("registrar-1") / "pepper")

    def statements(self, number: int = 1) -> Statements:
        """Registrar `number`: here, if its key lies in this folder; else at the manifest's address."""
        if self.key_path(f"registrar-{number}").exists():
            return self.registrar(number)
        url = self.manifest.registrars[number - 1].url
        voters = self.manifest.eligibility.official_count
        return RemoteStatements(url, self.referendum, number, self.signing_key("box"), voters)

    def count_statements(self, batch: int) -> Sequence[IssuedCount]:
        return [self.statements(k).count_statement(batch) for k in range(1, len(self.manifest.registrars) + 1)]

    @cached_property
    def _registrars(self) -> dict[int, Registrar]:
        return {}

    def _registrar_database(self, number: int) -> Engine:
        sqlite = f"sqlite:///{self.folder(f'registrar-{number}')}/registrar.db"
        return self._database(self.settings.get(f"REGISTRAR_{number}_DATABASE", sqlite), registrar_tables)

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {}

    def _database(self, url: str, tables: MetaData) -> Engine:
        """One engine for each database; services of one office share it."""
        name = f"{url} {id(tables)}"
        if name not in self._engines:
            self._engines[name] = open_database(url, tables)
        return self._engines[name]

    def dispose(self) -> None:
        """Closes every database connection, as the end of the process would."""
        for engine in self._engines.values():
            engine.dispose()

    def letters(self, number: int = 1) -> Letters:
        """What needs no key and no passphrase of the registrar."""
        return Letters(self._registrar_database(number))

    def desk(self) -> HelpDesk:
        """The help desk of the first registrar."""
        sqlite = f"sqlite:///{self.folder('desk')}/desk.db"
        return HelpDesk(self._database(self.settings.get("DESK_DATABASE", sqlite), desk_tables), self.letters())

    def desk_secret(self) -> bytes:
        """Signs the desk's sessions; 32 bytes."""
        return _own_secret(self.folder("desk") / "sessions.key")

    def registrar(self, number: int = 1) -> Registrar:
        if number not in self._registrars:
            party = f"registrar-{number}"
            self._registrars[number] = Registrar(
                self._registrar_database(number),
                self.manifest,
                self.referendum,
                number,
                self.blind_signer(number),
                self.signing_key(party),
                self.pepper(),
                self.clock,
            )
        return self._registrars[number]

    def blind_signer(self, number: int) -> BlindSigner:
        """Registrar `number`'s RSA key. Raises SecretFileError."""
        key = parse_party_key(self.secret(f"registrar-{number}"))
        if key.blind_key is None:
            raise SecretFileError(f"the key of registrar {number} lacks the part that signs blindly; make a new one")
        return BlindSigner.from_der(bytes.fromhex(key.blind_key))

    @cached_property
    def box(self) -> BallotBox:
        sqlite = f"sqlite:///{self.folder('box')}/box.db"
        engine = self._database(self.settings.get("BOX_DATABASE", sqlite), box_tables)
        return BallotBox(engine, self.manifest, self.context(), self.signing_key("box"), self.log(), self.clock)

    def enrol_all(self) -> None:
        """Gives each registrar the letters' public keys and hashed factors, once."""
        factors = dict(read_csv(self.folder("importer") / "factors.csv", FACTOR_COLUMNS))
        letters = list(read_csv(self.folder("authority") / "enrolment.csv", ENROLMENT_COLUMNS))
        for number in range(1, len(self.manifest.registrars) + 1):
            registrar = self.registrar(number)
            if not registrar.enrolled():
                registrar.enrol(Enrolment(voter, bytes.fromhex(key), factors[voter]) for voter, key in letters)

    def close_voting(self) -> None:
        """Registrars stop and sign, the box seals its last batch, two officers close the log. Killed
        anywhere, it can be run again."""
        order = self.log().order
        self.log().check(Close(batches=order.batches, ballots=order.ballots, issuance=[]))
        statements = []
        for number in range(1, len(self.manifest.registrars) + 1):
            statement, issued = self.statements(number).close()
            lines = "".join(line.line() for line in issued)
            self.log().publish(issuance_path(number), lines.encode("ascii"))
            statements.append(statement)
        self.box.finish(self.count_statements)
        order = self.log().order
        body = Close(batches=order.batches, ballots=order.ballots, issuance=statements)
        self.log().append([self.officers_sign(body)])

    def log_paper_roll(self) -> None:
        """Publishes who was struck for paper, and logs the list's root."""
        struck = self.statements().struck()
        count, root = list_root(struck)
        body = PaperRoll(count=count, root=root.hex())
        self.log().check(body)
        self.log().publish(PAPER, encode_keys(struck).encode("ascii"))
        self.log().append([self.officers_sign(body)])


def _own_secret(path: Path) -> bytes:
    """32 random bytes that one service keeps to itself, made when they are first asked for."""
    if not path.exists():
        with suppress(FileExistsError):  # another worker was first
            create_durably(path, secrets.token_bytes(_SECRET_BYTES))
    secret = path.read_bytes()
    if len(secret) != _SECRET_BYTES:
        raise SecretFileError(f"{path} is damaged: it holds {len(secret)} bytes, not {_SECRET_BYTES}; restore it")
    return secret
