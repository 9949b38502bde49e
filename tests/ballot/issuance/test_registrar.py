"""The registrar: one token for each letter, ever, whatever happens at the same time."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import inspect, text

from stembus.audit.formats.entries import issuance_digest, issued_digest
from stembus.audit.formats.entry_bodies import IssuedCount
from stembus.audit.formats.lists import Issued, list_root, request_digest
from stembus.ballot.eligibility.second_factor import FactorHasher
from stembus.ballot.errors import (
    BallotError,
    Cancelled,
    CredentialUnknown,
    DatabaseBehind,
    FactorLocked,
    FactorWrong,
    IssuanceRecordUnusable,
    LetterStruck,
    NotOpen,
    RequestInvalid,
    RollInvalid,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance import letter_state
from stembus.ballot.issuance.enrolment import Enrolment, enrol, is_enrolled
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.token import TokenRequest, make_request, new_pass
from stembus.crypto.errors import EncodingInvalid
from stembus.crypto.signing import SchnorrKey, verify_ed25519, verify_schnorr
from tests.ballot.conftest import Poll

WRONG = "1900-01-01"


@pytest.fixture
def registrar(poll: Poll) -> Registrar:
    return poll.office.registrar()


def count_factor_checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every factor that reaches Argon2 from now on."""
    asked: list[str] = []
    matches = FactorHasher.matches

    def counting(self: FactorHasher, stored: str, factor: str) -> bool:
        asked.append(factor)
        return matches(self, stored, factor)

    monkeypatch.setattr(FactorHasher, "matches", counting)
    return asked


