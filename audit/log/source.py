"""Where a bundle is read from: a folder, a zip file, a local copy of an address, or memory.

Decides bounded reading and listing; no path leaves the place and no file is read past its bound. A file that is
missing or too long is a PlaceError; a place that cannot be read at all raises CannotRead, which is no finding
about the log. Leaves zip files and addresses to `zip_file` and `address`, the meaning of files to the verifier.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from stembus.audit import bounds
from stembus.audit.errors import CannotRead, FileMissing, FileTooLong
from stembus.audit.log.note import Checkpoint
from stembus.audit.log.tiles import HEAD

LINE_BYTES = 1024
_LITTER_FOLDER, _LITTER = "__MACOSX/", (".DS_Store", "Thumbs.db", "desktop.ini")


def is_litter(path: str) -> bool:
    """What file managers leave in folders and zip files; it is named, and changes nothing."""
    return path.startswith(_LITTER_FOLDER) or path.rpartition("/")[2] in _LITTER


class Place(Protocol):
    """Reads published files by their path in the bundle."""

    #: copies of this log that were kept earlier, and that it has to continue
    before: Sequence[Earlier]

    def read(self, path: str, limit: int) -> bytes:
        """At most `limit` bytes. Raises FileMissing, FileTooLong or CannotRead."""
        ...

    def read_afresh(self, path: str, limit: int) -> bytes:
        """Like `read`, from where the files come from, whatever copy there is of it."""
        ...

    def head_now(self) -> bytes:
        """The head as it stands where the files come from. Raises as `read` does."""
        ...

    def lines(self, path: str, limit: int) -> Iterator[bytes]:
        """The file's lines with their newlines, without holding it in memory. Raises as `read` does."""
        ...

    def paths(self) -> list[str] | None:
        """Every file, sorted; None where a place cannot tell. Raises CannotRead."""
        ...


class Streamed:
    """Reading that places share; each only says how a file is opened, and what going wrong there means."""

    before: Sequence[Earlier] = ()
    unreadable: tuple[type[Exception], ...] = (OSError, ValueError, EOFError)

    def _open(self, path: str) -> IO[bytes]:
        """Raises FileNotFoundError, or anything of `unreadable`."""
        raise NotImplementedError

    def _problem(self, path: str, error: Exception) -> Exception:
        if isinstance(error, FileNotFoundError):
            return FileMissing(f"{path} is missing")
        return CannotRead(f"{path} cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}")

    def read(self, path: str, limit: int) -> bytes:
        try:
            with self._open(path) as file:
                data = file.read(limit + 1)
        except self.unreadable as error:
            raise self._problem(path, error) from None
        if len(data) > limit:
            raise FileTooLong(f"{path} is longer than its bound of {limit} bytes")
        return data

    @contextmanager
    def download(self, path: str, limit: int) -> Iterator[IO[bytes]]:
        """The whole file, from its beginning. Raises as `read` does."""
        yield io.BytesIO(self.read(path, limit))

    def read_afresh(self, path: str, limit: int) -> bytes:
        return self.read(path, limit)

    def head_now(self) -> bytes:
        return self.read(HEAD, bounds.CHECKPOINT_BYTES)

    def lines(self, path: str, limit: int) -> Iterator[bytes]:
        total = 0
        try:
            with self._open(path) as file:
                while line := file.readline(LINE_BYTES):
                    total += len(line)
                    if total > limit:
                        raise FileTooLong(f"{path} is longer than its bound of {limit} bytes")
                    yield line
        except self.unreadable as error:
            raise self._problem(path, error) from None


class FolderPlace(Streamed):
    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise CannotRead(f"{root} is not a folder")
        self.root = root
        self._inside = root.resolve()

    def _open(self, path: str) -> IO[bytes]:
        target = self.root / path
        if not target.resolve().is_relative_to(self._inside):
            raise CannotRead(f"{path} is a link that leads out of the folder")
        # A pipe or device in a file's place would hold the verifier up for ever.
        if target.exists() and not target.is_file():
            raise CannotRead(f"{path} is not a regular file")
        return target.open("rb")

    def _problem(self, path: str, error: Exception) -> Exception:
        if isinstance(error, NotADirectoryError):
            return FileMissing(f"{path} is missing")
        return super()._problem(path, error)

    def paths(self) -> list[str] | None:
        found = []
        try:
            for folder, folders, names in os.walk(self.root, onerror=_unless_gone):
                here = Path(folder)
                links = [name for name in folders if (here / name).is_symlink()]
                found += [(here / name).relative_to(self.root).as_posix() for name in (*names, *links)]
                if len(found) > bounds.FILES:
                    raise CannotRead(f"more than {bounds.FILES} files")
        except OSError as error:
            raise CannotRead(f"the folder cannot be listed: {error.strerror}") from None
        return sorted(found)


def _unless_gone(error: OSError) -> None:
    """A folder of outgrown files may go while a growing log is listed."""
    if not isinstance(error, FileNotFoundError):
        raise error


@dataclass(frozen=True, slots=True)
class Earlier:
    """A head that was kept, and its copy. Nothing of either was checked."""

    head: Checkpoint
    copy: FolderPlace


class MemoryPlace(Streamed):
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def _open(self, path: str) -> IO[bytes]:
        if path not in self.files:
            raise FileNotFoundError(path)
        return io.BytesIO(self.files[path])

    def paths(self) -> list[str] | None:
        return sorted(self.files)
