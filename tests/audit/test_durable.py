"""Files are whole or as they were, whatever fails, and on systems that lack links, locks or folder syncs."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stembus.audit import durable
from stembus.audit.durable import LockUnavailable, create_durably, locked, remove_leftovers, staged, write_durably


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "file"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    def write() -> None:
        with staged(path) as file:
            file.write(b"half")
            if step == "write":
                full()

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            write()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_private_file_is_its_owners_from_the_first_byte(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with staged(tmp_path / "secret", private=True):
            assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]
        write_durably(tmp_path / "public", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == 0o666


def _no_links(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links on this file system")

    if how == "missing":
        monkeypatch.delattr(os, "link")
    elif how == "refused":
        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize("links", ["there", "refused", "missing"])
def test_a_new_file_is_created_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str) -> None:
    _no_links(monkeypatch, links)
    create_durably(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        create_durably(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert names(tmp_path) == ["key"]
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_failed_rename_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_links(monkeypatch, "refused")

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", broken)
        with pytest.raises(OSError, match="input/output"):
            create_durably(tmp_path / "key", b"first")
    assert names(tmp_path) == []
    create_durably(tmp_path / "key", b"second")


def test_a_link_that_fails_for_another_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "link", broken)
    with pytest.raises(OSError, match="input/output"):
        create_durably(tmp_path / "key", b"first")
    assert names(tmp_path) == []


@pytest.mark.parametrize("links", ["there", "refused"])
def test_of_many_who_create_one_file_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: str) -> None:
    _no_links(monkeypatch, links)
    won: list[int] = []

    def create(number: int) -> None:
        try:
            create_durably(tmp_path / "key", str(number).encode())
            won.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=create, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(tmp_path / "key").read_text()] == [str(number) for number in won]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_cannot_be_synced_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    opened = os.open

    def refuse(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).is_dir():
            raise OSError(code, "no folder is opened here")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    write_durably(tmp_path / "file", b"data")
    assert (tmp_path / "file").read_bytes() == b"data"


def test_a_folder_that_is_broken_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="input/output"):
        write_durably(tmp_path / "file", b"data")


def test_leftovers_of_a_killed_writer_can_be_removed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, pathlib\n"
        "from stembus.audit.durable import staged\n"
        "with staged(pathlib.Path(sys.argv[1]), private=True) as file:\n"
        "    file.write(b'code'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "codes.csv")], check=False)
    others = [".codes.csv.backup.01234567.new", ".codes.csv.new", "codes.csv.other"]
    for name in others:
        (tmp_path / name).touch()
    assert len(names(tmp_path)) == 4
    remove_leftovers(tmp_path / "codes.csv")
    assert names(tmp_path) == others


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    inside, order = threading.Event(), list[str]()

    def second() -> None:
        inside.wait()
        with locked(tmp_path / "lock", waiting=lambda: order.append("waiting")):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with locked(tmp_path / "lock"):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["waiting", "first", "second"]
    with locked(tmp_path / "lock", waiting=lambda: pytest.fail("nobody holds it")):
        pass


def test_a_system_without_locks_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "fcntl", None)
    with pytest.raises(LockUnavailable, match="no file locks"), locked(tmp_path / "lock"):
        pass
    assert names(tmp_path) == []


def test_a_leftover_that_another_process_has_removed_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: [folder / ".codes.csv.01234567.new"])
    remove_leftovers(tmp_path / "codes.csv")
