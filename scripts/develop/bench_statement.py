"""The statement of a yes-no ballot, measured against the one that it replaced: a ciphertext for each option; and that
of a budget, against the same projects without one.

Both are made here from the same parts, so that they are compared in one run. Decides what is measured; `bench` says
when.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.cast_ballot import (
    BallotContext,
    CastBallot,
    check_cast_signature,
    check_token,
    encode_unsigned,
    parse_ballot,
)
from stembus.ballot.voter.encrypt import build_body
from stembus.crypto.batch import verify_all, verify_one
from stembus.scripts.rehearsal.budget_day import BUDGET, PROJECTS

_BALLOTS = 1024


class _ForEachOption(QuestionShape):
    """Two options of which one may be chosen, each in a ciphertext of its own."""

    __slots__ = ()

    @property
    def is_pair(self) -> bool:
        return False


@dataclass(frozen=True, eq=False)
class _Statement:
    """Ballots of one kind; only their bodies are sound."""

    context: BallotContext
    raws: Sequence[bytes]

    def make(self) -> object:
        return [build_body(self.context, bytes(32), [[k % 2]], bytes([k]) * 32) for k in range(32)]

    def parse(self) -> list[CastBallot]:
        return [parse_ballot(self.context, raw) for raw in self.raws]


def _statement(context: BallotContext, shape: QuestionShape, ballots: int = _BALLOTS) -> _Statement:
    size = context.size - sum(question.size for question in context.questions) + shape.size
    own = replace(context, questions=(shape,), size=size)
    signatures = [bytes(384)] * len(context.registrars)
    raws = []
    for k in range(64):
        body = build_body(own, bytes(32), [[k % 2]], k.to_bytes(32, "big"))
        raws.append(encode_unsigned(body, bytes(32), bytes(32), signatures, 0) + bytes(64))
    return _Statement(own, raws * (ballots // len(raws)))


def bench_budget(
    context: BallotContext,
    ratio: Callable[[Callable[[], object], Callable[[], object], int], float],
    show: Callable[[str, str], None],
) -> None:
    """What the bits and the weighted sum of a budget cost beside the same projects without one."""
    costs = tuple(cost for _, cost, _ in PROJECTS)
    shapes = QuestionShape(len(costs), len(costs), costs, BUDGET), QuestionShape(len(costs), len(costs))
    budget, plain = (_statement(context, shape, 128) for shape in shapes)
    ballots, others = ([ballot.proven for ballot in one.parse()] for one in (budget, plain))
    key = context.joint_key
    show("a budget of 24 projects: bytes without a budget, and with", f"{plain.context.size:,} {budget.context.size:,}")
    gc.collect()
    gc.disable()
    together = ratio(lambda: verify_all(key, ballots), lambda: verify_all(key, others), 5)
    show("  its proofs in a batch, with against without", f"{together:.2f} x")

    def one_by_one() -> None:
        for ballot in ballots[:8]:
            verify_one(key, ballot)

    alone = ratio(one_by_one, lambda: verify_all(key, ballots), 5)
    show("  its proofs one by one against in a batch", f"{alone * len(ballots) / 8:.2f} x")
    gc.enable()


def bench_statement(
    context: BallotContext,
    whole: Sequence[CastBallot],
    ratio: Callable[[Callable[[], object], Callable[[], object], int], float],
    show: Callable[[str, str], None],
) -> None:
    """`whole` are ballots with sound tokens, as many as `_BALLOTS`: what is checked besides the proofs is the same for
    both statements."""
    old, new = _statement(context, _ForEachOption(2, 1)), _statement(context, QuestionShape(2, 1))
    proven = {statement: [ballot.proven for ballot in statement.parse()] for statement in (old, new)}

    def proofs(statement: _Statement) -> Callable[[], object]:
        return lambda: verify_all(statement.context.joint_key, proven[statement])

    def everything(statement: _Statement) -> Callable[[], object]:
        def work() -> None:
            verify_all(statement.context.joint_key, [ballot.proven for ballot in statement.parse()])
            for ballot in whole:
                check_token(context, ballot)
                check_cast_signature(context, ballot)

        return work

    show("a ballot of yes or no: bytes before, and now", f"{old.context.size:,} {new.context.size:,}")
    gc.collect()
    gc.disable()  # as where ballots are checked by the thousand
    for label, of in {
        "making it": lambda statement: statement.make,
        "parsing it (1.7 asked)": lambda statement: statement.parse,
        "its proofs in a batch (1.7 asked)": proofs,
        "all its checks in a batch (1.3 asked)": everything,
    }.items():
        show(f"  {label}, before against now", f"{ratio(of(old), of(new), 7):.2f} x")
    gc.enable()
