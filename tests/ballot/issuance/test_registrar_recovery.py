"""Database and record are brought up to each other, never back, and not where they exclude each other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import update

from stembus.ballot.database import reading
from stembus.ballot.errors import IssuanceRecordUnusable, IssuanceUnknown, RollInvalid, TokenAlreadyIssued
from stembus.ballot.issuance.enrolment import insert_letters
from stembus.ballot.issuance.issuance_record import IssuanceRecord
from stembus.ballot.issuance.issuance_slot import READY, UNKNOWN, Slot
from stembus.ballot.issuance.record_comparison import differences
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.registrar_recovery import database_slots, recover_database, recover_record
from stembus.ballot.issuance.token import make_request, new_pass
from stembus.ballot.storage import voters
from tests.ballot.conftest import Poll
from tests.ballot.issuance.recorded import SPARES, backup, enrolment, make_record, put_back, with_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuance.record"


@pytest.fixture
def record(poll: Poll, path: Path) -> IssuanceRecord:
    return make_record(poll, path)


@pytest.fixture
def registrar(poll: Poll, path: Path, record: IssuanceRecord) -> Registrar:
    """One letter of each state; the spare that replaced a letter has had its token."""
    registrar = with_record(poll, path)
    registrar.issue(poll.ask(0)[1])
    registrar.strike(poll.numbers()[1])
    registrar.replace(poll.numbers()[2], SPARES[0].public)
    registrar.issue(make_request(new_pass(poll.office.context()), 1, SPARES[0], poll.letters[2][1]))
    return registrar


def settled(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows without their tries, which no record holds."""
    return [row | {"tries": 0} for row in rows]


def found(registrar: Registrar, record: IssuanceRecord) -> list[object]:
    with reading(registrar._engine) as db:
        return list(differences(database_slots(db).items(), record))


def test_a_lost_database_is_rebuilt_from_record_and_enrolment(
    poll: Poll, registrar: Registrar, record: IssuanceRecord
) -> None:
    before = backup(registrar._engine)
    assert found(registrar, record) == []
    put_back(registrar._engine, [])
    assert recover_database(registrar._engine, record, enrolment(poll)) == 4
    assert settled(backup(registrar._engine)) == settled(before)
    assert recover_database(registrar._engine, record, enrolment(poll)) == 0
    with pytest.raises(TokenAlreadyIssued):
        registrar.issue(poll.ask(0)[1])
    registrar.issue(poll.ask(3)[1])


def test_an_older_database_is_brought_up_without_the_enrolment_and_keeps_its_tries(
    poll: Poll, registrar: Registrar, record: IssuanceRecord
) -> None:
    after = backup(registrar._engine)
    put_back(registrar._engine, [])
    with registrar._engine.begin() as db:
        insert_letters(db, enrolment(poll))
    with registrar._engine.begin() as db:
        db.execute(update(voters).where(voters.c.credential == poll.credential(4)).values(tries=7))
    assert recover_database(registrar._engine, record, []) == 4
    assert settled(backup(registrar._engine)) == settled(after)
    assert registrar.standing(poll.numbers()[4]).tries_left == 3


def test_a_database_is_not_rebuilt_in_part_or_from_another_roll(
    poll: Poll, registrar: Registrar, record: IssuanceRecord
) -> None:
    put_back(registrar._engine, [])
    letters = enrolment(poll)
    lacking = [letter for letter in letters if letter.credential != poll.credential(1)]
    stranger = dataclasses.replace(letters[0], credential=b"x" * 32)
    twice = dataclasses.replace(letters[0], number=letters[1].number)
    for wrong, kind, words in (
        (lacking, RollInvalid, f"slot {record.number(poll.credential(1))} is not in the enrolment"),
        ([*letters, stranger], IssuanceRecordUnusable, "another roll"),
        ([twice, *letters[1:]], RollInvalid, "does not fit"),
    ):
        with pytest.raises(kind, match=words):
            recover_database(registrar._engine, record, wrong)
        assert backup(registrar._engine) == []


def test_a_lost_record_is_made_again_from_the_database_byte_by_byte(
    poll: Poll, registrar: Registrar, path: Path, record: IssuanceRecord
) -> None:
    before = path.read_bytes()
    path.unlink()
    with reading(registrar._engine) as db:
        make_record(poll, path, database_slots(db))
    assert path.read_bytes() == before


def test_an_older_record_is_brought_up_from_the_database(
    poll: Poll, registrar: Registrar, path: Path, record: IssuanceRecord
) -> None:
    before = path.read_bytes()
    path.unlink()
    make_record(poll, path)
    assert recover_record(registrar._engine, record) == 4
    assert path.read_bytes() == before
    assert recover_record(registrar._engine, record) == 0


def test_an_unknown_slot_takes_what_the_database_knows_and_stays_unknown_where_that_says_ready(
    poll: Poll, registrar: Registrar, path: Path
) -> None:
    path.unlink()
    unknown = {poll.credential(0): UNKNOWN, poll.credential(5): UNKNOWN}
    record = make_record(poll, path, unknown)
    assert recover_record(registrar._engine, record) == 4
    with reading(registrar._engine) as db:
        assert record.slot(poll.credential(0)) == database_slots(db)[poll.credential(0)]
    with pytest.raises(IssuanceUnknown):
        registrar.issue(poll.ask(5)[1])


@pytest.fixture
def opposed(poll: Poll, registrar: Registrar, path: Path) -> IssuanceRecord:
    """A record by which another request had the token."""
    path.unlink()
    other = Slot.issued(b"o" * 32, b"s" * 64)
    return make_record(poll, path, {poll.credential(0): other})


def test_where_database_and_record_exclude_each_other_nothing_is_changed(
    poll: Poll, registrar: Registrar, path: Path, opposed: IssuanceRecord
) -> None:
    rows, raw = backup(registrar._engine), path.read_bytes()
    for call in (
        lambda: recover_database(registrar._engine, opposed, enrolment(poll)),
        lambda: recover_record(registrar._engine, opposed),
    ):
        with pytest.raises(IssuanceRecordUnusable, match=f"in the slots {opposed.number(poll.credential(0))};"):
            call()
    assert (backup(registrar._engine), path.read_bytes()) == (rows, raw)
    assert opposed.slot(poll.credential(1)) == READY
