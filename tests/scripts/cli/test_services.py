"""What officials meet when a database is missing, lost, older or foreign: one sentence, one command, nothing lost."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from stembus.audit.formats.entry_bodies import Incident
from stembus.ballot.eligibility.credential_authority import ENROLMENT_COLUMNS, spare_keys
from stembus.ballot.eligibility.own_csv import read_csv
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.conftest import Finished
from tests.scripts.cli.test_commands import CLOSED, LATER, OPENS, Run, _letters, _set_up, run

__all__ = ["run"]


def everything(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time of change and content of each file. When SQLite moves what was written from its WAL into the database
    is its own matter."""
    return {
        str(path.relative_to(root)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith((".db", "-shm", "-wal"))
    }


@pytest.fixture
def folder(opened: Finished, tmp_path: Path) -> Path:
    """An open referendum."""
    root = tmp_path / "kortrijk"
    opened.rehearsal(root).office.dispose()
    return root


def copy_database(database: Path, target: Path) -> None:
    """As a backup takes it, consistent while it is in use."""
    with sqlite3.connect(database) as source, sqlite3.connect(target) as copy:
        source.backup(copy)


def put_back(copy: Path, database: Path) -> None:
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    shutil.copy(copy, database)


def vote(run: Run, folder: Path, letters: list[tuple[str, str]], at: str = OPENS) -> None:
    for code, born in letters:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=at, answer="cast")


def test_only_two_officers_reasons_close_a_voting_whose_box_holds_what_the_log_lacks(
    run: Run, folder: Path, opened: Finished
) -> None:
    vote(run, folder, opened.letters[:3])
    run("seal", folder, at=LATER)
    with sqlite3.connect(folder / "box" / "box.db") as box:
        box.execute("INSERT INTO ballot VALUES (?, ?, 0, ?, 1, ?)", (bytes(32), bytes(32), bytes(32), b"a ballot"))
    refused = run("close", folder, at=CLOSED, status=1).output
    assert "the log holds 3 ballots of 3 tokens, and the box 4 ballots, of which 1 are not in the log" in refused
    assert "nothing is taken any more" in refused
    assert "--despite" in refused
    assert not (folder / "public" / "issuance").exists(), "nothing of a close that was refused is published"
    reason = ["--despite", "nl=een proefstem van voor de opening"]
    assert "give --despite nl=..." in run("close", folder, "--despite", "xx=y", at=CLOSED, status=2).output
    run("incident", folder, "--text", "nl=een officier alleen", at=CLOSED)
    run("close", folder, "--despite", "nl=een officier alleen", at=CLOSED, status=1)  # one signed these words
    assert "phase       open" in run("status", folder, at=CLOSED).output
    for again in (reason, []):
        said = run("close", folder, *again, at=CLOSED).output
        assert "1 promised ballots are not in the log; the box keeps them" in said
    office = Rehearsal(folder).office
    *_, told = [entry for _, entry in office.log().entries() if isinstance(entry.body, Incident)]
    assert isinstance(told.body, Incident)
    assert told.body.text == {"nl": "een proefstem van voor de opening"}
    assert [signature.by for signature in told.signatures] == ["officer/1", "officer/2"]
    office.dispose()
    assert "phase       closed" in run("status", folder, at=CLOSED).output
    run("verify", folder / "public", "--referendum", office.referendum.hex(), "--workers", 1, at=CLOSED, status=4)


def test_looking_writes_nothing(run: Run, folder: Path, opened: Finished) -> None:
    vote(run, folder, opened.letters[:3])
    before, folders = everything(folder), sorted(path for path in folder.rglob("*") if path.is_dir())
    run("status", folder, at=LATER)
    run("show", folder / "public", 0, at=LATER)
    run("verify", folder / "public", "--workers", 1, at=LATER, status=3)
    run("check", folder, at=LATER)
    assert everything(folder) == before
    assert sorted(path for path in folder.rglob("*") if path.is_dir()) == folders


