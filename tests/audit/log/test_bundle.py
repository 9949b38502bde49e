"""Which files of a folder that grows belong to the head of a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.audit.log.bundle import being_written, bundle_of, copy_bundle
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import (
    HEAD,
    beyond,
    bundle_widths,
    level_tiles,
    log_paths,
    outgrown,
    parse_tile_path,
    tile_path,
)
from tests.conftest import Finished


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537])
def test_the_files_of_a_log_are_neither_outgrown_nor_beyond_it(size: int) -> None:
    for path in log_paths(size):
        assert not outgrown(path, size)
        assert not beyond(path, size)


@pytest.mark.parametrize("size", [2, 255, 256, 257, 300, 512, 513])
def test_the_files_of_smaller_logs_are_outgrown_or_still_in_use(size: int) -> None:
    own = set(log_paths(size))
    for smaller in range(1, size):
        for path in set(log_paths(smaller)) - own:
            assert outgrown(path, size)
            assert not beyond(path, size)


@pytest.mark.parametrize("size", [1, 254, 255, 256, 257, 511, 512])
def test_the_files_of_larger_logs_lie_beyond(size: int) -> None:
    own = set(log_paths(size))
    for larger in range(size + 1, size + 300):
        for path in set(log_paths(larger)) - own:
            assert beyond(path, size)
            assert being_written(path, size)
            assert not outgrown(path, size)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/00/000",
        "tile/a/000",
        "tile/0/000.p",
        "tile/0/000.p/7/8",
        "tiles/0/000",
        "x/tile/0/000.p/7",
        "tile/0/000.p/\u0667",
        "checkpoint",
    ],
)
def test_what_is_no_tiles_path_is_neither_outgrown_nor_being_written(path: str) -> None:
    assert parse_tile_path(path) is None
    assert not outgrown(path, 300)
    assert not being_written(path, 300)
    assert beyond(path, 300) is path.startswith("tile/"), "among the tiles it is nothing that a log has"


def test_every_path_of_a_tile_is_parsed_back() -> None:
    for size in (1, 300, 70_000, 300_000):
        for tile in level_tiles(size):
            assert parse_tile_path(tile_path(*tile)) == tile
        for number, width in bundle_widths(size):
            assert parse_tile_path(tile_path("entries", number, width)) == ("entries", number, width)
    assert parse_tile_path(tile_path(0, 1_234_067, 9)) == (0, 1_234_067, 9)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("checkpoints/299", False),
        ("checkpoints/300", False),
        ("checkpoints/301", True),
        ("checkpoints/0301", False),
        ("checkpoints/x", False),
        ("documents/301", False),
        (".checkpoint.0123abcd.new", True),
        ("tile/0/.001.0123abcd.new", True),
        (".hidden", False),
        ("results.new", False),
    ],
)
def test_only_what_a_next_head_needs_is_being_written(path: str, expected: bool) -> None:
    assert being_written(path, 300) is expected


def test_a_copy_holds_the_files_of_its_own_size_and_no_others(finished: Finished, tmp_path: Path) -> None:
    copy_bundle(finished.public, tmp_path / "copy")
    copied = FolderPlace(tmp_path / "copy").paths()
    assert copied is not None
    size = int((tmp_path / "copy" / HEAD).read_text().splitlines()[1])
    assert {path for path in copied if path.startswith("tile/")} == set(log_paths(size))
    beside = set(FolderPlace(finished.public).paths() or []) - set(copied)
    assert beside
    assert all(outgrown(path, size) for path in beside)


def test_a_copy_made_while_the_log_grows_is_that_of_the_older_head(finished: Finished, tmp_path: Path) -> None:
    copy_bundle(finished.public, tmp_path / "public")
    before = bundle_of(FolderPlace(tmp_path / "public"))
    size = int(before.head.split()[1])
    (tmp_path / "public" / tile_path(0, 0, size + 1)).write_bytes(b"next")
    (tmp_path / "public" / "checkpoints" / str(size + 1)).write_bytes(b"next")
    (tmp_path / "public" / ".checkpoint.0123abcd.new").write_bytes(b"ne")
    assert bundle_of(FolderPlace(tmp_path / "public")) == before


def test_a_bundle_is_every_file_but_the_head_and_what_is_outgrown(finished: Finished) -> None:
    files = {path.relative_to(finished.public).as_posix() for path in finished.public.rglob("*") if path.is_file()}
    bundle = bundle_of(FolderPlace(finished.public))
    size = parse_checkpoint(bundle.head).size
    assert {*bundle.paths, HEAD} == {path for path in files if not outgrown(path, size)}
    assert bundle.head == (finished.public / HEAD).read_bytes()


def test_the_copy_of_a_bundle_is_a_bundle_of_the_same_files(finished: Finished, tmp_path: Path) -> None:
    copy_bundle(finished.public, tmp_path / "copy")
    here = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert {*bundle_of(FolderPlace(tmp_path / "copy")).paths, HEAD} == here
    assert {*bundle_of(FolderPlace(finished.public)).paths, HEAD} == here
