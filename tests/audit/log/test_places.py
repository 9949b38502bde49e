"""Folders, memory and tiles: what a place gives, what it calls missing, and what it cannot read."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from stembus.audit import bounds
from stembus.audit.errors import CannotRead, FileMissing, FileTooLong
from stembus.audit.log.merkle import hash_root, leaf_hash
from stembus.audit.log.places import open_place
from stembus.audit.log.source import FolderPlace, MemoryPlace, Place, is_litter
from stembus.audit.log.tile_reader import TileReader, read_bundle, read_tile
from stembus.audit.log.tiles import encode_bundle, parse_tile_path, tile_path
from stembus.audit.log.zip_file import ZipPlace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log" / "deeper").mkdir(parents=True)
    (tmp_path / "log" / "a").write_bytes(b"12345")
    (tmp_path / "log" / "deeper" / "z").write_bytes(b"one\ntwo\nthree")
    (tmp_path / "outside").write_bytes(b"secret")
    return tmp_path / "log"


def both(folder: Path) -> list[Place]:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [FolderPlace(folder), MemoryPlace(files)]


def test_a_file_is_read_up_to_its_bound(folder: Path) -> None:
    for place in both(folder):
        assert place.read("a", 5) == place.read_afresh("a", 5) == b"12345"
        for limit in (4, 0):
            with pytest.raises(FileTooLong):
                place.read("a", limit)
        for missing in ("b", "a/b", "deeper/a"):
            with pytest.raises(FileMissing):
                place.read(missing, 5)
        assert place.paths() == ["a", "deeper/z"]
        assert list(place.before) == []


def test_lines_are_read_up_to_the_bound_of_the_file(folder: Path) -> None:
    for place in both(folder):
        assert list(place.lines("deeper/z", 13)) == [b"one\n", b"two\n", b"three"]
        lines = place.lines("deeper/z", 12)
        assert [next(lines), next(lines)] == [b"one\n", b"two\n"]
        with pytest.raises(FileTooLong):
            next(lines)
        with pytest.raises(FileMissing):
            list(place.lines("b", 5))


def test_a_line_without_an_end_is_given_in_pieces_of_1024_bytes(folder: Path) -> None:
    (folder / "a").write_bytes(b"x" * 1023 + b"\n" + b"y" * 2000)
    for place in both(folder):
        assert [len(line) for line in place.lines("a", 5000)] == [1024, 1024, 976]


def test_the_head_now_is_the_file_checkpoint_up_to_its_bound(folder: Path) -> None:
    (folder / "checkpoint").write_bytes(b"x" * bounds.CHECKPOINT_BYTES)
    for place in both(folder):
        assert len(place.head_now()) == bounds.CHECKPOINT_BYTES
    (folder / "checkpoint").write_bytes(b"x" * (bounds.CHECKPOINT_BYTES + 1))
    for place in both(folder):
        with pytest.raises(FileTooLong):
            place.head_now()


def test_a_folder_that_is_none_cannot_be_read(folder: Path) -> None:
    for other in (folder / "nothing", folder / "a"):
        with pytest.raises(CannotRead, match="is not a folder"):
            FolderPlace(other)


def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder / "inside").symlink_to(folder / "a")
    (folder / "outside").symlink_to(folder.parent / "outside")
    (folder / "up").symlink_to(folder.parent)
    place = FolderPlace(folder)
    assert place.read("inside", 5) == b"12345"
    for path in ("outside", "up/outside", "../outside"):
        with pytest.raises(CannotRead, match="leads out of the folder"):
            place.read(path, 9)
    assert place.paths() == ["a", "deeper/z", "inside", "outside", "up"]


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_regular_file_holds_nobody_up(folder: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(folder / "odd")
    else:
        (folder / "odd").mkdir()
    with pytest.raises(CannotRead, match="odd is not a regular file"):
        FolderPlace(folder).read("odd", 9)


def test_a_folder_of_too_many_files_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "FILES", 2)
    assert FolderPlace(folder).paths() == ["a", "deeper/z"]
    monkeypatch.setattr(bounds, "FILES", 1)
    with pytest.raises(CannotRead, match="more than 1 files"):
        FolderPlace(folder).paths()


def test_a_place_is_a_folder_or_a_zip_file(folder: Path) -> None:
    with open_place(str(folder)) as place:
        assert isinstance(place, FolderPlace)
    with zipfile.ZipFile(folder.parent / "log.zip", "w") as archive:
        archive.writestr("a", "12345")
    with open_place(str(folder.parent / "log.zip")) as place:
        assert isinstance(place, ZipPlace)
        assert place.read("a", 5) == b"12345"
    with pytest.raises(CannotRead, match="there is nothing at"), open_place(str(folder / "nothing")):
        pass


def test_what_file_managers_leave_is_what_the_protocol_lists() -> None:
    for path in ("__MACOSX/", "__MACOSX/a/b", ".DS_Store", "a/.DS_Store", "Thumbs.db", "a/b/Thumbs.db", "desktop.ini"):
        assert is_litter(path), path
    for path in ("__MACOSX", "a/__MACOSX/b", "x.DS_Store", ".DS_Store/x", "Thumbs.db2", "thumbs.db", "desktop.ini.txt"):
        assert not is_litter(path), path


# Tiles


HASHES = [leaf_hash(bytes([number])) for number in range(256)]


class Counting(MemoryPlace):
    """Notes what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.asked: list[str] = []

    def read(self, path: str, limit: int) -> bytes:
        self.asked.append(path)
        return super().read(path, limit)


