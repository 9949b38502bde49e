"""A witness signs one history, and times that never go back, whoever asks and however many at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from stembus.audit.clock import SimulatedClock
from stembus.audit.errors import AuditError, ClockBehind, NoteInvalid, RecordInvalid
from stembus.audit.log.merkle import EMPTY_ROOT
from stembus.audit.log.note import Checkpoint, NoteSignature, cosign, cosignatures, sign_checkpoint, time_of
from stembus.audit.log.verifier_key import COSIGNATURE, ED25519, VerifierKey
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.refusals import LogUnknown, NotConsistent, NotSigned, RequestInvalid, SizeDiffers
from stembus.audit.witness.witness import PATIENCE_SECONDS, Witness
from stembus.crypto.signing import MLDSA44Key
from tests.audit.witness.builders import KEY, LOG, ORIGIN, OWN, START, following, proof, tree


def witness(folder: Path, clock: SimulatedClock | None = None) -> Witness:
    """The first process that serves it, or another one."""
    if not any(folder.iterdir()):
        return following(folder, clock, "witness-1")
    return Witness("witness-1", [OWN], FollowedLogs(folder), clock or SimulatedClock(START))


def seen(folder: Path) -> bytes:
    return FollowedLogs(folder).path(ORIGIN).read_bytes()


def test_a_larger_tree_that_continues_the_old_one_is_cosigned(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add_checkpoint(tree(b"a"), 0, [])
    (line,) = one.add_checkpoint(tree(b"a", b"b"), 1, proof(1, [b"a", b"b"]))
    assert time_of(line) == START
    with pytest.raises(SizeDiffers) as differs:
        witness(tmp_path).add_checkpoint(tree(b"a", b"b"), 1, proof(1, [b"a", b"b"]))
    assert differs.value.size == 2, "another process knows it too"
    head = FollowedLogs(tmp_path).read(ORIGIN).head
    assert head is not None
    assert [signature.name for signature in head.signatures] == [ORIGIN, "witness-1"]
    assert cosignatures(head, [("witness-1", OWN.public)])[1] == []


def test_another_tree_of_the_same_size_is_never_cosigned(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add_checkpoint(tree(b"a", b"b"), 0, [])
    before = seen(tmp_path)
    for other, old in ((tree(b"a", b"c"), 2), (tree(b"a", b"c"), 0), (tree(b"a"), 2), (tree(b"a"), 1)):
        with pytest.raises(AuditError):
            one.add_checkpoint(other, old, [])
    assert seen(tmp_path) == before


@pytest.mark.parametrize("ahead", [0, 1, PATIENCE_SECONDS, PATIENCE_SECONDS + 1, 3600])
def test_no_time_is_signed_before_the_one_before(tmp_path: Path, ahead: int) -> None:
    witness(tmp_path, SimulatedClock(START + ahead)).add_checkpoint(tree(b"a"), 0, [])
    before = seen(tmp_path)
    late = witness(tmp_path, SimulatedClock(START))
    if ahead:
        with pytest.raises(ClockBehind, match="clock of witness witness-1 was set back"):
            late.add_checkpoint(tree(b"a"), 1, [])
        assert seen(tmp_path) == before
    else:
        assert time_of(late.add_checkpoint(tree(b"a"), 1, [])[0]) == START


class Ticking(SimulatedClock):
    """Moves on while somebody waits for it."""

    def pause(self) -> None:
        self.move_to(self.now() + 1)


@pytest.mark.parametrize("back", [1, 3, PATIENCE_SECONDS])
def test_a_clock_that_was_set_back_a_little_is_waited_for(tmp_path: Path, back: int) -> None:
    witness(tmp_path, SimulatedClock(START + back)).add_checkpoint(tree(b"a"), 0, [])
    again = witness(tmp_path, Ticking(START)).add_checkpoint(tree(b"a", b"b"), 1, proof(1, [b"a", b"b"]))
    assert time_of(again[0]) == START + back


def test_a_clock_that_was_set_back_far_is_not_waited_for(tmp_path: Path) -> None:
    witness(tmp_path, SimulatedClock(START + PATIENCE_SECONDS + 1)).add_checkpoint(tree(b"a"), 0, [])
    clock = Ticking(START)
    with pytest.raises(ClockBehind):
        witness(tmp_path, clock).add_checkpoint(tree(b"a"), 1, [])
    assert clock.now() == START


def test_one_log_waits_for_no_time_of_another(tmp_path: Path) -> None:
    witness(tmp_path, SimulatedClock(START + 60)).add_checkpoint(tree(b"a"), 0, [])
    FollowedLogs(tmp_path).follow(VerifierKey("other/1", ED25519, LOG.public))
    other = sign_checkpoint("other/1", 1, tree(b"a").root, LOG)
    (line,) = witness(tmp_path, SimulatedClock(START)).add_checkpoint(other, 0, [])
    assert time_of(line) == START


@pytest.mark.parametrize(
    "change",
    [
        "", "{", "no key\n", "other key", "half a note", "another log's note", "cut at the note", "cut at its own line",
        "other size",
    ],
)  # fmt: skip
def test_a_damaged_file_signs_nothing(tmp_path: Path, change: str) -> None:
    witness(tmp_path).add_checkpoint(tree(b"a"), 0, [])
    text = {
        "other key": str(VerifierKey("other/1", ED25519, LOG.public)) + "\n",
        "half a note": seen(tmp_path).decode()[:-20],
        "cut at the note": f"{KEY}\n",
        "cut at its own line": seen(tmp_path).decode().rpartition("— ")[0],
        "other size": seen(tmp_path).decode().replace("\n1\n", "\n0\n"),
        "another log's note": f"{KEY}\n" + sign_checkpoint("other/1", 1, EMPTY_ROOT, LOG).to_bytes().decode(),
    }.get(change, change)
    FollowedLogs(tmp_path).path(ORIGIN).write_text(text)
    with pytest.raises(RecordInvalid, match="damaged"):
        witness(tmp_path).add_checkpoint(tree(b"a"), 0, [])
    assert seen(tmp_path).decode() == text


def test_no_bit_of_a_file_can_be_other_than_it_was_written(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add_checkpoint(tree(b"a", b"b"), 0, [])
    whole = seen(tmp_path)
    for place in range(0, len(whole), 3):
        for bit in (0, 5):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            FollowedLogs(tmp_path).path(ORIGIN).write_bytes(changed)
            for old, other in ((0, tree(b"x", b"y")), (2, tree(b"a", b"b"))):
                with pytest.raises((RecordInvalid, SizeDiffers)) as refused:
                    one.add_checkpoint(other, old, [])
                assert isinstance(refused.value, RecordInvalid) or old == 0, (place, bit)


def test_what_a_lost_file_said_is_never_signed_anew(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add_checkpoint(tree(b"a"), 0, [])
    FollowedLogs(tmp_path).path(ORIGIN).unlink()
    with pytest.raises(LogUnknown):
        one.add_checkpoint(tree(b"b"), 0, [])
    with pytest.raises(RecordInvalid, match="is lost"):
        FollowedLogs(tmp_path).follow(KEY)
    assert not FollowedLogs(tmp_path).path(ORIGIN).exists()
    assert FollowedLogs(tmp_path).follow(KEY, anew=True) is True
    assert len(one.add_checkpoint(tree(b"b"), 0, [])) == 1


def test_following_again_while_logs_ask_changes_nothing(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add_checkpoint(tree(b"a"), 0, [])
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            one.add_checkpoint(tree(b"a"), 1, [])

    asking = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        assert [FollowedLogs(tmp_path).follow(KEY) for _ in range(150)] == [False] * 150
    finally:
        over.set()
        for thread in asking:
            thread.join()


def test_a_cosignature_is_shown_only_once_it_will_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the renaming of a file and its folder's reaching the disk, a power cut would undo it."""
    one = witness(tmp_path)
    one.add_checkpoint(tree(b"a"), 0, [])
    assert one.shown(ORIGIN) is not None

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("stembus.audit.witness.followed_logs.sync_folder", broken)
        with pytest.raises(OSError, match="Input/output"):
            one.shown(ORIGIN)


