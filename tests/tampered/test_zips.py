"""One zip file is one bundle: both verifiers open the same files of it, or neither opens it."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stembus.audit.errors import CannotRead
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import verify
from tests.conftest import Finished
from tests.tampered.second_verifier import SecondVerifier

UNREAD = 8
END, CENTRAL, LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"


@pytest.fixture(scope="module")
def packed(finished: Finished) -> bytes:
    place = FolderPlace(finished.public)
    return zipped([(path, place.read(path, 1 << 24)) for path in place.paths() or []])


def zipped(files: list[tuple[str, bytes]], before: bytes = b"") -> bytes:
    buffer = io.BytesIO(before)
    buffer.seek(len(before))
    with zipfile.ZipFile(buffer, "a" if before else "w") as file:
        for name, data in files:
            file.writestr(name, data)
    return buffer.getvalue()


def directory(data: bytes) -> tuple[int, int, int, int]:
    """(where the end record is, number of files, bytes of their list, where that begins)."""
    end = data.rfind(END)
    count, size, start = struct.unpack_from("<10xHII", data, end)
    return end, count, size, start


def with_end(data: bytes, count: int, size: int, start: int, comment: bytes = b"") -> bytes:
    end, *_ = directory(data)
    return data[:end] + struct.pack("<4s4xHHIIH", END, count, count, size, start, len(comment)) + comment


def another_list_before(data: bytes) -> bytes:
    """The end record points at a copy of the list, with less in it."""
    end, count, size, start = directory(data)
    first = data[start:end].find(CENTRAL, 4)
    return with_end(data[:start] + data[start : start + first] + data[start:], count, size, start)


def fewer_files(data: bytes) -> bytes:
    _, count, size, start = directory(data)
    return with_end(data, count - 1, size, start)


def shorter_list(data: bytes) -> bytes:
    _, count, size, start = directory(data)
    return with_end(data, count, size - 4, start)


def end_record_in_the_comment(data: bytes) -> bytes:
    _, count, size, start = directory(data)
    return with_end(data, count, size, start, b"...." + END + b"." * 30)


def larger_list_beside(data: bytes) -> bytes:
    """A locator of a list for large zip files stands before the end record."""
    end, *_ = directory(data)
    return data[:end] + struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1) + data[end:]


def in_the_list(data: bytes, at: int, value: bytes) -> bytes:
    """The first file's line, changed."""
    place = directory(data)[3] + at
    return data[:place] + value + data[place + len(value) :]


def other_name_at_the_file(data: bytes) -> bytes:
    return data.replace(b"log.vkey", b"LOG.VKEY", 1)


def name_with_a_mark_before(data: bytes) -> bytes:
    assert data.count(b"log.vkey") == 2
    files = zipfile.ZipFile(io.BytesIO(data))
    return zipped([(n.replace("log.vkey", "\ufefflog.vkey"), files.read(n)) for n in files.namelist()])


def name_in_another_code(data: bytes) -> bytes:
    return data.replace(b"log.vkey", b"log.vk\xe9y")


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a list before the list": another_list_before,
    "fewer files than listed": fewer_files,
    "a list that ends early": shorter_list,
    "an end record in the comment": end_record_in_the_comment,
    "a list for large files as well": larger_list_beside,
    "bytes before it all": lambda data: b"#!" + data,
    "bytes behind it all": lambda data: data + b"x",
    "cut off": lambda data: data[:-7],
    "a file with two names": other_name_at_the_file,
    "encrypted": lambda data: in_the_list(data, 8, b"\x01"),
    "patched": lambda data: in_the_list(data, 8, b"\x20"),
    "a newer format": lambda data: in_the_list(data, 6, b"\x63"),
    "a name in another code": name_in_another_code,
    "no zip at all": lambda data: b"x" * len(data),
}


def both(second: SecondVerifier, path: Path, referendum: bytes) -> tuple[int, int]:
    """The exit status of either."""
    theirs = int(second.ask(path, referendum)["status"])
    try:
        with ZipPlace(path) as place:
            return verify(place, referendum).exit_status, theirs
    except CannotRead:
        return UNREAD, theirs


def test_a_zip_file_as_it_is_made_is_read_by_both(
    packed: bytes, second: SecondVerifier, finished: Finished, tmp_path: Path
) -> None:
    for name, data in (
        ("plain", packed),
        ("with a comment", with_end(packed, *directory(packed)[1:], b"made in 2026")),
    ):
        (tmp_path / "bundle.zip").write_bytes(data)
        assert both(second, tmp_path / "bundle.zip", finished.referendum) == (0, 0), name


@pytest.mark.parametrize("name", DAMAGE)
def test_a_zip_file_that_readers_could_read_differently_is_read_by_neither(
    name: str, packed: bytes, second: SecondVerifier, finished: Finished, tmp_path: Path
) -> None:
    damaged = DAMAGE[name](packed)
    assert damaged != packed
    (tmp_path / "bundle.zip").write_bytes(damaged)
    assert both(second, tmp_path / "bundle.zip", finished.referendum) == (UNREAD, UNREAD)


def test_a_name_that_only_looks_like_another_is_another(
    packed: bytes, second: SecondVerifier, finished: Finished, tmp_path: Path
) -> None:
    (tmp_path / "bundle.zip").write_bytes(name_with_a_mark_before(packed))
    ours, theirs = both(second, tmp_path / "bundle.zip", finished.referendum)
    assert ours == theirs != 0
