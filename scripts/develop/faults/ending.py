"""How every row ends: the close, the count, the verification, and the line that says what became of the ballots.

Decides when a row holds: no acknowledged ballot is lost, none stands twice, none later than its promise says,
`verify` says what the row expects, and what should have been refused was. Leaves to the rows what went wrong before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stembus.scripts.develop.faults.counting import Count, count
from stembus.scripts.develop.faults.poll import Poll, RowFailed

TRUSTEES = ("1", "2")


@dataclass
class Outcome:
    """Of one row on one database. `problems` is empty when it holds."""

    row: str
    database: str
    count: Count | None = None
    named: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    recoveries: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    verify: int | None = None
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems

    def lines(self) -> list[str]:
        """For people: the figures, then what happened, then what is wrong."""
        found = self.count
        figures = (
            f"acknowledged {found.acknowledged}, once {found.once}, twice {found.twice}, lost {found.lost}"
            if found
            else "not counted"
        )
        if found and found.replaced:
            figures += f", replaced {found.replaced}"
        if self.named:
            figures += f", named {self.named}"
        verdict = "PASS" if self.holds else "FAIL"
        verify = "not run" if self.verify is None else self.verify
        lines = [f"{verdict}  {self.row:<24} {self.database:<10} {figures}; verify {verify}; {self.seconds:.0f} s"]
        if self.kills:
            lines.append("      kills: " + _listed(self.kills))
        if self.refusals:
            lines.append("      refusals: " + _listed(self.refusals))
        lines += [f"      recovery: {done}" for done in self.recoveries]
        lines += [f"      problem: {problem}" for problem in self.problems]
        return lines


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counter.items()))


def finish(
    poll: Poll, outcome: Outcome, kills: int = 0, closed: bool = False, verify: int = 0, late: float = 0
) -> None:
    """Everybody votes until the close, which comes at once unless the row has `closed` the voting already, and is
    noticed so many seconds `late`. Each command is killed `kills` times first. Raises RowFailed."""
    if not closed:
        poll.rest_timer()
        poll.to_close(seconds=-late)
        if not poll.voters.until_closed(120):
            outcome.problems.append(f"devices were not told of the close: {poll.voters.troubles[-1:]}")
        poll.voters.rest()
        poll.until_done("close", str(poll.office), kills=kills)
    poll.voters.stop()
    few = min(kills, 2)
    for step in ("intent", "decrypt"):
        for number in TRUSTEES:
            poll.until_done("trustee", step, str(poll.office), "--number", number, kills=few)
    poll.until_done("tally", str(poll.office), kills=few)
    ended = poll.command("verify", str(poll.office / "public"), "--referendum", poll.referendum)
    outcome.verify = ended.status
    if ended.status != verify:
        outcome.problems.append(f"verify ended with {ended.status}, not {verify}: {ended.error}")
    found = count(poll.voters.acknowledged(), poll.logged(), poll.setup.context)
    outcome.count = found
    if found.lost or found.twice or found.late or found.replaced:
        outcome.problems.append(str(found))
    if not found.acknowledged:
        outcome.problems.append("no ballot was promised: this row tried nothing")


def take_over(poll: Poll, outcome: Outcome) -> None:
    """What the row saw, also when it failed."""
    outcome.kills, outcome.recoveries, outcome.named = poll.kills, poll.recoveries, poll.named
    outcome.refusals = poll.refusals.copy()
    if hasattr(poll, "voters"):
        outcome.refusals += poll.voters.refusals
        outcome.messages += poll.voters.troubles
    outcome.messages += poll.messages
    for service in (poll.box, poll.registrar):
        outcome.messages += [f"{service.name}: {said}" for said in service.said()]
        if told := len(service.said()):
            outcome.refusals[f"{service.name}-start"] += told
    if poll.tracebacks:
        last = poll.tracebacks[-1].strip().splitlines()[-1]
        outcome.problems.append(f"{len(poll.tracebacks)} commands ended in a traceback: {last}")
    if poll.hanging:
        outcome.problems.append(f"{poll.hanging} commands hung")


def demand_said(outcome: Outcome, *words: str) -> None:
    """Each of these stands in a message of a service, a command or a device."""
    for word in words:
        if not any(word in message for message in outcome.messages):
            outcome.problems.append(f"nobody said {word!r}")


__all__ = ["Outcome", "RowFailed", "demand_said", "finish", "take_over"]
