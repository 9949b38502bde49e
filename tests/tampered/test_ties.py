"""An equal count where the manifest asks for no margin is a tie; a result that calls it otherwise is caught."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import prepare
from tests.tampered.forge import Forge, judge, load_parts, new_forge
from tests.tampered.tally import bodies, electorate


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("ties")
    prepare(root, margin=0)
    return load_parts(root)


def voted(parts: dict[str, Any], no: int, yes: int, blank: int = 0) -> Forge:
    forge = new_forge(parts)
    electorate(no, yes, blank)(forge)
    return forge


@pytest.mark.parametrize(
    ("no", "yes", "blank", "word"),
    [
        (6, 6, 0, "tie"),
        (5, 5, 2, "tie"),
        (0, 0, 12, "tie"),
        (5, 6, 0, "accepted"),
        (6, 5, 0, "rejected"),
        (4, 4, 1, "invalid-too-few"),
    ],
)
def test_an_equal_count_is_a_tie_and_one_vote_more_decides(
    parts: dict[str, Any], no: int, yes: int, blank: int, word: str
) -> None:
    forge = voted(parts, no, yes, blank)
    report = judge(forge, forge.build())
    assert report.faults == []
    assert report.result is not None
    assert report.result.questions[0].outcome == word


@pytest.mark.parametrize("word", ["accepted", "rejected", "invalid-too-narrow", "ranked"])
def test_a_tie_is_not_called_otherwise(parts: dict[str, Any], word: str) -> None:
    assert_caught(voted(parts, 6, 6), word)


@pytest.mark.parametrize(("no", "yes"), [(5, 6), (6, 5)])
def test_a_decision_by_one_vote_is_not_called_a_tie(parts: dict[str, Any], no: int, yes: int) -> None:
    assert_caught(voted(parts, no, yes), "tie")


def assert_caught(forge: Forge, word: str) -> None:
    forge.tally_hook = lambda made: bodies(made, "result")[0]["questions"][0].update(outcome=word)
    report = judge(forge, forge.build())
    assert [fault.check for fault in report.faults] == ["V28"]
    assert report.exit_status == 1
