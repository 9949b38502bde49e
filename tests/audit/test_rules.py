"""What the figures mean, on both sides of every limit: section 14 of docs/protocol.md."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stembus.audit.formats.entry_bodies import PaperResult
from stembus.audit.rules import count_status, make_result, outcome, ranking


def rules(
    minimum: int = 10, permille: int = 25, floor: int = 5, count_below: bool = False, accepts: int | None = 1
) -> tuple[Any, Any]:
    """A manifest of one question, and the question."""
    question = SimpleNamespace(kind="choose", accepts=accepts, options=[None, None])
    manifest = SimpleNamespace(
        questions=[question],
        rules=SimpleNamespace(
            minimum_participants=minimum, minimum_margin_permille=permille, count_below_minimum=count_below
        ),
        privacy_floor=SimpleNamespace(online=floor, paper=5),
    )
    return manifest, question


@pytest.mark.parametrize(
    ("online", "paper", "count_below", "status"),
    [
        (4, 0, False, "not-counted-floor"),
        (4, 90, False, "not-counted-floor"),
        (4, 90, True, "not-counted-floor"),
        (5, 0, False, "not-counted-minimum"),
        (5, 4, False, "not-counted-minimum"),
        (9, 0, False, "not-counted-minimum"),
        (5, 5, False, "counted"),
        (10, 0, False, "counted"),
        (5, 4, True, "counted"),
        (5, 0, True, "counted"),
    ],
)
def test_votes_are_counted_from_the_floor_and_the_minimum_on(
    online: int, paper: int, count_below: bool, status: str
) -> None:
    manifest, _ = rules(count_below=count_below)
    assert count_status(manifest, online, paper) == status


@pytest.mark.parametrize(
    ("no", "yes", "word"),
    [
        (487, 513, "accepted"),  # 26 of 1000
        (4875, 5125, "accepted"),  # exactly 25 of 1000
        (4876, 5124, "invalid-too-narrow"),
        (5000, 5000, "invalid-too-narrow"),
        (5124, 4876, "invalid-too-narrow"),
        (5125, 4875, "rejected"),
        (513, 487, "rejected"),
        (0, 1, "accepted"),
        (1, 0, "rejected"),
    ],
)
def test_the_margin_is_wide_enough_exactly_at_the_boundary(no: int, yes: int, word: str) -> None:
    manifest, question = rules()
    assert outcome(manifest, question, [no, yes], no + yes + 100) == word


def test_the_margin_is_taken_of_the_votes_for_yes_and_no_not_of_the_participants() -> None:
    manifest, question = rules()
    assert outcome(manifest, question, [39, 41], 1_000_000) == "accepted"
    assert outcome(manifest, question, [40, 41], 81) == "invalid-too-narrow"


@pytest.mark.parametrize(("permille", "word"), [(0, "tie"), (1, "invalid-too-narrow")])
def test_a_tie_that_the_margin_allows_is_a_tie(permille: int, word: str) -> None:
    manifest, question = rules(permille=permille)
    assert outcome(manifest, question, [6, 6], 12) == word


@pytest.mark.parametrize(("permille", "word"), [(0, "tie"), (1, "invalid-too-narrow")])
def test_without_a_vote_for_yes_or_no_there_is_no_answer(permille: int, word: str) -> None:
    manifest, question = rules(permille=permille)
    assert outcome(manifest, question, [0, 0], 12) == word


@pytest.mark.parametrize(("accepts", "word"), [(0, "rejected"), (1, "accepted"), (None, "ranked")])
def test_yes_is_the_option_that_the_question_names(accepts: int | None, word: str) -> None:
    manifest, question = rules(accepts=accepts)
    assert outcome(manifest, question, [3, 9], 12) == word


@pytest.mark.parametrize(("participants", "word"), [(9, "invalid-too-few"), (10, "accepted"), (11, "accepted")])
def test_the_minimum_of_participants_makes_an_outcome_valid(participants: int, word: str) -> None:
    manifest, question = rules()
    assert outcome(manifest, question, [1, 8], participants) == word


def test_too_few_participants_come_before_every_other_outcome() -> None:
    for accepts in (0, None):
        manifest, question = rules(accepts=accepts)
        assert outcome(manifest, question, [4, 4], 9) == "invalid-too-few"


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        ([3, 9], [[1], [0]]),
        ([9, 3], [[0], [1]]),
        ([4, 4], [[0, 1]]),
        ([2, 7, 2, 0, 7], [[1, 4], [0, 2], [3]]),
        ([0], [[0]]),
        ([0, 0, 0], [[0, 1, 2]]),
    ],
)
def test_options_of_equal_count_share_a_place(counts: list[int], groups: list[list[int]]) -> None:
    assert ranking(counts) == groups


def test_a_result_adds_paper_to_online_and_names_both() -> None:
    manifest, _ = rules()
    result = make_result(manifest, 12, PaperResult(ballots=7, counts=[[5, 1]]), [[4, 8]], [1, 3])
    assert (result.status, result.online_ballots, result.paper_ballots, result.participants) == ("counted", 12, 7, 19)
    assert result.trustees == [1, 3]
    (question,) = result.questions
    assert (question.online, question.paper, question.total) == ([4, 8], [5, 1], [9, 9])
    assert (question.outcome, question.ranking) == ("invalid-too-narrow", [[0, 1]])


def test_a_result_without_paper_counts_none() -> None:
    manifest, _ = rules()
    result = make_result(manifest, 12, None, [[4, 8]], [1, 2])
    assert (result.paper_ballots, result.participants) == (0, 12)
    (question,) = result.questions
    assert (question.online, question.paper, question.total) == ([4, 8], [0, 0], [4, 8])
    assert (question.outcome, question.ranking) == ("accepted", [[1], [0]])


def test_blank_ballots_are_participants() -> None:
    manifest, _ = rules()
    (question,) = make_result(manifest, 10, None, [[0, 3]], [1, 2]).questions
    assert question.outcome == "accepted"
    manifest, _ = rules(count_below=True)
    (question,) = make_result(manifest, 9, None, [[0, 9]], [1, 2]).questions
    assert question.outcome == "invalid-too-few"


@pytest.mark.parametrize(("online", "paper", "status"), [(4, 90, "not-counted-floor"), (5, 4, "not-counted-minimum")])
def test_a_result_that_may_not_be_counted_has_no_figures_and_no_trustees(online: int, paper: int, status: str) -> None:
    manifest, _ = rules()
    counts = PaperResult(ballots=paper, counts=[[paper, 0]])
    result = make_result(manifest, online, counts, [[1, online - 1]], [1, 2])
    assert (result.status, result.online_ballots, result.paper_ballots) == (status, online, paper)
    assert result.participants == online + paper
    assert (result.questions, result.trustees) == ([], [])


def test_counts_without_the_shape_of_the_questions_make_no_result() -> None:
    manifest, _ = rules()
    with pytest.raises(ValueError):
        make_result(manifest, 12, None, [[4, 8], [4, 8]], [1, 2])
    with pytest.raises(ValueError):
        make_result(manifest, 12, PaperResult(ballots=5, counts=[[1, 2, 2]]), [[4, 8]], [1, 2])
