"""The pages' view of the log: read once, then only what is new, also while the log grows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stembus.audit.errors import AuditError
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.webvote.site.log_summary import SummaryReader
from tests.conftest import Finished


@pytest.fixture
def growing(opened: Finished, tmp_path: Path) -> Iterator[Rehearsal]:
    rehearsal = opened.rehearsal(tmp_path / "growing")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    yield rehearsal
    rehearsal.office.dispose()


def grow(rehearsal: Rehearsal, letters: list[tuple[str, str]]) -> None:
    for code, factor in letters:
        rehearsal.cast(rehearsal.token(code, factor), [[1]])
    rehearsal.clock.move_to(rehearsal.clock.now() + 600)
    assert rehearsal.seal() is not None


def test_what_was_read_on_is_what_is_read_afresh(growing: Rehearsal, opened: Finished) -> None:
    public = growing.office.public
    follower = SummaryReader(public)
    assert (follower.now().phase, follower.now().ballots) == ("open", 0)
    opening = follower.now().opening
    for number in range(1, 4):
        grow(growing, opened.letters[3 * number : 3 * number + 3])
        assert follower.now() == SummaryReader(public).now()
        assert follower.now().ballots == 3 * number
        assert [batch for batch, _ in follower.now().batches] == list(range(1, number + 1))
    growing.close()
    growing.tally()
    last = follower.now()
    assert last == SummaryReader(public).now()
    assert (last.phase, last.opening, last.result is not None) == ("tallied", opening, True)


def test_only_new_entries_are_read(growing: Rehearsal, opened: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    from stembus.audit.log.tile_reader import TileReader

    follower = SummaryReader(growing.office.public)
    size = follower.now().size
    read: list[int] = []
    entry = TileReader.entry
    monkeypatch.setattr(TileReader, "entry", lambda self, index: read.append(index) or entry(self, index))
    grow(growing, opened.letters[:3])
    read.clear()
    follower.now()
    assert read == [size], "the batch's header; its ballots say nothing to a page"
    read.clear()
    follower.now()
    assert read == []


def test_readers_while_the_log_grows_never_see_half_a_step(growing: Rehearsal, opened: Finished) -> None:
    follower, stop = SummaryReader(growing.office.public), threading.Event()
    seen: list[int] = []
    faults: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(follower.now().ballots)
            except AuditError as error:
                faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(5):
        grow(growing, opened.letters[3 * number : 3 * number + 3])
    stop.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert set(seen) <= {0, 3, 6, 9, 12, 15}
    assert follower.now().ballots == 15


def test_a_log_that_went_back_is_read_from_its_beginning(growing: Rehearsal, opened: Finished, tmp_path: Path) -> None:
    import shutil

    public, copy = growing.office.public, tmp_path / "before"
    shutil.copytree(public, copy)
    grow(growing, opened.letters[:3])
    follower = SummaryReader(public)
    assert follower.now().ballots == 3
    shutil.rmtree(public)
    shutil.copytree(copy, public)
    assert follower.now().ballots == 0
