"""Which projects of a budget are paid for: one after the other by votes, whichever still fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stembus.audit.formats.manifest import Question
from stembus.audit.rules import funded
from tests.questions import budget

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "budgets.json").read_text())
CHEAPEST, LISTED = "most-votes-then-cheapest", "most-votes-then-listed"


def asked(costs: list[int], total: int, funding: str = CHEAPEST) -> Question:
    return msgspec.convert(budget(costs, total, funding=funding), Question)


@pytest.mark.parametrize("funding", [CHEAPEST, LISTED])
def test_the_outcome_is_the_one_of_pabutools(funding: str) -> None:
    """300 small elections, in most of which votes or costs are equal somewhere."""
    for case in CASES:
        question = asked(case["costs"], case["budget"], funding)
        assert funded(question, case["counts"]) == case[funding], case
    assert sum(case[CHEAPEST] != case[LISTED] for case in CASES) > 20


@pytest.mark.parametrize(
    ("costs", "total", "counts", "paid"),
    [
        ([60, 50, 40], 100, [3, 2, 1], [0, 2]),  # the second does not fit, the third does
        ([60, 50, 40], 100, [1, 2, 3], [1, 2]),
        ([100, 1], 100, [5, 4], [0]),
        ([100, 1], 99 + 1, [4, 5], [1]),
        ([10, 10], 100, [0, 1], [1]),  # nobody wanted the first
        ([10, 10], 100, [0, 0], []),
        ([70, 50], 100, [2, 2], [1]),  # equal votes: the cheaper one
        ([50, 50, 50], 100, [2, 2, 2], [0, 1]),  # equal in both: as listed
    ],
)
def test_the_cheaper_of_equal_votes_comes_first(
    costs: list[int], total: int, counts: list[int], paid: list[int]
) -> None:
    assert funded(asked(costs, total), counts) == paid


def test_where_the_definition_says_so_the_first_listed_of_equal_votes_comes_first() -> None:
    assert funded(asked([70, 50], 100, LISTED), [2, 2]) == [0]


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 4)), min_size=1, max_size=12),
    st.sampled_from([CHEAPEST, LISTED]),
)
def test_what_is_paid_fits_and_nothing_with_a_vote_that_would_still_fit_is_left_out(
    projects: list[tuple[int, int]], funding: str
) -> None:
    costs, counts = [cost for cost, _ in projects], [count for _, count in projects]
    paid = funded(asked(costs, 50, funding), counts)
    spent = sum(costs[option] for option in paid)
    assert spent <= 50
    assert all(counts[option] > 0 for option in paid)
    left_out = [option for option in range(len(costs)) if option not in paid and counts[option]]
    assert all(costs[option] > 50 - spent for option in left_out)
