"""The result page's figures: bars for the chart, shares for the table. No rounding decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stembus.audit.formats.entry_bodies import QuestionResult
from stembus.audit.formats.manifest import Question
from stembus.audit.rules import funding_order
from stembus.webvote.site.log_summary import LogSummary

WIDTH = 340


@dataclass(frozen=True)
class Bar:
    text: str
    count: int
    paper: int | None
    percent: float
    width: int
    cost: int | None = None
    funded: bool = False


@dataclass(frozen=True)
class Chart:
    """One question: `width` is in the chart's units, of which the whole has WIDTH; a bar's `paper` is None where paper
    votes are not shown apart. `tied` names the options that share a place, one group for each such place; a yes-no
    question says it by its outcome. In a budget, bars have a cost, in the `unit`, of which there were `budget` to
    spend, and `funding` is the rule that breaks ties."""

    text: str
    outcome: str
    bars: tuple[Bar, ...]
    tied: tuple[tuple[str, ...], ...]
    budget: int | None = None
    unit: str = ""
    funding: str | None = None

    @property
    def spent(self) -> int:
        return sum(bar.cost or 0 for bar in self.bars if bar.funded)


def charts(published: LogSummary, language: str) -> list[Chart]:
    """Empty before the tally, and where nothing was counted."""
    if published.result is None:
        return []
    found = []
    for question, counted in zip(published.manifest.questions, published.result.questions, strict=False):
        texts = language if language in question.text else published.manifest.languages[0]
        # Shares are of the voices of this question: of yes + no, or of participants where several may be chosen.
        whole = sum(counted.total) if question.kind == "yes-no" else published.result.participants
        on_paper: Sequence[int | None] = counted.paper or [None] * len(counted.total)
        bars = tuple(
            Bar(
                option.text[texts],
                total,
                paper,
                100 * total / whole if whole else 0.0,
                round(WIDTH * total / whole) if whole else 0,
                option.cost,
                place in (counted.funded or ()),
            )
            for place, (option, total, paper) in enumerate(zip(question.options, counted.total, on_paper, strict=True))
        )
        if question.kind == "budget":
            bars = tuple(bars[option] for option in funding_order(question, counted.total))
        elif question.kind == "choose":
            bars = tuple(bars[option] for group in counted.ranking for option in group)
        tied, unit = _tied(question, counted, texts), question.unit[texts] if question.unit else ""
        found.append(
            Chart(
                question.text[texts],
                counted.outcome,
                bars,
                tied,
                question.budget,
                unit,
                question.funding,
            )
        )
    return found


def _tied(question: Question, counted: QuestionResult, texts: str) -> tuple[tuple[str, ...], ...]:
    if counted.outcome not in ("ranked", "funded"):
        return ()
    shared = (group for group in counted.ranking if len(group) > 1)
    return tuple(tuple(question.options[option].text[texts] for option in group) for group in shared)
