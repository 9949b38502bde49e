"""A folder is examined without a trace, and what is missing, damaged or older in it is named."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from stembus.audit.clock import SimulatedClock
from stembus.audit.formats.entry_bodies import Minutes
from stembus.ballot.office import examination
from stembus.ballot.office.examination import examine
from stembus.ballot.office.health import Finding, Verdict
from tests.ballot.conftest import Poll, copy_of, move_to_postgres
from tests.conftest import Finished

State = dict[str, tuple[int, int, bytes]]


def state(root: Path) -> State:
    """Mode, time of change and bytes of everything, but for what SQLite itself keeps beside an open database."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns if path.is_file() else 0,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (root, *root.rglob("*"))
        if not path.name.endswith(("-wal", "-shm"))
    }


@pytest.fixture
def voted(opened: Finished, tmp_path: Path) -> Poll:
    """One batch in the log, one ballot that waits, and databases whose last changes stand in their `-wal` files."""
    poll = copy_of(opened, tmp_path / "live")
    for voter in range(3):
        poll.rehearsal.cast(poll.token(voter), [[1]])
    poll.wait(600)
    assert poll.rehearsal.seal() == 1
    poll.rehearsal.cast(poll.token(3), [[1]])
    shutil.copytree(tmp_path / "live", tmp_path / "copy")
    poll.end()
    shutil.rmtree(tmp_path / "live")
    shutil.move(tmp_path / "copy", tmp_path / "live")
    return poll


def look(poll: Poll) -> list[Finding]:
    return examine(poll.office.root, poll.rehearsal.clock)


def failures(poll: Poll) -> dict[str, str]:
    return {finding.check: finding.text for finding in look(poll) if finding.verdict is Verdict.FAIL}


def seen(voted: Poll) -> Path:
    """What the first witness has seen of the log."""
    return voted.office.followed_logs("witness-1").path(voted.office.manifest.log.origin)


def test_an_examination_leaves_no_trace(voted: Poll) -> None:
    root = voted.office.root
    assert (root / "box" / "box.db-wal").stat().st_size > 0
    before = state(root)
    assert failures(voted) == {}
    assert state(root) == before


def test_a_folder_full_of_faults_is_left_as_it_is_too(voted: Poll) -> None:
    root = voted.office.root
    (root / "box" / "box.db").unlink()
    (root / "registrar-1" / "issuance.record").unlink()
    (root / "log" / "lock").unlink()
    seen(voted).write_text("{")
    before = state(root)
    assert {"box", "registrar-1", "witness 1"} <= set(failures(voted))
    assert state(root) == before


def test_everything_that_belongs_to_one_folder_is_examined(voted: Poll) -> None:
    found = {finding.check: finding for finding in look(voted)}
    assert {"settings", "permissions", "disk", "manifest", "log", "clock", "box", "registrar-1", "desk accounts"} <= {
        *found
    }
    assert found["box"].text == "its database belongs to the log, after 1 batches"
    assert not [finding for finding in found.values() if finding.verdict is Verdict.SKIPPED]


LOSSES: dict[str, tuple[str, str]] = {
    "manifest.json": ("manifest", "holds no frozen referendum"),
    "box/box.db": ("box", "there is no database"),
    "box/box.key": ("box", "restore it from a backup"),
    "box/database": ("box", "restore it from a backup"),
    "registrar-1/registrar.db": ("registrar-1", "there is no database"),
    "registrar-1/registrar.key": ("registrar-1", "restore it from a backup"),
    "registrar-1/issuance.record": ("registrar-1", "there is no issuance record"),
    "registrar-1/pepper": ("pepper", "restore it from a backup"),
    "registrar-1/database": ("registrar-1", "restore it from a backup"),
    "desk/desk.db": ("desk", "there is no database"),
    "desk/sessions.key": ("desk", "restore it from a backup"),
    "public/checkpoint": ("log", "bring back the newest copy"),
    "public": ("log", "bring back the newest copy"),
    "log": ("log", "bring it back from a backup"),
    "log/log.key": ("log key", "from a backup"),
    "log/lock.started": ("log", "from a backup"),
    "witness-1/witness.key": ("witness witness-1", "restore it from a backup"),
}


@pytest.mark.parametrize("lost", LOSSES)
def test_what_is_lost_is_named_with_what_to_do(voted: Poll, lost: str) -> None:
    path = voted.office.root / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    check, told = LOSSES[lost]
    assert told in failures(voted)[check]


