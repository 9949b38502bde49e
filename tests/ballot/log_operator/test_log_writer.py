"""The writer of the log: whatever fails, the published folder is the old log or the new one."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

import stembus.ballot.log_operator.log_writer
from stembus.audit.durable import locked, write_durably
from stembus.audit.errors import AuditError, NoteInvalid, OrderInvalid, RecordInvalid
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Close, Incident, Open, TallyIntent
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.bundle import being_written
from stembus.audit.log.note import Checkpoint, NoteSignature, parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import log_paths
from stembus.audit.log.verifier_key import ED25519, VerifierKey
from stembus.audit.state_machine import Order
from stembus.audit.verify import Verdict, verify
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.refusals import NotConsistent
from stembus.audit.witness.witness import Witness
from stembus.ballot.errors import HeadMoved, LogBehindWitness, LogDamaged, WitnessesMissing, WitnessesSilent
from stembus.ballot.log_operator.admission import Admission
from stembus.ballot.log_operator.log_start import start_log
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.office.office import NotReady, Office
from stembus.crypto.errors import SignatureInvalid
from tests.ballot.conftest import Poll, patch_log_writes


@pytest.fixture
def log(lite: Poll) -> LogWriter:
    return lite.office.log()


def incident(office: Office, number: int) -> bytes:
    texts = dict.fromkeys(office.manifest.languages, f"incident {number}")
    return office.officers_sign(Incident(number=number, text=texts), 1)


def writer(lite: Poll) -> LogWriter:
    """Another process on the same folder."""
    return lite.reopen().office.log()


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def assert_sound(lite: Poll) -> None:
    """No fault at all, and nothing but the referendum's being open keeps it from exit status 0."""
    report = verify(FolderPlace(lite.office.public), lite.office.referendum)
    assert [fault for fault in report.faults if fault.verdict is not Verdict.PASSED_OVER] == []
    assert report.exit_status == 4


# Compare and swap


def test_an_append_at_another_size_than_expected_changes_nothing(lite: Poll, log: LogWriter) -> None:
    before = content(log.folder)
    for size in (0, log.size - 1, log.size + 1):
        with pytest.raises(HeadMoved):
            log.append([incident(lite.office, 1)], expected_size=size)
    assert content(log.folder) == before
    assert log.append([incident(lite.office, 1)], expected_size=log.size) == log.size - 1


def test_a_writer_that_another_has_overtaken_reads_again_before_it_appends(lite: Poll, log: LogWriter) -> None:
    other = writer(lite)
    size = log.size
    other.append([incident(lite.office, 1)], expected_size=size)
    with pytest.raises(HeadMoved):
        log.append([incident(lite.office, 1)], expected_size=size)
    with pytest.raises(OrderInvalid):
        log.append([incident(lite.office, 1)])
    assert log.append([incident(lite.office, 2)]) == size + 1
    assert other.append([incident(lite.office, 3)]) == size + 2
    assert_sound(lite)


def test_two_writers_in_turn_cross_a_tiles_edge(lite: Poll, log: LogWriter) -> None:
    other = writer(lite)
    for number in range(1, 301):
        (log, other)[number % 2].append([incident(lite.office, number)])
    assert writer(lite).order.incidents == 300
    assert_sound(lite)


