"""Rows in which the machine fails: its disk, its rights, its clock, its database server.

Decides the faults and their order; how each is made is in `faulty_machine`.
"""

from __future__ import annotations

import signal
import time

from stembus.scripts.develop.faults.ending import Outcome, finish
from stembus.scripts.develop.faults.faulty_machine import disk_of_its_own, fill, read_only
from stembus.scripts.develop.faults.poll import Poll, RowFailed
from stembus.scripts.develop.faults.processes import ServiceRefused

_HOUR = 3600


def postgresql_restarts(poll: Poll, outcome: Outcome) -> None:
    """The server crashes or restarts under load, and is away for up to two seconds."""
    assert poll.server is not None
    poll.until_more(3)
    rounds = max(2, round(10 * poll.size))
    for _ in range(rounds):
        poll.server.restart(poll.rng.choice([signal.SIGQUIT, signal.SIGINT]), poll.rng.uniform(0, 2))
        poll.until_more(3)
    poll.recoveries.append(f"the server came back {rounds} times")
    finish(poll, outcome)


def disk_full(poll: Poll, outcome: Outcome) -> None:
    """Folder, log and (on SQLite) database of the box share a disk that fills up, to the byte or nearly."""
    poll.until_more(3)
    poll.pause()
    poll.box.stop()
    used = sum(path.stat().st_size for path in poll.office.rglob("*") if path.is_file())
    with disk_of_its_own(poll.office, used // 1024**2 + 4):
        poll.box.start()
        poll.go_on()
        poll.until_more(3)
        for _ in range(max(3, round(8 * poll.size))):
            filler = fill(poll.office, poll.rng.choice([0, 0, 4096, 20_000, 60_000, 200_000]))
            time.sleep(6)
            filler.unlink()
            poll.until_more(3)
        if not poll.refusals["seal"] + poll.voters.refusals["ServiceUnreachable"]:
            outcome.problems.append("no seal and no ballot was refused on a full disk: this row tried nothing")
        poll.recoveries.append("room was made each time")
        try:
            poll.until_batches(1)
            finish(poll, outcome)
        finally:
            poll.pause()
            poll.box.stop()


def read_only_folders(poll: Poll, outcome: Outcome) -> None:
    """The log's folders, the box's, then all: while the service runs, and while it starts anew."""
    poll.until_batches(1)
    office = poll.office
    for folders in ([office / "public", office / "log"], [office / "box"], [office]):
        before, cast = poll.refusals["seal"], poll.voters.count()
        with read_only(*folders):
            until = time.monotonic() + 8
            while time.monotonic() < until and poll.refusals["seal"] == before:
                time.sleep(0.2)
            if len(folders) == 1:
                poll.box.stop()
                try:
                    poll.box.start()
                except ServiceRefused:
                    poll.recoveries.append("the box did not start while its folder was read-only")
                time.sleep(2)
            went_on = poll.voters.count() - cast
        poll.recoveries.append(
            f"{', '.join(folder.name for folder in folders)} writable again, after {went_on} more ballots"
        )
        if len(folders) == 1:
            poll.box.stop()
            poll.box.start()
        poll.until_more(3)
        poll.until_batches(1)
    finish(poll, outcome)


def clocks(poll: Poll, outcome: Outcome) -> None:
    """Two hours forward, back again, back before the opening; at last it is right, and goes on."""
    poll.until_batches(1)
    poll.set_clock(2 * _HOUR)
    poll.until_batches(1)
    poll.set_clock(0)
    poll.until_more(3)
    poll.set_clock(-_HOUR)
    before, until = poll.voters.refusals["NotOpenYet"], time.monotonic() + 60
    while poll.voters.refusals["NotOpenYet"] == before:
        if time.monotonic() > until:
            raise RowFailed("no ballot was refused before the opening")
        time.sleep(0.2)
    poll.set_clock(0)
    poll.until_more(3)
    poll.set_clock(2 * _HOUR + 600)
    poll.recoveries.append("the clock passed the time that witnesses had signed")
    poll.until_batches(1)
    finish(poll, outcome)


def clock_past_the_close(poll: Poll, outcome: Outcome) -> None:
    """The clock jumps over the close for a moment, while the timer runs, and is put right."""
    poll.until_batches(1)
    poll.to_close(seconds=-60)
    before, until = poll.voters.refusals["Closed"], time.monotonic() + 60
    while poll.voters.refusals["Closed"] == before:
        if time.monotonic() > until:
            raise RowFailed("no ballot was refused after the close")
        time.sleep(0.2)
    time.sleep(5)
    poll.set_clock(0)
    poll.voters.forget_close()
    poll.until_more(3)
    poll.recoveries.append("the clock is right again")
    # If a batch went out meanwhile, its witnesses signed a time of that hour, and sign nothing before it has come.
    finish(poll, outcome, late=180)
