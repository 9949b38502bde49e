"""What testers say of their devices is counted by day, and nothing else is kept of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, select

from stembus.audit.clock import Clock
from stembus.audit.log.source import FolderPlace
from stembus.ballot.box.device_tests import FILE, DayCount, DeviceTests, published_tests, shown_beside
from stembus.ballot.storage import device_tests
from tests.ballot.conftest import Poll, copy_of
from tests.conftest import Finished

NOON = 1_571_047_200  # 14 October 2019, 12:00 in Brussels


class At(Clock):
    def __init__(self, now: int) -> None:
        self.moment = now

    def now(self) -> int:
        return self.moment


@pytest.fixture
def engine(poll: Poll) -> Engine:
    return poll.office._database("box")


def test_reports_are_counted_by_the_day_in_brussels(engine: Engine, tmp_path: Path) -> None:
    clock = At(NOON)
    tests = DeviceTests(engine, clock, tmp_path)
    tests.report(held=True)
    tests.report(held=True)
    clock.moment = NOON + 12 * 3600 - 1
    tests.report(held=False)
    tests.publish()
    assert published_tests(tmp_path) == [], "a day is shown when it is over"
    clock.moment += 1
    tests.report(held=False)
    tests.publish()
    first, second = date(2019, 10, 14), date(2019, 10, 15)
    assert published_tests(tmp_path) == [DayCount(first, 2, 1)]
    tests.publish(over=True)
    assert published_tests(tmp_path) == [DayCount(first, 2, 1), DayCount(second, 0, 1)]


def test_nothing_is_kept_but_a_day_and_two_numbers(engine: Engine, tmp_path: Path) -> None:
    DeviceTests(engine, At(NOON), tmp_path).report(held=True)
    with engine.connect() as db:
        assert db.execute(select(device_tests)).all() == [("2019-10-14", 1, 0)]


def test_reports_of_the_same_moment_are_all_counted(engine: Engine, tmp_path: Path) -> None:
    tests = DeviceTests(engine, At(NOON), tmp_path)
    threads = [Thread(target=tests.report, args=(True,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tests.publish(over=True)
    assert published_tests(tmp_path) == [DayCount(date(2019, 10, 14), 8, 0)]


def test_a_table_that_says_the_same_is_not_written_again(engine: Engine, tmp_path: Path) -> None:
    tests = DeviceTests(engine, At(NOON), tmp_path)
    tests.publish()
    assert not (tmp_path / FILE).exists()
    tests.report(held=True)
    tests.publish(over=True)
    before = (tmp_path / FILE).stat()
    tests.publish(over=True)
    assert (tmp_path / FILE).stat().st_ino == before.st_ino
    tests.report(held=True)
    tests.publish(over=True)
    assert (tmp_path / FILE).stat().st_ino != before.st_ino


@pytest.mark.parametrize(
    "text",
    ["", "day,held\n", "day,held,failed\n2019-10-14,1\n", "day,held,failed\n2019-13-14,1,2\n", "\xff", "a,b,c\n"],
)
def test_what_is_no_such_table_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="latin-1")
    assert published_tests(tmp_path) == []


def test_a_folder_without_a_table_says_nothing(tmp_path: Path) -> None:
    assert published_tests(tmp_path) == []


def test_what_was_shown_is_not_taken_back_by_a_lost_database(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("day,held,failed\n2019-10-12,1,3\n2019-10-13,5,0\n", encoding="ascii")
    tests = DeviceTests(engine, At(NOON - 86_400), tmp_path)
    tests.report(held=False)
    tests.take_back()
    tests.take_back()
    tests.publish(over=True)
    assert published_tests(tmp_path) == [DayCount(date(2019, 10, 12), 1, 3), DayCount(date(2019, 10, 13), 5, 1)]


def test_the_table_is_no_part_of_what_is_published_and_verified(poll: Poll) -> None:
    """Anybody can report: that must change no report of any verifier."""
    office = poll.office
    before = FolderPlace(office.public).paths()
    office.device_tests.report(held=False)
    office.device_tests.publish(over=True)
    assert published_tests(shown_beside(office.public)) != []
    assert FolderPlace(office.public).paths() == before


def test_a_lost_box_database_is_rebuilt_with_the_counts_that_were_shown(opened: Finished, tmp_path: Path) -> None:
    poll = copy_of(opened, tmp_path / "lost")
    office = poll.office
    office.device_tests.report(held=False)
    office.device_tests.publish(over=True)
    shown = published_tests(shown_beside(office.public))
    office.dispose()
    for path in office.folder("box").glob("box.db*"):
        path.unlink()
    again = poll.reopen().office
    assert again.recover_box() is not None
    again.device_tests.publish(over=True)
    assert published_tests(shown_beside(again.public)) == shown
    poll.end()
