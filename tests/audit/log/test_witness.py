"""A witness signs one history, and times that never go back, whoever asks and however many at once."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from stembus.audit.clock import SimulatedClock
from stembus.audit.errors import AuditError, ClockBehind, NoteInvalid, RecordInvalid
from stembus.audit.log.merkle import Frontier, consistency_proof, hash_root, leaf_hash
from stembus.audit.log.note import Checkpoint, NoteSignature, sign_checkpoint
from stembus.audit.log.witness import PATIENCE_SECONDS, Witness
from stembus.crypto.signing import SigningKey

ORIGIN = "log.example.org/1"
START = 1_571_036_400
LOG, OWN = SigningKey.generate(), SigningKey.generate()


def witness(folder: Path, clock: SimulatedClock | None = None) -> Witness:
    return Witness("witness-1", OWN, {ORIGIN: LOG.public}, folder / "state.json", clock or SimulatedClock(START))


def tree(*entries: bytes) -> Checkpoint:
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    return sign_checkpoint(ORIGIN, len(entries), frontier.root(), LOG)


def proof(old: int, entries: Sequence[bytes]) -> list[bytes]:
    return consistency_proof(old, len(entries), lambda a, b: hash_root([leaf_hash(e) for e in entries[a:b]]))


def time_in(line: NoteSignature) -> int:
    return int.from_bytes(line.signature[:8], "big")


def test_a_larger_tree_that_continues_the_old_one_is_cosigned(tmp_path: Path) -> None:
    one = witness(tmp_path)
    assert one.last_size(ORIGIN) == 0
    one.cosign(tree(b"a"), 0, [])
    assert time_in(one.cosign(tree(b"a", b"b"), 1, proof(1, [b"a", b"b"]))) == START
    assert witness(tmp_path).last_size(ORIGIN) == 2, "another process knows it too"


def test_another_tree_of_the_same_size_is_never_cosigned(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.cosign(tree(b"a", b"b"), 0, [])
    before = (tmp_path / "state.json").read_bytes()
    for other, old in ((tree(b"a", b"c"), 2), (tree(b"a", b"c"), 0), (tree(b"a"), 2), (tree(b"a"), 1)):
        with pytest.raises(AuditError):
            one.cosign(other, old, [])
    assert (tmp_path / "state.json").read_bytes() == before


@pytest.mark.parametrize("ahead", [0, 1, PATIENCE_SECONDS, PATIENCE_SECONDS + 1, 3600])
def test_no_time_is_signed_before_the_one_before(tmp_path: Path, ahead: int) -> None:
    witness(tmp_path, SimulatedClock(START + ahead)).cosign(tree(b"a"), 0, [])
    before = (tmp_path / "state.json").read_bytes()
    late = witness(tmp_path, SimulatedClock(START))
    if ahead:
        with pytest.raises(ClockBehind, match="clock of witness witness-1 was set back"):
            late.cosign(tree(b"a"), 1, [])
        assert (tmp_path / "state.json").read_bytes() == before
    else:
        assert time_in(late.cosign(tree(b"a"), 1, [])) == START


class Ticking(SimulatedClock):
    """Moves on while somebody waits for it."""

    def pause(self) -> None:
        self.move_to(self.now() + 1)


@pytest.mark.parametrize("back", [1, 3, PATIENCE_SECONDS])
def test_a_clock_that_was_set_back_a_little_is_waited_for(tmp_path: Path, back: int) -> None:
    witness(tmp_path, SimulatedClock(START + back)).cosign(tree(b"a"), 0, [])
    again = witness(tmp_path, Ticking(START)).cosign(tree(b"a", b"b"), 1, proof(1, [b"a", b"b"]))
    assert time_in(again) == START + back


def test_a_clock_that_was_set_back_far_is_not_waited_for(tmp_path: Path) -> None:
    witness(tmp_path, SimulatedClock(START + PATIENCE_SECONDS + 1)).cosign(tree(b"a"), 0, [])
    clock = Ticking(START)
    with pytest.raises(ClockBehind):
        witness(tmp_path, clock).cosign(tree(b"a"), 1, [])
    assert clock.now() == START


def test_the_time_of_one_log_binds_for_every_other(tmp_path: Path) -> None:
    """One key, one clock."""
    logs = {ORIGIN: LOG.public, "other/1": LOG.public}
    Witness("witness-1", OWN, logs, tmp_path / "s", SimulatedClock(START + 60)).cosign(tree(b"a"), 0, [])
    other = sign_checkpoint("other/1", 1, tree(b"a").root, LOG)
    with pytest.raises(ClockBehind):
        Witness("witness-1", OWN, logs, tmp_path / "s", SimulatedClock(START)).cosign(other, 0, [])


def test_a_state_without_a_time_is_read(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({ORIGIN: [1, tree(b"a").root.hex()]}))
    assert time_in(witness(tmp_path).cosign(tree(b"a"), 1, [])) == START


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"x": 3}', '{"x": ["1", "00"]}', '{"x": [1, "zz"]}', '{"x": [1, 2, 3, 4]}']
)
def test_a_damaged_state_signs_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    for ask in (lambda: witness(tmp_path).last_size(ORIGIN), lambda: witness(tmp_path).cosign(tree(b"a"), 0, [])):
        with pytest.raises(RecordInvalid, match="damaged"):
            ask()
    assert (tmp_path / "state.json").read_text() == text


def test_of_two_trees_at_once_one_is_cosigned_and_never_both(tmp_path: Path) -> None:
    """Many threads in many processes, each with a continuation of its own; whoever is late is refused."""
    rounds, processes, threads = 6, 4, 6
    entries: list[bytes] = [b"0"]
    witness(tmp_path).cosign(tree(*entries), 0, [])
    for number in range(rounds):
        work = tmp_path / str(number)
        work.mkdir()
        children = []
        for process in range(processes):
            child = os.fork()
            if not child:
                _ask_from_threads(tmp_path, work, entries, process, threads)
                os._exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * processes
        signed = sorted(work.iterdir())
        assert len(signed) == 1, "one history"
        entries.append(signed[0].name.encode())
        assert json.loads((tmp_path / "state.json").read_text())[ORIGIN][1] == tree(*entries).root.hex()


def _ask_from_threads(folder: Path, work: Path, entries: list[bytes], process: int, threads: int) -> None:
    ready = threading.Barrier(threads)

    def ask(thread: int) -> None:
        grown = [*entries, f"{process}-{thread}".encode()]
        ready.wait()
        try:
            witness(folder).cosign(tree(*grown), len(entries), proof(len(entries), grown))
        except NoteInvalid:
            return
        (work / f"{process}-{thread}").touch()

    running = [threading.Thread(target=ask, args=(thread,)) for thread in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