def test_many_writers_at_once_lose_no_entry(lite: Poll, log: LogWriter) -> None:
    start = log.size
    failures: list[BaseException] = []

    def work(office: Office) -> None:
        appended = 0
        while appended < 6:
            try:
                office.log().append([incident(office, office.log().order.incidents + 1)])
                appended += 1
            except OrderInvalid:
                continue
            except BaseException as error:
                failures.append(error)
                return

    offices = [lite.reopen().office for _ in range(4)]
    assert {office.log().size for office in offices} == {start}
    threads = [threading.Thread(target=work, args=(office,)) for office in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert writer(lite).size == start + 24
    assert writer(lite).order.incidents == 24
    assert_sound(lite)


class Overtaken(Witness):
    """A slow witness: while it answers, another process appends."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        signature = super().add_checkpoint(checkpoint, old_size, proof)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return signature


def test_a_slow_witness_does_not_roll_the_log_back(lite: Poll, log: LogWriter) -> None:
    """An entry that another process appended while this one waited for a cosignature stays in the log."""
    first, second = log.witnesses
    assert isinstance(second, Witness)
    slow = Overtaken(second.name, second._keys, second.logs, second._clock)
    log.witnesses = [first, slow]
    other = writer(lite)
    appended = threading.Thread(target=lambda: other.append([incident(lite.office, 2)]))

    def meanwhile() -> None:
        appended.start()
        appended.join(2)  # a writer may also make the other one wait

    slow.meanwhile = meanwhile
    start = log.size
    log.append([incident(lite.office, 1)])
    appended.join(10)
    assert writer(lite).size == start + 2
    writer(lite).append([incident(lite.office, 3)])
    assert_sound(lite)


def test_nobody_waits_for_a_witness_to_write(lite: Poll, log: LogWriter) -> None:
    """A witness that takes its time holds up no other writer: it is asked without the lock."""
    first, second = log.witnesses
    assert isinstance(second, Witness)
    slow = Overtaken(second.name, second._keys, second.logs, second._clock)
    log.witnesses = [first, slow]
    taken: list[bool] = []

    def take_lock() -> None:
        with locked(log._lock):
            taken.append(True)

    def meanwhile() -> None:
        thread = threading.Thread(target=take_lock, daemon=True)
        thread.start()
        thread.join(10)

    slow.meanwhile = meanwhile
    log.append([incident(lite.office, 1)])
    assert taken == [True]
    assert_sound(lite)


# Refusals


def test_a_refused_entry_leaves_everything_as_it_was(lite: Poll, log: LogWriter) -> None:
    office = lite.office
    good = incident(office, 1)
    texts = dict.fromkeys(office.manifest.languages, "incident")
    body = Incident(number=1, text=texts)
    close = office.officers_sign(Close(batches=1, ballots=0, issuance=[]))
    opened_twice = office.officers_sign(Open(election_key="00" * 32))
    unsigned = encode_entry(body)
    trustee, officer = office.signing_key("trustee-1"), office.signing_key("officer-2")
    by_a_trustee = encode_entry(body, [sign_entry(office.referendum, body, "trustee/1", trustee)])
    wrong_key = encode_entry(body, [sign_entry(office.referendum, body, "officer/1", officer)])
    one_officer = office.officers_sign(Close(batches=0, ballots=0, issuance=[]), 1)
    intent = TallyIntent(trustee=1, size=1, root="00" * 32, sums="00" * 32)
    early = encode_entry(intent, [sign_entry(office.referendum, intent, "trustee/1", trustee)])
    before, size, phase = content(log.folder), log.size, log.order.phase
    for bad, refusal in (
        ([opened_twice], OrderInvalid),
        ([close], OrderInvalid),
        ([early], OrderInvalid),
        ([good, opened_twice], OrderInvalid),
        ([good, good], OrderInvalid),
        ([b"\x01ballot"], OrderInvalid),
        ([unsigned], SignatureInvalid),
        ([by_a_trustee], SignatureInvalid),
        ([wrong_key], SignatureInvalid),
        ([one_officer], SignatureInvalid),
        ([b"{}"], RecordInvalid),
        ([b"{" + b" " * 70_000], RecordInvalid),
        ([b""], RecordInvalid),
        ([good.replace(b'"number":1', b'"number": 1')], RecordInvalid),
        ([good, b""], RecordInvalid),
    ):
        with pytest.raises(refusal):
            log.append(bad)
        assert content(log.folder) == before
        assert (log.size, log.order.phase, log.order.incidents) == (size, phase, 0)
    log.append([good])
    assert_sound(lite)


def test_an_append_of_nothing_changes_nothing(log: LogWriter) -> None:
    before = content(log.folder)
    assert log.append([]) == log.size
    assert content(log.folder) == before


def test_starting_a_log_twice_changes_nothing(lite: Poll, log: LogWriter) -> None:
    before = content(log.folder)
    start_log(log.folder, lite.office.manifest_raw, log._key, log._lock)
    again = LogWriter(log.folder, log._key, log._lock, log.witnesses)
    assert again.size == log.size
    assert content(log.folder) == before


@pytest.mark.parametrize("also", ["", "checkpoints"])
def test_a_log_whose_head_is_missing_is_not_begun_anew(lite: Poll, log: LogWriter, also: str) -> None:
    (log.folder / "checkpoint").unlink()
    if also:
        shutil.rmtree(log.folder / also)
    before = content(log.folder)
    with pytest.raises(LogDamaged, match="checkpoint is missing"):
        writer(lite)
    assert content(log.folder) == before


def test_the_wrong_log_key_is_refused(lite: Poll, log: LogWriter) -> None:
    with pytest.raises(NoteInvalid):
        LogWriter(log.folder, lite.office.signing_key("box"), log._lock)


def test_a_damaged_tile_or_bundle_is_refused_before_anything_is_signed(lite: Poll, log: LogWriter) -> None:
    paths = list(log_paths(log.size))
    assert len(paths) >= 2
    for path in paths:
        file = log.folder / path
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises((AuditError, SignatureInvalid)):
            writer(lite)
        file.unlink()
        with pytest.raises(AuditError):
            writer(lite)
        file.write_bytes(data)
    writer(lite).append([incident(lite.office, 1)])


# Crashes


class Crash(OSError):
    pass


def crash_at(monkeypatch: pytest.MonkeyPatch, call: int, stored: bool, torn: bool = True) -> None:
    """The call-th durable write fails: before anything is there, or although everything is there. `torn` leaves half
    of the file beside its place, as only the end of the process does."""
    count = 0

    def failing(path: Path, data: bytes) -> None:
        nonlocal count
        count += 1
        if count == call and not stored:
            if torn:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_name(f".{path.name}.0123abcd.new").write_bytes(data[: len(data) // 2])
            raise Crash("lost")
        write_durably(path, data)
        if count == call:
            raise Crash("stored anyway")

    patch_log_writes(monkeypatch, failing)


@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored anyway"])
@pytest.mark.parametrize("prefill", [0, 250], ids=["small", "across a tile's edge"])
def test_a_crash_at_any_write_leaves_the_old_log_or_the_new_one(
    lite: Poll, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stored: bool, prefill: int
) -> None:
    office = lite.office
    log = office.log()
    fill = 256 - log.size - 1 if prefill else 0
    if fill:
        log.append([incident(office, number) for number in range(1, fill + 1)])
    entries = [incident(office, number) for number in range(fill + 1, fill + 4)]
    saved = tmp_path / "saved"
    shutil.copytree(office.root, saved)
    old, crashed, call = log.size, True, 0
    while crashed:
        call += 1
        shutil.rmtree(office.root)
        shutil.copytree(saved, office.root)
        victim = writer(lite)
        with monkeypatch.context() as patch:
            crash_at(patch, call, stored)
            try:
                victim.append(entries)
                crashed = False
            except Crash:
                pass
        assert_sound(lite)  # before anybody has made it good
        after = writer(lite)
        assert after.size in (old, old + 3), f"write {call}"
        assert after.cosign() is True
        after.tidy()
        assert_only_one_head(lite)
        assert_sound(lite)
        if after.size == old:
            after.append(entries)
        after.append([incident(office, fill + 4)])
        assert writer(lite).size == old + 4
        assert_sound(lite)
    assert call > 3


@pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored anyway"])
def test_a_writer_goes_on_after_a_failed_write_without_a_restart(
    lite: Poll, log: LogWriter, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """A full disk must not leave the writer with a log in its memory that is not the one on disk."""
    number = 1
    for call in range(1, 6):
        before = log.size
        with monkeypatch.context() as patch:
            crash_at(patch, call, stored, torn=False)
            with pytest.raises(Crash):
                log.append([incident(lite.office, number), incident(lite.office, number + 1)])
        grown = log.size - before
        assert grown in (0, 2)
        number += grown
        assert log.size == writer(lite).size, f"write {call}: in memory and on disk"
        assert log.order.incidents == number - 1
        log.append([incident(lite.office, number)])
        number += 1
        assert_sound(lite)


def test_a_crash_while_a_log_is_started_is_made_good(
    lite: Poll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = lite.office
    for stored in (False, True):
        for call in range(1, 6):
            folder = tmp_path / f"log-{call}-{stored}"
            lock = folder.with_suffix(".lock")
            with monkeypatch.context() as patch:
                crash_at(patch, call, stored)
                with contextlib.suppress(Crash):
                    start_log(folder, office.manifest_raw, office.signing_key("log"), lock)
            start_log(folder, office.manifest_raw, office.signing_key("log"), lock)
            started = LogWriter(folder, office.signing_key("log"), lock)
            assert started.size == 1
            assert started.referendum == office.referendum
            started.tidy()
            staged = [path for path in content(folder) if Path(path).name.startswith(".")]
            assert staged == []


# Witnesses


def append_and_roll_back(lite: Poll, log: LogWriter, backup: Path) -> None:
    """The published folder is what it was before an entry that the witnesses have seen."""
    shutil.copytree(log.folder, backup)
    log.append([incident(lite.office, 1)])
    shutil.rmtree(log.folder)
    shutil.copytree(backup, log.folder)


def test_a_restored_backup_is_refused(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    append_and_roll_back(lite, log, tmp_path / "backup")
    before = content(log.folder)
    for restored in (log, writer(lite)):
        with pytest.raises(LogBehindWitness, match="restore"):
            restored.append([incident(lite.office, 1)])
    assert content(log.folder) == before


class Absent(Witness):
    """A witness that does not cosign while `down`, and says what it has seen."""

    down = True

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        if self.down and old_size == self.logs.read(checkpoint.origin).size:
            raise ConnectionError("no answer")
        return super().add_checkpoint(checkpoint, old_size, proof)


class AskedLate(Witness):
    """A witness that another process reaches first."""

    before: Callable[[], object] = staticmethod(lambda: None)

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        before, self.before = self.before, lambda: None
        before()
        return super().add_checkpoint(checkpoint, old_size, proof)


def test_a_check_beforehand_takes_in_what_another_writer_appends_meanwhile(lite: Poll, log: LogWriter) -> None:
    other, (first, second) = writer(lite), log.witnesses
    assert isinstance(first, Witness)
    late = AskedLate(first.name, first._keys, first.logs, first._clock)
    log.witnesses = [late, second]
    late.before = lambda: other.append([incident(lite.office, 1)])
    numbers: list[int] = []

    def next_incident(order: Order) -> Incident:
        numbers.append(order.incidents + 1)
        return Incident(number=numbers[-1], text=dict.fromkeys(lite.office.manifest.languages, "text"))

    log.check(next_incident)
    assert (log.size, numbers) == (other.size, [1, 2])
    late.before = lambda: other.append([incident(lite.office, 2)])
    with pytest.raises(OrderInvalid):
        log.check(lambda _: Incident(number=2, text=dict.fromkeys(lite.office.manifest.languages, "text")))


def test_a_check_beforehand_refuses_a_restored_backup(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    append_and_roll_back(lite, log, tmp_path / "backup")
    text = dict.fromkeys(lite.office.manifest.languages, "text")
    with pytest.raises(LogBehindWitness, match="restore"):
        writer(lite).check(lambda order: Incident(number=order.incidents + 1, text=text))


class Unreachable(Absent):
    """A witness that answers nothing at all while `down`."""

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        if self.down:
            raise ConnectionError("no answer")
        return super().add_checkpoint(checkpoint, old_size, proof)


def absent(witness: object, kind: type[Absent] = Absent) -> Absent:
    assert isinstance(witness, Witness)
    return kind(witness.name, witness._keys, witness.logs, witness._clock)


def public(log: LogWriter) -> dict[str, bytes]:
    return content(log.folder)


def test_a_clock_that_was_set_back_is_named_beside_the_missing_witnesses(lite: Poll, log: LogWriter) -> None:
    before = lite.rehearsal.clock.now()
    lite.wait(100)
    log.append([incident(lite.office, 1)])
    earlier = lite.reopen(before).office.log()
    earlier.append([incident(lite.office, 2)])
    with pytest.raises(WitnessesMissing, match="try again in 100 seconds: the log's last time"):
        earlier.append([incident(lite.office, 3)])
    later = lite.reopen(before + 100).office.log()
    assert later.why() == ""
    assert later.cosign()


def test_a_missing_witness_delays_the_next_entry_and_nothing_else(lite: Poll, log: LogWriter) -> None:
    missing = absent(log.witnesses[0])
    log.witnesses[0] = missing
    before, size = public(log), log.size
    assert log.append([incident(lite.office, 1)]) == size
    assert (log.size, log.order.incidents) == (size + 1, 1)
    assert log.cosign() is False
    assert log.time_at(log.size) is None
    with pytest.raises(WitnessesMissing):
        log.append([incident(lite.office, 2)])
    assert public(log) == before, "nobody sees a head that lacks its quorum"
    assert_sound(lite)
    missing.down = False
    assert log.cosign() is True
    assert log.time_at(log.size) is not None
    assert log.head().size == size + 1
    kept = parse_checkpoint((log.folder / "checkpoints" / str(log.size)).read_bytes())
    assert len(kept.signatures) == 3
    log.append([incident(lite.office, 2)])
    assert_sound(lite)


def test_every_process_sees_what_waits_and_any_may_finish_it(lite: Poll, log: LogWriter) -> None:
    early = writer(lite)
    log.witnesses[0] = absent(log.witnesses[0])
    log.append([incident(lite.office, 1)])
    early.refresh()
    late = writer(lite)
    for other in (early, late):
        assert (other.size, other.order.incidents) == (log.size, 1)
        assert other.root() == log.root()
        assert other.reader().entry(log.size - 1) == incident(lite.office, 1)
        assert other.head().size == other.published().size == log.size - 1
    with pytest.raises(HeadMoved):
        early.append([incident(lite.office, 2)], expected_size=log.size - 1)
    assert late.cosign() is True
    assert (early.head().size, log.head().size) == (log.size, log.size)
    early.append([incident(lite.office, 2)])
    log.witnesses = late.witnesses
    log.append([incident(lite.office, 3)])
    assert_sound(lite)


def test_cosignatures_of_a_waiting_head_are_kept_for_the_next_process(lite: Poll, log: LogWriter) -> None:
    """Two witnesses that are never up at the same moment make a quorum all the same."""
    first, second = log.witnesses
    log.witnesses = [first, absent(second)]
    log.append([incident(lite.office, 1)])
    other = writer(lite)
    other.witnesses = [absent(other.witnesses[0]), other.witnesses[1]]
    assert other.cosign() is True
    assert_sound(lite)


def test_a_new_log_is_published_with_its_quorum(lite: Poll, tmp_path: Path) -> None:
    office = lite.office
    folder, lock = tmp_path / "new", tmp_path / "private" / "lock"
    start_log(folder, office.manifest_raw, office.signing_key("log"), lock)
    assert list(content(folder)) == ["log.vkey"]
    key = VerifierKey(office.manifest.log.origin, ED25519, office.signing_key("log").public)
    witnesses = []
    for k in (1, 2):
        logs = FollowedLogs(tmp_path / str(k))
        logs.follow(key)
        witnesses.append(Witness(f"witness-{k}", [office.signing_key(f"witness-{k}")], logs, office.clock))
    new = LogWriter(folder, office.signing_key("log"), lock, witnesses[:1])
    with pytest.raises(WitnessesMissing):
        new.head()
    assert new.cosign() is False
    with pytest.raises(WitnessesMissing):
        new.append([incident(office, 1)])
    again = LogWriter(folder, office.signing_key("log"), lock, witnesses)
    assert again.cosign() is True
    assert (again.head().size, new.cosign()) == (1, True)
    report = verify(FolderPlace(folder), office.referendum)
    assert (report.exit_status, report.faults) == (4, [])


def test_a_late_witness_is_added_to_the_head_while_it_is_the_head(lite: Poll, log: LogWriter) -> None:
    """One of two is enough here."""
    manifest = log.manifest
    log.manifest = replace_quorum(manifest, 1)
    missing = absent(log.witnesses[0])
    log.witnesses[0] = missing
    log.append([incident(lite.office, 1)])
    assert len(log.head().signatures) == 2
    kept = (log.folder / "checkpoints" / str(log.size)).read_bytes()
    missing.down = False
    assert log.cosign() is True
    assert len(log.head().signatures) == 3
    assert (log.folder / "checkpoints" / str(log.size)).read_bytes() == kept


def replace_quorum(manifest: Manifest, quorum: int) -> Manifest:
    return msgspec.structs.replace(manifest, witnesses=msgspec.structs.replace(manifest.witnesses, quorum=quorum))


@pytest.mark.parametrize("silent", [1, 2])
def test_a_silent_witness_never_counts(lite: Poll, log: LogWriter, silent: int) -> None:
    """It may be the one that has seen more than this folder holds."""
    before, size = content(lite.office.root), log.size
    log.witnesses = [absent(w, Unreachable) if k < silent else w for k, w in enumerate(log.witnesses)]
    with pytest.raises(WitnessesSilent, match=f"{2 - silent} of 2 witnesses answered and 2 must.*nothing was added"):
        log.append([incident(lite.office, 1)])
    assert content(lite.office.root) == before
    assert (log.size, log.order.incidents) == (size, 0)
    log.witnesses = writer(lite).witnesses
    log.append([incident(lite.office, 1)])
    assert_sound(lite)


def test_one_witness_under_two_names_does_not_answer_twice(lite: Poll, log: LogWriter) -> None:
    log.witnesses = [log.witnesses[0], log.witnesses[0]]
    with pytest.raises(WitnessesSilent):
        log.append([incident(lite.office, 1)])


def test_a_log_rolled_back_while_its_witness_is_away_does_not_go_on(lite: Poll, log: LogWriter, tmp_path: Path) -> None:
    append_and_roll_back(lite, log, tmp_path / "backup")
    restored = writer(lite)
    restored.witnesses = [absent(witness, Unreachable) for witness in restored.witnesses]
    with pytest.raises(WitnessesSilent):
        restored.append([incident(lite.office, 1)])
    for witness in restored.witnesses:
        assert isinstance(witness, Unreachable)
        witness.down = False
    with pytest.raises(LogBehindWitness):
        restored.append([incident(lite.office, 1)])


@pytest.mark.parametrize("lost", ["entries", "checkpoint of the folder", "folder of an older day"])
def test_what_waits_and_does_not_continue_the_folder_is_refused(
    lite: Poll, log: LogWriter, tmp_path: Path, lost: str
) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(log.folder, backup)
    log.append([incident(lite.office, 1)])
    log.witnesses[0] = absent(log.witnesses[0])
    log.append([incident(lite.office, 2)])
    if lost == "entries":
        (log._pending.folder / "entries").unlink()
    elif lost == "checkpoint of the folder":
        (log.folder / "checkpoint").unlink()
    else:
        shutil.rmtree(log.folder)
        shutil.copytree(backup, log.folder)
    before = content(lite.office.root)
    with pytest.raises(LogDamaged, match="restore the newest copy of both"):
        writer(lite)
    assert content(lite.office.root) == before


# Partial tiles


def test_partial_tiles_stay_until_the_next_tile_is_full(lite: Poll, log: LogWriter) -> None:
    """Whoever reads under an older head of this tile finds its files."""
    log.append([incident(lite.office, number) for number in range(1, 240 - log.size + 1)])
    sizes = []
    while log.size < 255:
        log.append([incident(lite.office, log.order.incidents + 1)])
        sizes.append(log.size)
    log.append([incident(lite.office, log.order.incidents + 1)])
    for size in sizes:
        reader = TileReader(FolderPlace(log.folder), size)
        assert reader.subtree(0, size) == TileReader(FolderPlace(log.folder), 256).subtree(0, size)
        assert reader.entry(size - 1)
    assert_sound(lite)
    for end in (511, 512):
        log.append([incident(lite.office, log.order.incidents + k + 1) for k in range(end - log.size)])
        left = {path for path in content(log.folder) if path.startswith(("tile/0/000.p/", "tile/entries/000.p/"))}
        assert bool(left) is (end == 511)
        assert_sound(lite)
    assert "tile/0/001.p/255" in content(log.folder)


def test_partial_tiles_of_a_waiting_head_remove_none_that_is_published(lite: Poll, log: LogWriter) -> None:
    log.append([incident(lite.office, number) for number in range(1, 255 - log.size + 1)])
    missing = absent(log.witnesses[0])
    log.witnesses[0] = missing
    log.append([incident(lite.office, log.order.incidents + k) for k in (1, 2, 3)])
    log.tidy()
    writer(lite).tidy()
    assert log.head().size == 255
    assert TileReader(FolderPlace(log.folder), 255).entry(254)
    assert_sound(lite)
    missing.down = False
    assert log.cosign() is True
    assert TileReader(FolderPlace(log.folder), 255).entry(254)
    assert_sound(lite)


def assert_only_one_head(lite: Poll) -> None:
    """Nothing of a head to come, and nothing half written, lies in the folder."""
    size = writer(lite).head().size
    assert [path for path in content(lite.office.public) if being_written(path, size)] == []


def test_an_append_collects_the_cosignatures_that_were_missing(lite: Poll, log: LogWriter) -> None:
    missing = absent(log.witnesses[0])
    log.witnesses[0] = missing
    log.append([incident(lite.office, 1)])
    missing.down = False
    log.append([incident(lite.office, 2)])
    assert {str(log.size - 1), str(log.size)} <= {path.name for path in (log.folder / "checkpoints").iterdir()}
    assert_sound(lite)


class Refusing(Absent):
    """One that says why it does not cosign, while `down`."""

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        try:
            return super().add_checkpoint(checkpoint, old_size, proof)
        except ConnectionError:
            raise NotConsistent("the log was rewritten") from None


def test_a_witness_that_refuses_is_like_one_that_is_missing(lite: Poll, log: LogWriter) -> None:
    refusing = absent(log.witnesses[0], Refusing)
    log.witnesses[0] = refusing
    log.append([incident(lite.office, 1)])
    assert log.head().size == log.size - 1
    assert "the log was rewritten" in log.why()
    refusing.down = False
    assert log.cosign() is True
    assert_sound(lite)


class Lying(Witness):
    """A witness that answers with what is no cosignature of its own."""

    name_used = ""

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        (good,) = super().add_checkpoint(checkpoint, old_size, proof)
        return [NoteSignature(self.name_used or good.name, good.key_id, bytes(len(good.signature)))]


def waiting(log: LogWriter) -> Checkpoint:
    checkpoint = log._pending.checkpoint()
    assert checkpoint is not None
    return checkpoint


@pytest.mark.parametrize("whose", ["its own", "the other's"])
def test_a_lying_witness_spoils_no_signature(lite: Poll, log: LogWriter, whose: str) -> None:
    first, second = log.witnesses
    assert isinstance(first, Witness)
    liar = Lying(first.name, first._keys, first.logs, first._clock)
    liar.name_used = second.name if whose == "the other's" else ""
    log.witnesses = [liar, second]
    log.append([incident(lite.office, 1)])
    assert {line.name for line in waiting(log).signatures} == {log.manifest.log.origin, second.name}
    log.witnesses = [first, second]
    assert log.cosign() is True
    assert_sound(lite)


def test_an_invalid_line_in_the_head_keeps_no_valid_one_out(lite: Poll, log: LogWriter) -> None:
    """As an earlier mistake may have left it there."""
    missing = absent(log.witnesses[0])
    log.witnesses[0] = missing
    log.append([incident(lite.office, 1)])
    head = waiting(log)
    line = next(line for line in head.signatures if line.name == log.witnesses[1].name)
    bad = NoteSignature(missing.name, line.key_id, bytes(72))
    log._pending.keep(Checkpoint(head.origin, head.size, head.root, (*head.signatures, bad)))
    missing.down = False
    assert log.cosign() is True
    assert_sound(lite)


def test_a_witnesss_key_that_is_not_the_manifests_is_refused(lite: Poll) -> None:
    office = lite.office
    shutil.copy(office.key_path("witness-2"), office.key_path("witness-1"))
    with pytest.raises(NotReady, match="witness-1"):
        lite.reopen().office.log()


def test_no_thread_sees_a_log_that_is_half_taken_in(
    lite: Poll, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads while another thread takes in what was added sees the log before it or after it."""
    writer(lite).append([incident(lite.office, 1), incident(lite.office, 2)])
    seen, take, size = [], Admission.take, log.size

    def looked_at_meanwhile(self: Admission, index: int, raw: bytes) -> None:
        take(self, index, raw)
        seen.append((log.size, log.order.incidents))

    monkeypatch.setattr(Admission, "take", looked_at_meanwhile)
    log.refresh()
    assert seen == [(size, 0), (size, 0)]
    assert (log.size, log.order.incidents) == (size + 2, 2)


def test_tidying_with_an_old_memory_removes_no_live_file(lite: Poll, log: LogWriter) -> None:
    writer(lite).append([incident(lite.office, 1), incident(lite.office, 2)])
    log.tidy()
    assert log.size == writer(lite).size
    assert_sound(lite)


def test_who_appends_too_late_is_told_before_any_witness_is_asked(lite: Poll, log: LogWriter) -> None:
    writer(lite).append([incident(lite.office, 1)])
    log.witnesses = [absent(witness, Unreachable) for witness in log.witnesses]
    with pytest.raises(HeadMoved):
        log.append([incident(lite.office, 1)], expected_size=log.size)


def test_an_append_that_others_always_overtake_ends(
    lite: Poll, log: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head never has its quorum when this process gets the lock, and is never the one that it asked for."""
    log.witnesses[0] = absent(log.witnesses[0])
    log.append([incident(lite.office, 1)])
    before, asked = content(log.folder), []
    monkeypatch.setattr(stembus.ballot.log_operator.log_writer, "_WAIT_SECONDS", 0)
    monkeypatch.setattr(log, "_cosign", lambda: asked.append(log.size) or log.size - 1)
    with pytest.raises(HeadMoved, match="other processes append all the time"):
        log.append([incident(lite.office, 2)])
    assert len(asked) == stembus.ballot.log_operator.log_writer._TRIES
    assert content(log.folder) == before


def test_a_list_is_published_while_nobody_tidies(lite: Poll, log: LogWriter) -> None:
    with locked(log._lock):
        thread = threading.Thread(target=log.publish, args=("documents/a.txt", b"data"))
        thread.start()
        thread.join(0.2)
        assert not (log.folder / "documents").exists()
    thread.join()
    assert (log.folder / "documents" / "a.txt").read_bytes() == b"data"


def test_voting_goes_on_while_witnesses_are_away_and_nothing_is_ruined(lite: Poll, log: LogWriter) -> None:
    """Ballots are taken and promised; their batch waits for the cosignatures of the one before."""
    missing = absent(log.witnesses[0])
    log.witnesses[0] = missing
    promised = []
    for voter in range(6):
        promised.append(lite.rehearsal.cast(lite.token(voter), [[0]])[1].batch)
        if voter == 2:
            with pytest.raises(WitnessesMissing, match="batch 1 is kept"):
                lite.rehearsal.seal()
            lite.wait(600)
    for _ in range(2):
        with pytest.raises(WitnessesMissing):
            lite.rehearsal.seal()
    promised.append(lite.rehearsal.cast(lite.token(6), [[0]])[1].batch)
    assert promised == [1, 1, 1, 2, 2, 2, 2]
    missing.down = False
    while lite.rehearsal.seal() != 2:  # the distance between batches counts from the quorum's time
        lite.wait(60)
    lite.rehearsal.close()
    lite.rehearsal.tally()
    report = verify(FolderPlace(lite.office.public), lite.office.referendum)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    assert report.result.questions[0].total == [7, 0]