def race(*calls: Callable[[], object]) -> list[object]:
    """Starts all calls at the same moment; returns results, and refusals as they were raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except BallotError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


# One token for each letter


def test_a_token_is_issued_once_and_every_other_request_is_refused(poll: Poll, registrar: Registrar) -> None:
    voting_pass, request = poll.ask(0)
    assert poll.take(voting_pass, registrar.issue(request)).complete
    _, other = poll.ask(0)
    with pytest.raises(TokenAlreadyIssued):
        registrar.issue(other)
    assert registrar.issued_count() == 1


def test_the_same_request_gets_the_same_answer_without_its_factor(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, request = poll.ask(0)
    answer = registrar.issue(request)
    asked = count_factor_checks(monkeypatch)
    assert registrar.issue(request) == answer
    assert registrar.issue(dataclasses.replace(request, factor="forgotten meanwhile")) == answer
    assert poll.reopen().office.registrar().issue(request) == answer
    assert asked == []
    assert registrar.issued_count() == 1


def test_a_letter_can_be_checked_without_taking_its_token(poll: Poll, registrar: Registrar) -> None:
    voting_pass, request = poll.ask(0)
    for _ in range(12):
        registrar.check(request)
    assert registrar.issued_count() == 0
    assert poll.take(voting_pass, registrar.issue(request)).complete
    registrar.check(request)
    with pytest.raises(TokenAlreadyIssued):
        registrar.check(poll.ask(0)[1])


def test_a_check_with_a_wrong_factor_costs_a_try_and_one_with_the_right_factor_gives_none_back(
    poll: Poll, registrar: Registrar
) -> None:
    for left in (9, 8):
        with pytest.raises(FactorWrong) as refusal:
            registrar.check(poll.ask(0, WRONG)[1])
        assert refusal.value.left == left
        registrar.check(poll.ask(0)[1])
    with pytest.raises(FactorWrong) as refusal:
        registrar.issue(poll.ask(0, WRONG)[1])
    assert refusal.value.left == 7


def test_checks_at_the_same_moment_are_not_more_than_ten_guesses(poll: Poll, registrar: Registrar) -> None:
    requests = [poll.ask(0, WRONG)[1] for _ in range(16)]
    answers = race(*(partial(registrar.check, request) for request in requests))
    assert sum(isinstance(answer, FactorWrong) for answer in answers) == 10
    assert sum(isinstance(answer, FactorLocked) for answer in answers) == 6


def test_reading_does_not_wait_for_a_writer(lite: Poll) -> None:
    registrar = lite.office.registrar()
    number = lite.numbers()[0]
    _, request = lite.ask(0)
    stranger = SchnorrKey.generate()
    unknown = make_request(new_pass(lite.office.context()), 1, stranger, "1900-01-01")
    with registrar._engine.begin():
        assert registrar.standing(number).state == "ready"
        assert registrar.issued_count() == 0
        # Whoever signs for a letter that does not exist keeps no voter waiting.
        with pytest.raises(CredentialUnknown):
            registrar.issue(unknown)
    registrar.check(request)


def test_many_requests_of_one_letter_at_once_have_one_winner(poll: Poll, registrar: Registrar) -> None:
    requests = [poll.ask(0)[1] for _ in range(12)]
    answers = race(*(partial(registrar.issue, request) for request in requests))
    assert sum(isinstance(answer, bytes) for answer in answers) == 1
    assert sum(isinstance(answer, TokenAlreadyIssued | FactorLocked) for answer in answers) == 11
    winner = requests[next(k for k, answer in enumerate(answers) if isinstance(answer, bytes))]
    assert registrar.issue(winner) in answers


def test_the_same_request_from_many_threads_and_processes_is_one_token(poll: Poll, registrar: Registrar) -> None:
    voting_pass, request = poll.ask(0)
    other = poll.reopen().office.registrar()
    answers = race(*(partial(each.issue, request) for each in [registrar, other] * 4))
    assert len(set(answers)) == 1
    assert poll.take(voting_pass, answers[0]).complete  # type: ignore[arg-type]
    assert registrar.issued_count() == 1


def test_many_letters_at_once_all_get_their_tokens(poll: Poll, registrar: Registrar) -> None:
    asked = [poll.ask(voter) for voter in range(12)]
    answers = race(*(partial(registrar.issue, request) for _, request in asked))
    for (voting_pass, _), answer in zip(asked, answers, strict=True):
        assert isinstance(answer, bytes), answer
        assert poll.take(voting_pass, answer).complete


# Who may ask


def test_a_request_without_its_letters_signature_never_reaches_argon2(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_factor_checks(monkeypatch)
    _, request = poll.ask(0)
    _, other = poll.ask(0)
    for forged in (
        dataclasses.replace(request, signature=other.signature),
        dataclasses.replace(request, signature=bytes(64)),
        dataclasses.replace(request, signature=request.signature[:-1]),
        dataclasses.replace(request, blinded=other.blinded),
        dataclasses.replace(request, credential=poll.credential(1)),
        dataclasses.replace(request, credential=b"\xff" * 32),
    ):
        with pytest.raises(RequestInvalid):
            registrar.issue(forged)
    assert asked == []
    assert registrar.issued_count() == 0


def test_a_request_to_another_registrar_or_in_another_referendum_is_refused(poll: Poll, registrar: Registrar) -> None:
    _, request = poll.ask(0)
    key = poll.letter_key(0)
    for referendum, number in ((poll.office.referendum, 2), (bytes(32), 1)):
        signature = key.sign(request_digest(referendum, number, request.request_hash))
        with pytest.raises(RequestInvalid):
            registrar.issue(dataclasses.replace(request, signature=signature))


def test_a_credential_that_is_in_no_letter_is_unknown_and_costs_no_argon2(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_factor_checks(monkeypatch)
    voting_pass = new_pass(poll.office.context())
    with pytest.raises(CredentialUnknown):
        registrar.issue(make_request(voting_pass, 1, SchnorrKey.generate(), poll.letters[0][1]))
    assert asked == []


def test_a_blinded_message_that_cannot_be_signed_leaves_the_letter_unused(poll: Poll, registrar: Registrar) -> None:
    key = poll.letter_key(0)
    for blinded in (b"", bytes(384), b"\xff" * 384, b"\x01" * 383):
        draft = TokenRequest(key.public, blinded, b"", poll.letters[0][1])
        signature = key.sign(request_digest(poll.office.referendum, 1, draft.request_hash))
        with pytest.raises((EncodingInvalid, RequestInvalid)):
            registrar.issue(dataclasses.replace(draft, signature=signature))
    assert registrar.standing(poll.numbers()[0]).state == "ready"
    assert poll.token(0).complete


# The second factor


def test_ten_wrong_factors_lock_a_letter_and_the_town_hall_unlocks_it(poll: Poll, registrar: Registrar) -> None:
    for left in range(9, -1, -1):
        with pytest.raises(FactorWrong) as refusal:
            registrar.issue(poll.ask(0, factor=WRONG)[1])
        assert refusal.value.left == left
    for factor in (WRONG, None):
        with pytest.raises(FactorLocked):
            registrar.issue(poll.ask(0, factor=factor)[1])
    assert poll.token(1).complete, "another letter is not affected"
    registrar.unlock(poll.numbers()[0])
    assert poll.token(0).complete


def test_a_locked_letter_costs_no_argon2(poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(10):
        with pytest.raises(FactorWrong):
            registrar.issue(poll.ask(0, factor=WRONG)[1])
    asked = count_factor_checks(monkeypatch)
    with pytest.raises(FactorLocked):
        registrar.issue(poll.ask(0)[1])
    assert asked == []


def test_guesses_at_the_same_moment_are_not_more_than_ten(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who found a letter sends many birth dates at once; each must use up one of the ten tries."""
    guesses = 14
    matches = FactorHasher.matches
    waiting = threading.Barrier(guesses)
    tried: list[str] = []

    def slow(self: FactorHasher, stored: str, factor: str) -> bool:
        tried.append(factor)
        with contextlib.suppress(threading.BrokenBarrierError):
            waiting.wait(1)
        return matches(self, stored, factor)

    monkeypatch.setattr(FactorHasher, "matches", slow)
    requests = [poll.ask(0, factor=f"19{k:02d}-01-01")[1] for k in range(guesses)]
    answers = race(*(partial(registrar.issue, request) for request in requests))
    assert all(isinstance(answer, FactorWrong | FactorLocked) for answer in answers)
    assert len(tried) <= 10, f"{len(tried)} factors of one letter were compared"


