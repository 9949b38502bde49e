"""Work that is lost on its way is done again, elsewhere and at last here; what fails by itself fails."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from stembus.scripts.patient_executor import PatientExecutor


def double(number: int) -> int:
    return 2 * number


def die_once(mark: str, number: int) -> int:
    """Kills its own process, the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(9)
    return 2 * number


def fails(number: int) -> int:
    raise ArithmeticError(number)


class Losing(Executor):
    """Loses each piece of work in one way."""

    def __init__(self, lose: Callable[[Future[int]], None]) -> None:
        self.asked = 0
        self._lose = lose

    def submit(self, fn: Callable[..., int], /, *args: object, **kwargs: object) -> Future[int]:  # type: ignore[override]
        self.asked += 1
        future: Future[int] = Future()
        self._lose(future)
        return future


def cancelled(future: Future[int]) -> None:
    future.cancel()
    future.set_running_or_notify_cancel()


def broken(future: Future[int]) -> None:
    future.set_exception(BrokenExecutor("gone"))


def elsewhere(future: Future[int]) -> None:
    future.set_exception(OSError("no route"))


def test_all_is_done_where_nothing_is_lost() -> None:
    with PatientExecutor(lambda: ThreadPoolExecutor(2)) as executor:
        assert [one.result() for one in [executor.submit(double, k) for k in range(50)]] == [2 * k for k in range(50)]


@pytest.mark.parametrize("lose", [cancelled, broken, elsewhere])
def test_what_is_lost_three_times_is_done_here(lose: Callable[[Future[int]], None]) -> None:
    made: list[Losing] = []

    def make() -> Losing:
        made.append(Losing(lose))
        return made[-1]

    with PatientExecutor(make) as executor:
        assert executor.submit(double, 4).result(timeout=20) == 8
        assert sum(one.asked for one in made) == 3
    assert len(made) == (4 if lose is broken else 1)


def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    with PatientExecutor(lambda: ProcessPoolExecutor(2, get_context("spawn"))) as executor:
        waiting = [executor.submit(die_once, str(tmp_path / "mark"), k) for k in range(20)]
        assert [one.result(timeout=120) for one in waiting] == [2 * k for k in range(20)]


def test_what_fails_by_itself_fails() -> None:
    with PatientExecutor(lambda: ThreadPoolExecutor(1)) as executor, pytest.raises(ArithmeticError):
        executor.submit(fails, 1).result(timeout=20)


def test_once_given_up_all_is_done_here() -> None:
    hanging: list[Future[int]] = []
    before = threading.active_count()

    class Hanging(Losing):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            for future in hanging:
                if not future.done():
                    cancelled(future)

    with PatientExecutor(lambda: Hanging(hanging.append)) as executor:
        waiting = [executor.submit(double, k) for k in range(5)]
        assert not any(one.done() for one in waiting)
        executor.give_up()
        assert [one.result(timeout=20) for one in waiting] == [0, 2, 4, 6, 8]
        assert executor.submit(double, 9).result(timeout=20) == 18
    assert threading.active_count() <= before + 1
