"""A log folder that was lost, or came back from an older copy, is completed from anybody's newer copy, and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stembus.audit.log.note import parse_checkpoint
from stembus.ballot.log_operator import completion
from tests.conftest import Finished
from tests.scripts.cli.test_commands import LATER, OPENS, Run, run
from tests.scripts.cli.test_services import folder, vote
from tests.tampered.hostile_host import hosting

__all__ = ["folder", "run"]


def content(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def tell(run: Run, folder: Path, *numbers: int) -> None:
    for number in numbers:
        run("incident", folder, "--text", f"nl=voorval {number}", at=LATER)


@pytest.fixture
def older(run: Run, folder: Path, opened: Finished, tmp_path: Path) -> Path:
    """The published folder as it was before a batch and some incidents."""
    older = tmp_path / "older"
    shutil.copytree(folder / "public", older)
    vote(run, folder, opened.letters[:3])
    run("seal", folder, at=LATER)
    tell(run, folder, 1, 2)
    return older


def size_of(place: Path) -> int:
    return parse_checkpoint((place / "checkpoint").read_bytes()).size


def lose(folder: Path, older: Path, what: str) -> None:
    public = folder / "public"
    if what == "head":
        (public / "checkpoint").unlink()
        return
    if what == "time of the last batch":
        (public / f"checkpoints/{size_of(public) - 2}").unlink()  # two incidents came after it
        return
    shutil.rmtree(public)
    if what == "older":
        shutil.copytree(older, public)


@pytest.mark.parametrize("kind", ["folder", "zip", "address"])
@pytest.mark.parametrize("what", ["older", "all", "head", "time of the last batch"])
def test_the_log_is_completed_from_any_kind_of_copy(
    run: Run, folder: Path, older: Path, tmp_path: Path, what: str, kind: str
) -> None:
    mirror = tmp_path / "mirror"
    run("publish", folder, "--to", mirror, at=LATER)
    whole = content(mirror)
    (mirror / "stray.html").write_text("no file of the log")
    lose(folder, older, what)
    refused = run("seal", folder, at=LATER, status=1).output
    assert "stembus log complete" in refused
    if kind == "address":
        with hosting(mirror) as host:
            said = run("log", "complete", folder, host.url, at=LATER).output
    else:
        place = shutil.make_archive(str(tmp_path / "zipped"), "zip", mirror) if kind == "zip" else str(mirror)
        said = run("log", "complete", folder, place, at=LATER).output
    assert ("files that were missing" if what.startswith("time") else " entries") + " were taken over" in said
    now = content(folder / "public")
    optional = {path for path in whole if path.startswith("checkpoints/")} - {f"checkpoints/{size_of(mirror)}"}
    assert {path: data for path, data in now.items() if path in whole.keys() - optional} == {
        path: data for path, data in whole.items() if path not in optional
    }
    assert "stray.html" not in now
    assert "nothing was changed" in run("log", "complete", folder, mirror, at=LATER).output
    tell(run, folder, 3)
    assert "no batch is due" in run("seal", folder, at=LATER).output
    run("publish", folder, at=LATER)


def test_another_history_under_the_same_key_is_refused_and_named(run: Run, folder: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(folder, twin)
    run("incident", folder, "--text", "nl=hier", at=OPENS)
    run("incident", twin, "--text", "nl=daar", at=OPENS)
    run("incident", twin, "--text", "nl=en nog iets", at=OPENS)
    before = content(folder / "public")
    said = run("log", "complete", folder, twin / "public", at=OPENS, status=1).output
    assert "another history" in said
    assert content(folder / "public") == before


def test_a_copy_that_does_not_verify_is_not_taken_over(run: Run, folder: Path, older: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    shutil.copytree(folder / "public", mirror)
    newest = max(
        (path for path in (mirror / "tile/entries").rglob("*") if path.is_file()), key=lambda path: int(path.name)
    )
    newest.write_bytes(newest.read_bytes()[:-1] + b"X")
    lose(folder, older, "older")
    before = content(folder / "public")
    run("log", "complete", folder, mirror, at=LATER, status=1)
    assert content(folder / "public") == before


def test_cut_off_anywhere_it_is_run_again(
    run: Run, folder: Path, older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    shutil.copytree(folder / "public", mirror)
    written: list[Path] = []
    real = completion.write_durably

    def write(path: Path, data: bytes) -> None:
        if len(written) == left:
            raise OSError("cut off")
        written.append(path)
        real(path, data)

    lose(folder, older, "older")
    start = content(folder / "public")
    left = 99
    monkeypatch.setattr(completion, "write_durably", write)
    run("log", "complete", folder, mirror, at=LATER)
    everything = list(written)
    assert everything[-1] == folder / "public" / "checkpoint", "the head comes last"
    for left in range(len(everything)):
        lose(folder, older, "older")
        assert content(folder / "public") == start
        written.clear()
        run("log", "complete", folder, mirror, at=LATER, status=1)
        left = 99
        run("log", "complete", folder, mirror, at=LATER)
        assert "no batch is due" in run("seal", folder, at=LATER).output
