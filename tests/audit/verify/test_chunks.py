"""Ballots and issuance lines are checked in chunks, here or by workers: the report is the same, whatever the chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from stembus.audit.verify import Report, ballots, roll, verify
from tests.tampered.forge import Forge

Fault = tuple[str, str, str]


@pytest.fixture
def workers() -> Iterator[Executor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


class Lazy(Executor):
    """Runs a task when its result is asked for, and notes how many wait."""

    def __init__(self) -> None:
        self.waiting = self.most = self.tasks = 0

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Any:
        executor = self
        executor.waiting += 1
        executor.tasks += 1
        executor.most = max(executor.most, executor.waiting)

        class Task(Future[Any]):
            def result(self, timeout: float | None = None) -> Any:
                executor.waiting -= 1
                return function(*arguments, **options)

        return Task()


def spoil(raw: bytes, position: int) -> bytes:
    return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]


def spoiled_ballots(forge: Forge) -> None:
    """The first, one in the middle, and the last ballot of the log are bad."""
    forge.sort = False
    first, second = (sorted(batch, key=forge.body_id) for batch in forge.batches)
    first[0] = spoil(first[0], -1)
    first[4] = spoil(first[4], len(first[4]) - 70)
    second[-1] = spoil(second[-1], -1)
    forge.batches = [first, second]


def unsorted_ballots(forge: Forge) -> None:
    """In each batch the order is wrong at one place, the borders of chunks among them."""
    forge.sort = False
    first, second = (sorted(batch, key=forge.body_id) for batch in forge.batches)
    first[1], first[2] = first[2], first[1]
    second[4], second[5] = second[5], second[4]
    forge.batches = [first, second]


def repeated_ballots(forge: Forge) -> None:
    """One ballot stands in both batches, one voter voted again, and one signed two ballots of one number."""
    forge.batches[1] += [forge.batches[0][0], forge.ballot(1, 1, seq=1), forge.ballot(2, 0)]


def spoiled_requests(forge: Forge) -> None:
    """The first, the fifth and the last line of the issuance list are not signed by their credentials."""
    forge.issued.sort(key=lambda line: line.credential)
    for place in (0, 4, len(forge.issued) - 1):
        forge.issued[place] = replace(forge.issued[place], signature=spoil(forge.issued[place].signature, 40))


def faults(report: Report) -> list[Fault]:
    return [(fault.check, fault.where, fault.message) for fault in report.faults]


CHANGES: dict[str, tuple[Callable[[Forge], None], int]] = {
    "honest": (lambda forge: None, 0),
    "bad ballots": (spoiled_ballots, 3),
    "bad order": (unsorted_ballots, 2),
    "repeated": (repeated_ballots, 2),
    "bad requests": (spoiled_requests, 3),
}


@pytest.mark.parametrize("size", [1, 3, 5, 6, 12, 100])
@pytest.mark.parametrize("name", CHANGES)
def test_the_report_is_the_same_whatever_the_chunks(
    forge: Forge, name: str, size: int, workers: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, faulty = CHANGES[name]
    change(forge)
    place = forge.build()
    whole = verify(place, forge.referendum)
    assert len(whole.faults) == faulty
    monkeypatch.setattr(ballots, "CHUNK_BALLOTS", size)
    monkeypatch.setattr(roll, "_CHUNK", size)
    for executor in (None, workers, Lazy()):
        report = verify(place, forge.referendum, executor)
        assert faults(report) == faults(whole)
        assert report.figures == whole.figures
        assert report.exit_status == whole.exit_status


def test_few_chunks_of_ballots_wait_at_a_time(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of any length is verified in the same memory."""
    monkeypatch.setattr(ballots, "CHUNK_BALLOTS", 1)
    executor = Lazy()
    assert verify(forge.build(), forge.referendum, executor).faults == []
    # 12 chunks of ballots and one of the issuance list, which is shorter than a chunk.
    assert executor.tasks == 13
    assert executor.most == 5
    assert executor.waiting == 0


def test_a_chunk_is_as_long_as_it_may_be() -> None:
    assert ballots.CHUNK_BALLOTS == 1024