# Letters that are struck or replaced


def test_a_struck_letter_gets_no_token_and_stays_struck(poll: Poll, registrar: Registrar) -> None:
    number = poll.numbers()[0]
    assert registrar.strike(number) == poll.credential(0)
    assert registrar.strike(number) == poll.credential(0)
    with pytest.raises(LetterStruck):
        poll.token(0)
    assert registrar.standing(number).state == "struck"
    with pytest.raises(LetterStruck):
        registrar.replace(number, bytes(32))
    assert finally_struck(poll, registrar) == [poll.credential(0)]


def finally_struck(poll: Poll, registrar: Registrar) -> list[bytes]:
    """Who is on the list that the registrar signs at the close."""
    poll.until_close()
    return registrar.close(0).struck


def test_a_voter_with_a_token_cannot_be_struck(poll: Poll, registrar: Registrar) -> None:
    poll.token(0)
    with pytest.raises(TokenAlreadyIssued):
        registrar.strike(poll.numbers()[0])
    assert finally_struck(poll, registrar) == []


def test_struck_letters_are_listed_in_order(poll: Poll, registrar: Registrar) -> None:
    for voter in range(6):
        registrar.strike(poll.numbers()[voter])
    assert finally_struck(poll, registrar) == sorted(poll.credential(voter) for voter in range(6))


