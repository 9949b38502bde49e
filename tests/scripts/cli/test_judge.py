"""What a voter's promise or receipt proves, and what follows from it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Cancel, Client, ClientFile
from stembus.audit.formats.receipt import Receipt, encode_promise
from stembus.audit.log.note import parse_checkpoint
from stembus.ballot.voter.encrypt import prepare, sign_ballot
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
    assert "the ballot box kept its promise" in late.output


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
    (tmp_path / "long").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "x", "this log names no page"),
        (tmp_path / "long", "longer than"),
        (tmp_path / "pipe", "it is no file"),
    ):
        assert words in judged(rehearsal, path, status=2).stdout
    assert "no split log, no promise and no receipt" in judged(rehearsal, tmp_path / "x", status=2, log=False).stdout
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


def test_a_kept_promise_is_not_said_to_count_where_nothing_or_a_later_vote_counts(
    voted: tuple[Rehearsal, Path], opened: Finished
) -> None:
    rehearsal, promise = voted
    rehearsal.seal()
    told = judged(rehearsal, promise).output
    assert "Of one voting pass, the last valid vote counts" in told
    rehearsal.office.log().append([rehearsal.office.officers_sign(Cancel(text={"nl": "Gestopt."}))])
    assert "nothing is counted" in judged(rehearsal, promise).output


def test_a_ballot_is_judged_by_what_the_log_shows_of_it(opened: Finished, tmp_path: Path) -> None:
    rehearsal = opened.rehearsal(tmp_path / "office")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    context, voting_pass = rehearsal.office.context(), rehearsal.token(*opened.letters[0])
    lost = sign_ballot(context, voting_pass, prepare(context, voting_pass, [[0]]), 0)
    for name, data in (("lost", lost), ("broken", lost[:-1] + bytes([lost[-1] ^ 1])), ("short", lost[:50])):
        (tmp_path / name).write_bytes(data)
    told = judged(rehearsal, tmp_path / "lost").output
    assert "a valid ballot that is not in the log" in told
    assert "bring it to a monitor" in told
    for name in ("broken", "short"):
        told = judged(rehearsal, tmp_path / name).output
        assert "no valid ballot of this referendum" in told
        assert "right to refuse it" in told
    raw, _ = rehearsal.cast(voting_pass, [[1]], 1)
    (tmp_path / "cast").write_bytes(raw)
    rehearsal.seal()
    assert "in batch 1" in judged(rehearsal, tmp_path / "cast").stdout
    assert "a later vote of the same voting pass" in judged(rehearsal, tmp_path / "lost").output
    other = rehearsal.token(*opened.letters[1])
    (tmp_path / "other").write_bytes(sign_ballot(context, other, prepare(context, other, [[0]]), 0))
    rehearsal.close()
    assert "with a promise that the box signed" in judged(rehearsal, tmp_path / "other").output
    assert "by itself" in judged(rehearsal, tmp_path / "lost", status=2, log=False).stdout


def test_a_receipt_names_an_entry_and_one_that_is_newer_than_the_copy_is_not_judged(
    voted: tuple[Rehearsal, Path], opened: Finished, tmp_path: Path
) -> None:
    rehearsal, _ = voted
    shutil.copytree(rehearsal.office.public, tmp_path / "older")
    rehearsal.seal()
    reader = rehearsal.office.log().reader()
    head = parse_checkpoint((rehearsal.office.public / "checkpoint").read_bytes())
    receipt = Receipt(0, tuple(reader.inclusion(0)), head)
    (tmp_path / "receipt").write_bytes(receipt.to_bytes())
    assert "entry 0 is in the log" in judged(rehearsal, tmp_path / "receipt").stdout
    older = ["--log", str(tmp_path / "older"), "--referendum", rehearsal.office.referendum.hex()]
    result = CliRunner().invoke(main, ["judge", str(tmp_path / "receipt"), *older])
    assert (result.exit_code, "older copy" in result.stdout) == (8, True)


def test_a_page_is_held_against_the_releases_that_the_log_names(voted: tuple[Rehearsal, Path], tmp_path: Path) -> None:
    rehearsal, _ = voted
    (tmp_path / "vote.html").write_bytes(b"<!doctype html>")
    digest = hashlib.sha256(b"<!doctype html>").hexdigest()
    told = judged(rehearsal, tmp_path / "vote.html", status=2).output
    assert "this log names no page" in told
    office, body = rehearsal.office, Client(release="7", files=[ClientFile(path="nl/vote", sha256=digest)])
    signature = sign_entry(office.referendum, body, "client", office.signing_key("client"))
    office.log().append([encode_entry(body, [signature])])
    assert "it is nl/vote of release 7" in judged(rehearsal, tmp_path / "vote.html").stdout
    (tmp_path / "vote.html").write_bytes(b"<!doctype html><script>")
    told = judged(rehearsal, tmp_path / "vote.html", status=2).output
    assert "no release that the log names has such a file" in told
    assert "Who served it, the bytes do not show" in told


def test_a_doubted_count_is_judged_by_the_whole_log(finished: Finished, tmp_path: Path) -> None:
    public, identity = finished.root / "public", finished.referendum.hex()
    result = CliRunner().invoke(main, ["judge", str(public), "--referendum", identity])
    assert (result.exit_code, "the count is the one that the ballots give" in result.output) == (0, True)
    assert CliRunner().invoke(main, ["judge", str(public)]).exit_code == 2
    shutil.copytree(public, tmp_path / "altered")
    (tmp_path / "altered" / "credentials").write_bytes(b"")
    result = CliRunner().invoke(main, ["judge", str(tmp_path / "altered"), "--referendum", identity])
    assert (result.exit_code, "no result may rest on it" in result.output) == (1, True)


def test_a_log_without_a_count_or_of_another_referendum_is_not_called_right_or_false(
    opened: Finished, finished: Finished
) -> None:
    result = CliRunner().invoke(main, ["judge", str(opened.root / "public"), "--referendum", opened.referendum.hex()])
    assert (result.exit_code, "SOUND SO FAR" in result.output) == (0, True)
    assert "the count is the one" not in result.output
    result = CliRunner().invoke(main, ["judge", str(finished.root / "public"), "--referendum", "00" * 32])
    assert (result.exit_code, "of another referendum than the id says" in result.output) == (2, True)
    assert "no result may rest" not in result.output


def test_one_file_that_cannot_be_read_does_not_keep_the_others_from_being_judged(
    voted: tuple[Rehearsal, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal, promise = voted
    (tmp_path / "a").write_bytes(b"")
    right = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        return right(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    told = judged(rehearsal, tmp_path / "a", promise, status=8).stdout
    assert "could not be read: Permission denied" in told
    assert "not due yet" in told


def test_a_key_in_a_wrong_form_is_a_fault_of_the_command(voted: tuple[Rehearsal, Path]) -> None:
    result = CliRunner().invoke(main, ["judge", str(voted[1]), "--key", "nonsense"])
    assert (result.exit_code, "no verifier key" in result.output) == (2, True)
