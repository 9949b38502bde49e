"""What a city hands out afterwards: a package for its archive, and texts with the figures of a verification."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import verify
from tests.conftest import Finished
from tests.scripts.cli.test_commands import Run, run

__all__ = ["run"]


@pytest.fixture
def office(finished: Finished, tmp_path: Path) -> Path:
    finished.rehearsal(tmp_path / "office")
    return tmp_path / "office"


def test_an_archive_holds_a_log_that_verifies_and_finds_damage_to_itself(
    run: Run, office: Path, tmp_path: Path
) -> None:
    bag = tmp_path / "archive"
    run("archive", office, "--to", bag)
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        for line in (bag / name).read_text().splitlines():
            digest, path = line.split("  ")
            assert hashlib.sha256((bag / path).read_bytes()).hexdigest() == digest
    assert {path.name for path in (bag / "data").iterdir()} == {"bundle.zip", "report.txt", "report.json", "README.txt"}
    referendum = json.loads((bag / "data" / "report.json").read_text())["referendum"]
    with ZipPlace(bag / "data" / "bundle.zip") as place:
        assert verify(place, bytes.fromhex(referendum)).exit_status == 0
    assert referendum in (bag / "data" / "README.txt").read_text()
    assert "HOLDS" in (bag / "data" / "report.txt").read_text()
    size = sum(path.stat().st_size for path in (bag / "data").iterdir())
    assert f"Payload-Oxum: {size}.4" in (bag / "bag-info.txt").read_text()
    assert (bag / "bagit.txt").read_text().startswith("BagIt-Version: 1.0\n")
    assert "exists; choose a new name" in run("archive", office, "--to", bag, status=1).output


def test_a_log_that_is_not_over_or_not_sound_is_not_archived(
    run: Run, office: Path, opened: Finished, tmp_path: Path
) -> None:
    opened.rehearsal(tmp_path / "opened")
    assert "not over" in run("archive", tmp_path / "opened", "--to", tmp_path / "bag", status=1).output
    tile = max((office / "public" / "tile" / "entries" / "000.p").iterdir(), key=lambda path: int(path.name))
    tile.write_bytes(tile.read_bytes()[:-1] + b"x")
    run("archive", office, "--to", tmp_path / "bag", status=1)
    assert not (tmp_path / "bag").exists()


@pytest.mark.parametrize("language", ["nl", "fr", "en"])
def test_texts_say_what_the_definition_and_the_result_say(run: Run, office: Path, language: str) -> None:
    identity = (office / "referendum.id").read_text().strip()
    call = run("texts", office, "call", "--language", language).output
    assert identity in call
    assert "vote.example.org" in call
    assert "{" not in call
    assert "vote.example.org" in run("texts", office, "reminder", "--language", language).output
    told = run("texts", office, "result", "--language", language).output
    report = json.loads(run("verify", office / "public", "--referendum", identity, "--json").stdout)
    for figure in (report["result"]["participants"], *report["result"]["questions"][0]["total"]):
        assert str(figure) in told


def test_there_is_no_text_of_a_result_before_there_is_one(run: Run, opened: Finished, tmp_path: Path) -> None:
    opened.rehearsal(tmp_path / "opened")
    assert "no result yet" in run("texts", tmp_path / "opened", "result", status=1).output
    assert "texts can be had in nl" in run("texts", tmp_path / "opened", "call", "--language", "de", status=1).output
