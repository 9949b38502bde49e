"""The issuance record: what was acknowledged stays, one letter has one token, and damage gives none out."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import signal
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stembus.audit import durable
from stembus.ballot.errors import (
    BallotError,
    IssuanceRecordUnusable,
    IssuanceUnknown,
    LetterStruck,
    RollInvalid,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance import issuance_record
from stembus.ballot.issuance.issuance_record import IssuanceRecord, create_record, open_record
from stembus.ballot.issuance.issuance_slot import READY, STRUCK, UNKNOWN, Slot
from tests.ballot.killed import RECORD, die_after

REFERENDUM = b"R" * 32
CREDENTIALS = [hashlib.sha256(bytes([number])).digest() for number in range(40)]  # not sorted


def issued(name: str) -> Slot:
    """As if a request of that name had been answered."""
    return Slot.issued(hashlib.sha256(name.encode()).digest(), hashlib.sha512(name.encode()).digest())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuance.record"


@pytest.fixture
def record(path: Path) -> IssuanceRecord:
    return create_record(path, REFERENDUM, 1, CREDENTIALS)


def reopened(record: IssuanceRecord) -> IssuanceRecord:
    return open_record(record.path, REFERENDUM, 1, CREDENTIALS)


def damage(record: IssuanceRecord, number: int, offset: int = 60) -> None:
    """Alters a byte of a slot."""
    raw = bytearray(record.path.read_bytes())
    raw[record.header.slots_at + 128 * number + offset] ^= 1
    record.path.write_bytes(raw)


# Making one


def test_a_new_record_holds_every_letter_as_ready_in_the_order_of_the_credentials(record: IssuanceRecord) -> None:
    assert list(record.slots()) == [(credential, READY) for credential in sorted(CREDENTIALS)]
    assert all(reopened(record).slot(credential) == READY for credential in CREDENTIALS)
    assert [record.number(credential) for credential in sorted(CREDENTIALS)] == list(range(40))


def test_a_record_is_private_and_nothing_is_left_beside_it(record: IssuanceRecord) -> None:
    assert stat.S_IMODE(record.path.stat().st_mode) == 0o600
    assert [path.name for path in record.path.parent.iterdir()] == ["issuance.record"]


def test_a_record_is_not_made_where_one_is(record: IssuanceRecord) -> None:
    record.write(CREDENTIALS[0], issued("a"))
    before = record.path.read_bytes()
    with pytest.raises(IssuanceRecordUnusable, match="is there already"):
        create_record(record.path, REFERENDUM, 1, CREDENTIALS)
    assert record.path.read_bytes() == before


def test_a_record_whose_disk_is_not_mounted_is_not_made_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(IssuanceRecordUnusable, match="mounted"):
        create_record(tmp_path / "second" / "issuance.record", REFERENDUM, 1, CREDENTIALS)
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_written_whole_is_not_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(IssuanceRecordUnusable, match="no space left"):
        create_record(path, REFERENDUM, 1, CREDENTIALS)
    assert list(path.parent.iterdir()) == []


def test_a_roll_with_a_credential_twice_or_of_another_length_is_refused(path: Path) -> None:
    for wrong in ([*CREDENTIALS, CREDENTIALS[3]], [*CREDENTIALS, b"short"]):
        with pytest.raises(RollInvalid):
            create_record(path, REFERENDUM, 1, wrong)
    with pytest.raises(RollInvalid, match="not on the roll"):
        create_record(path, REFERENDUM, 1, CREDENTIALS, {b"x" * 32: STRUCK})
    assert not path.exists()


def test_a_rebuilt_record_begins_with_the_slots_it_is_given(path: Path) -> None:
    slots = {CREDENTIALS[1]: issued("a"), CREDENTIALS[2]: STRUCK}
    record = create_record(path, REFERENDUM, 1, CREDENTIALS, slots)
    assert {credential: slot for credential, slot in record.slots() if slot != READY} == slots


# Opening one


def test_a_missing_record_is_named_and_not_made(path: Path) -> None:
    with pytest.raises(IssuanceRecordUnusable, match="there is no issuance record"):
        open_record(path, REFERENDUM, 1, CREDENTIALS)
    assert list(path.parent.iterdir()) == []


def test_a_record_of_another_referendum_registrar_or_roll_is_refused(record: IssuanceRecord) -> None:
    for referendum, registrar, enrolled, words in (
        (b"S" * 32, 1, CREDENTIALS, "another referendum"),
        (REFERENDUM, 2, CREDENTIALS, "registrar 1, not 2"),
        (REFERENDUM, 1, [*CREDENTIALS, b"x" * 32], "lacks 1 letters"),
    ):
        with pytest.raises(IssuanceRecordUnusable, match=words):
            open_record(record.path, referendum, registrar, enrolled)
    assert open_record(record.path, REFERENDUM, 1, CREDENTIALS[:5]).header == record.header, "spares have no row yet"


def test_a_record_that_is_longer_or_shorter_or_no_record_is_refused(record: IssuanceRecord) -> None:
    raw = record.path.read_bytes()
    for wrong, words in (
        (raw[:-1], "bytes of its 40 slots"),
        (raw + b"\0", "bytes of its 40 slots"),
        (raw[:100], "cut short"),
        (b"", "no issuance record"),
        (raw[:4096] + b"\xff" + raw[4097:], "list of letters was altered"),
        (raw[:50] + b"\xff" + raw[51:], "damaged header"),
    ):
        record.path.write_bytes(wrong)
        with pytest.raises(IssuanceRecordUnusable, match=words):
            reopened(record)


def test_a_record_that_is_unmounted_or_exchanged_while_in_use_gives_nothing_out(
    record: IssuanceRecord, tmp_path: Path
) -> None:
    away = record.path.rename(tmp_path / "away")
    calls: list[Callable[[], object]] = [
        lambda: record.slot(CREDENTIALS[0]),
        lambda: record.write(CREDENTIALS[0], issued("a")),
        lambda: list(record.slots()),
    ]
    for call in calls:
        with pytest.raises(IssuanceRecordUnusable, match="mounted"):
            call()
    assert not record.path.exists()
    create_record(record.path, b"S" * 32, 1, CREDENTIALS)
    for call in calls:
        with pytest.raises(IssuanceRecordUnusable, match="exchanged"):
            call()
    away.replace(record.path)
    assert record.slot(CREDENTIALS[0]) == READY


# Writing


def test_what_was_written_is_read_by_everybody(record: IssuanceRecord) -> None:
    other = reopened(record)
    replaced = Slot.replaced(CREDENTIALS[9])
    for credential, slot in zip(CREDENTIALS, (issued("a"), STRUCK, replaced), strict=False):
        record.write(credential, slot)
        assert other.slot(credential) == slot
    assert sum(slot != READY for _, slot in other.slots()) == 3


def test_a_second_token_is_refused_and_the_same_request_is_not(record: IssuanceRecord) -> None:
    record.write(CREDENTIALS[0], issued("a"))
    before = record.path.read_bytes()
    record.write(CREDENTIALS[0], issued("a"))
    for other in (issued("b"), STRUCK, Slot.replaced(CREDENTIALS[1]), READY):
        with pytest.raises(TokenAlreadyIssued):
            record.write(CREDENTIALS[0], other)
    assert record.path.read_bytes() == before


def test_a_struck_or_replaced_letter_gets_no_token(record: IssuanceRecord) -> None:
    record.write(CREDENTIALS[0], STRUCK)
    record.write(CREDENTIALS[1], Slot.replaced(CREDENTIALS[2]))
    for credential in CREDENTIALS[:2]:
        for slot in (issued("a"), READY, Slot.replaced(CREDENTIALS[3])):
            with pytest.raises(LetterStruck):
                record.write(credential, slot)


def test_a_letter_of_another_roll_is_named(record: IssuanceRecord) -> None:
    for stranger in (bytes(32), b"\xff" * 32, b"x" * 32):
        for call in (lambda c: record.slot(c), lambda c: record.write(c, STRUCK), lambda c: record.restore(c, STRUCK)):
            with pytest.raises(IssuanceRecordUnusable, match="another roll"):
                call(stranger)


def test_each_write_is_one_sync_of_bytes_that_stand_there(
    record: IssuanceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Slot] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: seen.append(reopened(record).slot(CREDENTIALS[0])))
    record.write(CREDENTIALS[0], issued("a"))
    assert seen == [issued("a")]
    record.write(CREDENTIALS[0], issued("a"))
    assert seen == [issued("a")] * 2, "who wrote it first may have died before its sync"
    record.slot(CREDENTIALS[0])
    list(record.slots())
    assert len(seen) == 2


def test_a_sync_that_fails_is_no_acknowledgement_and_the_next_try_writes_again(
    record: IssuanceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync the system may take the page for clean: a second sync alone would promise too much."""

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(IssuanceRecordUnusable, match="Input/output error"):
            record.write(CREDENTIALS[0], issued("a"))
    written: list[bytes] = []
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, raw, at: written.append(raw) or pwrite(file, raw, at))
    record.write(CREDENTIALS[0], issued("a"))
    assert len(written) == 1