def test_under_another_name_a_witness_signs_nothing_of_what_it_had_seen(tmp_path: Path) -> None:
    """Its times could go back: a name is no part of what an Ed25519 cosignature covers."""
    witness(tmp_path).add_checkpoint(tree(b"a"), 0, [])
    other = Witness("witness-2", [OWN], FollowedLogs(tmp_path), SimulatedClock(START))
    with pytest.raises(RecordInvalid, match="damaged"):
        other.add_checkpoint(tree(b"a"), 1, [])


def test_a_log_is_followed_once_and_with_one_key(tmp_path: Path) -> None:
    logs = FollowedLogs(tmp_path)
    assert [logs.follow(KEY), logs.follow(KEY)] == [True, False]
    with pytest.raises(NoteInvalid, match="another key"):
        logs.follow(VerifierKey(ORIGIN, ED25519, OWN.public))
    with pytest.raises(NoteInvalid, match="no Ed25519 key of a log"):
        logs.follow(VerifierKey("witness-2", COSIGNATURE, OWN.public))
    assert [log.key for log in logs.all()] == [KEY]


def test_each_refusal_has_its_name(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add_checkpoint(tree(b"a", b"b"), 0, [])
    wrong_root = Checkpoint(ORIGIN, 3, bytes(32), tree(b"a", b"b", b"c").signatures)
    stranger = sign_checkpoint(ORIGIN, 2, tree(b"a", b"b").root, OWN)
    for kind, checkpoint, old, path in (
        (LogUnknown, sign_checkpoint("other/1", 1, bytes(32), LOG), 0, []),
        (NotSigned, stranger, 2, []),
        (NotSigned, wrong_root, 2, []),
        (NotSigned, Checkpoint(ORIGIN, 2, stranger.root, ()), 2, []),
        (RequestInvalid, tree(b"a"), 2, []),
        (SizeDiffers, tree(b"a", b"b", b"c"), 1, proof(1, [b"a", b"b", b"c"])),
        (NotConsistent, tree(b"a", b"b", b"c"), 2, []),
        (NotConsistent, tree(b"a", b"b", b"c"), 2, proof(1, [b"a", b"b", b"c"])),
        (NotConsistent, tree(b"a", b"c"), 2, []),
        (NotConsistent, tree(b"a", b"b"), 2, [bytes(32)]),
    ):
        with pytest.raises(kind):
            one.add_checkpoint(checkpoint, old, path)
    assert len(one.add_checkpoint(tree(b"a", b"b", b"c"), 2, proof(2, [b"a", b"b", b"c"]))) == 1


def test_from_nothing_no_proof_is_taken_and_nothing_has_one_root(tmp_path: Path) -> None:
    one = witness(tmp_path)
    with pytest.raises(NotConsistent):
        one.add_checkpoint(tree(b"a"), 0, [bytes(32)])
    with pytest.raises(NotConsistent):
        one.add_checkpoint(sign_checkpoint(ORIGIN, 0, bytes(32), LOG), 0, [])
    assert len(one.add_checkpoint(sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, LOG), 0, [])) == 1


