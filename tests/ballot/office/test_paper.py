"""A few paper votes become ballots: the same ones for whoever has the seed and counted the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.lists import list_root
from stembus.audit.formats.paper_ballot import encode_paper_ballot, parse_paper_ballot
from stembus.ballot.office.paper import LayoutUnknown, encrypt_choices, lay_out, paper_entries, paper_header
from stembus.ballot.voter.encrypt import ChoiceInvalid, build_body
from stembus.crypto.batch import verify_one
from stembus.crypto.derive import hkdf

SEED = bytes(range(32))


@st.composite
def counted(draw: st.DrawFn) -> tuple[int, list[int], list[list[int]]]:
    """Ballots, the most choices of each question, and counts that fit."""
    ballots = draw(st.integers(1, 9))
    limits, counts = [], []
    for _ in range(draw(st.integers(1, 3))):
        options = draw(st.integers(1, 5))
        most, left, row = draw(st.integers(1, options)), 0, []
        left = most * ballots
        for _ in range(options):
            row.append(draw(st.integers(0, min(ballots, left))))
            left -= row[-1]
        limits.append(most)
        counts.append(row)
    return ballots, limits, counts


@given(counted())
def test_the_ballots_have_the_counts_and_none_has_a_choice_twice_or_too_many(
    case: tuple[int, list[int], list[list[int]]],
) -> None:
    ballots, limits, counts = case
    shapes = [QuestionShape(len(row), most) for most, row in zip(limits, counts, strict=True)]
    laid_out = lay_out(shapes, ballots, counts)
    assert len(laid_out) == ballots
    for question, (most, row) in enumerate(zip(limits, counts, strict=True)):
        chosen = [choice[question] for choice in laid_out]
        assert all(len(options) == len(set(options)) <= most for options in chosen)
        assert [sum(option in options for options in chosen) for option in range(len(row))] == row


def test_choices_are_dealt_out_in_turn_as_the_protocol_says() -> None:
    assert lay_out([QuestionShape(2, 2)], 3, [[2, 3]]) == [[[0, 1]], [[0, 1]], [[1]]]
    both = [QuestionShape(2, 1), QuestionShape(3, 1)]
    assert lay_out(both, 4, [[1, 2], [0, 0, 1]]) == [[[0], [2]], [[1], []], [[1], []], [[], []]]


@pytest.mark.parametrize("base", ["parts", "project_parts"])
def test_seed_and_counts_give_the_entries_and_nothing_else_does(base: str, request: pytest.FixtureRequest) -> None:
    context = request.getfixturevalue(base)["context"]
    counts = [[1, 2]] if base == "parts" else [[1, 0, 2]]
    entries = paper_entries(context, 3, counts, SEED)
    assert entries == paper_entries(context, 3, counts, SEED)
    parsed = [parse_paper_ballot(context, raw) for raw in entries]
    for ballot in parsed:
        verify_one(context.joint_key, ballot.proven)
    assert [ballot.ballot_id for ballot in parsed] == sorted({ballot.ballot_id for ballot in parsed})
    header = paper_header(entries)
    assert (header.ballots, header.root) == (3, list_root(entries)[1].hex())
    others = [(4, counts, SEED), (3, [[1, 1, 0][: len(counts[0])]], SEED), (3, counts, bytes(32))]
    assert len({paper_header(paper_entries(context, *other)).root for other in others} | {header.root}) == 4


def test_each_ballot_has_a_seed_of_its_own_as_the_protocol_says(parts: dict[str, Any]) -> None:
    context = parts["context"]
    bodies = []
    for number, choice in enumerate(lay_out(context.questions, 2, [[1, 1]])):
        info = b"stembus/v1 paper ballot" + number.to_bytes(4, "big")
        seed = hkdf(SEED, context.referendum, info, 32)
        bodies.append(build_body(context, context.paper_commitment, choice, seed))
    expected = [b"\2" + body for body in sorted(bodies, key=context.ballot_id)]
    assert paper_entries(context, 2, [[1, 1]], SEED) == expected


def test_a_body_with_another_commitment_is_no_paper_ballot(parts: dict[str, Any]) -> None:
    context = parts["context"]
    with pytest.raises(RecordInvalid, match="another commitment"):
        parse_paper_ballot(context, encode_paper_ballot(build_body(context, bytes(32), [[1]], SEED)))


def test_a_budgets_choices_are_dealt_out_by_cost_each_to_who_has_most_left() -> None:
    shape = QuestionShape(3, 3, (4, 6, 5), 10)
    assert lay_out([shape], 3, [[2, 1, 2]]) == [[[1]], [[2, 0]], [[2, 0]]]
    assert lay_out([shape], 2, [[1, 0, 0]]) == [[[0]], [[]]]


def test_counts_of_a_budget_that_do_not_lay_out_by_themselves_are_said_to_be_so() -> None:
    """3 + 3 and 2 + 2 + 2 fill two ballots of 6; the dearest first does not find it."""
    shape = QuestionShape(5, 5, (3, 3, 2, 2, 2), 6)
    with pytest.raises(LayoutUnknown, match="--each"):
        lay_out([shape], 2, [[1, 1, 1, 1, 1]])


def test_the_choices_themselves_make_the_entries_where_counts_do_not(budget_parts: dict[str, Any]) -> None:
    context = budget_parts["context"]
    choices = [[[0]], [[1, 2]], [[]]]
    entries = encrypt_choices(context, choices, SEED)
    assert len(entries) == 3
    assert entries == encrypt_choices(context, choices, SEED)
    for raw in entries:
        verify_one(context.joint_key, parse_paper_ballot(context, raw).proven)
    with pytest.raises(ChoiceInvalid):
        encrypt_choices(context, [[[0, 2]]], SEED)