def test_a_slot_that_was_written_in_part_is_no_acknowledgement(
    record: IssuanceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda file, raw, at: pwrite(file, raw[:50], at))
        with pytest.raises(IssuanceRecordUnusable):
            record.write(CREDENTIALS[0], issued("a"))
    with pytest.raises(IssuanceUnknown):
        record.slot(CREDENTIALS[0])


def test_two_histories_with_the_same_end_leave_the_same_bytes(tmp_path: Path) -> None:
    ends = {CREDENTIALS[k]: slot for k, slot in enumerate([issued("a"), STRUCK, issued("b"), Slot.replaced(bytes(32))])}
    files = []
    for name in ("one", "two"):
        record = create_record(tmp_path / name, REFERENDUM, 1, CREDENTIALS if name == "one" else CREDENTIALS[::-1])
        order = list(ends.items())
        for credential, slot in order if name == "one" else order[::-1] + order:
            record.write(credential, slot)
        files.append(record.path.read_bytes())
    rebuilt = create_record(tmp_path / "three", REFERENDUM, 1, CREDENTIALS, ends)
    assert files[0] == files[1] == rebuilt.path.read_bytes()


# Damage


def test_a_damaged_slot_is_named_and_gives_no_token_and_the_others_go_on(record: IssuanceRecord) -> None:
    record.write(CREDENTIALS[0], issued("a"))
    number = record.number(CREDENTIALS[0])
    damage(record, number)
    current = reopened(record)
    for call in (current.slot, lambda c: current.write(c, issued("a")), lambda c: current.write(c, STRUCK)):
        with pytest.raises(IssuanceUnknown, match=f"slot {number} .* damaged") as refusal:
            call(CREDENTIALS[0])
        assert refusal.value.slot == number
    current.write(CREDENTIALS[1], issued("b"))
    assert [credential for credential, slot in current.slots() if slot == UNKNOWN] == [CREDENTIALS[0]]