def test_lines_of_others_are_passed_over_and_not_kept(tmp_path: Path) -> None:
    """A log may sign with several keys, and whoever asks may add lines."""
    signed = tree(b"a")
    own_second = NoteSignature(ORIGIN, b"abcd", bytes(64))
    lines = (own_second, *signed.signatures, cosign(signed, "stranger", OWN, START))
    one = witness(tmp_path)
    one.add_checkpoint(Checkpoint(ORIGIN, 1, signed.root, lines), 0, [])
    head = FollowedLogs(tmp_path).read(ORIGIN).head
    assert head is not None
    assert [line.name for line in head.signatures] == [ORIGIN, "witness-1"]
    assert head.signatures[0] == signed.signatures[0]
    forged = NoteSignature(ORIGIN, KEY.id, bytes(64))
    many = tuple(NoteSignature(ORIGIN, KEY.id, number.to_bytes(64, "big")) for number in range(2000))
    for lines in ((forged,), many):
        with pytest.raises(NotSigned):
            one.add_checkpoint(Checkpoint(ORIGIN, 1, signed.root, (*signed.signatures, *lines)), 1, [])
    one.add_checkpoint(Checkpoint(ORIGIN, 1, signed.root, signed.signatures * 2000), 1, [])


def test_a_witness_with_two_keys_signs_with_both_at_one_time(tmp_path: Path) -> None:
    second = MLDSA44Key.generate()
    logs = FollowedLogs(tmp_path)
    logs.follow(KEY)
    one = Witness("witness-1", [OWN, second], logs, SimulatedClock(START))
    lines = one.add_checkpoint(tree(b"a"), 0, [])
    for key, line in zip((OWN, second), lines, strict=True):
        signed = Checkpoint(ORIGIN, 1, tree(b"a").root, (line,))
        assert [c.time for c in cosignatures(signed, [("witness-1", key.public)])[0]] == [START]
    assert [key.id for key in one.verifier_keys] == [line.key_id for line in lines]
    with pytest.raises(ClockBehind):
        Witness("witness-1", [OWN, second], logs, SimulatedClock(START - 60)).add_checkpoint(tree(b"a"), 1, [])


def test_of_two_trees_at_once_one_is_cosigned_and_never_both(tmp_path: Path) -> None:
    """Many threads in many processes, each with a continuation of its own; whoever is late is refused."""
    rounds, processes, threads = 6, 4, 6
    entries: list[bytes] = [b"0"]
    (tmp_path / "logs").mkdir()
    witness(tmp_path / "logs").add_checkpoint(tree(*entries), 0, [])
    for number in range(rounds):
        work = tmp_path / str(number)
        work.mkdir()
        children = []
        for process in range(processes):
            child = os.fork()
            if not child:
                _ask_from_threads(tmp_path / "logs", work, entries, process, threads)
                os._exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * processes
        signed = sorted(work.iterdir())
        assert len(signed) == 1, "one history"
        entries.append(signed[0].name.encode())
        head = FollowedLogs(tmp_path / "logs").read(ORIGIN).head
        assert head is not None
        assert head.root == tree(*entries).root


def _ask_from_threads(folder: Path, work: Path, entries: list[bytes], process: int, threads: int) -> None:
    ready = threading.Barrier(threads)

    def ask(thread: int) -> None:
        grown = [*entries, f"{process}-{thread}".encode()]
        ready.wait()
        try:
            witness(folder).add_checkpoint(tree(*grown), len(entries), proof(len(entries), grown))
        except SizeDiffers:
            return
        (work / f"{process}-{thread}").touch()

    running = [threading.Thread(target=ask, args=(thread,)) for thread in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
