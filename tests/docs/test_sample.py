"""The bundle in docs/samples: today's verifier accepts it, and refuses it when one byte of one file is changed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import verify
from stembus.scripts.develop.sample import BUNDLE, FOLDER, IDENTITY, write_sample

SAMPLE = FOLDER / BUNDLE


def _identity(folder: Path) -> bytes:
    return bytes.fromhex((folder / IDENTITY).read_text(encoding="ascii"))


def _members() -> dict[str, bytes]:
    with zipfile.ZipFile(SAMPLE) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def test_the_committed_sample_verifies_with_its_id() -> None:
    report = verify(ZipPlace(SAMPLE), _identity(FOLDER))
    assert report.exit_status == 0
    assert report.faults == []
    assert report.result is not None
    assert report.result.participants == 40


def test_the_committed_sample_stays_small() -> None:
    assert SAMPLE.stat().st_size < 300_000


@pytest.mark.parametrize("name", sorted(_members()))
def test_the_sample_with_one_byte_changed_is_refused(name: str, tmp_path: Path) -> None:
    changed = tmp_path / BUNDLE
    with zipfile.ZipFile(changed, "w") as archive:
        for member, data in _members().items():
            if member == name:
                middle = len(data) // 2
                # Nobody was struck: that list is empty, and gets a byte.
                data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else b"0"
            archive.writestr(member, data)
    status = verify(ZipPlace(changed), _identity(FOLDER)).exit_status
    # A witness's line on a checkpoint that no rule asks for is named, and no result depends on it.
    assert status == 1 or (status == 5 and name.startswith("checkpoints/"))


def test_the_command_makes_another_sample_that_verifies(tmp_path: Path) -> None:
    identity = write_sample(tmp_path)
    assert identity == (tmp_path / IDENTITY).read_text(encoding="ascii").strip()
    assert _identity(tmp_path) != _identity(FOLDER)
    assert verify(ZipPlace(tmp_path / BUNDLE), _identity(tmp_path)).exit_status == 0