def test_a_letter_recorded_as_unknown_gets_no_token(path: Path) -> None:
    record = create_record(path, REFERENDUM, 1, CREDENTIALS, {CREDENTIALS[0]: UNKNOWN})
    for call in (record.slot, lambda c: record.write(c, issued("a"))):
        with pytest.raises(IssuanceUnknown, match=f"slot {record.number(CREDENTIALS[0])} .* unknown"):
            call(CREDENTIALS[0])


def test_damaged_and_unknown_slots_can_be_restored_and_no_others(path: Path) -> None:
    record = create_record(path, REFERENDUM, 1, CREDENTIALS, {CREDENTIALS[0]: UNKNOWN, CREDENTIALS[2]: issued("b")})
    damage(record, record.number(CREDENTIALS[1]))
    for credential, slot in ((CREDENTIALS[0], READY), (CREDENTIALS[1], issued("a"))):
        record.restore(credential, slot)
        assert record.slot(credential) == slot
    for slot in (READY, issued("a"), STRUCK):
        with pytest.raises(TokenAlreadyIssued):
            record.restore(CREDENTIALS[2], slot)
    record.restore(CREDENTIALS[3], STRUCK)
    with pytest.raises(LetterStruck):
        record.restore(CREDENTIALS[3], READY)


def test_a_slot_that_is_read_while_it_is_written_is_read_again(
    record: IssuanceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the bytes are there; the writer holds the lock and goes on."""
    halfway, seen = threading.Event(), threading.Event()
    pwrite, flock = os.pwrite, issuance_record.fcntl.flock

    def slowly(file: int, raw: bytes, at: int) -> int:
        pwrite(file, raw[:50], at)
        halfway.set()
        assert seen.wait(10)
        return pwrite(file, raw, at)

    def asking(file: int, lock: int) -> None:
        if lock == issuance_record.fcntl.LOCK_SH:
            seen.set()
        flock(file, lock)

    monkeypatch.setattr(os, "pwrite", slowly)
    monkeypatch.setattr(issuance_record.fcntl, "flock", asking)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(record.write, CREDENTIALS[0], issued("a"))
        assert halfway.wait(10)
        assert record.slot(CREDENTIALS[0]) == issued("a")
        writing.result()


# Several at once, and processes that die


def test_looking_and_writing_are_one_step(record: IssuanceRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers who both saw *ready* would both write. Here each waits for the other after looking."""
    both, follow = threading.Barrier(2), issuance_record.follow

    def slowly(old: Slot, new: Slot) -> Slot:
        slot = follow(old, new)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return slot

    def write(name: str) -> object:
        try:
            return reopened(record).write(CREDENTIALS[0], issued(name))
        except BallotError as error:
            return type(error)

    monkeypatch.setattr(issuance_record, "follow", slowly)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, ["a", "b"]), key=str) == [TokenAlreadyIssued, None]


