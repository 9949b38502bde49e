"""A copy of what an address shows: kept, continued, or held against the copy that was kept before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from stembus.audit.errors import CannotRead, FileMissing
from stembus.audit.log import snapshot
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.audit.log.note import sign_checkpoint
from stembus.audit.log.snapshot import INCOMPLETE, folder_name, snapshot_of
from stembus.audit.log.source import MemoryPlace
from stembus.audit.log.tiles import tile_path
from stembus.crypto.signing import SigningKey
from tests.tampered.forge import log_files

KEY = SigningKey(b"\1" * 32)
ENTRIES = [f"entry {number}".encode() for number in range(600)]
OTHERS = [*ENTRIES[:200], b"another", *ENTRIES[201:]]


def published(size: int, entries: list[bytes] = ENTRIES, origin: str = "example.org/log") -> dict[str, bytes]:
    frontier = Frontier()
    for raw in entries[:size]:
        frontier.append(leaf_hash(raw))
    head = sign_checkpoint(origin, size, frontier.root(), KEY).to_bytes()
    return {**log_files(entries[:size]), "checkpoint": head, f"checkpoints/{size}": head}


class Remote:
    """An address in memory; `asked` are the paths that were fetched."""

    files: dict[str, bytes]
    asked: list[str]

    def __init__(self, base: str) -> None:
        assert base == "https://example.org"

    def read(self, path: str, limit: int) -> bytes:
        type(self).asked.append(path)
        return MemoryPlace(type(self).files).read(path, limit)

    @contextmanager
    def download(self, path: str, limit: int) -> Iterator[IO[bytes]]:
        self.read(path, limit)
        with MemoryPlace(type(self).files)._open(path) as file:
            yield file


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> type[Remote]:
    class Fresh(Remote):
        files: dict[str, bytes] = {}  # noqa: RUF012
        asked: list[str] = []  # noqa: RUF012

    monkeypatch.setattr(snapshot, "Address", Fresh)
    return Fresh


def look(remote: type[Remote], files: dict[str, bytes], keep: Path | None, whole: bool = True) -> Path:
    """Reads what the address shows now, all of it or the head alone; the folder of the copy."""
    remote.files, remote.asked[:] = files, []
    with snapshot_of("https://example.org", keep) as place:
        for path in files if whole else ():
            assert place.read(path, 10**7) == files[path]
        return place.folder


def kept(keep: Path) -> list[int]:
    return sorted(int(folder.name.split("-")[0]) for folder in keep.iterdir() if folder.is_dir())


def test_each_file_is_fetched_once_and_written_down(remote: type[Remote], tmp_path: Path) -> None:
    files = published(300)
    folder = look(remote, files, tmp_path)
    assert sorted(remote.asked) == sorted(files)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(files)
    assert look(remote, files, tmp_path) == folder
    assert remote.asked == ["checkpoint"], "what was kept is not fetched again"


def test_without_a_folder_to_keep_it_a_copy_goes_at_the_end(remote: type[Remote]) -> None:
    folder = look(remote, published(3), None)
    assert not folder.exists()


def test_a_file_that_is_read_afresh_replaces_the_copy(remote: type[Remote], tmp_path: Path) -> None:
    remote.files = {**published(3), "log.vkey": b"one"}
    with snapshot_of("https://example.org", tmp_path) as place:
        assert place.read("log.vkey", 9) == b"one"
        assert list(place.lines("log.vkey", 9)) == [b"one"]
        remote.files = {**published(4), "log.vkey": b"two"}
        assert place.read("log.vkey", 9) == b"one"
        assert place.head_now() == remote.files["checkpoint"] != place.read("checkpoint", 999)
        assert place.read_afresh("log.vkey", 9) == b"two"
        assert place.read("log.vkey", 9) == b"two"
        assert place.paths() is None


def test_an_address_without_a_head_shows_no_log(remote: type[Remote], tmp_path: Path) -> None:
    for keep in (tmp_path, None):
        with pytest.raises(CannotRead, match="no log is published there"):
            look(remote, {}, keep)
        with pytest.raises(CannotRead, match="no signed note"):
            look(remote, {"checkpoint": b"hello"}, keep)


def test_a_copy_that_is_kept_is_incomplete_until_it_was_verified_whole(remote: type[Remote], tmp_path: Path) -> None:
    def marked() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if path.name.endswith(INCOMPLETE)]

    remote.files = published(300)
    with snapshot_of("https://example.org", tmp_path) as place:
        assert marked() == [f"{place.folder.name}{INCOMPLETE}"]
    assert len(marked()) == 1, "nobody has said that all of it is there"
    with snapshot_of("https://example.org", tmp_path) as place:
        place.finish()
    assert marked() == []
    look(remote, published(300), tmp_path)
    assert marked() == [], "what is whole stays whole when it is read again"


def test_a_longer_log_goes_on_from_the_copy_that_was_kept(remote: type[Remote], tmp_path: Path) -> None:
    look(remote, published(300), tmp_path)
    remote.files, remote.asked[:] = published(600), []
    with snapshot_of("https://example.org", tmp_path) as place:
        assert [earlier.head.size for earlier in place.before] == [300]
        for path in remote.files:
            assert place.read(path, 10**7) == remote.files[path]
        names = {path.relative_to(place.folder).as_posix() for path in place.folder.rglob("*") if path.is_file()}
    again = [tile_path("entries", 0), tile_path(0, 0), "checkpoints/300"]
    assert set(again) <= names
    assert [path for path in again if path in remote.asked] == []
    assert tile_path("entries", 1, 44) not in names, "a partial bundle is not taken over"
    assert kept(tmp_path) == [300, 600]


@pytest.mark.parametrize("whole", [True, False])
def test_nothing_is_taken_over_into_a_log_that_does_not_continue(
    remote: type[Remote], tmp_path: Path, whole: bool
) -> None:
    look(remote, published(300), tmp_path)
    files = published(600, OTHERS)
    remote.files = files
    with snapshot_of("https://example.org", tmp_path) as place:
        assert [earlier.head.size for earlier in place.before] == [300], (
            "the verifier says that the heads contradict each other"
        )
        assert place.read(tile_path("entries", 0), 10**7) == files[tile_path("entries", 0)]
        assert not (place.folder / "checkpoints/300").exists()


def test_all_copies_of_this_log_are_held_against_it_and_the_largest_is_taken_over(
    remote: type[Remote], tmp_path: Path
) -> None:
    for size in (257, 520, 300):
        look(remote, published(size), tmp_path)
    look(remote, published(590, origin="example.org/other"), tmp_path)
    (tmp_path / "not-whole").mkdir()
    (tmp_path / "damaged-copy").mkdir()
    (tmp_path / "damaged-copy" / "checkpoint").write_bytes(b"hello")
    remote.files = published(600)
    with snapshot_of("https://example.org", tmp_path) as place:
        assert [earlier.head.size for earlier in place.before] == [257, 300, 520]
        assert (place.folder / tile_path("entries", 1)).exists()
        assert not (place.folder / "checkpoints/300").exists(), "only the copy of 520 entries was taken over"


@pytest.mark.parametrize("entries", [ENTRIES, OTHERS])
def test_a_shorter_head_is_copied_and_left_to_the_verifier(
    remote: type[Remote], tmp_path: Path, entries: list[bytes]
) -> None:
    look(remote, published(600), tmp_path)
    remote.files = published(300, entries)
    with snapshot_of("https://example.org", tmp_path) as place:
        assert [earlier.head.size for earlier in place.before] == [600]
        assert place.read(tile_path("entries", 0), 10**7) == remote.files[tile_path("entries", 0)]
    assert kept(tmp_path) == [300, 600]


def test_two_heads_of_one_size_are_two_copies(remote: type[Remote], tmp_path: Path) -> None:
    look(remote, published(300), tmp_path)
    remote.files = published(300, OTHERS)
    with snapshot_of("https://example.org", tmp_path) as place:
        assert [earlier.head.size for earlier in place.before] == [300]
    assert kept(tmp_path) == [300, 300]


def test_a_copy_is_named_by_size_and_signed_text() -> None:
    head = sign_checkpoint("example.org/log", 300, bytes(32), KEY)
    other = sign_checkpoint("example.org/log", 300, bytes(31) + b"\1", KEY)
    assert folder_name(head).startswith("000000300-")
    assert len(folder_name(head)) == 26
    assert folder_name(head) != folder_name(other)
    assert folder_name(head) == folder_name(sign_checkpoint("example.org/log", 300, bytes(32), SigningKey(b"\2" * 32)))


def test_a_file_that_cannot_be_kept_is_no_finding(
    remote: type[Remote], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.files = published(3)

    def full(source: IO[bytes], target: IO[bytes]) -> None:
        raise OSError(28, "No space left on device")

    with snapshot_of("https://example.org", tmp_path) as place:
        monkeypatch.setattr(snapshot, "_pour", full)
        with pytest.raises(CannotRead, match="cannot be kept: No space left on device"):
            place.read("checkpoints/3", 999)
        with pytest.raises(FileMissing):
            place.read("nothing", 999)
