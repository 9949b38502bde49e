"""A registrar with its issuance record, and what happens to databases: they are put back, or lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from stembus.ballot.database import reading
from stembus.ballot.eligibility.credential_authority import ENROLMENT_COLUMNS
from stembus.ballot.eligibility.own_csv import FACTOR_COLUMNS, read_csv
from stembus.ballot.issuance.enrolment import Enrolment
from stembus.ballot.issuance.issuance_record import IssuanceRecord, create_record, open_record
from stembus.ballot.issuance.issuance_slot import Slot
from stembus.ballot.issuance.letter_changes import letters
from stembus.ballot.issuance.letter_state import enrolled_credentials
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.storage import letter_changes, voters
from stembus.crypto.signing import SchnorrKey
from tests.ballot.conftest import Poll

# With low credentials: a spare's slot comes before that of the letter which it replaces, the order that is harder.
SPARES = sorted((SchnorrKey.generate() for _ in range(400)), key=lambda key: key.public)[:2]


def enrolment(poll: Poll) -> list[Enrolment]:
    """The letters, as the registrar was given them."""
    factors = dict(read_csv(poll.office.folder("importer") / "factors.csv", FACTOR_COLUMNS))
    letters = read_csv(poll.office.folder("authority") / "enrolment.csv", ENROLMENT_COLUMNS)
    return [Enrolment(number, bytes.fromhex(key), factors[number]) for number, key in letters]


def make_record(poll: Poll, path: Path, slots: Mapping[bytes, Slot] = MappingProxyType({})) -> IssuanceRecord:
    """For the letters and the spare ones."""
    roll = [*(letter.credential for letter in enrolment(poll)), *(key.public for key in SPARES)]
    return create_record(path, poll.office.referendum, 1, roll, slots)


def with_record(poll: Poll, path: Path) -> Registrar:
    """The office's registrar, with the record that lies there."""
    office = poll.office
    engine = office.registrar()._engine
    record = open_record(path, office.referendum, 1, enrolled_credentials(engine))
    key, signer = office.signing_key("registrar-1"), office.blind_signer(1)
    manifest, clock = office.manifest, office.clock
    return Registrar(engine, manifest, office.referendum, 1, signer, key, office.pepper(), clock, record)


def backup(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as db:
        return [dict(row._mapping) for row in db.execute(select(letters).order_by(letters.c.credential))]


def put_back(engine: Engine, rows: Sequence[dict[str, Any]]) -> None:
    """The database of an earlier moment; without rows, a new one."""
    with engine.begin() as db:
        db.execute(delete(letter_changes))
        db.execute(delete(voters))
        if rows:
            db.execute(insert(voters), list(rows))
