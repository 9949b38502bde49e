"""What the official's guide says to do after a refusal, and what must have been refused before.

Decides how a recovery is run and what it must name: every acknowledged ballot that is not in the log was promised for
the batch that the command names, and the device that has it hands it in again. Leaves the faults to the rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from stembus.scripts.develop.faults.poll import Poll, RowFailed
from stembus.scripts.develop.faults.processes import Service, ServiceRefused
from stembus.scripts.develop.faults.voters import Acknowledged


def recover_box(poll: Poll) -> None:
    """The guide's recovery; then the devices hand in again what the command names as possibly missing."""
    ended = poll.until_done("box", "recover", str(poll.office))
    found = re.search(r"promised for batch (\d+) may be missing", re.sub(r"\s+", " ", ended.stderr))
    if found is None:
        raise RowFailed(f"box recover named no batch: {ended.stderr}")
    open_batch, logged = int(found[1]), poll.logged()
    missing = [ballot for ballot in poll.voters.acknowledged() if not logged.has(ballot)]
    unnamed = [ballot for ballot in missing if ballot.batch < open_batch]
    if unnamed:
        raise RowFailed(f"{len(unnamed)} ballots promised before batch {open_batch} are not in the log")
    poll.named += len(missing)
    poll.recoveries.append(f"box recover: batch {open_batch} named, {len(missing)} promised ballots not in the log")
    poll.box.start()
    again = [ballot for ballot in poll.voters.acknowledged() if ballot.batch >= open_batch]
    poll.recoveries.append(hand_in(poll, again))


def complete_log(poll: Poll, copy: Path) -> None:
    """Raises RowFailed when nothing was missing."""
    said = poll.until_done("log", "complete", str(poll.office), str(copy)).stdout
    if "entries were taken over" not in said:
        raise RowFailed(f"log complete found nothing to take over: {said}")
    poll.recoveries.append(f"log complete: {said.partition(';')[0]}")


def hand_in(poll: Poll, ballots: Sequence[Acknowledged]) -> str:
    """Devices give what they were promised again. Returns what to say of it. Raises RowFailed."""
    for ballot in ballots:
        device = poll.voters.devices[ballot.device]
        if not poll.voters.attempt(partial(device.hand_in, ballot)):
            raise RowFailed(f"a ballot was not taken again: {poll.voters.troubles[-1:]}")
    return f"devices handed in {len(ballots)} ballots again"


def demand_refusal(service: Service) -> None:
    """It must not start now. Raises RowFailed."""
    try:
        service.start()
    except ServiceRefused:
        return
    service.stop()
    raise RowFailed(f"{service.name} started all the same")


def demand_command_refused(poll: Poll, *arguments: str) -> None:
    """Raises RowFailed."""
    ended = poll.command(*arguments)
    if ended.status == 0:
        raise RowFailed(f"stembus {arguments[0]} was not refused: {ended.stderr}")
