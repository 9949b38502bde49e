"""Zip files that people make, and those that somebody makes to mislead a reader or to wear it out."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import pytest

from stembus.audit.errors import CannotRead, PlaceError
from stembus.audit.log.places import open_place
from stembus.audit.log.tiles import encode_bundle, tile_path
from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import verify
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.report import Report
from tests.conftest import Finished

MIB = 1024 * 1024
Files = dict[str, bytes]


@pytest.fixture
def files(finished: Finished) -> Files:
    folder = finished.public
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def packed(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def judged(path: Path, referendum: bytes | None) -> Report:
    with open_place(str(path)) as place:
        return verify(place, referendum)


def refused(path: Path, words: str) -> None:
    with pytest.raises(CannotRead, match=words), open_place(str(path)):
        pass


def test_a_refused_zip_is_not_held_open(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"../outside": b"x"})
    with pytest.raises(CannotRead):  # whose traceback holds on to the place that was not made
        ZipPlace(path)
    assert path not in [open_file.resolve() for open_file in Path("/proc/self/fd").iterdir()]


# What people make


def test_a_zip_with_one_folder_around_everything_is_opened(finished: Finished, files: Files, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {f"public/{name}": data for name, data in files.items()})
    assert judged(path, finished.referendum).faults == []


@pytest.mark.parametrize("top", ["", "public/"])
def test_what_file_managers_leave_behind_is_named_and_changes_nothing(
    finished: Finished, files: Files, tmp_path: Path, top: str
) -> None:
    litter = {f"__MACOSX/{top}._checkpoint": b"x", f"{top}Thumbs.db": b"x", f"{top}tile/.DS_Store": b"x"}
    path = packed(tmp_path / "a.zip", {top + name: data for name, data in files.items()} | litter)
    report = judged(path, finished.referendum)
    assert report.exit_status == 0
    assert sorted(fault.where for fault in report.faults) == sorted(
        [f"__MACOSX/{top}._checkpoint", "Thumbs.db", "tile/.DS_Store"]
    )


def test_names_of_folders_are_no_files(finished: Finished, files: Files, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"tile/": b"", "empty/": b"", **files})
    assert judged(path, finished.referendum).faults == []


def test_a_file_beside_the_one_folder_hides_the_head(finished: Finished, files: Files, tmp_path: Path) -> None:
    more = {f"public/{name}": data for name, data in files.items()} | {"notes.txt": b""}
    report = judged(packed(tmp_path / "a.zip", more), finished.referendum)
    assert report.outcome is Outcome.UNCHECKED
    assert "no log is published there" in report.faults[0].message


def test_a_folder_in_a_folder_is_not_looked_into(finished: Finished, files: Files, tmp_path: Path) -> None:
    deep = {f"a/b/{name}": data for name, data in files.items()}
    assert judged(packed(tmp_path / "a.zip", deep), finished.referendum).outcome is Outcome.UNCHECKED


def test_a_second_log_below_the_first_is_a_fault_and_not_read(finished: Finished, files: Files, tmp_path: Path) -> None:
    both = files | {f"public/{name}": data for name, data in files.items()}
    report = judged(packed(tmp_path / "a.zip", both), finished.referendum)
    assert report.outcome is Outcome.FAULTS
    assert {fault.check for fault in report.faults} == {"V1"}


def test_a_zip_is_closed_after_use(finished: Finished, files: Files, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", files)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_place(str(path)) as place:
            assert isinstance(place, ZipPlace)
        assert place._zip.fp is None
    path = packed(tmp_path / "b.zip", {"../x": b""})
    refused(path, "no path in it")


# What somebody makes


@pytest.mark.parametrize("name", ["/checkpoint", "../checkpoint", "a/../../checkpoint", "a\\b", "tile/..", ".."])
def test_a_name_that_leads_out_of_the_zip_is_refused(files: Files, tmp_path: Path, name: str) -> None:
    refused(packed(tmp_path / "a.zip", files | {name: b""}), "no path in it")


def test_a_name_that_ends_at_a_nul_for_some_readers_is_refused(files: Files, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", files | {"checkpoinX": b"other"})
    path.write_bytes(path.read_bytes().replace(b"checkpoinX", b"checkpoin\0"))
    refused(path, "no path in it")


def test_two_files_of_one_name_are_refused(files: Files, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", files | {"checkpoinX": b"other"})
    path.write_bytes(path.read_bytes().replace(b"checkpoinX", b"checkpoint"))
    refused(path, "two files of one name")


def test_an_encrypted_zip_is_refused(files: Files, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"checkpoint": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refused(path, "encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_not_deflated_is_refused(files: Files, tmp_path: Path, method: int) -> None:
    refused(packed(tmp_path / "a.zip", files, method), "another way than")


def test_a_stored_zip_is_read(finished: Finished, files: Files, tmp_path: Path) -> None:
    assert judged(packed(tmp_path / "a.zip", files, zipfile.ZIP_STORED), finished.referendum).faults == []


def test_names_that_are_no_text_are_refused(files: Files, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", files | {"XXXX": b""})
    path.write_bytes(path.read_bytes().replace(b"XXXX", b"\xff\xfe\x9b\x1b"))
    refused(path, "not a readable zip")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"no zip", bytes(100)])
def test_what_is_no_zip_could_not_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    try:
        report = judged(tmp_path / "a.zip", None)
    except CannotRead:
        return
    assert report.outcome is Outcome.UNCHECKED


def test_a_damaged_zip_ends_in_a_named_failure_wherever_the_damage_is(files: Files, tmp_path: Path) -> None:
    whole = packed(tmp_path / "a.zip", files).read_bytes()
    generator = random.Random(7)
    directory = whole.index(b"PK\x01\x02")
    for number in range(400):
        data = bytearray(whole)
        start = 0 if number % 2 else directory
        for _ in range(generator.choice((1, 4))):
            data[generator.randrange(start, len(data))] = generator.randrange(256)
        if number % 5 == 0:
            del data[generator.randrange(len(data)) :]
        path = tmp_path / "b.zip"
        path.write_bytes(data)
        try:
            with open_place(str(path)) as place:
                for name in place.paths() or ():
                    with contextlib.suppress(PlaceError, CannotRead):
                        place.read(name, MIB)
        except CannotRead:
            pass


# What wears a reader out

_CHILD = """
import json, resource, sys, time
from stembus.audit.log.places import open_place
from stembus.audit.verify import verify
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def run(path):
    try:
        with open_place(path) as place:
            return verify(place, bytes.fromhex(sys.argv[2]) if sys.argv[2] else None).exit_status
    except Exception as error:
        return type(error).__name__