@pytest.mark.parametrize("width", [1, 3, 255])
def test_a_full_tile_stands_in_for_a_partial_one_that_was_outgrown(width: int) -> None:
    entries = [bytes([number]) for number in range(256)]
    full = {tile_path(0, 2): b"".join(HASHES), tile_path("entries", 2): encode_bundle(entries)}
    place = Counting(full)
    assert read_tile(place.read, 0, 2, width) == HASHES[:width]
    assert read_bundle(place.read, 2, width) == entries[:width]
    assert place.asked == [
        tile_path(0, 2, width),
        tile_path(0, 2),
        tile_path("entries", 2, width),
        tile_path("entries", 2),
    ]
    own = Counting(full | {tile_path(0, 2, width): b"".join(HASHES[-width:])})
    assert read_tile(own.read, 0, 2, width) == HASHES[-width:]
    assert own.asked == [tile_path(0, 2, width)]


def test_a_tile_that_is_missing_is_named_and_a_full_one_asked_for_once() -> None:
    for width, asked in ((256, [tile_path(0, 2)]), (7, [tile_path(0, 2, 7), tile_path(0, 2)])):
        place = Counting({})
        with pytest.raises(FileMissing, match=tile_path(0, 2, width)):
            read_tile(place.read, 0, 2, width)
        assert place.asked == asked


def test_a_tile_is_read_up_to_its_bound_and_a_bundle_up_to_its_own() -> None:
    place = MemoryPlace({tile_path(0, 0): bytes(8193), tile_path("entries", 0): encode_bundle([bytes(65_535)] * 256)})
    with pytest.raises(FileTooLong):
        read_tile(place.read, 0, 0, 256)
    assert read_bundle(place.read, 0, 256) == [bytes(65_535)] * 256


def test_a_subtree_is_read_from_the_highest_tiles_that_hold_it() -> None:
    """A log of 131,072 entries, of which only what is needed is there: 512 hashes on level 1, two on level 2."""
    level_1 = [leaf_hash(number.to_bytes(2, "big")) for number in range(512)]
    level_2 = [hash_root(level_1[:256]), hash_root(level_1[256:])]
    files = {tile_path(1, k): b"".join(level_1[256 * k : 256 * k + 256]) for k in (0, 1)}
    place = Counting({tile_path(2, 0, 2): b"".join(level_2)})
    reader = TileReader(place, 131_072)
    assert reader.subtree(0, 131_072) == hash_root(level_2)
    assert reader.subtree(65_536, 131_072) == level_2[1]
    assert place.asked == [tile_path(2, 0, 2)]
    place = Counting(files)
    reader = TileReader(place, 131_072)
    assert reader.subtree(256, 512) == level_1[1]
    assert reader.subtree(512, 1024) == hash_root(level_1[2:4])
    assert reader.subtree(65_536, 65_536 + 32_768) == hash_root(level_1[256:384])
    assert place.asked == [tile_path(1, 0), tile_path(1, 1)]


@pytest.mark.parametrize(("groups", "good"), [(1, True), (5, True), (6, False), (400, False)])
def test_the_number_of_a_tile_has_at_most_15_digits(groups: int, good: bool) -> None:
    """Of a path with thousands of groups no number is made."""
    path = "tile/0/" + "x001/" * (groups - 1) + "001"
    assert (parse_tile_path(path) is not None) == good
