"""How commands come to a verified log: open the place, verify it with a bar, and say when that cannot be had.

Decides words and progress only. An address is read through a local copy, which `keep` makes stay.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread, current_thread, main_thread

from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.manifest import parse_referendum_id
from stembus.audit.log.places import ADDRESSES, open_place
from stembus.audit.log.snapshot import Snapshot, copied
from stembus.audit.log.source import Place
from stembus.audit.verify import Report, Verdict, verify
from stembus.audit.verify.outcome import EXIT_USAGE
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.scripts.cluster import cluster
from stembus.scripts.patient_executor import PatientExecutor
from stembus.scripts.shell import fail, progress

_ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def referendum_id(text: str) -> bytes:
    """The id as people type it. Ends the command when it is none."""
    try:
        return parse_referendum_id(text)
    except RecordInvalid as error:
        fail(str(error), "it stands in DIR/referendum.id, too", EXIT_USAGE)


@contextmanager
def workers(number: int) -> Iterator[Executor | None]:
    if number == 1:
        yield None
        return
    # Fresh processes: a fork would copy open databases and locks.
    with PatientExecutor(lambda: ProcessPoolExecutor(number, get_context("spawn"), _begin_work)) as executor:
        yield executor


def _begin_work() -> None:
    """In a worker. That the command was stopped, the parent says; a parent that was killed says nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def opened(place: str, keep: Path | None = None) -> Iterator[Place]:
    """What somebody typed, to read from. Raises CannotRead."""
    with _tidy_end(), open_place(place, keep) as source:
        yield source


@contextmanager
def _tidy_end() -> Iterator[None]:
    """Whoever ends the command, or closes its terminal, leaves no copy of a log in the temporary folder."""
    if current_thread() is not main_thread():
        yield
        return
    ending = [number for number in _ENDINGS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ending:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ending:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


@contextmanager
def verified(
    place: str,
    referendum: bytes | None,
    number: int | None = None,
    keep: Path | None = None,
    scheduler: str | None = None,
) -> Iterator[Report]:
    """The report of a whole verification; its log can be read as long as the block lasts. A breach at an address is
    said only of files that were fetched twice, since a transfer or a kept copy may be at fault. The heavy work is done
    by `number` processes, or by the workers of a `scheduler`. Raises CannotRead."""
    if keep is not None and not place.startswith(ADDRESSES):
        fail("--keep is for an address; a folder or zip file is here already", status=EXIT_USAGE)
    with opened(place, keep) as source:
        yield _verified(source, referendum, number, scheduler)


@contextmanager
def verified_report(place: str, referendum: bytes) -> Iterator[tuple[Report, Place]]:
    """The same, and the place from which more can be read meanwhile. Raises CannotRead."""
    with opened(place) as source:
        yield _verified(source, referendum), source


def _verified(
    source: Place, referendum: bytes | None, number: int | None = None, scheduler: str | None = None
) -> Report:
    with workers(number or os.cpu_count() or 1) if scheduler is None else cluster(scheduler) as executor:
        report = _verify(source, referendum, executor, "verifying")
        if isinstance(source, Snapshot):
            report = _verify_copy(source, report, referendum, executor)
    return report


def _verify_copy(source: Snapshot, report: Report, referendum: bytes | None, executor: Executor | None) -> Report:
    if report.has(Verdict.BREACH):
        source.renew()
        report = _verify(source, referendum, executor, "fetching and verifying again")
    if not report.has(Verdict.UNCHECKED):
        source.finish()
    return report


def _verify(source: Place, referendum: bytes | None, executor: Executor | None, label: str) -> Report:
    with progress(label) as bar:
        return verify(source, referendum, executor, bar)


@contextmanager
def verified_log(place: str, referendum: bytes, keep: Path | None = None) -> Iterator[VerifiedLog]:
    """Raises LogNotVerified or CannotRead."""
    with verified(place, referendum, keep=keep) as report:
        yield report.demand_log()


@contextmanager
def verified_copy(place: str, referendum: bytes) -> Iterator[tuple[VerifiedLog, Path]]:
    """With the folder of a private copy that holds the files of this log and no others, as they were verified. Raises
    LogNotVerified or CannotRead."""
    with opened(place) as source, copied(source) as copy:
        yield _verified(copy, referendum).demand_log(), copy.folder
