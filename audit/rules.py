"""What the figures mean: participation, margin, outcome. Exact integers, no rounding.

A pure function of manifest and counts, used by whoever writes a result and by whoever checks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from stembus.audit.formats.entry_bodies import PaperBallots, PaperResult, QuestionResult, Result
from stembus.audit.formats.manifest import Manifest, Question

Paper = PaperResult | PaperBallots
Status = Literal["counted", "not-counted-minimum", "not-counted-floor"]
Outcome = Literal["accepted", "rejected", "tie", "invalid-too-few", "invalid-too-narrow", "ranked", "funded"]


def count_status(manifest: Manifest, online: int, paper: int) -> Status:
    """Whether the sums may be decrypted at all. `online` counts tokens, blank ones included."""
    if online < manifest.privacy_floor.online:
        return "not-counted-floor"
    if online + paper < manifest.rules.minimum_participants and not manifest.rules.count_below_minimum:
        return "not-counted-minimum"
    return "counted"


def last_of_voting(manifest: Manifest, late: Sequence[int]) -> int | None:
    """Of the times of batches that are not before the closing time, in their order, that of the last batch of the
    voting: the first one. None where that is so late that it can only be of ballots which were handed in again."""
    latest = manifest.closes_at + manifest.grace_seconds + manifest.batching.healing_seconds
    if not late or (manifest.batching.healing_seconds and late[0] >= latest):
        return None
    return late[0]


def healing_end(manifest: Manifest, batch_times: Sequence[int | None]) -> int:
    """Until when ballots that the log lacks can be handed in again, at least, in Unix seconds: so long after the last
    batch of the voting. `batch_times` are those of the last batches, by number; None where a batch has none."""
    late = [time for time in batch_times if time is not None and time >= manifest.closes_at]
    over = manifest.closes_at + manifest.grace_seconds
    return max(over, last_of_voting(manifest, late) or over) + manifest.batching.healing_seconds


def ballots_in_sums(online: int, paper: Paper | None) -> int:
    """How many ballots the decrypted sums are made of, `online` of them cast with a token."""
    return online + (paper.ballots if isinstance(paper, PaperBallots) else 0)


def outcome(manifest: Manifest, question: Question, counts: Sequence[int], participants: int) -> Outcome:
    if participants < manifest.rules.minimum_participants:
        return "invalid-too-few"
    if question.kind == "budget":
        return "funded"
    if question.accepts is None:
        return "ranked"
    yes, no = counts[question.accepts], counts[1 - question.accepts]
    # Where a margin is asked, an equal count never has it: not with 0 to 0 either.
    if 1000 * abs(yes - no) < manifest.rules.minimum_margin_permille * max(1, yes + no):
        return "invalid-too-narrow"
    if yes == no:
        return "tie"
    return "accepted" if yes > no else "rejected"


def ranking(counts: Sequence[int]) -> list[list[int]]:
    """Option numbers (from 0) in groups of equal count, most first."""
    groups: dict[int, list[int]] = {}
    for option, count in enumerate(counts):
        groups.setdefault(count, []).append(option)
    return [groups[count] for count in sorted(groups, reverse=True)]


def funding_order(question: Question, counts: Sequence[int]) -> list[int]:
    """In which order a budget is offered to its projects: by votes; equal votes as the definition says, and at last as
    it lists them."""
    costs = [option.cost or 0 for option in question.options]
    cheapest = question.funding == "most-votes-then-cheapest"
    return sorted(range(len(counts)), key=lambda option: (-counts[option], costs[option] if cheapest else 0, option))


def funded(question: Question, counts: Sequence[int]) -> list[int]:
    """The projects of a budget that are paid for, ascending: one after the other in their order, whichever still fits.
    A project without a vote is not paid for."""
    left, paid = question.budget or 0, []
    for option in funding_order(question, counts):
        cost = question.options[option].cost or 0
        if counts[option] and cost <= left:
            left -= cost
            paid.append(option)
    return sorted(paid)


def make_result(
    manifest: Manifest,
    online_ballots: int,
    paper: Paper | None,
    decrypted: Sequence[Sequence[int]],
    trustees: Sequence[int],
) -> Result:
    """The one result that follows from what the sums give, which is ignored unless they may be counted. Encrypted paper
    ballots are in the sums, and no part of these is stated."""
    paper_ballots = paper.ballots if paper else 0
    status = count_status(manifest, online_ballots, paper_ballots)
    participants = online_ballots + paper_ballots
    questions = []
    if status == "counted":
        together = isinstance(paper, PaperBallots)
        for number, (question, counts) in enumerate(zip(manifest.questions, decrypted, strict=True)):
            added = paper.counts[number] if isinstance(paper, PaperResult) else [0] * len(counts)
            total = [a + b for a, b in zip(counts, added, strict=True)]
            word = outcome(manifest, question, total, participants)
            paid = funded(question, total) if word == "funded" else []
            questions.append(
                QuestionResult(
                    online=None if together else list(counts),
                    paper=None if together else list(added),
                    total=total,
                    outcome=word,
                    ranking=ranking(total),
                    funded=paid if question.kind == "budget" else None,
                )
            )
    return Result(
        status=status,
        online_ballots=online_ballots,
        paper_ballots=paper_ballots,
        participants=participants,
        trustees=list(trustees) if status == "counted" else [],
        questions=questions,
    )
