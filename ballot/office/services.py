"""Registrars and ballot box of an office: what needs the `server` extra.

Decides how each service is put together from its key, its database and its secrets; it opens them, and makes none.
What one organisation makes once, before the first letter, is in `create` and `enrol_all`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine

from stembus.audit.formats.entry_bodies import IssuedCount, Replace
from stembus.audit.state_machine import Phase
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.box.device_tests import DeviceTests, shown_beside
from stembus.ballot.box.position import Bond
from stembus.ballot.box.recovery import Recovered, count_logged_tokens, lacks_ballots, recover
from stembus.ballot.eligibility.credential_authority import ENROLMENT_COLUMNS, spare_keys
from stembus.ballot.eligibility.own_csv import FACTOR_COLUMNS, read_csv
from stembus.ballot.errors import DatabaseBehind, IssuanceRecordUnusable, RollInvalid, SecretFileError
from stembus.ballot.issuance.co_registrar import CoRegistrar, OwnLetters, RemoteCoRegistrar
from stembus.ballot.issuance.enrolment import Enrolment, enrol, is_enrolled, nameless
from stembus.ballot.issuance.help_desk import HelpDesk
from stembus.ballot.issuance.issuance_record import IssuanceRecord, create_record, open_record, read_record
from stembus.ballot.issuance.issuance_slot import UNKNOWN
from stembus.ballot.issuance.letter_state import Letters, enrolled_credentials
from stembus.ballot.issuance.record_comparison import slots_from_another_registrar
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.registrar_recovery import lost_records_slots, recover_database, recover_record
from stembus.ballot.issuance.remote_statements import RemoteStatements
from stembus.ballot.issuance.statements import Statements
from stembus.ballot.office.co_registrars import desk_key, make_desk_key, own_roll, roll_folder
from stembus.ballot.office.databases import Databases
from stembus.ballot.office.office import Office
from stembus.ballot.office.own_secret import create_own_secret, read_own_secret
from stembus.ballot.office.party_key import parse_party_key
from stembus.crypto.blind_signer import BlindSigner


class ServedOffice(Office):
    """An office that runs its own services."""

    @cached_property
    def databases(self) -> Databases:
        return Databases(self, self.referendum)

    def create(self, party: str) -> bool:
        """Makes the database of box, desk or a registrar, and what else that service keeps to itself, once; False when
        it was there. Raises what `Databases.create` raises."""
        if party == "desk":
            create_own_secret(self._sessions_key)
            if len(self.manifest.registrars) > 1:
                make_desk_key(self)
        return self.databases.create(party)

    def pepper(self) -> bytes:
        """Raises SecretFileError."""
        return read_own_secret(self.pepper_file)

    def statements(self, number: int = 1) -> Statements:
        """Registrar `number`: here, if its key lies in this folder; else at the manifest's address."""
        if self.key_path(f"registrar-{number}").exists():
            return self.registrar(number)
        url = self.manifest.registrars[number - 1].url
        voters = self.manifest.eligibility.official_count
        return RemoteStatements(url, self.referendum, number, self.signing_key("box"), voters)

    def count_statements(self, batch: int, at_least: Sequence[int]) -> Sequence[IssuedCount]:
        """Every registrar's signed count. `at_least` is what the log says of each."""
        return [self.statements(k).count_statement(batch, least) for k, least in enumerate(at_least, 1)]

    @cached_property
    def _registrars(self) -> dict[int, Registrar]:
        return {}

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        return {}

    def _database(self, party: str) -> Engine:
        """One engine for each database; services of one office share it."""
        if party not in self._engines:
            self._engines[party] = self.databases.open(party)
        return self._engines[party]

    def dispose(self) -> None:
        """Closes every database connection, as the end of the process would."""
        for engine in self._engines.values():
            engine.dispose()

    def letters(self, number: int = 1) -> Letters:
        """What needs no key and no passphrase of the registrar."""
        engine, closes_at = self._database(f"registrar-{number}"), self.manifest.closes_at
        return Letters(engine, self.issuance_record(number), self.clock, closes_at)

    def _co_registrars(self) -> Iterator[CoRegistrar]:
        """From the last one down, as voters' devices ask them: where that has not signed, neither has any other."""
        for number in range(len(self.manifest.registrars), 1, -1):
            if self.databases.made(f"registrar-{number}"):
                yield OwnLetters(self.letters(number), self.manifest, self.referendum)
            else:
                yield RemoteCoRegistrar(self.manifest, self.referendum, number, lambda: desk_key(self))

    def strike(self, voter: str) -> None:
        """Strikes a voter for paper: first at every other registrar that has not signed, and then at the first, without
        which no token is whole. Done again, it goes on where it was. Raises what `Letters.strike` raises, and
        ServiceUnreachable; then the voter can still vote on paper, by the same step."""
        own = self.letters()
        own.check_strike(voter)
        for other in self._co_registrars():
            other.strike(own.credential(voter))
        own.strike(voter)

    def replace(self, voter: str, spare: bytes) -> Replace:
        """Moves a voter to a spare letter at every registrar; returns what the log is to say. Done again, it goes on
        where it was. Raises what `Letters.replace` raises, and ServiceUnreachable."""
        own = self.letters()
        body = Replace(struck=own.about_to_replace(voter, spare).hex(), replacement=spare.hex())
        for other in self._co_registrars():
            other.replace(self.officers_sign(body))
        own.replace(voter, spare)
        return body

    def issuance_record(self, number: int) -> IssuanceRecord:
        """Raises IssuanceRecordUnusable."""
        enrolled = enrolled_credentials(self._database(f"registrar-{number}"))
        return open_record(self.databases.record_path(number), self.referendum, number, enrolled)

    def desk(self) -> HelpDesk:
        """The help desk of the first registrar."""
        return HelpDesk(self._database("desk"), self.letters(), self.strike)

    @property
    def _sessions_key(self) -> Path:
        return self.folder("desk") / "sessions.key"

    def desk_secret(self) -> bytes:
        """Signs the desk's sessions; 32 bytes. Raises SecretFileError."""
        return read_own_secret(self._sessions_key)

    def registrar(self, number: int = 1) -> Registrar:
        if number not in self._registrars:
            party = f"registrar-{number}"
            self._registrars[number] = Registrar(
                self._database(party),
                self.manifest,
                self.referendum,
                number,
                self.blind_signer(number),
                self.signing_key(party),
                self.pepper() if number == 1 else None,
                self.clock,
                self.issuance_record(number),
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
        engine = self._database("box")
        return BallotBox(engine, self.manifest, self.context(), self.signing_key("box"), self.log(), self.clock)

    @cached_property
    def device_tests(self) -> DeviceTests:
        return DeviceTests(self._database("box"), self.clock, shown_beside(self.public))

    def box_must_be_recovered(self) -> bool:
        """Whether the box's database is lost, or is not whole as the log has it. Raises LogBehindDatabase when it is
        the log that is older."""
        if self.databases.is_lost("box"):
            return True
        try:
            Bond(self.log()).position(self._database("box"))
        except DatabaseBehind:
            return True
        return lacks_ballots(self._database("box"), self.log())

    def recover_box(self) -> Recovered | None:
        """Rebuilds the box's database from the log; None when it need not be. Raises as `box_must_be_recovered`."""
        if not self.box_must_be_recovered():
            return None
        if self.databases.is_lost("box"):
            self.databases.remake("box")
        recovered = recover(self._database("box"), self.context(), self.log())
        self.device_tests.take_back()
        return recovered

    def logged_tokens(self) -> int:
        """How many tokens have a ballot in the log."""
        return count_logged_tokens(self.context(), self.log())

    def registrars_here(self) -> list[int]:
        """Those whose key lies in this folder."""
        numbers = range(1, len(self.manifest.registrars) + 1)
        return [number for number in numbers if self.key_path(f"registrar-{number}").exists()]

    def _enrolled_here(self) -> list[int]:
        """The first, which gets its letters from the office, and the others of this folder."""
        return sorted({1, *self.registrars_here()})

    def demand_registrars(self) -> None:
        """Raises DatabaseMissing for one that cannot be given its letters."""
        for number in self._enrolled_here():
            self._database(f"registrar-{number}")

    def enrol_all(self) -> None:
        """Gives the first registrar the letters' public keys and hashed factors, and the others of this folder the
        public keys, once and before the opening: letters that were issued, struck or replaced never come back. Raises
        RollInvalid after it."""
        for number in self._enrolled_here():
            self.enrol(number, self.log().order.phase)

    def enrol(self, number: int, phase: Phase) -> bool:
        """Registrar `number` alone; `phase` is that of the log. False where it has its letters. Raises as `enrol_all`
        does."""
        engine = self._database(f"registrar-{number}")
        if is_enrolled(engine):
            return False
        if phase not in (Phase.KEYED, Phase.ROLLED):
            raise RollInvalid(
                f"registrar {number} holds no letters although the voting was opened: its database is not the one "
                f"that it had; bring that back, or run: stembus registrar recover {self.root}; nothing was changed"
            )
        path, letters = self.databases.record_path(number), self.enrolment(number)
        if not path.exists():
            create_record(path, self.referendum, number, self.roll(number))
        enrol(engine, letters)
        return True

    def recover_registrar(self, number: int, other: Path | None = None, newest: bool = False) -> tuple[int, int]:
        """Brings database and issuance record of registrar `number` up to each other; a database without its letters
        counts as lost. If both are lost, `other` is another registrar's record. A lost record is made from the
        database: once voting could have begun, letters that are ready there become unknown, unless somebody states that
        it is the `newest`. Returns how many letters changed in database and record. Raises RollInvalid where
        the letters' files are not here, IssuanceRecordUnusable where the two exclude each other."""
        party, path = f"registrar-{number}", self.databases.record_path(number)
        lost = self.databases.is_lost(party)
        bare = not self.knows_letters(number)
        told = None if other is None else slots_from_another_registrar(read_record(other))
        if bare and not path.exists() and told is None:
            raise IssuanceRecordUnusable(
                "the database and the issuance record are both gone: nobody can say who has a token; bring one of them "
                "back, or give another registrar's record with --other"
            )
        # Everything is read and checked before anything is made: cut off after that, the same command goes on.
        fresh = self.enrolment(number) if bare else []
        roll = [] if path.exists() else self.roll(number)
        if path.exists():
            open_record(path, self.referendum, number, (letter.credential for letter in fresh))
        if lost:
            self.databases.remake(party)
        engine = self._database(party)
        if not path.exists():
            newest = newest or not self.may_have_begun()
            slots = lost_records_slots(engine, roll, newest) if told is None else told
            create_record(path, self.referendum, number, roll, slots)
        record = open_record(path, self.referendum, number, enrolled_credentials(engine))
        changed = recover_database(engine, record, fresh)
        return changed, recover_record(engine, record)

    def knows_letters(self, number: int) -> bool:
        """Whether its database has its letters, and so says what became of them."""
        return not self.databases.is_lost(party := f"registrar-{number}") and is_enrolled(self._database(party))

    def unknown_letters(self, number: int) -> int:
        """Letters, spare ones included, of which nobody knows whether they had a token. Raises as `registrar` does."""
        return sum(slot == UNKNOWN for _, slot in self.issuance_record(number).slots())

    def enrolment(self, number: int = 1) -> list[Enrolment]:
        """The letters, as registrar `number` gets them. Raises RollInvalid where the files are not in this folder."""
        if number > 1:
            return [nameless(credential) for credential in self._nameless_roll(number)[0]]
        factors = dict(read_csv(self.folder("importer") / "factors.csv", FACTOR_COLUMNS))
        letters = read_csv(self.folder("authority") / "enrolment.csv", ENROLMENT_COLUMNS)
        return [Enrolment(voter, bytes.fromhex(key), factors[voter]) for voter, key in letters]

    def roll(self, number: int = 1) -> list[bytes]:
        """The credentials of all letters and spare ones. Raises RollInvalid as `enrolment` does."""
        credentials, spares = self._authoritys_roll() if number == 1 else self._nameless_roll(number)
        return [*credentials, *spares]

    def _authoritys_roll(self) -> tuple[list[bytes], list[bytes]]:
        authority = self.folder("authority")
        letters = read_csv(authority / "enrolment.csv", ENROLMENT_COLUMNS)
        return [bytes.fromhex(key) for _, key in letters], list(spare_keys(authority).values())

    def _nameless_roll(self, number: int) -> tuple[list[bytes], list[bytes]]:
        """Credentials and spares: the published ones, or in an office that has all in one folder its own."""
        if roll_folder(self, number).is_dir() or not self.folder("authority").is_dir():
            return own_roll(self, number)
        return self._authoritys_roll()
