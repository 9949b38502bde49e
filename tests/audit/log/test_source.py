"""Folders with links, pipes and files that cannot be read: no path leads out, nothing holds a reader up."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from stembus.audit import bounds
from stembus.audit.errors import CannotRead, FileMissing, FileTooLong
from stembus.audit.log.places import open_place
from stembus.audit.log.source import FolderPlace, MemoryPlace
from stembus.audit.verify import verify
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.report import Report
from tests.conftest import Finished


@pytest.fixture
def public(finished: Finished, tmp_path: Path) -> Path:
    return shutil.copytree(finished.public, tmp_path / "public")


def judged(public: Path, finished: Finished) -> Report:
    with open_place(str(public)) as place:
        return verify(place, finished.referendum)


def leading_out(path: Path, outside: Path) -> None:
    shutil.move(path, outside / "moved")
    path.symlink_to(outside / "moved")


def in_a_circle(path: Path, _: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def a_pipe(path: Path, _: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_socket(path: Path, outside: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(outside / "s"))
    (outside / "s").rename(path)


def a_device(path: Path, _: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def a_folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


STRANGE: list[Callable[[Path, Path], None]] = [leading_out, in_a_circle, a_pipe, a_socket, a_device, a_folder]


@pytest.mark.parametrize("make", STRANGE)
@pytest.mark.parametrize("name", ["checkpoint", "log.vkey", "credentials", "issuance/1", "tile/entries/000.p/*"])
def test_what_is_no_regular_file_inside_could_not_be_checked(
    public: Path, finished: Finished, tmp_path: Path, make: Callable[[Path, Path], None], name: str
) -> None:
    path = max(public.glob(name), key=lambda found: int(found.name) if found.name.isdigit() else 0)
    (tmp_path / "o").mkdir()
    make(path, tmp_path / "o")
    report = judged(public, finished)
    assert report.outcome is Outcome.UNCHECKED
    assert report.log is None


def test_a_link_within_the_folder_is_followed(public: Path, finished: Finished) -> None:
    (public / "credentials").rename(public / "list")
    (public / "credentials").symlink_to("list")
    report = judged(public, finished)
    assert [(fault.check, fault.where) for fault in report.faults] == [("V1", "list")]


def test_a_linked_folder_is_opened_and_a_folder_behind_a_link_is_not_walked(
    public: Path, finished: Finished, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(public)
    assert judged(tmp_path / "link", finished).faults == []
    (public / "loop").symlink_to(public)
    assert [(fault.check, fault.where) for fault in judged(public, finished).faults] == [("V1", "loop")]


def test_a_file_that_fails_while_it_is_read_could_not_be_checked(
    public: Path, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open
    for name, kind in (
        ("credentials", PermissionError(13, "Permission denied")),
        ("log.vkey", OSError(5, "I/O error")),
    ):

        def failing(self: Path, mode: str = "r", name: str = name, kind: OSError = kind) -> object:
            if self.name == name:
                raise kind
            return opened(self, mode)

        monkeypatch.setattr(Path, "open", failing)
        report = judged(public, finished)
        assert report.outcome is Outcome.UNCHECKED
        assert [f"{name} cannot be read: {kind.strerror}" in fault.message for fault in report.faults] == [True]


def test_a_folder_that_cannot_be_listed_could_not_be_checked(
    public: Path, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", failing)
    report = judged(public, finished)
    assert report.outcome is Outcome.UNCHECKED
    assert "the folder cannot be listed" in report.faults[0].message


def test_a_place_that_is_no_folder_and_no_zip_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    for place in (
        tmp_path / "nowhere",
        tmp_path / "file",
        tmp_path / "file" / "below",
        tmp_path / "pipe",
        tmp_path / "circle",
        Path("/dev/null"),
        Path("x" * 5000),
    ):
        with pytest.raises(CannotRead), open_place(str(place)):
            pass
    with pytest.raises(CannotRead):
        FolderPlace(tmp_path / "file")


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "/etc/passwd"])
def test_no_path_leads_out_of_the_folder(public: Path, path: str) -> None:
    (public.parent / "outside").write_text("secret")
    with pytest.raises(CannotRead, match="leads out"):
        FolderPlace(public).read(path, 100)


def test_names_that_no_folder_can_hold_are_missing_or_cannot_be_read(public: Path) -> None:
    for name in ("x" * 300, "documents/" + "y" * 5000, "a\0b", "log.vkey/below"):
        with pytest.raises((FileMissing, CannotRead)):
            FolderPlace(public).read(name, 100)
        with pytest.raises((FileMissing, CannotRead)):
            list(FolderPlace(public).lines(name, 100))


def test_a_file_is_read_up_to_its_bound_and_no_further() -> None:
    place = MemoryPlace({"a": b"12345678\n12345678\n"})
    assert place.read("a", 18) == b"12345678\n12345678\n"
    assert list(place.lines("a", 18)) == [b"12345678\n", b"12345678\n"]
    with pytest.raises(FileTooLong):
        place.read("a", 17)
    lines = place.lines("a", 17)
    assert next(lines) == b"12345678\n"
    with pytest.raises(FileTooLong):
        next(lines)


def test_more_files_than_a_bundle_may_have_could_not_be_checked(
    public: Path, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = sum(1 for path in public.rglob("*") if path.is_file())
    monkeypatch.setattr(bounds, "FILES", count)
    assert judged(public, finished).exit_status == 0
    monkeypatch.setattr(bounds, "FILES", count - 1)
    assert judged(public, finished).outcome is Outcome.UNCHECKED


def test_names_in_a_folder_that_are_no_text_are_named(public: Path, finished: Finished) -> None:
    (public / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    report = judged(public, finished)
    assert [fault.check for fault in report.faults] == ["V1"]
    assert report.outcome is Outcome.FAULTS