def test_a_lost_letter_is_replaced_by_a_spare_with_the_same_factor(poll: Poll, registrar: Registrar) -> None:
    number = poll.numbers()[0]
    spare = poll.spares[0]
    assert registrar.replace(number, spare.public) == poll.credential(0)
    assert registrar.replace(number, spare.public) == poll.credential(0), "done twice it changes nothing"
    with pytest.raises(LetterStruck):
        poll.token(0)
    voting_pass = new_pass(poll.office.context())
    with pytest.raises(FactorWrong):
        registrar.issue(make_request(voting_pass, 1, spare, WRONG))
    answer = registrar.issue(make_request(voting_pass, 1, spare, poll.letters[0][1]))
    assert poll.take(voting_pass, answer).complete
    assert registrar.standing(number).state == "issued"
    assert registrar.enrolled() == len(poll.letters) + 1


def test_a_letter_is_not_replaced_once_it_has_its_token(poll: Poll, registrar: Registrar) -> None:
    poll.token(0)
    with pytest.raises(TokenAlreadyIssued):
        registrar.replace(poll.numbers()[0], poll.spares[0].public)


def test_a_spare_letter_is_given_out_once(poll: Poll, registrar: Registrar) -> None:
    spare = poll.spares[0].public
    registrar.replace(poll.numbers()[0], spare)
    with pytest.raises(RollInvalid):
        registrar.replace(poll.numbers()[1], spare)
    assert registrar.standing(poll.numbers()[1]).state == "ready"
    assert poll.token(1).complete


def test_a_letter_of_another_roll_is_no_spare(poll: Poll, registrar: Registrar) -> None:
    with pytest.raises(IssuanceRecordUnusable, match="another roll"):
        registrar.replace(poll.numbers()[0], SchnorrKey.generate().public)
    assert registrar.standing(poll.numbers()[0]).state == "ready"


def test_the_replacement_of_a_lost_letter_can_be_struck(poll: Poll, registrar: Registrar) -> None:
    number, spare = poll.numbers()[0], poll.spares[0].public
    registrar.replace(number, spare)
    assert registrar.strike(number) == spare
    assert finally_struck(poll, registrar) == [spare]


def test_an_unknown_voter_number_is_named(poll: Poll, registrar: Registrar) -> None:
    for call in (registrar.standing, registrar.unlock, registrar.strike, lambda n: registrar.replace(n, bytes(32))):
        with pytest.raises(CredentialUnknown, match="999"):
            call("999")


@pytest.mark.parametrize("change", ["strike", "replace"])
def test_a_letter_is_issued_or_changed_and_never_both(poll: Poll, registrar: Registrar, change: str) -> None:
    other = poll.reopen().office.registrar()
    for voter in range(10):
        number, spare = poll.numbers()[voter], poll.spares[voter].public
        call = partial(other.strike, number) if change == "strike" else partial(other.replace, number, spare)
        requests = [poll.ask(voter)[1] for _ in range(3)]
        *answers, changed = race(*(partial(registrar.issue, request) for request in requests), call)
        issued = sum(isinstance(answer, bytes) for answer in answers)
        assert issued + isinstance(changed, bytes) == 1, (answers, changed)
        state = registrar.standing(number).state
        assert state == ("issued" if issued else {"strike": "struck", "replace": "ready"}[change])


