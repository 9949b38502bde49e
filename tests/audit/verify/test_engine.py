"""The verifier on an honest referendum, and at each stage of one."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from stembus.audit.log.bundle import bundle_of, copy_bundle
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import HEAD
from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import engine, verify
from stembus.audit.verify.report import CHECKS
from tests.conftest import Finished
from tests.tampered.forge import Forge, judge


def test_an_honest_referendum_holds_and_says_what_was_counted(finished: Finished) -> None:
    report = verify(FolderPlace(finished.public), finished.referendum)
    assert report.faults == []
    assert report.exit_status == 0
    assert report.result is not None
    assert report.result.questions[0].total == [13, 7]
    assert report.figures.counted == 20
    assert report.figures.ballots == 21


def test_without_an_id_nothing_says_which_referendum_this_is(finished: Finished) -> None:
    assert verify(FolderPlace(finished.public), None).exit_status == 3


def test_an_open_referendum_is_sound_and_unfinished(opened: Finished) -> None:
    assert verify(FolderPlace(opened.public), opened.referendum).exit_status == 4


def test_the_report_lists_just_the_checks_that_were_done(finished: Finished, opened: Finished) -> None:
    """V30 is asked of evidence alone, and none is here; what the count must be is asked once it is over."""
    after_the_close = {"V21", "V23", "V25", "V26", "V27", "V28"}
    assert verify(FolderPlace(finished.public), finished.referendum).done == set(CHECKS) - {"V30"}
    assert verify(FolderPlace(opened.public), opened.referendum).done == set(CHECKS) - {"V30"} - after_the_close


def test_progress_is_told_once_in_256_entries_and_at_the_end(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    report = verify(FolderPlace(finished.public), finished.referendum, progress=lambda *at: told.append(at))
    size = report.figures.entries
    assert 7 < size < 256
    assert told in ([(size, size)], [(0, size), (size, size)])
    monkeypatch.setattr(engine, "_PROGRESS_STEP", 7)
    told.clear()
    verify(FolderPlace(finished.public), finished.referendum, progress=lambda *at: told.append(at))
    assert [at for at in told if at[0]] == [(k, size) for k in (*range(7, size, 7), size)]


@pytest.mark.parametrize(("stated", "batch"), [((5, 14), 1), ((11, 11), 2)])
def test_more_tokens_used_by_a_batch_than_were_stated_name_batch_and_registrar(
    forge: Forge, stated: tuple[int, int], batch: int
) -> None:
    forge.counts = lambda number: stated[number - 1]
    (fault,) = judge(forge, forge.build()).faults
    said = f"batch {batch} and registrar 1 had issued {stated[batch - 1]}"
    assert (fault.where, fault.message.partition(" by ")[2]) == (f"batch {batch}", said)


def test_a_zip_of_the_bundle_verifies_like_the_folder(finished: Finished, tmp_path: Path) -> None:
    copy_bundle(finished.public, tmp_path / "files")
    shutil.make_archive(str(tmp_path / "bundle"), "zip", tmp_path / "files")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        assert "checkpoint" in archive.namelist()
    assert verify(ZipPlace(tmp_path / "bundle.zip"), finished.referendum).exit_status == 0


def test_every_flipped_bit_and_every_missing_file_is_found(finished: Finished, tmp_path: Path) -> None:
    bundle = bundle_of(FolderPlace(finished.public))
    partial = {"tile/0/000.p/7", "tile/entries/000.p/7"}  # outgrown ones need not be there, and must be right
    for path in (finished.public / name for name in sorted({HEAD, *bundle.paths, *partial})):
        copy = tmp_path / "copy"
        shutil.copytree(finished.public, copy)
        target = copy / path.relative_to(finished.public)
        data = bytearray(target.read_bytes())
        for position in {0, len(data) // 2, len(data) - 1} if data else {0}:
            damaged = bytearray(data or b"\1")  # nobody was struck: that list is empty
            damaged[position] ^= 1
            target.write_bytes(damaged)
            status = verify(FolderPlace(copy), finished.referendum).exit_status
            # A witness's line on a checkpoint that no rule asks for, an outgrown bundle that no longer parses: these
            # are named, and no result depends on them.
            aside = path.parent.name == "checkpoints" or path.relative_to(finished.public).as_posix() in partial
            assert status == 1 or (status == 5 and aside), (path, position)
        target.unlink()
        optional = path.parent.name == "checkpoints" and path.name not in _required(finished)
        no_log = path.name == "checkpoint" or "entries" in path.parts
        optional |= path.relative_to(finished.public).as_posix() in partial
        status = verify(FolderPlace(copy), finished.referendum).exit_status
        assert status == (0 if optional else 8 if no_log else 1), path
        shutil.rmtree(copy)


def _required(finished: Finished) -> set[str]:
    """Checkpoints that the protocol demands: open, each batch, close, intents, head."""
    from tests.log_view import read_log

    view = read_log(FolderPlace(finished.public))
    sizes = {view.head.size}
    for index, _, entry in view.entries():
        if entry.type == "batch":
            sizes.add(index + 1 + entry.body.size)  # type: ignore[union-attr]
        if entry.type in ("open", "close"):
            sizes.add(index + 1)
        if entry.type == "tally-intent":
            sizes.add(entry.body.size)  # type: ignore[union-attr]
    return {str(size) for size in sizes}


def test_a_file_that_does_not_belong_to_the_bundle_is_a_fault(finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.public, tmp_path / "copy")
    (tmp_path / "copy" / "notes.txt").write_text("hello")
    report = verify(FolderPlace(tmp_path / "copy"), finished.referendum)
    assert [(f.check, f.where) for f in report.faults] == [("V1", "notes.txt")]
    assert report.exit_status == 5


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.public, tmp_path / "copy")
    (tmp_path / "copy" / "log.vkey").unlink()
    os.mkfifo(tmp_path / "copy" / "log.vkey")
    report = verify(FolderPlace(tmp_path / "copy"), finished.referendum)
    assert [fault.message for fault in report.faults] == ["log.vkey is not a regular file"]
    assert report.exit_status == 8
