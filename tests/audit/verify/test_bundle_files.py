"""Which files a bundle may hold, asked of the check itself: every listed file, each within its own bound."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stembus.audit import bounds
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import Report, verify
from tests.conftest import Finished


@pytest.fixture
def bundle(finished: Finished, tmp_path: Path) -> Path:
    copy = tmp_path / "bundle"
    shutil.copytree(finished.root / "public", copy)
    return copy


def named(report: Report) -> list[tuple[str, str]]:
    return [(fault.check, fault.where) for fault in report.faults]


@pytest.mark.parametrize("name", ["!first", "zz-last", "documents/none.pdf"])
def test_a_strange_file_is_named_wherever_it_is_listed(finished: Finished, bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("no file of a bundle")
    listed = FolderPlace(bundle).paths()
    assert listed is not None
    assert (name == listed[0], name == listed[-1]) == (name == "!first", name == "zz-last")
    assert named(verify(FolderPlace(bundle), finished.referendum)) == [("V1", name)]


class Listed(FolderPlace):
    """Lists files that are gone when they are read, as of a log that grows."""

    def paths(self) -> list[str] | None:
        return sorted({*(super().paths() or []), "tile/0/000.p/3", "tile/entries/000.p/3"})


def test_an_outgrown_tile_that_was_removed_since_it_was_listed_is_no_fault(finished: Finished, bundle: Path) -> None:
    for path in ("tile/0/000.p/3", "tile/entries/000.p/3"):
        (bundle / path).unlink(missing_ok=True)
    assert named(verify(Listed(bundle), finished.referendum)) == []
    (bundle / "tile/0/000.p/3").write_bytes(b"one that is there, and cannot be read")
    assert named(verify(Listed(bundle), finished.referendum)) == [("V1", "tile/0/000.p/3")]


class Watched(FolderPlace):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: dict[str, int] = {}

    def read(self, path: str, limit: int) -> bytes:
        self.asked[path] = limit
        return super().read(path, limit)


def test_a_tile_of_another_size_is_read_within_the_bound_of_its_kind(finished: Finished, bundle: Path) -> None:
    hashes, entries = "tile/0/000.p/255", "tile/entries/000.p/255"
    for path in (hashes, entries):
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle / path).write_bytes(bytes(bounds.TILE_BYTES + 1))
    place = Watched(bundle)
    found = {fault.where: fault.message for fault in verify(place, finished.referendum).faults}
    assert found.keys() == {hashes, entries}
    assert f"longer than its bound of {bounds.TILE_BYTES} bytes" in found[hashes]
    assert "longer than" not in found[entries]
    assert (place.asked[hashes], place.asked[entries]) == (bounds.TILE_BYTES, bounds.ENTRY_BUNDLE_BYTES)
