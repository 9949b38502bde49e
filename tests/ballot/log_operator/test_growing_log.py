"""A log that grows while it is read, whose writer dies, and whose witnesses' clocks err: no reader sees a fault."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from stembus.audit.clock import SimulatedClock
from stembus.audit.formats.entry_bodies import Incident, Open, Roll
from stembus.audit.log.note import cosign
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import Verdict, verify
from stembus.audit.witness.witness import Witness
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.office.office import Office
from tests.ballot.conftest import Poll
from tests.ballot.killed import die_after
from tests.ballot.log_operator.test_admission import started


def incident(office: Office, number: int) -> bytes:
    return office.officers_sign(Incident(number=number, text={"nl": f"voorval {number}"}), 1)


def assert_sound(poll: Poll) -> None:
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    assert (report.exit_status, report.faults) == (4, [])


def assert_nothing_wrong(poll: Poll, size: int) -> None:
    """As a writer left it that was killed after `size` entries. Killed just before it wrote the head, it left the
    checkpoint that goes with that, and nobody looks at it."""
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    named = [(fault.check, fault.verdict, fault.where) for fault in report.faults]
    assert report.exit_status == 4
    assert named in ([], [("V6", Verdict.PASSED_OVER, f"checkpoints/{size + 1}")])
    assert report.figures.entries in (size, size + 1)


def test_a_growing_log_is_sound_whenever_it_is_read(lite: Poll) -> None:
    """Two writers append across a tile's edge; one folder is verified all the while."""
    stop, failures = threading.Event(), list[BaseException]()
    log = lite.office.log()
    log.append([incident(lite.office, number) for number in range(1, 235)])

    def write(office: Office) -> None:
        try:
            while not stop.is_set():
                # Two at once may mean the same number.
                try:
                    office.log().append([incident(office, office.log().order.incidents + 1)])
                except Exception as error:
                    if "must stand" not in str(error):
                        raise
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(lite.reopen().office,)) for _ in range(2)]
    for thread in writers:
        thread.start()
    seen: Counter[int] = Counter()
    faults: list[object] = []
    sizes = set()
    for _ in range(25):
        report = verify(FolderPlace(lite.office.public), lite.office.referendum)
        seen[report.exit_status] += 1
        # Between two writes of a step, its checkpoint stands beside the head before it.
        faults += [fault for fault in report.faults if fault.verdict is not Verdict.PASSED_OVER]
        sizes.add(report.figures.entries)
    stop.set()
    for thread in writers:
        thread.join(60)
    assert failures == []
    assert faults == []
    assert set(seen) == {4}
    assert len(sizes) > 5
    assert_sound(lite)


def test_a_writer_killed_at_any_line_loses_nothing_and_shows_nothing_wrong(lite: Poll) -> None:
    """`kill -9`, at every so many lines of an append, until one comes to its end."""
    office, number, kills, line = lite.office, 0, 0, 1
    ended = False
    while not ended:
        before = lite.reopen().office.log().size
        child = os.fork()
        if not child:
            victim = lite.reopen().office
            log = victim.log()
            die_after(line)
            log.append([incident(victim, number + 1)])
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        ended = status == 0
        assert ended or os.WTERMSIG(status) == signal.SIGKILL
        kills += not ended
        assert_nothing_wrong(lite, before)  # before anybody has made it good
        after = lite.reopen().office.log()
        assert after.size in (before, before + 1)
        assert after.cosign() is True
        assert after.head().size == after.size
        number = after.order.incidents
        after.append([incident(office, number + 1)])
        number += 1
        assert_sound(lite)
        line += 37
    assert kills > 5


# Clocks


def slow(log: LogWriter, number: int, clock: SimulatedClock) -> None:
    witness = log.witnesses[number]
    assert isinstance(witness, Witness)
    log.witnesses[number] = Witness(witness.name, witness._keys, witness.logs, clock)


@pytest.mark.parametrize("back", [1, 3, 3600])
def test_a_clock_that_goes_back_leaves_no_fault(lite: Poll, back: int) -> None:
    log, clock = lite.office.log(), lite.rehearsal.clock
    now = clock.now()
    clock._now = now + 100
    log.append([incident(lite.office, 1)])
    clock._now = now + 100 - back
    log.append([incident(lite.office, 2)])
    assert log.cosign() is False, "the witnesses wait for their clocks"
    assert_sound(lite)
    clock._now = now + 100
    assert log.cosign() is True
    log.append([incident(lite.office, 3)])
    assert_sound(lite)


def test_a_witness_whose_clock_is_behind_the_others_is_asked_again(lite: Poll) -> None:
    """It has never signed a later time itself; its cosignature would set the checkpoint's time back all the same."""
    log, clock = lite.office.log(), lite.rehearsal.clock
    behind = SimulatedClock(clock.now())
    clock._now += 50
    log.append([incident(lite.office, 1)])
    for number in (0, 1):
        witness = log.witnesses[number]
        assert isinstance(witness, Witness)
        forget_time(witness, log.manifest.log.origin)
    slow(log, 0, behind)
    log.append([incident(lite.office, 2)])
    assert log.cosign() is False
    assert_sound(lite)
    behind.move_to(clock.now())
    assert log.cosign() is True
    assert_sound(lite)


def forget_time(witness: Witness, origin: str) -> None:
    seen = witness.logs.read(origin)
    assert seen.head is not None
    lines = [line for line in seen.head.signatures if line.name != witness.name]
    early = cosign(seen.head, witness.name, witness._keys[0], 1)
    witness.logs.write(replace(seen, head=replace(seen.head, signatures=(*lines, early))))


def test_an_opening_is_not_published_with_a_time_before_it(lite: Poll, tmp_path: Path) -> None:
    rehearsal = started(tmp_path / "new")
    rehearsal.ceremony()
    office = rehearsal.office
    log = office.log()
    log.append([office.officers_sign(Roll(count=40, credentials_root="00" * 32, spares=0, spares_root="00" * 32))])
    opens = office.manifest.opens_at
    behind = SimulatedClock(opens - 2)
    slow(log, 0, behind)
    rehearsal.clock.move_to(opens)
    log.append([office.officers_sign(Open(election_key=office.context().election_key.hex()))])
    assert log.cosign() is False
    behind.move_to(opens)
    assert log.cosign() is True
    time = log.time_at(log.size)
    assert time is not None
    assert time >= opens
