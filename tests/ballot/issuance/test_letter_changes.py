"""What becomes of letters stands apart until the next statement, and goes over to them whole."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.exc import ProgrammingError

from stembus.ballot.database import reading
from stembus.ballot.errors import FactorLocked, FactorWrong, LetterStruck, TokenAlreadyIssued
from stembus.ballot.issuance.letter_changes import fold
from stembus.ballot.issuance.letter_state import Letters
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.storage import letter_changes, voters
from tests.ballot.conftest import Poll, copy_of, move_to_postgres
from tests.conftest import Finished

ROOT = Path(__file__).parents[3]


@pytest.fixture
def registrar(poll: Poll) -> Registrar:
    return poll.office.registrar()


def changes(registrar: Registrar) -> int:
    with reading(registrar._engine) as db:
        return db.execute(select(func.count()).select_from(letter_changes)).scalar_one()


def states(registrar: Registrar) -> dict[str, int]:
    """What the letters' own table says."""
    with reading(registrar._engine) as db:
        rows = db.execute(select(voters.c.state, func.count()).group_by(voters.c.state)).all()
    return {str(state): int(count) for state, count in rows}


def test_all_that_becomes_of_a_letter_goes_over_at_the_next_statement(poll: Poll, registrar: Registrar) -> None:
    whole, numbers = len(poll.letters), poll.numbers()
    request = poll.ask(0)[1]
    answer = registrar.issue(request)
    registrar.strike(numbers[1])
    for _ in range(3):
        with pytest.raises(FactorWrong):
            registrar.issue(poll.ask(2, factor="1900-01-01")[1])
    registrar.replace(numbers[3], poll.spares[0].public)
    assert changes(registrar) == 4
    assert states(registrar) == {"ready": whole, "replaced": 1}
    for _ in range(2):
        assert registrar.count_statement(1, 0).count == 1
        assert changes(registrar) == 0
        assert states(registrar) == {"ready": whole - 2, "issued": 1, "struck": 1, "replaced": 1}
        assert registrar.standing(numbers[2]).tries_left == 7
        assert registrar.issue(request) == answer
        with pytest.raises(TokenAlreadyIssued):
            registrar.issue(poll.ask(0)[1])
        for voter in (1, 3):
            with pytest.raises(LetterStruck):
                registrar.issue(poll.ask(voter)[1])
    assert changes(registrar) == 0


def test_a_change_undoes_nothing_that_a_letter_has_become(poll: Poll, registrar: Registrar) -> None:
    """The help desk's role in PostgreSQL could write one."""
    registrar.issue(poll.ask(0)[1])
    registrar.count_statement(1, 0)
    with registrar._engine.begin() as db:
        db.execute(insert(letter_changes).values(credential=poll.credential(0), state="ready", tries=0))
    for _ in range(2):
        with pytest.raises(TokenAlreadyIssued):
            registrar.issue(poll.ask(0)[1])
        assert registrar.count_statement(1, 1).count == 1
    assert changes(registrar) == 0


def test_tries_go_on_after_a_statement(poll: Poll, registrar: Registrar) -> None:
    for left in range(9, -1, -1):
        with pytest.raises(FactorWrong) as refused:
            registrar.issue(poll.ask(0, factor="1900-01-01")[1])
        assert refused.value.left == left
        registrar.count_statement(1, 0)
    with pytest.raises(FactorLocked):
        registrar.issue(poll.ask(0)[1])
    registrar.unlock(poll.numbers()[0])
    registrar.issue(poll.ask(0)[1])


def test_a_reader_that_stays_holds_off_the_changes_and_no_statement(poll: Poll, registrar: Registrar) -> None:
    registrar.issue(poll.ask(0)[1])
    with reading(registrar._engine) as reader:
        reader.execute(select(letter_changes)).all()
        assert registrar.count_statement(1, 0).count == 1
        assert changes(registrar) == (registrar._engine.dialect.name == "postgresql")
        registrar.issue(poll.ask(1)[1])
    assert registrar.count_statement(2, 1).count == 2
    assert changes(registrar) == 0


def test_statements_in_the_middle_of_issues_lose_and_double_nothing(poll: Poll, registrar: Registrar) -> None:
    asked = [poll.ask(voter)[1] for voter in range(12) for _ in range(2)]

    def issue(number: int) -> bool:
        try:
            registrar.issue(asked[number])
        except TokenAlreadyIssued:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        given = [pool.submit(issue, number) for number in range(len(asked))]
        folded = [pool.submit(fold, registrar._engine) for _ in range(10)]
        assert all(future.result() for future in folded)
        issued = [future.result() for future in given]
    assert [issued[k] + issued[k + 1] for k in range(0, len(issued), 2)] == [1] * 12
    assert registrar.count_statement(1, 0).count == 12
    assert states(registrar)["issued"] == 12


def test_the_help_desks_role_strikes_and_unlocks_and_can_do_no_more(
    opened: Finished, tmp_path: Path, postgres_url: str
) -> None:
    """With the rights that the administrator's guide gives it."""
    poll = copy_of(opened, tmp_path / "copy")
    move_to_postgres(poll.office, postgres_url)
    registrar = poll.office.registrar()
    url, role = registrar._engine.url, f"desk_{uuid.uuid4().hex}"
    rights = (ROOT / "deploy" / "registrar" / "desk-rights.sql").read_text()
    rights = rights.replace("stembus-registrar", str(url.database)).replace("stembus-desk", role)
    with registrar._engine.begin() as db:
        db.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        db.exec_driver_sql(rights)
    engine = create_engine(url.set(username=role))
    try:
        closes_at = poll.office.manifest.closes_at
        desk, numbers = Letters(engine, registrar.record, poll.rehearsal.clock, closes_at), poll.numbers()
        with pytest.raises(FactorWrong):
            registrar.issue(poll.ask(1, factor="1900-01-01")[1])
        desk.unlock(numbers[1])
        assert desk.strike(numbers[0]) == poll.credential(0)
        assert (desk.standing(numbers[0]).state, desk.standing(numbers[1]).tries_left) == ("struck", 10)
        with pytest.raises(LetterStruck):
            registrar.issue(poll.ask(0)[1])
        registrar.issue(poll.ask(1)[1])
        for forbidden in (
            "UPDATE voter SET state = 'ready'",
            "DELETE FROM letter_change",
            "TRUNCATE letter_change",
            "UPDATE letter_change SET request_hash = NULL",
            "INSERT INTO letter_change SELECT credential, 'issued', 0, credential, credential FROM voter",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), engine.begin() as db:
                db.exec_driver_sql(forbidden)
        with engine.begin() as db:  # a letter that has become something is out of its reach
            assert db.exec_driver_sql("SELECT * FROM letter_change WHERE state = 'issued'").rowcount == 1
            assert db.exec_driver_sql("UPDATE letter_change SET state = 'ready' WHERE state <> 'ready'").rowcount == 0
    finally:
        engine.dispose()
        with registrar._engine.begin() as db:
            db.exec_driver_sql(f"DROP OWNED BY {role}")
            db.exec_driver_sql(f"DROP ROLE {role}")
        poll.end()
