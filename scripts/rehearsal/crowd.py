"""Many voters at once: each worker process opens registrar and box on the same databases.

This is how several server workers run in real life, and how the demo uses both cores. Decides only how the
crowd is cut into slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stembus.scripts.rehearsal.referendum import Rehearsal


@dataclass(frozen=True, slots=True)
class VoterPlan:
    """What one voter will do: each choice, the chosen options of the one question, is a cast; the last one counts."""

    code: str
    factor: str
    choices: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=1)
def _open(root: Path) -> Rehearsal:
    return Rehearsal(root)


def vote_slice(root: Path, now: int, plans: Sequence[VoterPlan]) -> int:
    """Lets these voters ask and cast at the simulated time `now`; returns the number of ballots."""
    rehearsal = _open(root)
    rehearsal.clock.move_to(now)
    casts = 0
    for plan in plans:
        voting_pass = rehearsal.token(plan.code, plan.factor)
        for seq, choice in enumerate(plan.choices):
            rehearsal.cast(voting_pass, [choice], seq)
            casts += 1
    return casts


def vote_together(root: Path, now: int, plans: Sequence[VoterPlan], executor: Executor | None, workers: int) -> int:
    """The same, spread over an executor."""
    if executor is None:
        return vote_slice(root, now, plans)
    slices = [plans[k::workers] for k in range(workers)]
    return sum(future.result() for future in [executor.submit(vote_slice, root, now, part) for part in slices if part])
