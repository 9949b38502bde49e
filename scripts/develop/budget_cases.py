"""Known outcomes of budgets, as pabutools finds them: tests/vectors/budgets.json.

Run it alone, in an environment of its own, because pabutools needs a solver that is no free software:

    python3 -m venv /tmp/pabutools && /tmp/pabutools/bin/pip install pabutools==1.2.3
    /tmp/pabutools/bin/python scripts/develop/budget_cases.py

Greedy by the satisfaction measure Cost_Sat takes the project with most votes that still fits, and so on: the rule of
docs/protocol.md, section 14.5, but for projects without a vote, which are left out here. Decides which cases there are.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from pabutools.election import ApprovalBallot, ApprovalProfile, Cost_Sat, Instance, Project
from pabutools.rules import greedy_utilitarian_welfare
from pabutools.tiebreaking import TieBreakingRule

FILE = Path(__file__).parents[2] / "tests" / "vectors" / "budgets.json"
CASES = 300


def make_case(chance: random.Random) -> dict[str, Any]:
    """Few voters and few costs, so that votes and costs are often equal."""
    budget = chance.choice((10, 100, 1000, 100_000))
    costs = [chance.randint(1, budget) // chance.choice((1, 2, 5)) or 1 for _ in range(chance.randint(1, 9))]
    if chance.random() < 0.3:
        costs = [costs[0]] * len(costs)
    votes = [[p for p in range(len(costs)) if chance.random() < 0.4] for _ in range(chance.randint(0, 12))]
    return {"budget": budget, "costs": costs, "votes": votes}


def outcome(case: dict[str, Any], cheapest: bool) -> list[int]:
    projects = [Project(str(number), cost) for number, cost in enumerate(case["costs"])]
    instance = Instance(projects, budget_limit=case["budget"])
    profile = ApprovalProfile(
        [ApprovalBallot([projects[p] for p in vote]) for vote in case["votes"]], instance=instance
    )
    # A key for each project, where the smallest comes first.
    ties = TieBreakingRule(lambda _, __, project: (project.cost if cheapest else 0, int(project.name)))
    chosen = greedy_utilitarian_welfare(instance, profile, sat_class=Cost_Sat, tie_breaking=ties)
    voted = {p for vote in case["votes"] for p in vote}
    return sorted(int(project.name) for project in chosen if int(project.name) in voted)


def main() -> None:
    chance = random.Random(14)
    cases = [make_case(chance) for _ in range(CASES)]
    made = [
        {
            "budget": case["budget"],
            "costs": case["costs"],
            "counts": [sum(p in vote for vote in case["votes"]) for p in range(len(case["costs"]))],
            "most-votes-then-cheapest": outcome(case, True),
            "most-votes-then-listed": outcome(case, False),
        }
        for case in cases
    ]
    FILE.write_text(json.dumps(made, separators=(",", ":")).replace("},{", "},\n{") + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
