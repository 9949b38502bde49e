"""What a voter's promise or receipt proves, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stembus.audit.formats.receipt import encode_promise
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.audit.witness.builders import KEY
from tests.conftest import Finished


def judged(rehearsal: Rehearsal, *files: Path, status: int = 0, log: bool = True) -> Result:
    place = ["--log", str(rehearsal.office.public), "--referendum", rehearsal.office.referendum.hex()] if log else []
    result = CliRunner().invoke(main, ["judge", *map(str, files), *place])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def voted(opened: Finished, tmp_path: Path) -> tuple[Rehearsal, Path]:
    """A vote, and its promise as a file."""
    rehearsal = opened.rehearsal(tmp_path / "office")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    _, promise = rehearsal.cast(rehearsal.token(*opened.letters[0]), [[1]])
    (tmp_path / "promise").write_bytes(encode_promise(promise))
    return rehearsal, tmp_path / "promise"


def test_a_promise_is_judged_from_cast_to_batch(voted: tuple[Rehearsal, Path]) -> None:
    rehearsal, promise = voted
    early = judged(rehearsal, promise)
    assert "not due yet" in early.stdout
    assert "the batch is still to come" in early.output
    rehearsal.seal()
    late = judged(rehearsal, promise)
    assert f"{promise}: kept" in late.stdout
    assert "nothing is wrong" in late.output


def test_a_promise_that_the_box_broke_is_named_with_what_follows(
    voted: tuple[Rehearsal, Path], opened: Finished, tmp_path: Path
) -> None:
    """Another office ran on without that ballot."""
    _, promise = voted
    without = opened.rehearsal(tmp_path / "without")
    without.clock.move_to(without.office.manifest.opens_at + 60)
    without.cast(without.token(*opened.letters[1]), [[0]])
    without.close()
    told = judged(without, promise)
    assert f"{promise}: broken" in told.stdout
    assert "keep promise and ballot, call the officers" in told.output


def test_what_proves_nothing_is_named(voted: tuple[Rehearsal, Path], tmp_path: Path) -> None:
    rehearsal, promise = voted
    (tmp_path / "x").write_bytes(b"nothing")
    (tmp_path / "long").write_bytes(b"x" * 100_000)
    for path, words in (
        (tmp_path / "x", "no split log, no promise and no receipt"),
        (tmp_path / "long", "longer than"),
    ):
        assert words in judged(rehearsal, path, status=2).stdout
    assert "held against the log" in judged(rehearsal, promise, status=2, log=False).stdout
    altered = promise.read_bytes().replace(b'"batch":1', b'"batch":2')
    assert altered != promise.read_bytes()
    (tmp_path / "x").write_bytes(altered)
    assert "proves nothing" in judged(rehearsal, tmp_path / "x", status=2).stdout


def test_a_log_and_a_key_that_do_not_belong_together_are_refused(voted: tuple[Rehearsal, Path]) -> None:
    rehearsal, promise = voted
    public = str(rehearsal.office.public)
    alone = CliRunner().invoke(main, ["judge", str(promise), "--log", public])
    assert (alone.exit_code, "goes with --referendum" in alone.output) == (2, True)
    identity = rehearsal.office.referendum.hex()
    wrong = CliRunner().invoke(
        main, ["judge", str(promise), "--log", public, "--referendum", identity, "--key", str(KEY)]
    )
    assert (wrong.exit_code, "not the key of this log" in wrong.output) == (2, True)
