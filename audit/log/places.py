"""From what somebody typed to a place: a folder, a zip file, or an address, which is read through a local copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stembus.audit.errors import CannotRead
from stembus.audit.log.snapshot import INCOMPLETE, snapshot_of
from stembus.audit.log.source import FolderPlace, Place
from stembus.audit.log.tiles import HEAD
from stembus.audit.log.zip_file import ZipPlace

ADDRESSES = ("https://", "http://")


@contextmanager
def open_place(place: str, keep: Path | None = None) -> Iterator[Place]:
    """Below `keep`, the copy of an address stays. Raises CannotRead."""
    if place.startswith(ADDRESSES):
        with snapshot_of(place, keep) as snapshot:
            yield snapshot
        return
    path = Path(place)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:
        raise CannotRead(f"{place} cannot be looked at: {error.strerror}") from None
    if is_file:
        with ZipPlace(path) as archive:
            yield archive
    elif is_folder and path.with_name(f"{path.name}{INCOMPLETE}").exists():
        raise CannotRead(f"the copy in {place} was cut off; run the command with --keep again")
    elif is_folder:
        if not (path / HEAD).exists() and (kept := sorted(found.parent for found in path.glob(f"*-*/{HEAD}"))):
            raise CannotRead(f"{place} keeps copies of a log; give one of them, the newest is {kept[-1]}")
        yield FolderPlace(path)
    else:
        raise CannotRead(f"there is nothing at {place}")
