"""Any order of asking, voting, crashing, sealing and striking ends in a result that verifies and is right."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from stembus.audit.durable import write_durably
from stembus.audit.formats.receipt import Promise, check_receipt
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.errors import (
    BallotRejected,
    CastOutOfTurn,
    FactorLocked,
    FactorWrong,
    LetterStruck,
    NotOpen,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance.token import TokenRequest, VotingPass
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.ballot.conftest import Poll, patch_log_writes
from tests.conftest import Finished, prepare

ELIGIBLE = 12
TRIES = 10
voters = st.integers(0, ELIGIBLE - 1)


class Referendum(RuleBasedStateMachine):
    """The services on disk beside a model in a few dictionaries."""

    def __init__(self, template: Finished, root: Path) -> None:
        super().__init__()
        rehearsal = template.rehearsal(root)
        self.manifest = rehearsal.office.manifest
        rehearsal.clock.move_to(self.manifest.opens_at)
        self.poll = Poll(rehearsal, template.letters)
        self.wrong: dict[int, int] = {}
        self.struck: set[int] = set()
        self.answers: dict[int, tuple[TokenRequest, bytes]] = {}
        self.passes: dict[int, VotingPass] = {}
        self.casts: dict[int, list[tuple[bytes, Promise, list[int]]]] = {}
        self.turns: dict[int, int] = {}
        self.batch = 1
        self.held = False
        self.last_seal: int | None = None
        self.closed = False

    @property
    def now(self) -> int:
        return self.poll.rehearsal.clock.now()

    def refusal(self, voter: int, right: bool = True) -> type[Exception] | None:
        """What the registrar must answer to a fresh request."""
        if self.now >= self.manifest.closes_at:
            return NotOpen
        if voter in self.answers:
            return TokenAlreadyIssued
        if voter in self.struck:
            return LetterStruck
        if self.wrong.get(voter, 0) >= TRIES:
            return FactorLocked
        return None if right else FactorWrong

    # At the registrar

    @precondition(lambda self: not self.closed)
    @rule(voter=voters)
    def ask(self, voter: int) -> None:
        registrar, refusal = self.poll.office.registrar(), self.refusal(voter)
        voting_pass, request = self.poll.ask(voter)
        if refusal:
            with pytest.raises(refusal):
                registrar.issue(request)
            return
        answer = registrar.issue(request)
        self.answers[voter] = request, answer
        self.passes[voter] = self.poll.take(voting_pass, answer)

    @precondition(lambda self: self.answers and not self.closed)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        request, answer = self.answers[data.draw(st.sampled_from(sorted(self.answers)))]
        if self.now >= self.manifest.closes_at:
            with pytest.raises(NotOpen):
                self.poll.office.registrar().issue(request)
        else:
            assert self.poll.office.registrar().issue(request) == answer

    @precondition(lambda self: not self.closed)
    @rule(voter=voters, times=st.sampled_from([1, 1, TRIES]))
    def guess(self, voter: int, times: int) -> None:
        for _ in range(times):
            refusal = self.refusal(voter, right=False)
            assert refusal
            with pytest.raises(refusal):
                self.poll.office.registrar().issue(self.poll.ask(voter, factor="1900-01-01")[1])
            self.wrong[voter] = self.wrong.get(voter, 0) + (refusal is FactorWrong)

    @precondition(lambda self: self.wrong)
    @rule(data=st.data())
    def unlock(self, data: st.DataObject) -> None:
        voter = data.draw(st.sampled_from(sorted(self.wrong)))
        self.poll.office.registrar().unlock(self.poll.numbers()[voter])
        del self.wrong[voter]

    @precondition(lambda self: not self.closed)
    @rule(voter=voters)
    def strike(self, voter: int) -> None:
        registrar, number = self.poll.office.registrar(), self.poll.numbers()[voter]
        if self.now >= self.manifest.closes_at:
            with pytest.raises(NotOpen):
                registrar.strike(number)
        elif voter in self.answers:
            with pytest.raises(TokenAlreadyIssued):
                registrar.strike(number)
        else:
            assert registrar.strike(number) == self.poll.credential(voter)
            self.struck.add(voter)

    # At the ballot box

    @precondition(lambda self: self.passes)
    @rule(data=st.data(), choice=st.sampled_from([[0], [1], [1], []]), lost=st.sampled_from([0, 0, 0, 1]))
    def vote(self, data: st.DataObject, choice: list[int], lost: int) -> None:
        """The first vote or the next one; or the one after a vote that was `lost` on its way."""
        voter = data.draw(st.sampled_from(sorted(self.passes)))
        cast, turn = self.casts.setdefault(voter, []), self.turns.get(voter, 0) + lost
        raw = self.poll.ballot(self.passes[voter], [choice], turn)
        if self.now >= self.manifest.closes_at + self.manifest.grace_seconds:
            with pytest.raises(NotOpen):
                self.poll.office.box.cast(raw)
        elif turn >= self.manifest.max_casts:
            with pytest.raises(BallotRejected):
                self.poll.office.box.cast(raw)
        else:
            promise = self.poll.office.box.cast(raw)
            assert promise.batch == self.batch
            cast.append((raw, promise, choice))
            self.turns[voter] = turn + 1

    @precondition(lambda self: any(self.casts.values()))
    @rule(data=st.data())
    def recast(self, data: st.DataObject) -> None:
        """The same ballot once more, of any age, in any phase."""
        voter = data.draw(st.sampled_from(sorted(v for v, cast in self.casts.items() if cast)))
        raw, promise, _ = data.draw(st.sampled_from(self.casts[voter]))
        again = self.poll.office.box.cast(raw)
        # What waited at the close came to the batch that was held back: a promise says at the latest.
        assert again == promise or (self.closed and again.batch == promise.batch - 1)

    @precondition(lambda self: self.turns and self.now < self.manifest.closes_at)
    @rule(data=st.data())
    def vote_out_of_turn(self, data: st.DataObject) -> None:
        voter = data.draw(st.sampled_from(sorted(self.turns)))
        turn = data.draw(st.integers(0, self.turns[voter] - 1))
        with pytest.raises(CastOutOfTurn):
            self.poll.office.box.cast(self.poll.ballot(self.passes[voter], [[1]], turn))

    def pending(self) -> list[int]:
        """Voters with a ballot for the open batch."""
        return [v for v, cast in self.casts.items() if any(p.batch == self.batch for _, p, _ in cast)]

    def full(self) -> bool:
        """Whether the open batch has its crowd."""
        rules, closes = self.manifest.batching, self.manifest.closes_at
        new = [v for v in self.pending() if all(p.batch == self.batch for _, p, _ in self.casts[v])]
        return len(new) >= rules.minimum_tokens and self.now < closes - rules.quiet_seconds

    def sealed(self) -> int | None:
        """What sealing now does: the batch that is held back is published, if the open one is full; then this one is
        held back in its turn."""
        waited = self.last_seal is None or self.now - self.last_seal >= self.manifest.batching.minimum_seconds
        published = None
        if self.held and self.full() and waited:
            published, self.held, self.last_seal = self.batch - 1, False, self.now
        if not self.held and self.full():
            self.held = True
            self.batch += 1
        return published

    @precondition(lambda self: not self.closed)
    @rule()
    def seal(self) -> None:
        assert self.poll.rehearsal.seal() == self.sealed()

    @precondition(lambda self: not self.closed)
    @rule(write=st.integers(1, 6), stored=st.booleans())
    def crash_while_sealing(self, write: int, stored: bool) -> None:
        """The power fails at one of the log's writes; after the restart the batch is published."""
        left = write

        def failing(path: Path, data: bytes) -> None:
            nonlocal left
            left -= 1
            if left != 0 or stored:
                write_durably(path, data)
            if left == 0:
                raise OSError("the power failed")

        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OSError):
            patch_log_writes(patch, failing)
            self.poll.rehearsal.seal()
        self.crash()
        again = self.poll.rehearsal.seal()
        assert self.sealed() is not None or again is None

    # Time and chance

    @rule(seconds=st.sampled_from([60, 600, 3600, 86_400]))
    def wait(self, seconds: int) -> None:
        self.poll.wait(seconds)

    @rule()
    def crash(self) -> None:
        """Whatever was in memory is gone."""
        poll = self.poll
        self.poll = Poll(Rehearsal(poll.office.root), poll.letters)
        self.poll.rehearsal.clock.move_to(poll.rehearsal.clock.now())
        poll.end()

    @precondition(lambda self: not self.closed and self.now >= self.manifest.closes_at)
    @rule()
    def close(self) -> None:
        self.poll.rehearsal.close()
        self.closed = True

    @invariant()
    def counts_agree(self) -> None:
        assert self.poll.office.registrar().issued_count() == len(self.answers)
        assert self.poll.office.box.accepted() == sum(map(len, self.casts.values()))

    def teardown(self) -> None:
        """The rest of the referendum, and its audit."""
        try:
            self.finish()
        finally:
            self.poll.end()

    def finish(self) -> None:
        rehearsal, office = self.poll.rehearsal, self.poll.office
        if not self.closed:
            rehearsal.close()
        last = [cast[-1][2] for cast in self.casts.values() if cast]
        if self.struck:
            rehearsal.paper(0, [[0, 0]])
        if last:
            rehearsal.tally()
        else:
            rehearsal.result()
        report = verify(FolderPlace(office.public), office.referendum)
        assert (report.exit_status, report.faults) == (0 if last else 7, [])
        assert report.result is not None
        assert report.result.participants == len(last)
        assert report.figures.issued == [len(self.answers)]
        assert report.figures.ballots == sum(map(len, self.casts.values()))
        if last:
            assert report.result.questions[0].total == [last.count([0]), last.count([1])]
        else:
            assert report.result.status == "not-counted-floor"
        for cast in self.casts.values():
            for raw, promise, _ in cast:
                receipt = office.box.receipt(bytes.fromhex(promise.ballot_id), bytes.fromhex(promise.cast_hash))
                assert receipt is not None
                check_receipt(self.manifest, receipt, raw)


@pytest.fixture(scope="session")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """An open referendum of twelve voters, without a vote."""
    root = tmp_path_factory.mktemp("twelve")
    rehearsal, letters = prepare(root, eligible=ELIGIBLE)
    Poll(rehearsal, letters).end()
    return Finished(root, rehearsal.office.referendum, letters)


def test_services_and_audit_agree_with_a_simple_model_in_any_order_of_events(twelve: Finished, tmp_path: Path) -> None:
    run_state_machine_as_test(
        lambda: Referendum(twelve, tmp_path / uuid.uuid4().hex),  # type: ignore[arg-type]
        settings=settings(
            max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
