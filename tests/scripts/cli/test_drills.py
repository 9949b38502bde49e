"""Drills in the middle of the voting: each store is lost, or comes back from a backup; the command line names it, the
guide's recovery is run, the voting goes on, and the result verifies with every ballot that was promised."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from stembus.audit.formats.receipt import Promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.eligibility.credential_authority import count_codes
from stembus.ballot.errors import BallotError
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.referendum import PASSPHRASE, Rehearsal
from tests.conftest import Finished

Cast = tuple[bytes, Promise]


@dataclass
class Drill:
    """`live` is the folder, `disk` the other disk with the issuance record, `backup` was made after batch 1, `copy` is
    anybody's copy of the newest log. `cast` are the ballots that were promised, `used` the letters with a token."""

    home: Path
    letters: list[tuple[str, str]]
    cast: list[Cast]
    now: int

    def __post_init__(self) -> None:
        self.live, self.disk = self.home / "live", self.home / "disk"
        self.backup, self.copy = self.home / "backup", self.home / "copy"
        self.settings = f'registrar_1_record = "{self.disk / "issuance.record"}"\n'

    def run(self, *words: object, status: int | None = 0) -> str:
        environment = {
            "STEMBUS_PASSPHRASE": PASSPHRASE,
            "STEMBUS_CLOCK": datetime.fromtimestamp(self.now, UTC).isoformat(),
        }
        result = CliRunner().invoke(main, [str(word) for word in words], env=environment)
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert status is None or result.exit_code == status, result.output
        return result.output

    def open(self) -> Rehearsal:
        rehearsal = Rehearsal(self.live)
        rehearsal.clock.move_to(self.now)
        return rehearsal

    def vote(self, voters: range) -> None:
        rehearsal = self.open()
        for voter in voters:
            self.cast.append(rehearsal.cast(rehearsal.token(*self.letters[voter]), [[1]]))
        rehearsal.office.dispose()

    def seal(self) -> str:
        self.now += 3600
        return self.run("seal", self.live)

    def hand_in_again(self) -> None:
        """What voters' devices do with a ballot that they do not find in the log."""
        rehearsal = self.open()
        self.cast = [(raw, rehearsal.office.box.cast(raw)) for raw, _ in self.cast]
        rehearsal.office.dispose()

    def logged(self) -> set[bytes]:
        log = self.open().office.log()
        return {log.reader().entry(index) for first, size in log.batches for index in range(first, first + size)}

    def bring_back(self, name: str) -> None:
        """From the backup, as the guide says: a database without the helpers of the old one."""
        target = self.live / name
        drop(target)
        shutil.copytree(self.backup / name, target) if (self.backup / name).is_dir() else shutil.copy2(
            self.backup / name, target
        )

    def finish(self) -> None:
        rehearsal = self.open()
        manifest = rehearsal.office.manifest
        self.now = manifest.closes_at + manifest.grace_seconds
        self.run("close", self.live)
        after = self.open()
        after.tally()
        report = verify(FolderPlace(self.live / "public"), after.office.referendum)
        after.office.dispose()
        assert report.faults == []
        assert report.result is not None
        assert report.result.questions[0].total == [0, len(self.cast)]
        assert {raw for raw, _ in self.cast} <= self.logged()


def drop(path: Path) -> None:
    for helper in ("", "-wal", "-shm"):
        gone = Path(f"{path}{helper}")
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def midway(opened: Finished, tmp_path_factory: pytest.TempPathFactory) -> Drill:
    """Two batches of three and four ballots, one ballot that waits; the backup knows the first, and one that waited."""
    home = tmp_path_factory.mktemp("midway")
    shutil.copytree(opened.root, home / "live")
    (home / "disk").mkdir()
    shutil.move(home / "live" / "registrar-1" / "issuance.record", home / "disk")
    drill = Drill(home, opened.letters, [], Rehearsal(opened.root).office.manifest.opens_at)
    (drill.live / "settings.toml").write_text(drill.settings)
    (drill.live / "settings.toml").chmod(0o600)
    drill.run(
        "credentials",
        "destroy",
        drill.live,
        "--printed",
        str(sum(count_codes(drill.live / "authority") or ())),
        "--made-elsewhere",
    )
    drill.vote(range(3))
    assert "batch 1 stands in the log" in drill.seal()
    drill.vote(range(3, 4))
    drill.run("backup", drill.live, drill.backup)
    drill.vote(range(4, 7))
    assert "batch 2 stands in the log" in drill.seal()
    drill.vote(range(7, 8))
    drill.run("publish", drill.live, "--to", drill.copy)
    return drill


@pytest.fixture
def drill(midway: Drill, tmp_path: Path) -> Drill:
    shutil.copytree(midway.home, tmp_path / "home")
    drill = Drill(tmp_path / "home", midway.letters, list(midway.cast), midway.now)
    for folder in (drill.live, drill.backup):
        (folder / "settings.toml").write_text(drill.settings)
    # Its settings name this copy's other disk.
    contents = json.loads((drill.backup / "backup.json").read_text())
    contents["files"]["settings.toml"] = hashlib.sha256(drill.settings.encode()).hexdigest()
    (drill.backup / "backup.json").write_text(json.dumps(contents))
    assert "\ngo: 0 failures" in drill.run("doctor", drill.live)
    return drill


def recover_box(drill: Drill) -> None:
    said = drill.run("box", "recover", drill.live)
    named = re.search(r"one promised for batch ([0-9]+) may be missing", said)
    assert named
    # Whatever is not in the log was promised for the batch that the command names.
    logged = drill.logged()
    assert {promise.batch for raw, promise in drill.cast if raw not in logged} <= {int(named[1])}
    assert "the incident stands in the log" in said


