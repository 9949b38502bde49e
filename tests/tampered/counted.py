"""What an honest result says of the counts of one question, for forgers to change: written apart from the product."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]


def fund(question: Body, total: list[int]) -> list[int]:
    """By votes, then by cost, then as listed: whatever still fits."""
    costs = [option["cost"] for option in question["options"]]
    left, paid = question["budget"], []
    for count, cost, number in sorted(
        (-count, cost, number) for number, (count, cost) in enumerate(zip(total, costs, strict=True))
    ):
        if count and cost <= left:
            left -= cost
            paid.append(number)
    return sorted(paid)


def result_body(
    online: list[int] | None,
    paper: list[int] | None,
    total: list[int],
    counted: int,
    paper_ballots: int,
    margin: int,
    question: Body,
) -> Body:
    groups = {count: [k for k, c in enumerate(total) if c == count] for count in total}
    participants = counted + paper_ballots
    word = "tie" if total[1] == total[0] else "accepted" if total[1] > total[0] else "rejected"
    if 1000 * abs(total[0] - total[1]) < margin * max(1, sum(total)):
        word = "invalid-too-narrow"
    if question["kind"] != "yes-no":
        word = "ranked" if question["kind"] == "choose" else "funded"
    if participants < 10:
        word = "invalid-too-few"
    stated = {
        "online": online,
        "paper": paper,
        "total": total,
        "outcome": word,
        "ranking": [groups[count] for count in sorted(groups, reverse=True)],
        "funded": fund(question, total) if word == "funded" else None if question["budget"] is None else [],
    }
    return {
        "status": "counted",
        "online_ballots": counted,
        "paper_ballots": paper_ballots,
        "participants": participants,
        "trustees": [1, 2],
        "questions": [stated],
    }
