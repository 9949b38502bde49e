"""Fixtures of the services' tests: an open referendum whose databases are SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import stembus.ballot.log_operator.log_files
import stembus.ballot.log_operator.pending
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.issuance.enrolment import enrol
from stembus.ballot.issuance.issuance_record import create_record
from stembus.ballot.issuance.token import TokenRequest, VotingPass, make_request, new_pass, take_answer
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.office.settings import FOLDER_FILE
from stembus.ballot.voter.encrypt import Choice, prepare, sign_ballot
from stembus.crypto.signing import SchnorrKey
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.conftest import Finished
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

DATABASES = ("sqlite", "postgresql")


def patch_log_writes(monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]) -> None:
    """Every durable write of the log writer goes through `write`."""
    for module in (stembus.ballot.log_operator.log_files, stembus.ballot.log_operator.pending):
        monkeypatch.setattr(module, "write_durably", write)


class Poll:
    """A rehearsal and its letters, with what a voter does one step at a time."""

    def __init__(self, rehearsal: Rehearsal, letters: list[tuple[str, str]], spares: Sequence[SchnorrKey] = ()) -> None:
        self.rehearsal = rehearsal
        self.letters = letters
        self.spares = spares
        self._offices = [rehearsal.office]

    @property
    def office(self) -> ServedOffice:
        return self.rehearsal.office

    def reopen(self, moment: int | None = None) -> Poll:
        """The same folder and databases in another process, at the same time or another moment."""
        rehearsal = Rehearsal(self.office.root)
        rehearsal.clock.move_to(self.rehearsal.clock.now() if moment is None else moment)
        self._offices.append(rehearsal.office)
        other = Poll(rehearsal, self.letters, self.spares)
        other._offices = self._offices
        return other

    def end(self) -> None:
        for office in self._offices:
            office.dispose()

    def numbers(self) -> list[str]:
        """Voter numbers in the order of `letters`."""
        lines = (self.office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
        return [line.partition(",")[0] for line in lines]

    def letter_key(self, voter: int) -> SchnorrKey:
        return credential_key(parse_code(self.letters[voter][0]), self.office.referendum)

    def credential(self, voter: int) -> bytes:
        return self.letter_key(voter).public

    def ask(self, voter: int, factor: str | None = None, registrar: int = 1) -> tuple[VotingPass, TokenRequest]:
        """A fresh pass and its request."""
        right = self.letters[voter][1]
        voting_pass = new_pass(self.office.context())
        return voting_pass, make_request(voting_pass, registrar, self.letter_key(voter), factor or right)

    def take(self, voting_pass: VotingPass, answer: bytes) -> VotingPass:
        """Raises SignatureInvalid unless the answer is the registrar's signature."""
        return take_answer(self.office.context(), voting_pass, 1, answer)

    def token(self, voter: int) -> VotingPass:
        return self.rehearsal.token(*self.letters[voter])

    def ballot(self, voting_pass: VotingPass, choice: Choice = ((1,),), seq: int = 0) -> bytes:
        """A signed ballot, not cast yet."""
        context = self.office.context()
        return sign_ballot(context, voting_pass, prepare(context, voting_pass, choice), seq)

    def wait(self, seconds: int) -> None:
        self.rehearsal.clock.move_to(self.rehearsal.clock.now() + seconds)

    def until_close(self) -> None:
        manifest = self.office.manifest
        self.rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds)


def copy_of(opened: Finished, root: Path) -> Poll:
    """A private copy of an open referendum at its opening time, on SQLite."""
    rehearsal = opened.rehearsal(root)
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    return Poll(rehearsal, opened.letters, more_spares(rehearsal.office))


def more_spares(office: ServedOffice, count: int = 12) -> list[SchnorrKey]:
    """Spare letters that the registrar's record knows, besides those on the roll."""
    spares, path = [SchnorrKey.generate() for _ in range(count)], office.databases.record_path(1)
    path.unlink()
    create_record(path, office.referendum, 1, [*office.roll(), *(spare.public for spare in spares)])
    return spares


def move_to_postgres(office: ServedOffice, url: str) -> None:
    """An open referendum's services get databases there, as if they had always been there."""
    settings = office.root / FOLDER_FILE
    settings.write_text("".join(f'{name}_database = "{url}"\n' for name in ("registrar_1", "box", "desk")))
    settings.chmod(0o600)
    del office.databases  # which has read the settings
    for party in ("registrar-1", "box", "desk"):
        (office.folder(party) / "database").unlink()
        office.create(party)
    enrol(office._database("registrar-1"), office.enrolment())


@pytest.fixture
def lite(opened: Finished, tmp_path: Path) -> Iterator[Poll]:
    """An open referendum on SQLite only."""
    poll = copy_of(opened, tmp_path / "copy")
    yield poll
    poll.end()


def on_database(request: pytest.FixtureRequest, opened: Finished, tmp_path: Path) -> Iterator[Poll]:
    """A copy on the kind of database that the fixture's parameter names: one of `DATABASES`."""
    copy = copy_of(opened, tmp_path / "copy")
    if request.param == "postgresql":
        move_to_postgres(copy.office, request.getfixturevalue("postgres_url"))
    yield copy
    copy.end()


@pytest.fixture(params=DATABASES)
def poll(request: pytest.FixtureRequest, opened: Finished, tmp_path: Path) -> Iterator[Poll]:
    """An open referendum, once on each kind of database."""
    yield from on_database(request, opened, tmp_path)