def recover_registrar(drill: Drill) -> None:
    drill.run("registrar", "recover", drill.live)


def recover_record(drill: Drill) -> None:
    """A record from the backup, or none, is brought up to the newest database."""
    drill.run("registrar", "recover", drill.live, "--no-token-since")


def from_backup(name: str) -> Callable[[Drill], None]:
    return lambda drill: drill.bring_back(name)


def newest_log(drill: Drill) -> None:
    drop(drill.live / "public")
    shutil.copytree(drill.copy, drill.live / "public")


def nothing(drill: Drill) -> None:
    """What came back is the same, or what it lacks is not needed."""


# What is lost: how `doctor` names it, and what the guide says to do.
LOST: dict[str, tuple[str, Callable[[Drill], None]]] = {
    "box/box.db": ("FAIL         box: there is no database", recover_box),
    "registrar-1/registrar.db": ("FAIL         registrar-1: there is no database", recover_registrar),
    "../disk/issuance.record": ("FAIL         registrar-1: there is no issuance record", recover_record),
    "desk/desk.db": ("FAIL         desk: there is no database", from_backup("desk/desk.db")),
    "registrar-1/pepper": ("FAIL         pepper: ", from_backup("registrar-1/pepper")),
    "public/checkpoint": ("FAIL         log: ", newest_log),
    "public": ("FAIL         log: ", newest_log),
    "log": ("FAIL         log key: ", from_backup("log")),
    "settings.toml": ("FAIL         registrar-1: there is no issuance record", from_backup("settings.toml")),
    "box/database": ("FAIL         box: ", from_backup("box/database")),
    "registrar-1/database": ("FAIL         registrar-1: ", from_backup("registrar-1/database")),
}
# What comes back from the backup, and how it is named; None where nothing is wrong, or can be seen.
ROLLED_BACK: dict[str, tuple[str | None, Callable[[Drill], None]]] = {
    "box/box.db": ("the database came back from an older copy", recover_box),
    "registrar-1/registrar.db": (
        "FAIL         registrar-1: its database and issuance record differ",
        recover_registrar,
    ),
    "../disk/issuance.record": ("FAIL         registrar-1: its database and issuance record differ", recover_record),
    "desk/desk.db": (None, nothing),
    "public/checkpoint": ("FAIL         log: ", newest_log),
    "public": ("FAIL         witness witness-1: it signed", newest_log),
    "log": (None, nothing),
}


def goes_on(drill: Drill) -> None:
    assert "\ngo: 0 failures" in drill.run("doctor", drill.live)
    drill.hand_in_again()
    drill.vote(range(8, 12))
    assert "stands in the log" in drill.seal()
    drill.finish()


@pytest.mark.parametrize("store", LOST)
def test_what_is_lost_is_named_and_recovered_and_no_promised_ballot_with_it(drill: Drill, store: str) -> None:
    named, recover = LOST[store]
    drop(drill.live / store)
    assert named in drill.run("doctor", drill.live, status=1)
    recover(drill)
    goes_on(drill)


@pytest.mark.parametrize("store", ROLLED_BACK)
def test_what_came_back_from_a_backup_is_named_and_no_promised_ballot_is_lost(drill: Drill, store: str) -> None:
    named, recover = ROLLED_BACK[store]
    if store == "../disk/issuance.record":
        shutil.copy2(drill.backup / "registrar-1" / "issuance.record", drill.disk)
    else:
        drill.bring_back(store)
    if named is not None:
        assert named in drill.run("doctor", drill.live, status=1)
        if not store.startswith(("registrar", "../disk")):
            drill.run("seal", drill.live, status=1)
    recover(drill)
    goes_on(drill)


def test_everything_at_once_comes_back_from_backup_other_disk_and_anybodys_copy(drill: Drill) -> None:
    drop(drill.live)
    said = drill.run("restore", drill.backup, drill.live, status=1)
    assert "stembus registrar recover" in said
    assert f"{drill.disk / 'issuance.record'} is there and was left as it is" in said
    newest_log(drill)
    assert "stembus box recover" in drill.run("doctor", drill.live, status=1)
    recover_box(drill)
    recover_registrar(drill)
    goes_on(drill)


def test_with_the_other_disk_gone_too_no_voter_gets_a_second_token(drill: Drill) -> None:
    """The loss is named, and nobody votes twice; who had no token by the backup votes on paper."""
    drop(drill.live)
    drop(drill.disk / "issuance.record")
    said = drill.run("restore", drill.backup, drill.live)
    assert "registrar 1 gives no token to 37 letters" in said
    rehearsal = drill.open()
    for voter in (4, 7, 30):
        with pytest.raises(BallotError, match="may have had a token"):
            rehearsal.token(*drill.letters[voter])
    rehearsal.office.dispose()
    newest_log(drill)
    recover_box(drill)
    drill.now = rehearsal.office.manifest.closes_at + rehearsal.office.manifest.grace_seconds
    assert "older than the log" in drill.run("close", drill.live, status=1)


def test_a_help_desk_without_any_backup_begins_anew(drill: Drill) -> None:
    drop(drill.live / "desk" / "desk.db")
    drop(drill.live / "desk" / "database")
    assert "desk: database made" in drill.run("services", "create", drill.live)
    goes_on(drill)


def test_who_knows_that_no_token_was_given_out_since_gets_every_letter_back(drill: Drill) -> None:
    drop(drill.live)
    drop(drill.disk / "issuance.record")
    said = drill.run("restore", drill.backup, drill.live, "--no-token-since")
    assert "gives no token" not in said
    drill.vote(range(30, 31))