def test_a_strike_during_the_factor_check_wins(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = poll.numbers()[0]
    matches = FactorHasher.matches

    def strike_meanwhile(self: FactorHasher, stored: str, factor: str) -> bool:
        registrar.strike(number)
        return matches(self, stored, factor)

    monkeypatch.setattr(FactorHasher, "matches", strike_meanwhile)
    with pytest.raises(LetterStruck):
        poll.token(0)
    assert registrar.issued_count() == 0


# Times, and the end


def test_no_token_before_the_opening(poll: Poll) -> None:
    early = poll.reopen(poll.office.manifest.opens_at - 1)
    with pytest.raises(NotOpen, match="opens at"):
        early.token(0)


def test_no_token_at_or_after_the_close(poll: Poll, registrar: Registrar) -> None:
    _, request = poll.ask(0)
    poll.rehearsal.clock.move_to(poll.office.manifest.closes_at - 1)
    answer = registrar.issue(request)
    poll.wait(1)
    with pytest.raises(NotOpen):
        poll.token(1)
    # A token that was issued in time is still handed over: its answer may have been lost on the way.
    assert registrar.issue(request) == answer
    statement = registrar.close(0).statement
    assert registrar.issue(request) == answer
    assert statement.count == registrar.issued_count() == 1


def test_closing_is_refused_before_its_time(poll: Poll, registrar: Registrar) -> None:
    poll.rehearsal.clock.move_to(poll.office.manifest.closes_at - 1)
    with pytest.raises(NotOpen):
        registrar.close(0)


def test_the_final_list_is_sorted_and_verifies_and_never_changes(poll: Poll, registrar: Registrar) -> None:
    hashes = {}
    for voter in range(7):
        _, request = poll.ask(voter)
        registrar.issue(request)
        hashes[poll.credential(voter)] = request.request_hash
    for voter in (8, 9):
        registrar.strike(poll.numbers()[voter])
    poll.until_close()
    final = registrar.close(0)
    statement, issued = final.statement, final.issued
    assert [line.credential for line in issued] == sorted(hashes)
    for line in issued:
        assert line.request_hash == hashes[line.credential]
        verify_schnorr(line.credential, request_digest(poll.office.referendum, 1, line.request_hash), line.signature)
    count, root = list_root(line.leaf() for line in issued)
    assert (statement.count, statement.root) == (7, root.hex()) == (count, root.hex())
    assert final.struck == sorted(poll.credential(voter) for voter in (8, 9))
    of_struck = list_root(final.struck)
    assert (statement.struck, statement.struck_root) == (2, of_struck[1].hex())
    digest = issuance_digest(poll.office.referendum, 1, (count, root), of_struck)
    verify_ed25519(_registrar_key(poll), digest, bytes.fromhex(statement.signature))
    assert registrar.close(0) == final
    assert poll.reopen().office.registrar().close(0) == final


def test_a_closed_registrar_stays_closed_when_its_clock_is_wrong(poll: Poll, registrar: Registrar) -> None:
    poll.until_close()
    registrar.close(0)
    with pytest.raises(NotOpen):
        poll.reopen(poll.office.manifest.opens_at).token(0)


def test_a_request_that_is_under_way_at_the_close_is_on_the_final_list_or_refused(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = FactorHasher.matches
    lists: list[list[Issued]] = []

    def close_meanwhile(self: FactorHasher, stored: str, factor: str) -> bool:
        poll.until_close()
        lists.append(registrar.close(0).issued)
        return matches(self, stored, factor)

    _, request = poll.ask(0)
    monkeypatch.setattr(FactorHasher, "matches", close_meanwhile)
    answer = race(lambda: registrar.issue(request))[0]
    listed = any(line.request_hash == request.request_hash for line in lists[0])
    assert listed == isinstance(answer, bytes), f"answered {answer!r:.60}, on the final list: {listed}"
    assert registrar.close(0).issued == lists[0], "the final list changed after it was signed"


def test_nobody_is_struck_for_paper_once_the_registrar_is_closed(poll: Poll, registrar: Registrar) -> None:
    poll.until_close()
    registrar.close(0)
    with pytest.raises(NotOpen):
        registrar.strike(poll.numbers()[0])
    assert registrar.standing(poll.numbers()[0]).state == "ready"
    assert registrar.close(0).struck == []


@pytest.mark.parametrize("change", ["strike", "replace"])
def test_once_the_voting_is_over_nobody_is_struck_or_moved(poll: Poll, registrar: Registrar, change: str) -> None:
    """Who did not vote is known then, and who holds the keys may know how the vote went."""
    numbers, spares, closes = poll.numbers(), poll.spares, poll.office.manifest.closes_at

    def act(voter: int) -> bytes:
        if change == "strike":
            return registrar.strike(numbers[voter])
        return registrar.replace(numbers[voter], spares[voter].public)

    poll.rehearsal.clock.move_to(closes - 1)
    act(0)
    poll.rehearsal.clock.move_to(closes)
    with pytest.raises(NotOpen, match="voting is over"):
        act(1)
    assert registrar.standing(numbers[1]).state == "ready"


def test_who_is_being_struck_at_the_close_is_on_the_signed_list(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody may be told to vote on paper and stand on no list: such a vote could not be counted."""
    poll.rehearsal.clock.move_to(poll.office.manifest.closes_at - 1)
    other = poll.reopen(poll.office.manifest.closes_at).office.registrar()
    closing = Thread(target=lambda: other.close(0))
    held = letter_state.hold

    def close_meanwhile(*arguments: Any) -> Any:
        row = held(*arguments)
        closing.start()
        closing.join(0.3)
        return row

    monkeypatch.setattr(letter_state, "hold", close_meanwhile)
    registrar.strike(poll.numbers()[0])
    closing.join()
    poll.until_close()
    assert registrar.close(0).struck == [poll.credential(0)]


def test_the_running_count_is_signed_for_its_batch(poll: Poll, registrar: Registrar) -> None:
    for voter in range(3):
        poll.token(voter)
    statement = registrar.count_statement(5, 0)
    assert isinstance(statement, IssuedCount)
    assert statement.count == 3
    digest = issued_digest(poll.office.referendum, 1, 5, 3)
    verify_ed25519(_registrar_key(poll), digest, bytes.fromhex(statement.signature))


def _registrar_key(poll: Poll) -> bytes:
    return bytes.fromhex(poll.office.manifest.registrars[0].key)


# The database


def test_a_roll_is_enrolled_whole_or_not_at_all(poll: Poll, registrar: Registrar) -> None:
    _forget_letters(registrar)
    fresh = Enrolment("1000000001", SchnorrKey.generate().public, "hash")
    for second in (
        Enrolment("1000000002", fresh.credential, "hash"),
        Enrolment(fresh.number, SchnorrKey.generate().public, "hash"),
    ):
        with pytest.raises(RollInvalid, match="enrolled twice"):
            enrol(registrar._engine, [fresh, second])
    assert (registrar.enrolled(), is_enrolled(registrar._engine)) == (0, False)
    assert enrol(registrar._engine, [fresh]) == 1
    assert is_enrolled(registrar._engine)


def test_a_roll_is_enrolled_once_however_small_it_is(poll: Poll, registrar: Registrar) -> None:
    before = registrar.enrolled()
    fresh = Enrolment("1000000001", SchnorrKey.generate().public, "hash")
    with pytest.raises(RollInvalid, match="has its letters already"):
        enrol(registrar._engine, [fresh])
    assert registrar.enrolled() == before
    _forget_letters(registrar)
    assert enrol(registrar._engine, []) == 0
    with pytest.raises(RollInvalid, match="has its letters already"):
        enrol(registrar._engine, [fresh])


def _forget_letters(registrar: Registrar) -> None:
    """As it was before it was given its letters."""
    with registrar._engine.begin() as db:
        db.execute(text("DELETE FROM voter"))
        db.execute(text("UPDATE registrar_state SET enrolled = false"))


def test_a_registrar_that_has_lost_its_letters_gets_none_after_the_opening(poll: Poll, registrar: Registrar) -> None:
    """Struck, replaced and issued ones would come back: every voter could have a second token."""
    _forget_letters(registrar)
    with pytest.raises(RollInvalid, match="although the voting was opened"):
        poll.office.enrol_all()
    assert registrar.enrolled() == 0


def test_a_registrar_that_knows_of_fewer_tokens_than_the_log_gives_out_none(poll: Poll, registrar: Registrar) -> None:
    issued, request = registrar.issue(first := poll.ask(0)[1]), poll.ask(1)[1]
    assert registrar.count_statement(1, 1).count == 1
    with pytest.raises(DatabaseBehind, match="second token"):
        registrar.count_statement(2, 2)
    with pytest.raises(DatabaseBehind):
        registrar.issue(request)
    with pytest.raises(DatabaseBehind):
        registrar.check(request)
    with pytest.raises(DatabaseBehind):
        registrar.strike(poll.numbers()[2])
    assert registrar.issue(first) == issued
    poll.until_close()
    with pytest.raises(DatabaseBehind):
        registrar.close(0)


def test_a_registrar_states_no_final_list_that_is_shorter_than_the_logs_count(poll: Poll, registrar: Registrar) -> None:
    poll.token(0)
    poll.until_close()
    with pytest.raises(DatabaseBehind):
        poll.reopen().office.registrar().close(2)


def test_a_cancelled_registrar_gives_out_nothing_and_repeats_nothing(poll: Poll, registrar: Registrar) -> None:
    _, request = poll.ask(0)
    registrar.issue(request)
    registrar.cancel()
    for asked in (request, poll.ask(1)[1]):
        with pytest.raises(Cancelled):
            registrar.issue(asked)
    poll.until_close()
    with pytest.raises(Cancelled):
        registrar.close(0)


def test_no_table_holds_a_time_or_an_order_of_arrival(poll: Poll, registrar: Registrar) -> None:
    _ = poll.office.box
    for engine in (registrar._engine, poll.office.box._engine):
        # The help desk keeps its actions in order, on purpose; here it may share the database.
        for table in set(inspect(engine).get_table_names()) - {"registrar_state", "box_state", "desk_action"}:
            for column in inspect(engine).get_columns(table):
                kind = str(column["type"]).upper()
                assert not any(word in kind for word in ("TIME", "DATE", "SERIAL")), (table, column["name"])
                assert "nextval" not in str(column.get("default")), (table, column["name"])
                assert not column.get("identity"), (table, column["name"])
        if engine.dialect.name == "sqlite":
            with engine.connect() as db:
                rows = db.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
            for name, sql in rows:
                if not name.endswith("_state"):  # of one row
                    assert "WITHOUT ROWID" in sql.upper(), name
                assert "AUTOINCREMENT" not in sql.upper()
    columns = {c["name"] for c in inspect(registrar._engine).get_columns("letter_change")}
    assert columns == {"credential", "state", "tries", "request_hash", "signature"}
    columns = {c["name"] for c in inspect(registrar._engine).get_columns("voter")}
    assert columns == {
        "credential", "number", "factor", "state", "tries", "request_hash", "signature", "acknowledgement",
    }  # fmt: skip
    columns = {c["name"] for c in inspect(registrar._engine).get_columns("acknowledgement")}
    assert columns == {"credential", "signature"}
    for name in ("ballot", "waiting_ballot_even", "waiting_ballot_odd"):
        columns = {c["name"] for c in inspect(poll.office.box._engine).get_columns(name)}
        assert columns == {"ballot_id", "token", "seq", "cast_hash", "batch", "cast_ballot"}


def test_rows_lie_in_the_order_of_their_credentials_whoever_came_first(lite: Poll) -> None:
    """What an unordered reading of the file shows is not who asked when."""
    registrar = lite.office.registrar()
    for voter in (7, 2, 9, 4):
        lite.token(voter)
    registrar.count_statement(1, 0)
    with registrar._engine.connect() as db:
        issued = [row[0] for row in db.execute(text("SELECT credential FROM voter WHERE state = 'issued'"))]
    assert issued == sorted(issued)
    assert len(issued) == 4
