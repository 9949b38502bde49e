"""Two officers on two laptops: each reads, compares and signs; nothing is logged before both have."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from tests.scripts.cli.test_commands import CLOSED, OPENS, Run, _letters, _set_up, run

__all__ = ["run"]


@dataclass
class Apart:
    """`folder` is the office with officer 1's key; `laptop` has that of officer 2 alone."""

    run: Run
    folder: Path
    laptop: Path
    identity: str

    def pending(self) -> Path:
        (path,) = sorted((self.folder / "to-sign").glob("*.json"), key=lambda path: path.stat().st_mtime)[-1:]
        return path

    def sign(self, *words: object, at: str = CLOSED, status: int = 0, file: Path | None = None) -> str:
        place = ("--place", self.folder / "public", "--referendum", self.identity, "--yes")
        return self.run(
            "officer", "sign", self.laptop, file or self.pending(), *place, *words, at=at, status=status
        ).output

    def take(self, at: str = CLOSED) -> None:
        self.run("officer", "take", self.folder, self.laptop / "signed" / self.pending().name, at=at)

    def together(self, *command: object, at: str = CLOSED, words: tuple[object, ...] = ()) -> str:
        """The command is refused until the other officer has signed; what that one reads is returned."""
        assert "another officer must sign this" in self.run(*command, at=at, status=1).output
        assert f"{self.pending()} is signed by officer 1" in self.run("status", self.folder, at=at).output
        read = self.sign(*words, at=at)
        self.take(at)
        assert f"{self.pending()} is signed by officer 1, officer 2" in self.run("status", self.folder, at=at).output
        self.run(*command, at=at)
        assert str(self.pending()) not in self.run("status", self.folder, at=at).output
        return read


@pytest.fixture
def apart(run: Run, tmp_path: Path) -> Apart:
    folder, laptop = tmp_path / "kortrijk", tmp_path / "laptop"
    _set_up(run, folder)
    laptop.mkdir()
    shutil.move(folder / "officer-2", laptop / "officer-2")
    return Apart(run, folder, laptop, (folder / "referendum.id").read_text().strip())


def test_two_laptops_from_the_opening_to_the_result(apart: Apart, run: Run) -> None:
    folder, letters = apart.folder, _letters(apart.folder)
    read = apart.together("open", folder, at=OPENS)
    assert "voting is opened" in read
    assert "the key is the one that the trustees made" in read
    for _, code, born in letters[:3]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    run("roll", "strike", folder, letters[5][0], at=OPENS)
    read = apart.together("close", folder)
    assert "3 ballots in 1 batches" in read
    assert "registrar 1 gave out 3 tokens, and struck 1 people for paper" in read
    count = ("paper", folder, "--ballots", 1, "--counts", "1,0")
    assert "another officer must sign" in run(*count, at=CLOSED, status=1).output
    assert "count the ballots yourself" in apart.sign(status=1)
    assert "you have counted something else" in apart.sign("--ballots", 1, "--counts", "0,1", status=1)
    read = apart.together(*count, words=("--ballots", 1, "--counts", "1,0"))
    assert "both of you have counted the same" in read
    for step in ("intent", "decrypt"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number, at=CLOSED)
    read = apart.together("tally", folder)
    assert "3 votes online, 1 on paper" in read
    assert "4  Nee" in read
    assert "this laptop has computed the same result from the log" in read
    report = verify(FolderPlace(folder / "public"), bytes.fromhex(apart.identity))
    assert (report.exit_status, report.faults) == (0, [])


def test_another_result_than_the_log_gives_is_not_signed(apart: Apart, run: Run) -> None:
    folder, letters = apart.folder, _letters(apart.folder)
    apart.together("open", folder, at=OPENS)
    for _, code, born in letters[:3]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    apart.together("close", folder)
    for step in ("intent", "decrypt"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number, at=CLOSED)
    run("tally", folder, at=CLOSED, status=1)
    honest = apart.pending()
    forged = json.loads(honest.read_text())
    forged["body"]["questions"][0]["total"] = [0, 3]
    altered = honest.with_name("altered.json")
    altered.write_text(json.dumps(forged, separators=(",", ":"), sort_keys=True))
    assert "the log gives another result than this file" in apart.sign(file=altered, status=1)
    forged = json.loads(honest.read_text())
    forged["signatures"][0]["signature"] = "00" * 64
    altered.write_text(json.dumps(forged, separators=(",", ":"), sort_keys=True))
    assert "the file was altered" in apart.sign(file=altered, status=1)
    altered.write_bytes(b"\xff\xd8")
    assert "is no entry for an officer to sign" in apart.sign(file=altered, status=1)
    altered.unlink()
    assert not (apart.laptop / "signed" / "altered.json").exists()
    apart.sign()
    kept = apart.laptop / "signed" / honest.name
    stray = apart.folder / "to-sign" / "waits-for-nothing.json"
    honest.rename(stray)
    assert "nothing here waits for this signature" in run("officer", "take", apart.folder, kept, status=1).output
    stray.rename(honest)
    apart.take()
    run("tally", apart.folder, at=CLOSED)
    assert verify(FolderPlace(folder / "public"), bytes.fromhex(apart.identity)).exit_status == 0


def test_an_officer_signs_with_the_key_that_the_definition_names(apart: Apart, run: Run, tmp_path: Path) -> None:
    run("open", apart.folder, at=OPENS, status=1)
    assert "officer 1 has no key" in apart.sign("--number", 1, at=OPENS, status=1)
    stranger = tmp_path / "stranger"
    run("key", "make", stranger, "officer-2")
    place = ("--place", apart.folder / "public", "--referendum", apart.identity, "--yes")
    said = run("officer", "sign", stranger, apart.pending(), *place, at=OPENS, status=1).output
    assert "is not that of officer 2 of this referendum" in said
    (tmp_path / "empty").mkdir()
    said = run("officer", "sign", tmp_path / "empty", apart.pending(), *place, at=OPENS, status=1).output
    assert "no key of officers" in said


def test_a_copied_folder_of_a_key_is_no_other_officer(apart: Apart, run: Run) -> None:
    shutil.copytree(apart.laptop / "officer-2", apart.laptop / "officer-2 (1)")
    assert "voting is opened" in apart.together("open", apart.folder, at=OPENS)