@pytest.mark.parametrize("damaged", [*LOSSES, "settings.toml", "referendum.id"])
def test_damage_is_a_finding_and_never_a_traceback(voted: Poll, damaged: str) -> None:
    path = voted.office.root / damaged
    if path.is_dir() or damaged == "log/lock.started":  # which is empty anyway
        return
    for helper in ("-wal", "-shm"):
        Path(f"{path}{helper}").unlink(missing_ok=True)
    for content in (b"\xff\xfe damaged \x00" * 40, b""):
        path.write_bytes(content)
        path.chmod(0o600)
        if damaged != "settings.toml" or content:
            assert failures(voted), content


def test_an_older_log_is_named_by_witnesses_and_box(voted: Poll) -> None:
    root = voted.office.root
    for part in ("public", "log"):
        shutil.copytree(root / part, root.parent / f"old-{part}")
    for voter in range(4, 7):
        voted.rehearsal.cast(voted.reopen().token(voter), [[1]])
    voted.wait(600)
    assert voted.reopen().rehearsal.seal() == 2
    assert failures(voted) == {}
    for part in ("public", "log"):
        shutil.rmtree(root / part)
        shutil.move(root.parent / f"old-{part}", root / part)
    found = failures(voted)
    assert {"witness witness-1", "witness witness-2", "box"} <= set(found)
    assert "bring back the newest" in found["box"]


def test_an_older_box_database_is_named(voted: Poll) -> None:
    root = voted.office.root
    old = {path.name: path.read_bytes() for path in (root / "box").glob("box.db*")}
    later = voted.reopen()
    for voter in range(4, 7):
        later.rehearsal.cast(later.token(voter), [[1]])
    later.wait(600)
    assert later.rehearsal.seal() == 2
    later.end()
    for name, content in old.items():
        (root / "box" / name).write_bytes(content)
    assert "stembus box recover" in failures(later)["box"]


def test_an_older_issuance_record_is_named(voted: Poll) -> None:
    record = voted.office.root / "registrar-1" / "issuance.record"
    old = record.read_bytes()
    later = voted.reopen()
    later.token(9)
    later.end()
    assert failures(later) == {}
    record.write_bytes(old)
    assert "stembus registrar recover" in failures(later)["registrar-1"]