def child(work: Callable[[], None]) -> int:
    """A process of its own; ends with 0 when the work is done."""
    process = os.fork()
    if not process:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return process


def issue_all(record: IssuanceRecord, name: str, said: int, order: list[bytes]) -> None:
    """Says the letter's first byte for each token that this process gave out."""
    for credential in order:
        try:
            record.write(credential, issued(f"{name} {credential.hex()}"))
        except TokenAlreadyIssued:
            continue
        os.write(said, bytes([record.number(credential)]))


def acknowledged(pipe: int) -> list[int]:
    os.set_blocking(pipe, False)
    try:
        return list(os.read(pipe, 1000))
    except BlockingIOError:
        return []


def test_several_processes_give_each_letter_one_token(record: IssuanceRecord) -> None:
    """Forked with the record already open, as a server does with its workers."""
    start, go = os.pipe()
    pipes = {name: os.pipe() for name in "abcd"}
    processes = []
    for name, (_, said) in pipes.items():
        order = random.Random(ord(name) % 2).sample(CREDENTIALS, len(CREDENTIALS))

        def work(name: str = name, said: int = said, order: list[bytes] = order) -> None:
            os.read(start, 1)
            issue_all(record, name, said, order)

        processes.append(child(work))
    os.write(go, b"...." * 4)
    assert [os.waitpid(process, 0)[1] for process in processes] == [0] * 4
    winners = {name: acknowledged(heard) for name, (heard, _) in pipes.items()}
    assert sorted(number for won in winners.values() for number in won) == list(range(len(CREDENTIALS)))
    for name, won in winners.items():
        for number in won:
            credential = record.credential(number)
            assert record.slot(credential) == issued(f"{name} {credential.hex()}")
    for descriptor in [start, go, *(end for pipe in pipes.values() for end in pipe)]:
        os.close(descriptor)


def test_a_process_killed_at_any_line_loses_no_acknowledged_token_and_tears_no_slot(path: Path) -> None:
    line, ended, kills = 1, False, 0
    while not ended:
        path.unlink(missing_ok=True)
        record = create_record(path, REFERENDUM, 1, CREDENTIALS[:3])
        heard, said = os.pipe()

        def work(line: int = line, said: int = said, record: IssuanceRecord = record) -> None:
            die_after(line, RECORD)
            issue_all(record, "a", said, CREDENTIALS[:3])

        status = os.waitpid(child(work), 0)[1]
        ended = status == 0
        assert ended or os.WTERMSIG(status) == signal.SIGKILL
        kills += not ended
        current = open_record(path, REFERENDUM, 1, CREDENTIALS[:3])
        numbers = acknowledged(heard)
        for number in numbers:
            credential = current.credential(number)
            assert current.slot(credential) == issued(f"a {credential.hex()}")
        changed = [slot for _, slot in current.slots() if slot != READY]
        assert UNKNOWN not in changed
        assert len(changed) - len(numbers) in (0, 1), "at most the token that was being written"
        for credential in CREDENTIALS[:3]:
            current.write(credential, issued(f"a {credential.hex()}"))  # the lock died with its holder
        os.close(heard)
        os.close(said)
        line += 1
    assert kills > 30


def test_a_killed_maker_leaves_no_half_record(path: Path) -> None:
    made, kills, line, ended = 0, 0, 1, False
    while not ended:
        path.unlink(missing_ok=True)

        def work(line: int = line) -> None:
            die_after(line, (*RECORD, "/audit/durable.py"))
            create_record(path, REFERENDUM, 1, CREDENTIALS[:2])

        ended = os.waitpid(child(work), 0)[1] == 0
        kills += not ended
        if path.exists():
            made += 1
            assert open_record(path, REFERENDUM, 1, CREDENTIALS[:2]).header.count == 2
            path.unlink()
        create_record(path, REFERENDUM, 1, CREDENTIALS[:2])
        assert [file.name for file in path.parent.iterdir()] == [path.name], "leftovers go with the next try"
        line += 1
    assert kills > 30
    assert made > 1
