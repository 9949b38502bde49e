"""The catalogue of forgeries: each names its attack class (1-15), the check that must catch it, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stembus.audit.log.source import MemoryPlace
from stembus.audit.verify.report import Report, Verdict
from tests.tampered.forge import Forge, judge

BREACH, STANDS, PASSED = Verdict.BREACH, Verdict.STANDS, Verdict.PASSED_OVER
UNCHECKED, NO_EVIDENCE = Verdict.UNCHECKED, Verdict.NO_EVIDENCE
YES_NO, PROJECTS, BUDGET = "parts", "project_parts", "budget_parts"
_STATUS = {BREACH: 1, UNCHECKED: 8, STANDS: 5, NO_EVIDENCE: 2, PASSED: 0}
Maker = Callable[[Forge], MemoryPlace | Report | None]


@dataclass(frozen=True)
class Forgery:
    """`expect` must catch it; `also` lists the checks that notice the consequences. `base` is the fixture from which
    it starts: a question of yes or no, of PROJECTS, of which one of three may be chosen, or of a BUDGET."""

    name: str
    attack: int
    expect: str
    verdict: Verdict
    also: frozenset[str]
    where: str | None
    status: int | None
    maker: Maker
    base: str

    def make(self, forge: Forge) -> tuple[Report, MemoryPlace | None]:
        """What the verifier says, and the bundle; None where it is no bundle alone that was judged."""
        made = self.maker(forge)
        if isinstance(made, Report):
            return made, None
        place = made if made is not None else forge.build()
        return judge(forge, place), place if type(place) is MemoryPlace else None

    @property
    def exit_status(self) -> int:
        if self.status is not None:
            return self.status
        return _STATUS[self.verdict]


FORGERIES: list[Forgery] = []


def add(
    name: str,
    attack: int,
    expect: str,
    maker: Maker,
    verdict: Verdict = BREACH,
    also: tuple[str, ...] = (),
    where: str | None = None,
    status: int | None = None,
    base: str = YES_NO,
) -> None:
    if any(forgery.name == name for forgery in FORGERIES):
        raise ValueError(f"two forgeries named {name}")
    FORGERIES.append(Forgery(name, attack, expect, verdict, frozenset(also), where, status, maker, base))


def forgery(
    attack: int,
    expect: str,
    verdict: Verdict = BREACH,
    also: tuple[str, ...] = (),
    where: str | None = None,
    status: int | None = None,
    base: str = YES_NO,
) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        add(maker.__name__, attack, expect, maker, verdict, also, where, status, base)
        return maker

    return register