def test_a_token_that_is_just_given_out_is_no_difference(voted: Poll, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is written before the database."""
    later = voted.reopen()
    before = examination.known_slots(later.office._database("registrar-1"))
    later.token(9)
    answers: list[Callable[..., object]] = [lambda engine: before, examination.known_slots]
    monkeypatch.setattr(examination, "known_slots", lambda engine: answers.pop(0)(engine))
    monkeypatch.setattr(examination, "sleep", lambda seconds: None)
    assert failures(later) == {}
    assert answers == []
    later.end()


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("box/box.db", 0o640),
        ("registrar-1/pepper", 0o604),
        ("registrar-1/issuance.record", 0o644),
        ("officer-1", 0o750),
        ("trustee-1/trustee.key", 0o644),
        ("authority/codes.csv", 0o644),
    ],
)
def test_what_others_may_read_is_named(voted: Poll, path: str, mode: int) -> None:
    (voted.office.root / path).chmod(mode)
    assert f"{voted.office.root / path} has mode {mode:04o}" in failures(voted)["permissions"]


def test_published_files_that_only_their_owner_can_read_are_named(voted: Poll) -> None:
    def said() -> Finding:
        return {finding.check: finding for finding in look(voted)}["published files"]

    public = voted.office.public
    assert said().verdict is Verdict.OK
    (public / "checkpoint").chmod(0o600)
    public.chmod(0o700)
    assert (said().verdict, "2 files and folders" in said().text) == (Verdict.WARN, True)
    (public / "checkpoint").chmod(0o640)
    public.chmod(0o2750)
    assert said().verdict is Verdict.OK


def test_a_document_that_the_log_names_and_nobody_can_read_is_named(voted: Poll) -> None:
    voted.until_close()
    voted.rehearsal.close()
    voted.rehearsal.tally()
    log, data = voted.office.log(), b"what was decided"
    log.publish("documents/minutes.txt", data)
    log.append([voted.office.officers_sign(Minutes(name="minutes.txt", sha256=sha256(data).hexdigest()), 1)])
    assert failures(voted) == {}
    (voted.office.public / "documents" / "minutes.txt").unlink()
    assert "the log names minutes.txt" in failures(voted)["documents"]


def test_settings_that_everybody_may_read_are_named(voted: Poll) -> None:
    settings = voted.office.root / "settings.toml"
    settings.write_text("")
    settings.chmod(0o644)
    assert "chmod 640" in failures(voted)["settings"]


def test_too_few_witnesses_and_one_that_forgot_are_named(voted: Poll) -> None:
    file = seen(voted)
    kept = file.read_bytes()
    file.unlink()
    assert "what it has seen is lost" in failures(voted)["witness witness-1"]
    for damaged in (b"", b"{", kept[:-1]):
        file.write_bytes(damaged)
        assert "damaged" in failures(voted)["witness 1"], damaged
    file.write_bytes(kept)
    assert failures(voted) == {}
    for number in range(1, len(voted.office.manifest.witnesses.members) + 1):
        voted.office.folder(f"witness-{number}").rename(voted.office.root / f"away-{number}")
    assert "witnesses must sign each step, and 0 are known here" in failures(voted)["log"]


def test_a_record_elsewhere_may_be_written_by_the_help_desks_group(voted: Poll, tmp_path: Path) -> None:
    record = tmp_path / "issuance.record"
    shutil.move(voted.office.databases.record_path(1), record)
    settings = voted.office.root / "settings.toml"
    settings.write_text(f'registrar_1_record = "{record}"\n')
    settings.chmod(0o600)
    record.chmod(0o660)
    assert failures(voted) == {}
    record.chmod(0o664)
    assert "chmod 660" in failures(voted)["permissions"]


def test_a_clock_that_was_set_back_is_named(voted: Poll) -> None:
    earlier = Poll(voted.rehearsal, [])
    moment = earlier.office.clock
    clock = type(moment)(moment.now() - 86_400)  # type: ignore[call-arg]
    found = {finding.check: finding for finding in examine(voted.office.root, clock)}
    assert found["clock"].verdict is Verdict.FAIL


def test_parts_of_other_machines_are_not_checked(voted: Poll) -> None:
    root = voted.office.root
    for party in ("registrar-1", "desk"):
        shutil.rmtree(root / party)
    found = {finding.check: finding for finding in look(voted)}
    assert {check for check, finding in found.items() if finding.verdict is Verdict.SKIPPED} == {"registrar-1", "desk"}
    assert found["registrar-1"].text == "no key of registrar 1 lies here"
    assert found["box"].verdict is Verdict.OK


def test_the_registrars_own_folder_is_examined_without_a_log(voted: Poll) -> None:
    root = voted.office.root
    for part in root.iterdir():
        if part.name not in ("registrar-1", "manifest.json"):
            shutil.rmtree(part) if part.is_dir() else part.unlink()
    found = {finding.check: finding for finding in look(voted)}
    assert found["registrar-1"].verdict is Verdict.OK
    assert {check for check, finding in found.items() if finding.verdict is Verdict.SKIPPED} == {"log", "box", "desk"}


def test_nothing_that_is_told_names_a_voter_or_a_moment(voted: Poll) -> None:
    told = json.dumps([finding.text for finding in look(voted)])
    for number in voted.numbers():
        assert number not in told
    assert "09:1" not in told


def test_a_folder_that_cannot_be_read_is_a_finding(voted: Poll, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever user the tests run as."""
    closed, exists = voted.office.folder("box"), Path.exists

    def denied(path: Path) -> bool:
        if closed in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", denied)
    assert "Permission denied" in failures(voted)["services"]


def test_a_referendum_that_goes_on_meanwhile_is_no_fault(voted: Poll) -> None:
    later = voted.reopen()
    passes = [later.token(voter) for voter in range(4, 20)]

    def go_on() -> None:
        for number, voting_pass in enumerate(passes):
            later.rehearsal.cast(voting_pass, [[1]])
            if number % 3 == 2:
                later.wait(600)
                later.rehearsal.seal()

    voting = threading.Thread(target=go_on)
    voting.start()
    while voting.is_alive():
        # Its clock runs ahead of what the witnesses signed, as a real one does.
        found = examine(voted.office.root, SimulatedClock(later.rehearsal.clock.now() + 86_400))
        assert [finding for finding in found if finding.verdict is Verdict.FAIL] == []
    voting.join()
    later.end()


def test_databases_of_postgresql_are_examined(opened: Finished, tmp_path: Path, postgres_url: str) -> None:
    poll = copy_of(opened, tmp_path / "live")
    move_to_postgres(poll.office, postgres_url)
    for voter in range(3):
        poll.rehearsal.cast(poll.token(voter), [[1]])
    before = state(poll.office.root)
    found = {finding.check: finding for finding in look(poll)}
    assert state(poll.office.root) == before
    assert {found[check].verdict for check in ("box", "registrar-1")} == {Verdict.OK}
    assert found["issuance record"].verdict is Verdict.SKIPPED
    poll.end()


def test_a_server_that_is_away_is_a_finding(voted: Poll) -> None:
    settings = voted.office.root / "settings.toml"
    settings.write_text('box_database = "postgresql+psycopg://stembus@127.0.0.1:1/stembus"\n')
    settings.chmod(0o600)
    mark = voted.office.root / "box" / "database"
    mark.write_text(mark.read_text().replace("sqlite", "postgresql"))
    assert "does not answer" in failures(voted)["box"]
