"""Where the referendum stands for one trustee: the step that is theirs to take now, and whom it waits for.

Decides that from the verified log and the clock, as the trustees' page in the browser does. Leaves the words to
commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from stembus.audit.formats.ceremony import Attempt, latest_attempt
from stembus.audit.formats.entry_bodies import Drill, Roll
from stembus.audit.rules import count_status
from stembus.audit.state_machine import Phase
from stembus.audit.verify.verified_log import VerifiedLog

Step = Literal["commit", "reveal", "share", "confirm", "drill", "intent", "decrypt"]
Stage = (
    Step
    | Literal[
        "election-key", "roll", "opening", "voting", "paper", "complaints", "result", "done", "not-counted",
        "cancelled", "abandoned",
    ]
)  # fmt: skip
_STAGES: dict[Phase, Stage] = {
    Phase.KEYED: "roll",
    Phase.OPEN: "voting",
    Phase.TALLIED: "done",
    Phase.CANCELLED: "cancelled",
    Phase.ABANDONED: "abandoned",
}


@dataclass(frozen=True)
class Standing:
    """`stage` is what the referendum waits for, `step` what is for this trustee to do now, if anything; `waits` are the
    trustees whose turn it is. `optional` says that nothing waits for this step. `until` is in Unix seconds."""

    stage: Stage
    step: Step | None = None
    waits: tuple[int, ...] = ()
    optional: bool = False
    until: int | None = None


def standing_of(log: VerifiedLog, number: int, now: int) -> Standing:
    """Of trustee `number` at `now`, in Unix seconds."""
    bodies = [entry.body for _, _, entry in log.entries()]
    if log.phase is Phase.CEREMONY:
        return _in_ceremony(latest_attempt(bodies), number, len(log.manifest.trustees.members))
    if log.phase is Phase.ROLLED:
        since = max(place for place, body in enumerate(bodies) if isinstance(body, Roll))
        again = any(isinstance(body, Drill) and body.trustee == number for body in bodies[since:])
        return Standing("opening") if again else Standing("opening", "drill", optional=True)
    if log.phase is Phase.CLOSED:
        return _after_close(log, number, now)
    return Standing(_STAGES[log.phase])


def _in_ceremony(attempt: Attempt, number: int, count: int) -> Standing:
    everyone = range(1, count + 1)
    done: dict[Step, Callable[[int], bool]] = {
        "commit": lambda trustee: not attempt.void and trustee in attempt.commits,
        "reveal": lambda trustee: trustee in attempt.reveals,
        "share": lambda trustee: all(other == trustee or (trustee, other) in attempt.shares for other in everyone),
        "confirm": lambda trustee: trustee in attempt.confirms,
        "drill": lambda trustee: trustee in attempt.drills,
    }
    for step, is_done in done.items():
        if waits := tuple(trustee for trustee in everyone if not is_done(trustee)):
            return Standing(step, step if number in waits else None, waits)
    return Standing("election-key")


def _after_close(log: VerifiedLog, number: int, now: int) -> Standing:
    tally, manifest = log.tally, log.manifest
    if not tally.decided:
        return Standing("paper")
    if count_status(manifest, log.counted, tally.paper.ballots if tally.paper else 0) != "counted":
        return Standing("not-counted")
    announced = {intent.trustee for intent in tally.intents}
    until = (now if tally.decided_at is None else tally.decided_at) + manifest.complaint_seconds
    if manifest.complaint_seconds and now < until:
        return Standing("complaints", until=until)
    own: Step | None = None if number in announced else "intent"
    everyone = range(1, len(manifest.trustees.members) + 1)
    if len(announced) < manifest.trustees.threshold:
        return Standing("intent", own, tuple(trustee for trustee in everyone if trustee not in announced))
    if len(tally.partials) >= manifest.trustees.threshold:
        return Standing("result")
    waits = tuple(sorted(announced - tally.partials.keys()))
    if own is not None:
        return Standing("decrypt", own, waits, optional=True)
    return Standing("decrypt", None if number in tally.partials else "decrypt", waits)
