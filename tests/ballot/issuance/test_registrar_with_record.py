"""A registrar whose database was put back, or whose record fails, gives nobody a second token."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from stembus.ballot.errors import (
    DatabaseBehind,
    FactorLocked,
    FactorWrong,
    IssuanceRecordUnusable,
    IssuanceUnknown,
    LetterStruck,
    RollInvalid,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance.issuance_record import IssuanceRecord
from stembus.ballot.issuance.issuance_slot import READY, STRUCK, Slot, State
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.registrar_recovery import recover_database
from tests.ballot.conftest import Poll
from tests.ballot.issuance.recorded import SPARES, backup, make_record, put_back, with_record
from tests.ballot.issuance.test_registrar import WRONG, count_factor_checks, race
from tests.ballot.killed import die_after
from tests.ballot.test_storage_faults import Fault, commits_fail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuance.record"


@pytest.fixture
def record(poll: Poll, path: Path) -> IssuanceRecord:
    return make_record(poll, path)


@pytest.fixture
def registrar(poll: Poll, path: Path, record: IssuanceRecord) -> Registrar:
    return with_record(poll, path)


def test_a_token_is_on_record_when_its_answer_leaves(poll: Poll, registrar: Registrar, record: IssuanceRecord) -> None:
    voting_pass, request = poll.ask(0)
    answer = registrar.issue(request)
    assert poll.take(voting_pass, answer).complete
    assert record.slot(poll.credential(0)) == Slot.issued(request.request_hash, request.signature)
    assert registrar.issue(request) == answer


def test_a_check_records_nothing(poll: Poll, registrar: Registrar, record: IssuanceRecord) -> None:
    registrar.check(poll.ask(0)[1])
    assert record.slot(poll.credential(0)) == READY


def test_a_database_that_was_put_back_gives_no_second_token(
    poll: Poll, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = backup(registrar._engine)
    _, request = poll.ask(0)
    answer = registrar.issue(request)
    put_back(registrar._engine, before)
    asked = count_factor_checks(monkeypatch)
    for call in (registrar.issue, registrar.check):
        with pytest.raises(TokenAlreadyIssued):
            call(poll.ask(0)[1])
    assert asked == []
    assert backup(registrar._engine) == before, "no try was spent"
    assert registrar.issue(request) == answer
    assert registrar.issued_count() == 1


def test_a_database_that_was_put_back_gives_no_token_to_a_struck_or_replaced_letter(
    poll: Poll, registrar: Registrar
) -> None:
    before = backup(registrar._engine)
    first, second = (key.public for key in SPARES)
    numbers = poll.numbers()
    registrar.strike(numbers[0])
    registrar.replace(numbers[1], first)
    put_back(registrar._engine, before)
    for voter in (0, 1):
        with pytest.raises(LetterStruck):
            registrar.issue(poll.ask(voter)[1])
    with pytest.raises(LetterStruck):
        registrar.replace(numbers[1], second)
    with pytest.raises(LetterStruck):
        registrar.replace(numbers[0], second)
    assert backup(registrar._engine) == before
    assert registrar.strike(numbers[0]) == poll.credential(0), "done again, it is as it was"
    assert registrar.replace(numbers[1], first) == poll.credential(1)


def test_a_database_that_was_put_back_lets_nobody_with_a_token_be_struck_or_replaced(
    poll: Poll, registrar: Registrar
) -> None:
    before = backup(registrar._engine)
    registrar.issue(poll.ask(0)[1])
    put_back(registrar._engine, before)
    number = poll.numbers()[0]
    for call in (registrar.strike, lambda n: registrar.replace(n, SPARES[0].public)):
        with pytest.raises(TokenAlreadyIssued):
            call(number)
    assert backup(registrar._engine) == before


def test_a_spare_letter_that_had_its_token_is_not_given_out_again(poll: Poll, registrar: Registrar) -> None:
    spare = SPARES[0].public
    registrar.replace(poll.numbers()[0], spare)
    before = backup(registrar._engine)
    registrar.strike(poll.numbers()[0])
    put_back(registrar._engine, [row for row in before if row["credential"] != spare])
    with pytest.raises(RollInvalid, match="given out already"):
        registrar.replace(poll.numbers()[1], spare)


def test_strikes_and_replacements_are_on_record(poll: Poll, registrar: Registrar, record: IssuanceRecord) -> None:
    spare = SPARES[0].public
    for _ in range(2):
        registrar.strike(poll.numbers()[0])
        registrar.replace(poll.numbers()[1], spare)
    assert record.slot(poll.credential(0)) == STRUCK
    assert record.slot(poll.credential(1)) == Slot.replaced(spare)
    assert record.slot(spare) == READY


def test_a_letter_from_outside_the_roll_replaces_none(poll: Poll, registrar: Registrar) -> None:
    before = backup(registrar._engine)
    with pytest.raises(IssuanceRecordUnusable, match="another roll"):
        registrar.replace(poll.numbers()[0], b"x" * 32)
    assert backup(registrar._engine) == before


def test_a_damaged_slot_gives_no_token_costs_no_try_and_concerns_no_other_letter(
    poll: Poll, registrar: Registrar, record: IssuanceRecord, path: Path
) -> None:
    before = backup(registrar._engine)
    raw = bytearray(path.read_bytes())
    raw[record.header.slots_at + 128 * record.number(poll.credential(0)) + 50] ^= 1
    path.write_bytes(raw)
    for call in (
        lambda: registrar.issue(poll.ask(0)[1]),
        lambda: registrar.strike(poll.numbers()[0]),
        lambda: registrar.replace(poll.numbers()[0], SPARES[0].public),
    ):
        with pytest.raises(IssuanceUnknown, match=str(record.number(poll.credential(0)))):
            call()
    assert backup(registrar._engine) == before
    registrar.issue(poll.ask(1)[1])


def test_without_its_record_a_registrar_gives_nothing_out_until_it_is_back(
    poll: Poll, registrar: Registrar, path: Path, tmp_path: Path
) -> None:
    before = backup(registrar._engine)
    path.rename(tmp_path / "unmounted")
    for call in (lambda: registrar.issue(poll.ask(0)[1]), lambda: registrar.strike(poll.numbers()[0])):
        with pytest.raises(IssuanceRecordUnusable, match="mounted"):
            call()
    assert backup(registrar._engine) == before
    (tmp_path / "unmounted").rename(path)
    registrar.issue(poll.ask(0)[1])


@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored although it failed"])
def test_a_failed_commit_leaves_a_letter_to_the_same_request_only(
    poll: Poll, registrar: Registrar, record: IssuanceRecord, stored: bool
) -> None:
    call = 0
    while record.slot(poll.credential(0)) == READY:
        call += 1
        voting_pass, request = poll.ask(0)
        with commits_fail(registrar._engine, call, stored), pytest.raises(Fault):
            registrar.issue(request)
    with pytest.raises(TokenAlreadyIssued):
        registrar.issue(poll.ask(0)[1])
    assert poll.take(voting_pass, registrar.issue(request)).complete


def test_many_requests_of_one_letter_at_once_have_one_winner_on_record(
    poll: Poll, registrar: Registrar, record: IssuanceRecord, path: Path
) -> None:
    other = with_record(poll.reopen(), path)
    requests = [poll.ask(0)[1] for _ in range(8)]
    answers = race(*(partial((registrar, other)[k % 2].issue, request) for k, request in enumerate(requests)))
    (winner,) = [request for request, answer in zip(requests, answers, strict=True) if isinstance(answer, bytes)]
    assert record.slot(poll.credential(0)).digest == winner.request_hash


def test_a_wrong_factor_leaves_no_trace_on_record(poll: Poll, registrar: Registrar, path: Path) -> None:
    before = path.read_bytes()
    for kind in [FactorWrong] * 10 + [FactorLocked]:
        with pytest.raises(kind):
            registrar.issue(poll.ask(0, WRONG)[1])
    assert path.read_bytes() == before


def test_a_registrar_whose_database_lacks_tokens_does_not_close_before_it_is_recovered(
    poll: Poll, registrar: Registrar, record: IssuanceRecord
) -> None:
    registrar.issue(poll.ask(0)[1])
    before = backup(registrar._engine)
    for voter in (1, 2):
        registrar.issue(poll.ask(voter)[1])
    registrar.strike(poll.numbers()[3])
    put_back(registrar._engine, before)
    poll.until_close()
    with pytest.raises(DatabaseBehind, match="lacks 2 tokens and 1 people struck"):
        registrar.close(0)
    assert registrar.halted() == ""
    assert recover_database(registrar._engine, record, []) == 3
    final = registrar.close(0)
    assert [line.credential for line in final.issued] == sorted(poll.credential(voter) for voter in range(3))
    assert (final.statement.count, final.struck) == (3, [poll.credential(3)])


def test_a_registrar_killed_at_any_line_never_has_a_token_that_is_not_on_record(lite: Poll, path: Path) -> None:
    record = make_record(lite, path)
    engine = lite.office.registrar()._engine
    start, line, ended, only_on_record = backup(engine), 1, False, 0
    while not ended:
        put_back(engine, start)
        path.unlink()
        make_record(lite, path)
        _, request = lite.ask(0)
        engine.dispose()
        child = os.fork()
        if not child:
            try:
                victim = with_record(lite.reopen(), path)
                die_after(line)
                victim.issue(request)
                os._exit(0)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        ended = status == 0
        assert ended or os.WTERMSIG(status) == signal.SIGKILL
        recorded = record.slot(lite.credential(0)).state is State.ISSUED
        stored = any(row["state"] == "issued" for row in backup(engine))
        assert recorded or not stored
        only_on_record += recorded and not stored
        current = with_record(lite.reopen(), path)
        if recorded:
            with pytest.raises(TokenAlreadyIssued):
                current.issue(lite.ask(0)[1])
        current.issue(request)
        line += 3  # fewer than there are between the record's write and the commit
    assert only_on_record > 0, "no kill came between record and commit"
