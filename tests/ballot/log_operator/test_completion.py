"""Completing a log's folder from a copy: what was signed here and waits for its quorum is not forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.errors import LogDamaged
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.office.office import Office
from tests.ballot.conftest import Poll
from tests.ballot.log_operator.test_log_writer import absent, content, incident, writer


@pytest.fixture
def log(lite: Poll) -> LogWriter:
    return lite.office.log()


def kept(log: LogWriter, target: Path) -> None:
    """The published folder, and what lies beside the lock."""
    shutil.copytree(log.folder, target / "public")
    shutil.copytree(log._lock.parent, target / "log")


def put_back(kept: Path, log: LogWriter) -> None:
    for folder, name in ((log.folder, "public"), (log._lock.parent, "log")):
        shutil.rmtree(folder)
        shutil.copytree(kept / name, folder)


def complete(office: Office, copy: Path) -> int | None:
    return office.complete_log(verify(FolderPlace(copy), office.referendum).demand_log(), copy)


def step_that_waits(log: LogWriter, entry: bytes) -> None:
    """Signed, and cosigned by too few."""
    present, log.witnesses[0] = log.witnesses[0], absent(log.witnesses[0])
    log.append([entry])
    assert not log.is_published()
    log.witnesses[0] = present


def test_a_step_that_waited_here_is_found_in_the_copy(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    size = log.size
    step_that_waits(log, incident(lite.office, 1))
    kept(log, tmp_path / "kept")
    log.append([incident(lite.office, 2)])
    shutil.copytree(log.folder, tmp_path / "mirror")
    put_back(tmp_path / "kept", log)
    assert complete(lite.office, tmp_path / "mirror") == size + 1
    again = writer(lite)
    assert (again.size, again.is_published()) == (size + 2, True)
    again.append([incident(lite.office, 3)])


def test_a_step_that_waits_here_and_is_not_in_the_copy_is_refused(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    """Another one was signed in its place."""
    kept(log, tmp_path / "kept")
    for number in (1, 2):
        log.append([incident(lite.office, number)])
    shutil.copytree(log.folder, tmp_path / "mirror")
    put_back(tmp_path / "kept", log)
    again = writer(lite)
    again._files.stage([incident(lite.office, 1)[:-1] + b" }"], again._sign)
    before = content(log.folder)
    with pytest.raises(LogDamaged, match="another history"):
        complete(lite.office, tmp_path / "mirror")
    assert content(log.folder) == before


def test_what_waits_here_and_is_newer_than_the_copy_stays(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    shutil.copytree(log.folder, tmp_path / "mirror")
    step_that_waits(log, incident(lite.office, 1))
    assert complete(lite.office, tmp_path / "mirror") is None
    assert writer(lite).cosign()
    assert writer(lite).order.incidents == 1
