"""Zip files that carry a bundle, and those that are refused because two readers could see two bundles in them."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stembus.audit.errors import CannotRead, FileMissing, FileTooLong
from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import Verdict, verify
from tests.conftest import Finished


def written(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def bundle(finished: Finished, below: str = "") -> dict[str, bytes]:
    files = (path for path in sorted(finished.public.rglob("*")) if path.is_file())
    return {below + path.relative_to(finished.public).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("below", ["", "public/", "a folder/"])
def test_a_bundle_may_lie_in_one_top_folder(finished: Finished, tmp_path: Path, below: str) -> None:
    place = ZipPlace(written(tmp_path / "b.zip", bundle(finished, below)))
    assert verify(place, finished.referendum).exit_status == 0
    with pytest.raises(FileMissing):
        place.read("credential", 10)
    with pytest.raises(FileTooLong):
        place.read("credentials", 10)


def test_what_a_file_manager_adds_is_named_and_changes_nothing(finished: Finished, tmp_path: Path) -> None:
    members = {**bundle(finished, "public/"), "__MACOSX/public/._checkpoint": b"x", "public/.DS_Store": b"x"}
    report = verify(ZipPlace(written(tmp_path / "b.zip", members)), finished.referendum)
    assert report.exit_status == 0
    assert {fault.verdict for fault in report.faults} == {Verdict.PASSED_OVER}
    assert {fault.where for fault in report.faults} == {"__MACOSX/public/._checkpoint", ".DS_Store"}


def test_two_top_folders_are_no_bundle(finished: Finished, tmp_path: Path) -> None:
    members = {**bundle(finished, "a/"), **bundle(finished, "b/")}
    assert verify(ZipPlace(written(tmp_path / "b.zip", members)), finished.referendum).exit_status == 8


@pytest.mark.parametrize("name", ["../x", "/x", "a/../x", "a//x", "./x", "a\\x", "./"])
def test_a_name_that_is_no_path_in_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "b.zip", {"checkpoint": b"", "Q" * len(name): b""})
    path.write_bytes(path.read_bytes().replace(b"Q" * len(name), name.encode()))
    with pytest.raises(CannotRead, match="no path in it"):
        ZipPlace(path)


def test_a_name_that_is_cut_at_a_nul_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "b.zip", {"checkpointQx": b""})
    path.write_bytes(path.read_bytes().replace(b"checkpointQx", b"checkpoint\0x"))
    with pytest.raises(CannotRead):
        ZipPlace(path)


def test_a_name_that_is_not_utf_8_is_refused_and_one_that_is_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "b.zip", {"checkpoint": b"", "QQ": b"data"})
    honest = path.read_bytes()
    path.write_bytes(honest.replace(b"QQ", "é".encode()))
    assert ZipPlace(path).read("é", 10) == b"data"
    path.write_bytes(honest.replace(b"QQ", b"\xe9x"))
    with pytest.raises(CannotRead):
        ZipPlace(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a/b/c")])
def test_two_members_in_one_place_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name in ("checkpoint", *names):
            archive.writestr(name, b"")
    with pytest.raises(CannotRead):
        ZipPlace(tmp_path / "b.zip")


def test_an_encrypted_or_otherwise_packed_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRead, match="stored or deflated"):
        ZipPlace(written(tmp_path / "b.zip", {"checkpoint": b"x" * 99}, zipfile.ZIP_LZMA))
    path = written(tmp_path / "e.zip", {"checkpoint": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(CannotRead, match="encrypted"):
        ZipPlace(path)


@pytest.mark.parametrize("share", [0, 1, 50, 99])
def test_a_zip_that_was_cut_off_could_not_be_read(finished: Finished, tmp_path: Path, share: int) -> None:
    path = written(tmp_path / "b.zip", bundle(finished))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * share // 100])
    with pytest.raises(CannotRead, match="not a readable zip file"):
        ZipPlace(path)


def test_a_damaged_member_could_not_be_read_and_accuses_nobody(finished: Finished, tmp_path: Path) -> None:
    path = written(tmp_path / "b.zip", bundle(finished), zipfile.ZIP_STORED)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("credentials")
        data = bytearray(path.read_bytes())
        skipped = struct.unpack_from("<HH", data, info.header_offset + 26)
        data[info.header_offset + 30 + sum(skipped) + 5] ^= 1
    path.write_bytes(data)
    report = verify(ZipPlace(path), finished.referendum)
    assert report.exit_status == 8
    assert not report.has(Verdict.BREACH)


_MEASURED = """
import resource, sys, time
from pathlib import Path
from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import verify
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = verify(ZipPlace(Path(sys.argv[1])), bytes.fromhex(sys.argv[2]), None)
print(report.exit_status, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("own", [True, False])
def test_a_small_zip_of_a_huge_log_takes_little_memory(finished: Finished, tmp_path: Path, own: bool) -> None:
    """Made without any key: the true manifest, then junk that packs well, and a head that nobody signed."""
    from stembus.audit.log.tiles import encode_bundle, tile_path

    manifest = next(iter(_entries(finished)))
    head = (finished.public / "checkpoint").read_text(encoding="utf-8").split("\n")
    head[1] = str(256 * 2_000)
    members = {"checkpoint": "\n".join(head).encode()}
    for number in range(2_000):
        entries = [b"x"] * 256
        members[tile_path("entries", number)] = encode_bundle([manifest, *entries[1:]] if number == 0 else entries)
        members[tile_path(0, number)] = bytes(8192)
    path = written(tmp_path / "b.zip", members)
    assert path.stat().st_size < 2_000_000
    asked = finished.referendum if own else bytes(32)
    # A fresh process: the memory of this one has been larger before.
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, path, asked.hex()], capture_output=True, text=True, check=True,
        env=environment, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    status, mebibytes = map(int, done.stdout.split())
    assert status == 1
    assert mebibytes < 40


def _entries(finished: Finished) -> list[bytes]:
    from stembus.audit.log.source import FolderPlace
    from stembus.audit.log.tile_reader import TileReader
    from tests.log_view import read_log

    place = FolderPlace(finished.public)
    return [TileReader(place, read_log(place).head.size).entry(0)]