run(sys.argv[3])
before, begun = peak(), time.process_time()
status = run(sys.argv[1])
print(json.dumps([status, peak() - before, time.process_time() - begun]))
"""


def cost(path: Path, referendum: bytes | None, honest: Path) -> tuple[object, float, float]:
    """(exit status or error, MiB, seconds) beyond what an honest zip took."""
    command = [sys.executable, "-c", _CHILD, str(path), referendum.hex() if referendum else "", str(honest)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    status, memory, seconds = json.loads(done.stdout)
    return status, memory, seconds


@pytest.mark.parametrize(
    "name", ["checkpoint", "log.vkey", "tile/entries/000", "tile/0/000", "credentials", "issuance/1", "checkpoints/0"]
)
@pytest.mark.parametrize("byte", [b"\0", b"0", b"\n"])
def test_a_small_zip_that_unpacks_to_hundreds_of_megabytes_costs_little(
    finished: Finished, files: Files, tmp_path: Path, name: str, byte: bytes
) -> None:
    honest = packed(tmp_path / "honest.zip", files)
    name = next(path for path in files if path.startswith(name)) if name != "checkpoints/0" else "checkpoints/7"
    path = tmp_path / "bomb.zip"
    packed(path, {other: data for other, data in files.items() if other != name})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open(name, "w") as file:
        for _ in range(192):
            file.write(byte * MIB)
    assert path.stat().st_size < 2 * MIB
    status, memory, seconds = cost(path, finished.referendum, honest)
    assert status in (1, 5, 8)
    assert memory < 64
    assert seconds < 5


def test_a_zip_with_an_invented_head_of_a_million_entries_costs_little(
    finished: Finished, files: Files, tmp_path: Path
) -> None:
    honest = packed(tmp_path / "honest.zip", files)
    entries = next(data for name, data in files.items() if name.startswith("tile/entries/"))
    manifest = entries[2 : 2 + int.from_bytes(entries[:2], "big")]
    same = encode_bundle([b"x"] * 256)
    head = files["checkpoint"].split(b"\n")
    head[1] = b"1000000"
    invented = {"checkpoint": b"\n".join(head), tile_path("entries", 0): encode_bundle([manifest] + [b"x"] * 255)}
    invented |= {tile_path("entries", number): same for number in range(1, 3906)}
    invented |= {tile_path(0, number): bytes(8192) for number in range(3906)}
    path = packed(tmp_path / "a.zip", invented)
    assert path.stat().st_size < 2 * MIB
    for asked in (finished.referendum, bytes(32), None):
        status, memory, seconds = cost(path, asked, honest)
        assert status == 1
        assert memory < 64
        assert seconds < 5


def test_a_wrong_id_ends_the_verification_at_the_first_entry(
    finished: Finished, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = ZipPlace.read
    monkeypatch.setattr(ZipPlace, "read", lambda self, path, limit: asked.append(path) or read(self, path, limit))
    report = judged(packed(tmp_path / "a.zip", files), bytes(32))
    assert [fault.check for fault in report.faults] == ["V2"]
    assert len(asked) == 3
    assert asked[0] == "checkpoint"
    assert all(path.endswith(f"000.p/{path.rpartition('/')[2]}") for path in asked[1:])
