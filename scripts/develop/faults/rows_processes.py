"""Rows in which processes die, hang, drip, or are more than they should be; and the close in the midst of casts.

Decides the faults and their order; every random moment comes from the row's own seed.
"""

from __future__ import annotations

import shutil
import time

from stembus.scripts.develop.faults.ending import Outcome, finish
from stembus.scripts.develop.faults.faulty_machine import DrippingServer
from stembus.scripts.develop.faults.poll import Poll, RowFailed, free_port
from stembus.scripts.develop.faults.recovering import hand_in
from stembus.scripts.develop.faults.voters import Acknowledged

_PATIENCE = 120  # seconds in which a seal must end by itself; systemd ends it after 300


def kills(poll: Poll, outcome: Outcome) -> None:
    """Workers, masters, `seal` and `close`, at random moments, while people vote."""
    many = max(4, round(160 * poll.size))
    at_close = max(1, round(12 * poll.size))
    poll.seal_kills = 0.7
    poll.until_more(2)
    while poll.kills.total() < many:
        for _ in range(poll.rng.randint(1, 5)):
            service = poll.rng.choice([poll.box, poll.box, poll.registrar])
            if service.kill(poll.rng):
                poll.kills[service.name] += 1
            time.sleep(poll.rng.uniform(0, 0.6))
        poll.until_more(1)  # kills without a cast between them would try nothing
    poll.seal_kills = 0
    poll.until_more(3)
    finish(poll, outcome, kills=at_close)


def casts_across_the_close(poll: Poll, outcome: Outcome) -> None:
    """The closing time comes while everybody casts, and `close` is run again and again around it."""
    poll.until_more(6)
    poll.to_close(seconds=6)
    early = poll.command("close", str(poll.office))
    while early.status != 0:
        if "ballots are accepted until" not in early.error:
            raise RowFailed(f"close was refused otherwise: {early.error}")
        early = poll.command("close", str(poll.office))
    if not poll.voters.until_closed(120):
        raise RowFailed(f"devices were not told of the close: {poll.voters.troubles[-1:]}")
    poll.rest_timer()
    finish(poll, outcome, closed=True)


def two_boxes(poll: Poll, outcome: Outcome) -> None:
    """Two services and two timers on one folder and one database: devices use both in turn."""
    port = free_port()
    second = poll.service("box", port, poll.office)
    poll.finally_undo(second.stop)
    second.start()
    poll.boxes.append(f"http://127.0.0.1:{port}")
    for device in poll.voters.devices:
        device.use_boxes(poll.boxes)
    until = poll.voters.count() + max(10, round(60 * poll.size))
    while poll.voters.count() < until:
        poll.seal()  # a second timer
    finish(poll, outcome)


def copied_box(poll: Poll, outcome: Outcome) -> None:
    """A second box on a copy of the whole folder takes ballots that the first never sees. Half of the devices use it;
    the log shows each of them that its promise was not kept, and they hand their ballots in where they belong."""
    poll.until_batches(1)
    poll.pause()
    copy = poll.folder / "copied-office"
    shutil.copytree(poll.office, copy)
    port = free_port()
    second = poll.service("box", port, copy)
    poll.finally_undo(second.stop)
    second.start()
    astray = poll.voters.devices[::2]
    for device in astray:
        device.use_boxes([f"http://127.0.0.1:{port}"])
    poll.go_on()
    poll.until_batches(2)
    poll.until_more(4)
    poll.pause()
    second.stop()
    for device in astray:
        device.use_boxes(poll.boxes)
    poll.seal()
    logged = poll.logged()
    missing = [b for device in poll.voters.devices for b in device.acknowledged() if not logged.has(b)]
    poll.recoveries += [name_by_its_promise(poll, missing[0]), hand_in(poll, missing)] if missing else []
    poll.named += len(missing)
    poll.go_on()
    poll.until_more(3)
    finish(poll, outcome)


def name_by_its_promise(poll: Poll, ballot: Acknowledged) -> str:
    """What a voter is told of a promise whose batch is in the log without the ballot. Raises RowFailed."""
    promise = poll.voters.devices[ballot.device].promise_of(ballot)
    public = str(poll.office / "public")
    ended = poll.command("verify", public, "--referendum", poll.referendum, "--promise", str(promise))
    if ended.status in (0, None):
        raise RowFailed(f"verify --promise says nothing of a ballot that is missing: {ended.stdout}")
    told = next((line for line in ended.stdout.splitlines() if "promise" in line), "")
    return f"verify --promise of a missing ballot ends with {ended.status}: {told.strip()}"


def registrar_hung(poll: Poll, outcome: Outcome) -> None:
    """Its port takes connections and never answers: ballots are taken all the same, batches wait for its count."""
    poll.until_batches(1)
    poll.registrar.freeze(True)
    poll.until_more(5)
    until_seal_is_refused(poll)
    poll.registrar.freeze(False)
    poll.until_batches(1)
    finish(poll, outcome)


def registrar_dripping(poll: Poll, outcome: Outcome) -> None:
    """It answers one byte each second, so that no single read takes too long."""
    poll.until_batches(1)
    poll.registrar.stop()
    dripping = DrippingServer(poll.registrar_port)
    poll.finally_undo(dripping.stop)
    poll.until_more(5)
    try:
        until_seal_is_refused(poll)
    except RowFailed as error:
        outcome.problems.append(str(error))
    dripping.stop()
    poll.registrar.start()
    poll.until_batches(1)
    finish(poll, outcome)


def until_seal_is_refused(poll: Poll) -> None:
    """Raises RowFailed when a running seal neither ends nor is refused."""
    before, until = poll.refusals["seal"], time.monotonic() + _PATIENCE
    while poll.refusals["seal"] == before:
        if time.monotonic() > until:
            raise RowFailed(f"seal waits for the registrar for more than {_PATIENCE} s")
        time.sleep(0.2)
