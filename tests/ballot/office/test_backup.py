"""A backup is whole while services run, goes nowhere but to a new place outside, and only a whole one is put back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stembus.ballot.errors import TokenAlreadyIssued
from stembus.ballot.issuance.issuance_record import read_record
from stembus.ballot.issuance.issuance_slot import State
from stembus.ballot.log_operator.log_reading import LogReading
from stembus.ballot.office import backup as module
from stembus.ballot.office.backup import CONTENTS, BackupFailed, back_up, parties
from stembus.ballot.office.databases import Databases
from stembus.ballot.office.examination import examine
from stembus.ballot.office.health import is_go
from stembus.ballot.office.new_place import PlaceTaken
from stembus.ballot.office.office import Office
from stembus.ballot.office.restoration import BackupInvalid, restore
from tests.ballot.conftest import Poll, copy_of
from tests.conftest import Finished


@pytest.fixture
def running(opened: Finished, tmp_path: Path) -> Iterator[Poll]:
    """Its services hold their databases open; three ballots wait."""
    poll = copy_of(opened, tmp_path / "live")
    for voter in range(3):
        poll.rehearsal.cast(poll.token(voter), [[1]])
    yield poll
    poll.end()


@pytest.fixture
def made(running: Poll, tmp_path: Path) -> Path:
    back_up(running.office, tmp_path / "backup")
    return tmp_path / "backup"


def ballots(file: Path) -> int:
    """Published or waiting."""
    tables = ("ballot", "waiting_ballot_even", "waiting_ballot_odd")
    with closing(sqlite3.connect(file)) as db:
        return sum(int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables)


def test_a_database_in_use_is_copied_with_its_last_ballot(running: Poll, made: Path, tmp_path: Path) -> None:
    assert ballots(made / "box" / "box.db") == 3
    shutil.copyfile(running.office.root / "box" / "box.db", tmp_path / "plain.db")
    with pytest.raises(AssertionError):  # what a plain copy of the file holds
        assert ballots(tmp_path / "plain.db") == 3
    running.rehearsal.cast(running.token(3), [[1]])  # the service goes on


def test_ballots_that_are_cast_meanwhile_are_in_the_copy_whole_or_not_at_all(running: Poll, tmp_path: Path) -> None:
    passes = [running.token(voter) for voter in range(3, 9)]

    def cast() -> None:
        for voting_pass in passes:
            running.rehearsal.cast(voting_pass, [[1]])

    voters = threading.Thread(target=cast)
    voters.start()
    for number in range(4):
        back_up(running.office, tmp_path / f"backup-{number}")
        assert 3 <= ballots(tmp_path / f"backup-{number}" / "box" / "box.db") <= 9
    voters.join()


def test_a_log_that_moves_meanwhile_is_copied_in_one_moment(
    running: Poll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied, done = module._copy_changes, []

    def and_then_seal(source: Path, target: Path) -> None:
        copied(source, target)
        if not done:
            done.append(True)
            running.wait(600)
            assert running.rehearsal.seal() == 1

    monkeypatch.setattr(module, "_copy_changes", and_then_seal)
    back_up(running.office, tmp_path / "backup")
    manifest, raw = running.office.manifest, running.office.manifest_raw
    log = LogReading(tmp_path / "backup" / "public", tmp_path / "backup" / "log" / "lock", manifest, raw)
    assert log.order.batches == 1
    assert log.waiting() is None


def test_a_backup_is_for_its_owner_only(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    for name in ("box/box.db", "registrar-1/issuance.record", "registrar-1/pepper", "box/box.key", CONTENTS):
        assert stat.S_IMODE((made / name).stat().st_mode) == 0o600, name


def test_codes_and_what_voters_keep_are_left_out(running: Poll, tmp_path: Path) -> None:
    (running.office.root / "voters").mkdir()
    (running.office.root / "voters" / "pass.json").write_text("{}")
    assert (running.office.root / "authority" / "codes.csv").exists()
    back_up(running.office, tmp_path / "backup")
    names = {path.name for path in (tmp_path / "backup").rglob("*")}
    assert {"enrolment.csv", "spare-keys.csv", "factors.csv"} <= names
    assert not {"codes.csv", "spares.csv", "voters", "pass.json", "box.db-wal", "box.db-shm"} & names


@pytest.mark.parametrize("place", ["live/backup", "live/public/backup", "live", "", "taken", "link"])
def test_a_backup_goes_to_a_new_place_outside(running: Poll, tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "live" / "inside")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PlaceTaken):
        back_up(running.office, tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_database_leaves_no_backup(running: Poll, tmp_path: Path) -> None:
    running.office.dispose()
    for helper in ("-wal", "-shm"):
        (running.office.root / "desk" / f"desk.db{helper}").unlink(missing_ok=True)
    (running.office.root / "desk" / "desk.db").write_bytes(b"damaged" * 1000)
    with pytest.raises(BackupFailed, match=r"desk\.db cannot be copied"):
        back_up(running.office, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["live"]


def test_a_record_that_is_not_there_is_named(running: Poll, tmp_path: Path) -> None:
    assert back_up(running.office, tmp_path / "whole").missing == ()
    record = running.office.root / "registrar-1" / "issuance.record"
    record.unlink()
    assert back_up(running.office, tmp_path / "backup").missing == (record,)


def test_a_help_desks_own_folder_backs_up_no_database_of_the_registrar(running: Poll, tmp_path: Path) -> None:
    root = tmp_path / "desk"
    (root / "registrar-1").mkdir(parents=True)
    shutil.copy(running.office.root / "registrar-1" / "database", root / "registrar-1")
    shutil.copy(running.office.root / "manifest.json", root)
    shutil.copytree(running.office.root / "desk", root / "desk")
    (root / "settings.toml").write_text(
        f'registrar_1_database = "postgresql+psycopg://desk@/registrar"\n'
        f'registrar_1_record = "{running.office.databases.record_path(1)}"\n'
    )
    (root / "settings.toml").chmod(0o600)
    office = Office(root, lambda _: "")
    assert parties(office, Databases(office, office.referendum)) == ["desk"]


@pytest.mark.parametrize("lost", [["registrar.key"], ["registrar.key", "pepper"], ["pepper", "issuance.record"]])
def test_a_registrar_that_has_lost_something_is_backed_up_all_the_same(running: Poll, lost: list[str]) -> None:
    for name in lost:
        (running.office.root / "registrar-1" / name).unlink()
    assert "registrar-1" in parties(running.office, running.office.databases)


def test_a_database_of_postgresql_is_named_with_the_command_that_copies_it(running: Poll, tmp_path: Path) -> None:
    settings = running.office.root / "settings.toml"
    settings.write_text('box_database = "postgresql+psycopg://stembus:secret@db.example.org/stembus"\n')
    settings.chmod(0o600)
    done = back_up(running.office, tmp_path / "backup")
    assert done.dumps == ("pg_dump --no-owner --no-acl --dbname='postgresql://stembus@db.example.org/stembus'",)
    assert not (tmp_path / "backup" / "box" / "box.db").exists()
    restored = restore(tmp_path / "backup", tmp_path / "again", running.rehearsal.clock, False)
    assert restored.dumps == ("box",)


def test_a_backup_is_put_back_whole(running: Poll, made: Path, tmp_path: Path) -> None:
    restore(made, tmp_path / "again", running.rehearsal.clock, False)
    found = examine(tmp_path / "again", running.rehearsal.clock)
    assert is_go(found), found
    assert stat.S_IMODE((tmp_path / "again").stat().st_mode) == 0o700
    assert ballots(tmp_path / "again" / "box" / "box.db") == 3


def altered(made: Path) -> None:
    path = made / "registrar-1" / "pepper"
    path.write_bytes(bytes(32))


def shortened(made: Path) -> None:
    (made / "public" / "checkpoint").unlink()


def enlarged(made: Path) -> None:
    (made / "public" / "more").write_text("")


def unlisted(made: Path) -> None:
    (made / CONTENTS).unlink()


def of_another_kind(made: Path) -> None:
    contents = json.loads((made / CONTENTS).read_text())
    (made / CONTENTS).write_text(json.dumps(contents | {"format": "stembus-backup-v2"}))


@pytest.mark.parametrize("damage", [altered, shortened, enlarged, unlisted, of_another_kind])
def test_a_backup_that_is_not_whole_is_not_put_back(running: Poll, made: Path, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    damage(made)
    with pytest.raises(BackupInvalid):
        restore(made, tmp_path / "again", running.rehearsal.clock, False)
    assert not (tmp_path / "again").exists()


def test_nothing_that_is_there_is_overwritten(running: Poll, made: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "live", made / "inside"):
        with pytest.raises(PlaceTaken):
            restore(made, place, running.rehearsal.clock, False)


@pytest.mark.parametrize(("seconds", "no_token_since", "unknown"), [(-1, False, 38), (0, False, 38), (0, True, 0)])
def test_a_letter_that_may_have_had_a_token_since_the_backup_gets_none(
    running: Poll, tmp_path: Path, seconds: int, no_token_since: bool, unknown: int
) -> None:
    """Unless somebody says that there was none. Three of 41 letters had theirs before it. In the registrar's own folder
    nothing but the clock tells whether the voting has begun, and it may be behind."""
    clock = type(running.rehearsal.clock)(running.office.manifest.opens_at + seconds)
    for name in ("public", "log", "box"):
        shutil.rmtree(running.office.root / name)
    back_up(running.office, tmp_path / "backup")
    done = restore(tmp_path / "backup", tmp_path / "again", clock, no_token_since)
    states = [slot.state for _, slot in read_record(tmp_path / "again" / "registrar-1" / "issuance.record").slots()]
    spares = len(running.spares)
    assert states.count(State.ISSUED) == 3
    assert states.count(State.UNKNOWN) == (unknown + spares if unknown else 0)
    assert bool(done.notes) is bool(unknown)


def test_a_clock_that_is_behind_the_log_is_not_believed(running: Poll, made: Path, tmp_path: Path) -> None:
    """On a new machine it may be wrong; the log of the backup says that the voting was opened."""
    clock = type(running.rehearsal.clock)(running.office.manifest.opens_at - 86_400)
    restore(made, tmp_path / "again", clock, False)
    states = [slot.state for _, slot in read_record(tmp_path / "again" / "registrar-1" / "issuance.record").slots()]
    assert states.count(State.ISSUED) == 3
    assert State.READY not in states


def test_a_record_on_the_other_disk_that_is_still_there_stays(running: Poll, tmp_path: Path) -> None:
    record = tmp_path / "disk" / "issuance.record"
    record.parent.mkdir()
    shutil.move(running.office.root / "registrar-1" / "issuance.record", record)
    settings = running.office.root / "settings.toml"
    settings.write_text(f'registrar_1_record = "{record}"\n')
    settings.chmod(0o600)
    poll = running.reopen()
    back_up(poll.office, tmp_path / "backup")
    poll.token(20)
    newest = record.read_bytes()
    done = restore(tmp_path / "backup", tmp_path / "again", poll.rehearsal.clock, False)
    assert record.read_bytes() == newest
    assert "left as it is" in done.notes[0]
    assert not (tmp_path / "again" / "registrar-1" / "issuance.record").exists()
    restored = Poll(type(poll.rehearsal)(tmp_path / "again"), poll.letters)
    restored.rehearsal.clock.move_to(poll.rehearsal.clock.now())
    with pytest.raises(TokenAlreadyIssued):
        restored.token(20)
    restored.end()
