"""The help desk: who may act, what an action does, and that each one is written down."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect, text

from stembus.ballot.errors import (
    AccountInvalid,
    CredentialUnknown,
    FactorLocked,
    FactorWrong,
    SignInRefused,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance.help_desk import HelpDesk, Officer
from stembus.ballot.issuance.letter_state import Letters
from tests.ballot.conftest import Poll

PASSWORD = "a long password"


@pytest.fixture
def desk(poll: Poll) -> HelpDesk:
    made = poll.office.desk()
    made.enlist("an", PASSWORD)
    return made


@pytest.fixture
def officer(desk: HelpDesk) -> Officer:
    return desk.sign_in("an", PASSWORD)


def test_only_name_and_password_of_one_officer_sign_in(desk: HelpDesk) -> None:
    desk.enlist("bo", "another password")
    assert desk.sign_in("an", PASSWORD).name == "an"
    for name, password in (("an", "another password"), ("an", ""), ("", ""), ("cy", PASSWORD), ("AN", PASSWORD)):
        with pytest.raises(SignInRefused):
            desk.sign_in(name, password)


def test_a_new_password_or_a_dismissal_ends_what_was_signed_in(desk: HelpDesk, officer: Officer) -> None:
    assert desk.resume(officer.name, officer.session) == officer
    desk.enlist("an", "a newer password")
    with pytest.raises(SignInRefused):
        desk.resume(officer.name, officer.session)
    again = desk.sign_in("an", "a newer password")
    desk.dismiss("an")
    with pytest.raises(SignInRefused):
        desk.resume(again.name, again.session)
    with pytest.raises(AccountInvalid):
        desk.dismiss("an")


def test_signing_out_ends_the_session_wherever_its_secret_went(desk: HelpDesk, officer: Officer) -> None:
    desk.sign_out(officer)
    with pytest.raises(SignInRefused):
        desk.resume(officer.name, officer.session)
    first, second = desk.sign_in("an", PASSWORD), desk.sign_in("an", PASSWORD)
    desk.sign_out(first)
    assert desk.resume(second.name, second.session) == second
    for session in ("", "0" * 64, first.session):
        with pytest.raises(SignInRefused):
            desk.resume("an", session)
    with desk._engine.connect() as db:
        assert second.session not in str(db.execute(text("SELECT * FROM officer")).all())


@pytest.mark.parametrize(
    ("name", "password"),
    [("", PASSWORD), ("An", PASSWORD), ("a b", PASSWORD), ("a" * 33, PASSWORD), ("an", "short"), ("an", "x" * 201)],
)
def test_an_account_that_cannot_be_is_refused(desk: HelpDesk, name: str, password: str) -> None:
    with pytest.raises(AccountInvalid):
        desk.enlist(name, password)
    assert desk.enlisted() == ["an"]


def test_a_locked_letter_is_seen_and_unlocked(poll: Poll, desk: HelpDesk, officer: Officer) -> None:
    number, registrar = poll.numbers()[0], poll.office.registrar()
    assert desk.look(officer, number).tries_left == 10
    for _ in range(10):
        with pytest.raises(FactorWrong):
            registrar.issue(poll.ask(0, "1900-01-01")[1])
    with pytest.raises(FactorLocked):
        registrar.check(poll.ask(0)[1])
    assert desk.look(officer, number).tries_left == 0
    assert desk.unlock(officer, number).tries_left == 10
    registrar.check(poll.ask(0)[1])


def test_a_voter_is_struck_and_one_with_a_token_is_not(poll: Poll, desk: HelpDesk, officer: Officer) -> None:
    numbers = poll.numbers()
    assert desk.strike(officer, numbers[0]).state == "struck"
    poll.token(1)
    with pytest.raises(TokenAlreadyIssued):
        desk.strike(officer, numbers[1])
    assert desk.look(officer, numbers[1]).state == "issued"
    with pytest.raises(CredentialUnknown):
        desk.look(officer, "no such number")


def test_every_action_is_written_down_in_order_with_its_outcome(poll: Poll, desk: HelpDesk, officer: Officer) -> None:
    numbers = poll.numbers()
    poll.token(1)
    desk.look(officer, numbers[0])
    desk.unlock(officer, numbers[0])
    with pytest.raises(TokenAlreadyIssued):
        desk.strike(officer, numbers[1])
    with pytest.raises(CredentialUnknown):
        desk.look(officer, "0" * 20)
    # The code of a letter, typed into the wrong field, is not kept.
    for mistyped in ("WXYZ-0123-4567-89AB-CDEF-GHJK", "1" * 21, "", "12\n"):
        with pytest.raises(CredentialUnknown):
            desk.look(officer, mistyped)
    desk.dismiss("an")
    written = [(a.number, a.officer, a.action, a.voter, a.outcome) for a in reversed(desk.actions())]
    assert written == [
        (1, "an", "enlist", "", "done"),
        (2, "an", "look", numbers[0], "done"),
        (3, "an", "unlock", numbers[0], "done"),
        (4, "an", "strike", numbers[1], "TokenAlreadyIssued"),
        (5, "an", "look", "0" * 20, "CredentialUnknown"),
        (6, "an", "dismiss", "", "done"),
    ]


def test_an_action_that_is_cut_off_stays_written_down(
    poll: Poll, desk: HelpDesk, officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(Letters, "strike", killed)
    with pytest.raises(Killed):
        desk.strike(officer, poll.numbers()[0])
    assert [(a.action, a.outcome) for a in desk.actions()] == [("strike", "broken"), ("enlist", "done")]


def test_many_actions_at_once_are_all_written_down(poll: Poll, desk: HelpDesk, officer: Officer) -> None:
    numbers = poll.numbers()[:12]
    barrier = threading.Barrier(12)

    def look(number: str) -> None:
        barrier.wait()
        desk.look(officer, number)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(look, numbers))
    looks = [a for a in desk.actions() if a.action == "look"]
    assert sorted(a.voter for a in looks) == sorted(numbers)
    assert sorted(a.number for a in looks) == list(range(2, 14))


def test_the_desk_holds_no_time_no_vote_and_needs_no_passphrase(poll: Poll, desk: HelpDesk) -> None:
    columns = {
        column["name"] for table in ("officer", "desk_action") for column in inspect(desk._engine).get_columns(table)
    }
    assert columns == {"name", "password", "session", "number", "officer", "action", "voter", "outcome"}
    other = poll.reopen().office
    other._passphrase = lambda party: pytest.fail(f"asked for the passphrase of {party}")
    assert other.desk().sign_in("an", PASSWORD).name == "an"
    assert len(other.desk_secret()) == 32
    assert other.desk_secret() == poll.office.desk_secret()
    assert (other.root / "desk" / "sessions.key").stat().st_mode & 0o777 == 0o600
