"""Files that survive a crash: written beside, synced, and put in place in one step.

Decides how every file of the project that must not be lost or half written comes about, and how a folder is
locked. Leaves what is in the files to its callers. Works where a system lacks some of it: without hard links
(a FAT stick, Windows) new files are renamed into place by one process at a time; where a folder cannot be synced,
the system's own rules about renaming must do.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

STAGED = ".new"  # how the name of a file ends that is being written
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_NO_FOLDER_SYNC = (errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP)


class LockUnavailable(OSError):
    """This system has no file locks that hold between processes."""


def write_durably(path: Path, data: bytes, private: bool = False) -> None:
    """Writes or replaces a file: after a crash the old one or the new one is there, whole.

    `private` makes it readable by its owner only. Raises OSError; unless it was the folder that could not be synced,
    nothing has changed.
    """
    with staged(path, private) as file:
        file.write(data)


def write_undated(path: Path, data: bytes) -> None:
    """Writes or replaces a file whose time of change says nothing: somebody's vote may have been then. (The file
    system's own note of when it last touched the file, ctime, nobody can set.)"""
    with staged(path) as file:
        file.write(data)
        file.flush()
        os.utime(file.fileno() if os.utime in os.supports_fd else file.name, (0, 0))


def create_durably(path: Path, data: bytes) -> None:
    """Writes a private file that must not exist yet; of several writers one wins. Raises FileExistsError."""
    with _stage(path, private=True) as (beside, file):
        file.write(data)
        _finish(file)
        _place_new(beside, path)
    sync_folder(path.parent)


@contextmanager
def staged(path: Path, private: bool = False) -> Iterator[BinaryIO]:
    """A file to write piece by piece; it takes the place of `path` when the block ends well, and is gone when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _stage(path, private) as (beside, file):
        yield file
        _finish(file)
        beside.replace(path)
    sync_folder(path.parent)


@contextmanager
def locked(path: Path, where_possible: bool = False, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds the lock file `path`, alone among all processes and threads; calls `waiting` once if another holds it.
    Raises LockUnavailable, unless the lock is to be held `where_possible` only."""
    if fcntl is None and where_possible:
        yield
        return
    if fcntl is None:
        raise LockUnavailable("this system has no file locks; a log is written on Linux or another Unix")
    with _lock_file(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock_file(path: Path) -> BinaryIO:
    """Made if it is missing. Who may only read it can hold it as well; network file systems want it writable."""
    try:
        return path.open("r+b")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return path.open("rb")


def remove_leftovers(path: Path) -> None:
    """Removes what killed writers of a file left beside it. A process that is writing it right now fails."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.????????{STAGED}"):
        left.unlink(missing_ok=True)


def is_staged(name: str) -> bool:
    """Whether a file of that name is one that is being written, or was when its writer was killed."""
    return re.fullmatch(r"\..+\.[0-9a-f]{8}" + re.escape(STAGED), name) is not None


def sync_folder(folder: Path) -> None:
    """Makes new names in a folder last. Windows opens no folder, and some sticks sync none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


@contextmanager
def _stage(path: Path, private: bool) -> Iterator[tuple[Path, BinaryIO]]:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{STAGED}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _mode(private))
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield beside, file
    finally:
        beside.unlink(missing_ok=True)


def _mode(private: bool) -> int:
    return 0o600 if private else 0o666


def _finish(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _place_new(beside: Path, path: Path) -> None:
    try:
        os.link(beside, path)
    except AttributeError:
        _rename_new(beside, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_new(beside, path)


def _rename_new(beside: Path, path: Path) -> None:
    """Where there are no hard links: one process at a time looks and renames. Windows' own rename replaces nothing."""
    with _folder_locked(path.parent):
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        beside.rename(path)


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