def test_status_says_that_a_step_waits_and_does_not_ask_for_it(run: Run, folder: Path) -> None:
    for number in (1, 2):
        (folder / f"witness-{number}").rename(folder / f"away-{number}")
    said = run("incident", folder, "--text", "nl=voorval", at=OPENS, status=1).output
    assert "nothing was added" in said
    (folder / "away-1").rename(folder / "witness-1")
    (folder / "away-2").rename(folder / "witness-2")
    assert "waits for a quorum" not in run("status", folder, at=OPENS).output


def test_services_are_made_once_and_before_the_letters(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    assert run("services", "create", folder).output.count("already done") == 3
    assert "the codes are in" in run("credentials", "make", folder).output
    letters = [(code, born) for _, code, born in _letters(folder)]
    run("open", folder, at=OPENS)
    vote(run, folder, letters[:2])
    # A letter that has its token does not come back with the roll.
    run("credentials", "make", folder, at=OPENS)
    code, born = letters[0]
    words = ("vote", folder, "--keep", tmp_path / "another device", "--code", code, "--factor", born, "--choice", "2")
    assert "has had its token" in run(*words, at=OPENS, answer="cast", status=1).output


def test_no_letter_is_made_before_there_is_a_registrar_to_give_it_to(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    for name in ("authority", "registrar-1/database", "registrar-1/registrar.db", "registrar-1/issuance.record"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    said = run("credentials", "make", folder, status=1).output
    assert "the database of registrar-1 was not made yet; run: stembus services create" in said
    assert not (folder / "authority").exists()


def test_a_folder_without_keys_serves_nothing(run: Run, folder: Path) -> None:
    for path in (*folder.glob("registrar-1/*"), *folder.glob("box/*")):
        path.unlink()
    assert "this folder serves nothing" in run("services", "create", folder, status=1).output
    assert list((folder / "box").iterdir()) == []


@pytest.mark.parametrize(
    ("lost", "commands"),
    [
        ("box/box.db", ("seal", "status", "services create", "close")),
        ("registrar-1/registrar.db", ("status", "services create", "close")),
    ],
)
def test_a_lost_database_is_named_by_every_command_that_needs_it(
    run: Run, folder: Path, lost: str, commands: tuple[str, ...]
) -> None:
    for path in (folder / lost).parent.glob(f"{Path(lost).name}*"):
        path.unlink()
    for command in commands:
        at = CLOSED if command == "close" else OPENS
        assert f"there is no database {folder / lost}" in run(*command.split(), folder, at=at, status=1).output
    assert not (folder / lost).exists()


def test_an_older_box_is_named_and_recovered_and_the_log_says_so(run: Run, folder: Path, opened: Finished) -> None:
    database, copy = folder / "box" / "box.db", folder.parent / "copy.db"
    vote(run, folder, opened.letters[:2])
    copy_database(database, copy)
    vote(run, folder, opened.letters[2:4])
    assert "batch 1 stands in the log" in run("seal", folder, at=LATER).output
    put_back(copy, database)
    for command in ("seal", "status"):
        assert "stembus box recover" in run(command, folder, at=LATER, status=1).output
    said = run("box", "recover", folder, at=LATER).output
    assert "4 ballots in 1 batches were taken over from the log" in said
    assert "batch 2 may be missing" in said
    assert "the incident stands in the log" in said
    assert "already done" in run("box", "recover", folder, at=LATER).output
    vote(run, folder, opened.letters[4:5], LATER)
    closed = run("close", folder, at=CLOSED).output
    assert "tokens given out: 5; tokens with a ballot: 5; ballots in the log: 5" in closed
    told = [
        entry.body.text for _, entry in Rehearsal(folder).office.log().entries() if isinstance(entry.body, Incident)
    ]
    assert len(told) == 1
    assert "hersteld uit het logboek" in told[0]["nl"]


def test_no_recovery_of_the_box_stays_untold(run: Run, folder: Path, opened: Finished) -> None:
    vote(run, folder, opened.letters[:3])
    assert "batch 1 stands in the log" in run("seal", folder, at=LATER).output
    for path in (folder / "box").glob("box.db*"):
        path.unlink()
    for number in (1, 2):
        (folder / f"officer-{number}").rename(folder / f"away-{number}")
    assert "officer" in run("box", "recover", folder, at=LATER, status=1).output
    assert not (folder / "box" / "box.db").exists()
    (folder / "away-2").rename(folder / "officer-2")  # any of them signs an incident
    assert "the incident stands in the log" in run("box", "recover", folder, at=LATER).output
    assert Rehearsal(folder).office.log().order.incidents == 1


def test_a_lost_registrar_gives_nobody_a_second_token_and_is_rebuilt(
    run: Run, folder: Path, opened: Finished, tmp_path: Path
) -> None:
    vote(run, folder, opened.letters[:3])
    database = folder / "registrar-1" / "registrar.db"
    for path in database.parent.glob("registrar.db*"):
        path.unlink()
    said = run("registrar", "recover", folder, at=OPENS).output
    assert "3 letters of the database were brought up to the issuance record" in said
    code, born = opened.letters[0]
    words = ("vote", folder, "--keep", tmp_path / "device", "--code", code, "--factor", born, "--choice", "2")
    assert "has had its token" in run(*words, at=OPENS, answer="cast", status=1).output
    vote(run, folder, opened.letters[3:4])
    assert "tokens given out: 4; tokens with a ballot: 4" in run("close", folder, at=CLOSED).output


def test_a_lost_issuance_record_stops_the_tokens_and_is_rebuilt(run: Run, folder: Path, opened: Finished) -> None:
    vote(run, folder, opened.letters[:2])
    record = folder / "registrar-1" / "issuance.record"
    record.unlink()
    code, born = opened.letters[2]
    words = ("vote", folder, "--code", code, "--factor", born, "--choice", "1")
    assert "there is no issuance record" in run(*words, at=OPENS, answer="cast", status=1).output
    said = run("registrar", "recover", folder, at=OPENS).output
    assert "letters may have had a token that nobody knows of" in said
    assert "unknown" in run(*words, at=OPENS, answer="cast", status=1).output
    record.unlink()
    said = run("registrar", "recover", folder, "--no-token-since", at=OPENS).output
    assert "database and issuance record say the same" in said
    vote(run, folder, opened.letters[2:3])


def test_when_both_are_lost_nothing_is_invented(run: Run, folder: Path, opened: Finished) -> None:
    vote(run, folder, opened.letters[:2])
    for name in ("registrar.db", "issuance.record"):
        for path in (folder / "registrar-1").glob(f"{name}*"):
            path.unlink()
    before = everything(folder)
    for _ in range(2):
        said = run("registrar", "recover", folder, at=OPENS, status=1).output
        assert "nobody can say who has a token" in said
    assert everything(folder) == before
    code, born = opened.letters[0]
    words = ("vote", folder, "--code", code, "--factor", born, "--choice", "1")
    assert "there is no database" in run(*words, at=OPENS, answer="cast", status=1).output


def test_a_recovery_that_fails_leaves_no_empty_database_to_believe(run: Run, folder: Path, opened: Finished) -> None:
    vote(run, folder, opened.letters[:2])
    for name in ("registrar.db", "issuance.record"):
        for path in (folder / "registrar-1").glob(f"{name}*"):
            path.unlink()
    wrong = folder / "wrong"
    wrong.write_bytes(b"no record")
    run("registrar", "recover", folder, "--other", wrong, at=OPENS, status=1)
    assert "nobody can say who has a token" in run("registrar", "recover", folder, at=OPENS, status=1).output
    # An empty database in the place of the lost one, made by whatever means, knows nobody either.
    (folder / "registrar-1" / "database").unlink()
    run("services", "create", folder, at=OPENS)
    assert "nobody can say who has a token" in run("registrar", "recover", folder, at=OPENS, status=1).output


def test_a_replacement_that_was_not_logged_keeps_the_voting_open_until_it_is(
    run: Run, folder: Path, opened: Finished
) -> None:
    """Killed between registrar and log; after the close nothing could mend it."""
    vote(run, folder, opened.letters[:1])
    rehearsal = Rehearsal(folder)
    office = rehearsal.office
    voter, key = next(read_csv(office.folder("authority") / "enrolment.csv", ENROLMENT_COLUMNS))
    spare, spare_key = next(iter(spare_keys(office.folder("authority")).items()))
    if office.letters().standing(voter).state == "issued":
        voter, key = list(read_csv(office.folder("authority") / "enrolment.csv", ENROLMENT_COLUMNS))[1]
    assert office.registrar().replace(voter, spare_key) == bytes.fromhex(key)
    office.dispose()
    assert f"credentials replace {folder} {voter} SPARE" in run("close", folder, at=CLOSED, status=1).output
    run("credentials", "replace", folder, voter, spare, at=CLOSED)
    assert "voting is closed" in run("close", folder, at=CLOSED).output


def test_after_a_cancellation_registrar_and_box_say_so(run: Run, folder: Path, opened: Finished) -> None:
    vote(run, folder, opened.letters[:1])
    said = run("cancel", folder, "--text", "nl=afgelast", "--yes", at=OPENS).output
    assert "the registrars give out nothing any more" in said
    for letter in opened.letters[:2]:
        words = ("vote", folder, "--code", letter[0], "--factor", letter[1], "--choice", "1")
        assert "cancelled" in run(*words, at=OPENS, answer="cast", status=1).output
    again = run("cancel", folder, "--text", "nl=een andere reden", "--yes", at=OPENS).output
    assert "another reason stands in the log for good" in again


def test_settings_that_differ_are_refused_before_anything_is_done(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMBUS_BOX_DATABASE", f"sqlite:///{folder}/other.db")
    before = everything(folder)
    assert "stands in DIR/settings.toml" in run("seal", folder, at=OPENS, status=1).output
    assert everything(folder) == before


def test_a_referendum_that_is_cancelled_before_it_opens_never_gives_out_a_token(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    assert "give out nothing any more" in run("cancel", folder, "--text", "nl=afgelast", "--yes").output
    assert Rehearsal(folder).office.letters().halted() == "cancelled"


def test_after_the_voting_seal_says_that_it_is_the_close_that_is_due(run: Run, folder: Path, opened: Finished) -> None:
    vote(run, folder, opened.letters[:3])
    assert "run: stembus close" in run("seal", folder, at=CLOSED).output
    assert "0 batches, 0 ballots" in run("status", folder, at=CLOSED).output
    run("close", folder, at=CLOSED)
    assert "no batch is due" in run("seal", folder, at=CLOSED).output


def test_a_copy_of_the_box_that_was_put_back_within_a_batch_is_told_when_an_official_says_so(
    run: Run, folder: Path, opened: Finished
) -> None:
    """Nobody can see it: between two batches nothing outside the database knows what it held."""
    vote(run, folder, opened.letters[:3])
    copy_database(folder / "box" / "box.db", folder.parent / "copy.db")
    vote(run, folder, opened.letters[3:5])
    put_back(folder.parent / "copy.db", folder / "box" / "box.db")
    assert "already done" in run("box", "recover", folder, at=OPENS).output
    said = run("box", "recover", folder, "--from-copy", at=OPENS).output
    assert "ballots promised for batch 1 may be missing" in said
    office = Rehearsal(folder).office
    assert [entry.body.number for _, entry in office.log().entries() if isinstance(entry.body, Incident)] == [1]
    office.dispose()


def test_only_a_log_that_was_not_opened_says_that_nobody_has_voted(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    office = Rehearsal(folder).office
    assert office.clock.now() < office.manifest.opens_at
    assert not office.may_have_begun()
    office.dispose()


def test_a_clock_that_is_behind_does_not_say_that_nobody_has_voted(folder: Path) -> None:
    """A registrar's record that is lost would be made anew with every letter ready, and give second tokens."""
    rehearsal = Rehearsal(folder)
    office = rehearsal.office
    rehearsal.clock.move_to(office.manifest.opens_at - 86_400)
    assert office.clock.now() < office.manifest.opens_at
    assert office.may_have_begun(), "the log says that it was opened"
    shutil.rmtree(folder / "public")
    assert office.may_have_begun(), "nothing here says that it was not"
    office.dispose()
