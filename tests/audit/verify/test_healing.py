"""After the last batch: one more, of ballots that were handed in again, and the time for it (V14, V15)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stembus.audit.rules import healing_end
from tests.conftest import Finished
from tests.tampered.forge import Forge, judge, load_parts, new_forge

OPENS, CLOSES, GRACE, HEALING = 1_571_036_400, 1_571_587_200, 300, 900
LAST = CLOSES + 400


@pytest.fixture(scope="session")
def healing_parts(opened_healing: Finished) -> dict[str, Any]:
    return load_parts(opened_healing.root)


@pytest.fixture
def healing(healing_parts: dict[str, Any]) -> Forge:
    """A batch while people vote, the last one after it, and one of a single ballot that was missing."""
    forge = new_forge(healing_parts)
    second = forge.batches[1]
    forge.batches = [forge.batches[0], second[:5], second[5:]]
    forge.batch_times = [OPENS + 3600, LAST, LAST + 500]
    forge.close_time = LAST + HEALING
    return forge


def found(forge: Forge) -> list[tuple[str, str, str]]:
    return [(fault.check, fault.verdict.value, fault.message) for fault in judge(forge, forge.build()).faults]


STANDS, LATE = "result stands", "came after the close and is not the last one"


def test_one_batch_of_any_size_may_follow_the_last_one(healing: Forge) -> None:
    assert found(healing) == []


def test_the_batch_of_missing_ballots_may_be_lacking(healing: Forge) -> None:
    healing.batches, healing.batch_times = healing.batches[:2], healing.batch_times[:2]
    assert found(healing) == []


@pytest.mark.parametrize(("early", "small"), [(0, False), (1, True)])
def test_where_nothing_waited_at_the_close_the_first_late_batch_is_that_of_missing_ballots(
    healing: Forge, early: int, small: bool
) -> None:
    """It comes when the healing time is over; before that, it would be the last one, and need its crowd."""
    healing.batches = [healing.batches[0] + healing.batches[1], healing.batches[2]]
    healing.batch_times = [OPENS + 3600, CLOSES + GRACE + HEALING - early]
    healing.close_time = healing.batch_times[1] + (HEALING if small else 0)
    assert [message for _, _, message in found(healing)] == ["batch 2 holds fewer than 3 new tokens"] * small


def test_the_last_batch_has_its_crowd_all_the_same(healing: Forge) -> None:
    first, second, third = healing.batches
    healing.batches = [first, second[:2], [*second[2:], *third]]
    assert found(healing) == [("V15", STANDS, "batch 2 holds fewer than 3 new tokens")]


def test_no_third_batch_comes_after_the_close(healing: Forge) -> None:
    first, second, third = healing.batches
    healing.batches = [first, second[:3], second[3:], third]
    healing.batch_times = [OPENS + 3600, LAST, LAST + 10, LAST + 20]
    assert ("V15", STANDS, f"batch 2 {LATE}") in found(healing)


@pytest.mark.parametrize(("early", "faults"), [(0, 0), (1, 1)])
def test_the_close_waits_for_the_healing_time(healing: Forge, early: int, faults: int) -> None:
    healing.close_time = LAST + HEALING - early
    problem = "closed before the time was over in which missing ballots can be handed in again"
    assert found(healing) == [("V14", STANDS, problem)] * faults


@pytest.mark.parametrize(("early", "faults"), [(0, 0), (1, 1)])
def test_without_a_batch_after_the_close_it_counts_from_the_end_of_the_grace(
    healing: Forge, early: int, faults: int
) -> None:
    healing.batches, healing.batch_times = [[*healing.batches[0], *healing.batches[1]]], [OPENS + 3600]
    healing.close_time = CLOSES + GRACE + HEALING - early
    assert len(found(healing)) == faults


@pytest.mark.parametrize(
    ("times", "end"),
    [
        ([], 1110),
        ([500, 999], 1110),
        ([None], 1110),
        ([999, 1000], 1110),
        ([1011], 1111),
        ([999, 1109], 1209),
        ([1109, 1150], 1209),
        ([None, 1050], 1150),
        ([1110], 1110),
        ([1110, 1150], 1110),
    ],
)
def test_the_healing_time_begins_with_the_last_batch_of_the_voting(times: list[int | None], end: int) -> None:
    manifest: Any = SimpleNamespace(closes_at=1000, grace_seconds=10, batching=SimpleNamespace(healing_seconds=100))
    assert healing_end(manifest, times) == end
