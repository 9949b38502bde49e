"""Completing a log's folder from a copy: what was signed here and waits for its quorum is not forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stembus.audit.log.note import sign_checkpoint
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
    assert complete(lite.office, tmp_path / "mirror") == size
    again = writer(lite)
    assert (again.size, again.is_published()) == (size + 2, True)
    again.append([incident(lite.office, 3)])


@pytest.mark.parametrize("line", [1, 2])
def test_a_damaged_head_accuses_nobody(lite: Poll, log: LogWriter, tmp_path: Path, line: int) -> None:
    """Nobody signed it: it is as good as lost."""
    shutil.copytree(log.folder, tmp_path / "mirror")
    head = log.folder / "checkpoint"
    lines = head.read_bytes().split(b"\n")
    lines[line] = {1: b"9" + lines[1], 2: b"A" * 43 + b"="}[line]
    head.write_bytes(b"\n".join(lines))
    assert complete(lite.office, tmp_path / "mirror") == 0
    assert content(log.folder) == content(tmp_path / "mirror")
    assert writer(lite).cosign()


def test_a_head_that_is_no_head_is_named_with_its_file_and_what_to_do(
    lite: Poll, log: LogWriter, tmp_path: Path
) -> None:
    shutil.copytree(log.folder, tmp_path / "mirror")
    step_that_waits(log, incident(lite.office, 1))
    waiting = log._pending.folder / "checkpoint"
    kept = waiting.read_bytes()
    waiting.write_bytes(b"garbage")
    for look in (lambda: writer(lite), lambda: complete(lite.office, tmp_path / "mirror")):
        with pytest.raises(LogDamaged, match=f"{waiting} is damaged: .*; restore the newest copy.*; move it away only"):
            look()
    waiting.write_bytes(kept)
    (log.folder / "checkpoint").write_bytes(b"garbage")
    with pytest.raises(LogDamaged, match=f"{log.folder}/checkpoint is damaged: .*stembus log complete"):
        writer(lite)
    assert complete(lite.office, tmp_path / "mirror") == 0
    assert writer(lite).cosign()


def test_a_strangers_lines_on_the_copys_head_stay_behind(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    shutil.copytree(log.folder, tmp_path / "mirror")
    before = content(log.folder)
    head = tmp_path / "mirror" / "checkpoint"
    head.write_bytes(head.read_bytes() + "\u2014 stranger AAAAAAAA\n".encode())
    (log.folder / "checkpoint").unlink()
    assert complete(lite.office, tmp_path / "mirror") == 0
    assert b"stranger" not in (log.folder / "checkpoint").read_bytes()
    assert content(log.folder).keys() == before.keys()


def test_a_step_that_waits_here_and_is_not_in_the_copy_is_refused(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    """Another one was signed in its place."""
    kept(log, tmp_path / "kept")
    for number in (1, 2):
        log.append([incident(lite.office, number)])
    shutil.copytree(log.folder, tmp_path / "mirror")
    put_back(tmp_path / "kept", log)
    again = writer(lite)
    again._files.stage(
        [incident(lite.office, 1)[:-1] + b" }"],
        lambda size, root: sign_checkpoint(again.manifest.log.origin, size, root, again._key),
    )
    before = content(log.folder)
    with pytest.raises(LogDamaged, match="another history"):
        complete(lite.office, tmp_path / "mirror")
    assert content(log.folder) == before


@pytest.mark.parametrize("lost", ["nothing", "the head", "a tile", "all"])
def test_what_waits_here_and_is_newer_than_the_copy_stays(
    lite: Poll, log: LogWriter, tmp_path: Path, lost: str
) -> None:
    shutil.copytree(log.folder, tmp_path / "mirror")
    size = log.size
    step_that_waits(log, incident(lite.office, 1))
    before = content(log.folder)
    if lost == "the head":
        (log.folder / "checkpoint").unlink()
    elif lost == "a tile":
        shutil.rmtree(log.folder / "tile" / "0")
    elif lost == "all":
        shutil.rmtree(log.folder)
    had = {"nothing": None, "a tile": size}.get(lost, 0)
    assert complete(lite.office, tmp_path / "mirror") == had
    assert content(log.folder).items() >= {name: before[name] for name in ("checkpoint", "log.vkey")}.items()
    assert writer(lite).cosign()
    assert writer(lite).order.incidents == 1
