"""The published folder as one zip file, made while it is sent: nothing is kept, and memory stays flat."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from stembus.audit.log.bundle import bundle_of
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import HEAD

_UNDATED = (1980, 1, 1, 0, 0, 0)  # the earliest date that the format knows


class _Sink:
    """Collects what the archive writes until it is sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        return

    def take(self) -> bytes:
        sent = b"".join(self._parts)
        self._parts.clear()
        return sent


def stream_bundle(public: Path) -> Iterator[bytes]:
    """The files of the present head. Raises AuditError for a folder that cannot be read or listed."""
    sink, bundle = _Sink(), bundle_of(FolderPlace(public))
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(HEAD, _UNDATED), bundle.head)
        for path in bundle.paths:
            archive.writestr(zipfile.ZipInfo(path, _UNDATED), (public / path).read_bytes())
            yield sink.take()
    yield sink.take()
