"""Where a bundle is read from: a folder, a zip file, a URL, or memory.

Decides bounded reading and listing; no path leaves the place and no file is read past its bound. Leaves
the meaning of files to the verifier.
"""

from __future__ import annotations

import http.client
import io
import os
import ssl
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Protocol

from stembus.audit import bounds
from stembus.audit.errors import PlaceError

_TIMEOUT_SECONDS = 30


class Place(Protocol):
    """Reads published files by their path in the bundle."""

    def read(self, path: str, limit: int) -> bytes:
        """At most `limit` bytes. Raises PlaceError when the file is missing or longer."""
        ...

    def lines(self, path: str, limit: int) -> Iterator[bytes]:
        """The file's lines with their newlines, without holding it in memory. Raises PlaceError."""
        ...

    def paths(self) -> list[str] | None:
        """Every file, sorted; None where a place cannot tell."""
        ...


class _Streamed:
    """Reading that all places share; each only says how a file is opened."""

    def _open(self, path: str) -> IO[bytes]:
        raise NotImplementedError

    def read(self, path: str, limit: int) -> bytes:
        try:
            with self._open(path) as file:
                data = file.read(limit + 1)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError,
                http.client.HTTPException) as error:  # fmt: skip
            raise PlaceError(f"{path} cannot be read: {type(error).__name__}") from None
        if len(data) > limit:
            raise PlaceError(f"{path} is longer than its bound of {limit} bytes")
        return data

    def lines(self, path: str, limit: int) -> Iterator[bytes]:
        total = 0
        try:
            with self._open(path) as file:
                while line := file.readline(1024):
                    total += len(line)
                    if total > limit:
                        raise PlaceError(f"{path} is longer than its bound of {limit} bytes")
                    yield line
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError,
                http.client.HTTPException) as error:  # fmt: skip
            raise PlaceError(f"{path} cannot be read: {type(error).__name__}") from None


class FolderPlace(_Streamed):
    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise PlaceError(f"{root} is not a folder")
        self.root = root

    def _open(self, path: str) -> IO[bytes]:
        target = self.root / path
        # A pipe or device in a file's place would hold the verifier up for ever.
        if target.exists() and not target.is_file():
            raise OSError(f"{path} is not a regular file")
        return target.open("rb")

    def paths(self) -> list[str] | None:
        found = []
        for folder, folders, names in os.walk(self.root, onerror=_unless_gone):
            here = Path(folder)
            links = [name for name in folders if (here / name).is_symlink()]
            found += [(here / name).relative_to(self.root).as_posix() for name in (*names, *links)]
            if len(found) > bounds.FILES:
                raise PlaceError(f"more than {bounds.FILES} files")
        return sorted(found)


def _unless_gone(error: OSError) -> None:
    """A folder of outgrown files may go while a growing log is listed."""
    if not isinstance(error, FileNotFoundError):
        raise error


class ZipPlace(_Streamed):
    """A zip file is read member by member, never unpacked; a member is read up to its bound and no further."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError):
            raise PlaceError(f"{path} is not a readable zip file") from None
        names = self._zip.namelist()
        if len(names) > bounds.FILES:
            raise PlaceError(f"more than {bounds.FILES} files")
        if len(set(names)) != len(names):
            raise PlaceError("two files of one name in the zip")

    def _open(self, path: str) -> IO[bytes]:
        try:
            return self._zip.open(path)
        except KeyError:
            raise FileNotFoundError(path) from None

    def paths(self) -> list[str] | None:
        return sorted(name for name in self._zip.namelist() if not name.endswith("/"))


class UrlPlace(_Streamed):
    """Static files over HTTP. It cannot list them, so unknown extra files stay unseen."""

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/") + "/"
        self._context = ssl.create_default_context()

    def _open(self, path: str) -> IO[bytes]:
        request = urllib.request.Request(self._base + path, headers={"User-Agent": "stembus"})  # noqa: S310
        try:
            response: IO[bytes] = urllib.request.urlopen(  # noqa: S310
                request, timeout=_TIMEOUT_SECONDS, context=self._context if self._base.startswith("https") else None
            )
        except urllib.error.HTTPError as error:
            error.close()
            raise PlaceError(f"{path} is not at {self._base}: {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise PlaceError(f"nothing answers at {self._base}: {error.reason}") from None
        return response

    def paths(self) -> list[str] | None:
        return None


class MemoryPlace(_Streamed):
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def _open(self, path: str) -> IO[bytes]:
        if path not in self.files:
            raise FileNotFoundError(path)
        return io.BytesIO(self.files[path])

    def paths(self) -> list[str] | None:
        return sorted(self.files)


def open_place(place: str) -> Place:
    """A folder, a zip file or an http(s) URL. Raises PlaceError."""
    if place.startswith(("https://", "http://")):
        return UrlPlace(place)
    path = Path(place)
    if path.is_file():
        return ZipPlace(path)
    if path.is_dir():
        return FolderPlace(path)
    raise PlaceError(f"there is nothing at {place}")
