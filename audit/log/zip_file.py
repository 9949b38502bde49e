"""A bundle in a zip file.

Read member by member and never unpacked; a member is read up to its bound and no further. Decides which zip files
are taken at all. A folder that was zipped as a whole, with everything below its one name, is opened.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from stembus.audit import bounds
from stembus.audit.errors import CannotRead
from stembus.audit.log.source import Streamed, is_litter
from stembus.audit.log.tiles import HEAD

_ENCRYPTED, _PATCHED = 0x41, 0x20
_END, _LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _LOCATOR_BYTES, _MOST_COMMENT = 22, 20, 65_535
_MORE = 0xFFFFFFFF, 0xFFFF  # then the true place and number stand in a zip64 record


class ZipPlace(Streamed):
    unreadable = (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error)

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path, metadata_encoding="utf-8")
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
            raise CannotRead(f"{path} is not a readable zip file") from None
        try:
            _check_end(path, len(self._zip.infolist()))
            self._names = _checked_names(self._zip.infolist())
        except CannotRead:
            self._zip.close()
            raise
        self._top = _top_folder(self._names)

    def __enter__(self) -> ZipPlace:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def _open(self, path: str) -> IO[bytes]:
        try:
            return self._zip.open(self._top + path)
        except KeyError:
            raise FileNotFoundError(path) from None

    def paths(self) -> list[str] | None:
        return sorted(name.removeprefix(self._top) for name in self._names)


def _check_end(path: Path, files: int) -> None:
    """The list of files ends where the end record begins, which ends the file, and has as many as that says: readers
    that look for it in other ways find the same one. Raises CannotRead."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        begins = max(0, size - _END_BYTES - _LOCATOR_BYTES - _MOST_COMMENT)
        file.seek(begins)
        tail = file.read()
    at = tail.rfind(_END)
    record = tail[at : at + _END_BYTES]
    if at < 0 or len(record) < _END_BYTES:
        raise CannotRead(f"{path} is not a readable zip file")
    count, listed, starts, comment = struct.unpack("<10xHIIH", record)
    further = tail[max(0, at - _LOCATOR_BYTES) :].startswith(_LOCATOR)
    if further and (starts == _MORE[0] or count == _MORE[1]):
        return
    if further or at + _END_BYTES + comment != len(tail) or starts + listed != begins + at or count != files:
        raise CannotRead(f"{path} is not a readable zip file: its list of files is not where it says; pack it again")


def _checked_names(members: list[zipfile.ZipInfo]) -> list[str]:
    if len(members) > bounds.FILES:
        raise CannotRead(f"more than {bounds.FILES} files in the zip")
    for member in members:
        _check_member(member)
    if len({member.filename for member in members}) != len(members):
        raise CannotRead("two files of one name in the zip")
    names = [member.filename for member in members if not member.is_dir()]
    if not _folders(names).isdisjoint(names):
        raise CannotRead("a file in the zip where another one has its folder")
    return names


def _folders(names: list[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        folder = name.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _check_member(member: zipfile.ZipInfo) -> None:
    # zipfile cuts a name at its first NUL; two readers could then differ.
    name = member.orig_filename
    if member.flag_bits & _ENCRYPTED:
        raise CannotRead("the zip is encrypted")
    if member.flag_bits & _PATCHED:
        raise CannotRead("the zip needs a newer program; pack it again in the usual way")
    # Only these are unpacked piece by piece; of the others a few bytes may become gigabytes at once.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CannotRead("the zip is packed in another way than stored or deflated; pack it again in the usual way")
    if "\0" in name or "\\" in name or not {"", ".", ".."}.isdisjoint(name.removesuffix("/").split("/")):
        raise CannotRead("the zip holds a name that is no path in it")


def _top_folder(names: list[str]) -> str:
    """`name/` when everything, litter aside, lies below one folder that holds a head; otherwise nothing."""
    tops = {name.partition("/")[0] + "/" for name in names if not is_litter(name)}
    if HEAD not in names and len(tops) == 1:
        top = next(iter(tops))
        if top + HEAD in names:
            return top
    return ""
