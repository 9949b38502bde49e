"""Rows in which files of a folder are lost, or came back from an older copy.

Decides the faults and their order; the recovery is the one that the refusal itself asks for.
"""

from __future__ import annotations

import shutil

from stembus.scripts.develop.faults.ending import Outcome, finish
from stembus.scripts.develop.faults.poll import Poll, RowFailed
from stembus.scripts.develop.faults.recovering import complete_log, demand_command_refused, demand_refusal

_LOG_FOLDERS = ("public", "log")


def old_log_folder(poll: Poll, outcome: Outcome) -> None:
    """`public/` and `log/` come back from a backup, under the running service; somebody has a newer `public/`."""
    poll.until_batches(1)
    poll.pause()
    for name in _LOG_FOLDERS:
        shutil.copytree(poll.office / name, poll.folder / f"old-{name}")
    poll.go_on()
    poll.until_batches(2)
    poll.pause()
    for name in _LOG_FOLDERS:
        (poll.office / name).rename(poll.folder / f"newest-{name}")
        shutil.copytree(poll.folder / f"old-{name}", poll.office / name)
    if poll.voters.attempt(poll.voters.devices[0].vote):
        raise RowFailed("the running box promised a ballot with an older log")
    demand_command_refused(poll, "seal", str(poll.office))
    poll.box.stop()
    demand_refusal(poll.box)
    complete_log(poll, poll.folder / "newest-public")
    poll.box.start()
    poll.go_on()
    poll.until_more(3)
    finish(poll, outcome)


def lost_pepper(poll: Poll, outcome: Outcome) -> None:
    """The registrar does not start; ballots of those who have a token are taken; then a backup brings it back."""
    half = len(poll.voters.devices) // 2
    poll.voters.invite(half)
    poll.until_all_vote()
    pepper = poll.registrars / "registrar-1" / "pepper"
    backup = poll.folder / "pepper"
    poll.registrar.stop()
    pepper.rename(backup)
    demand_refusal(poll.registrar)
    if pepper.exists():
        raise RowFailed("a new pepper was made in the place of the lost one")
    poll.until_more(3)
    shutil.copy(backup, pepper)
    poll.recoveries.append("the pepper was brought back from a backup")
    poll.registrar.start()
    poll.voters.invite(len(poll.voters.devices))
    poll.until_all_vote()
    finish(poll, outcome)


def lost_checkpoint(poll: Poll, outcome: Outcome) -> None:
    """The published head is gone: nothing is begun anew, and an older copy's head is no substitute; a mirror has it."""
    poll.until_batches(1)
    poll.pause()
    head = poll.office / "public" / "checkpoint"
    older, mirror = poll.folder / "older-checkpoint", poll.folder / "mirror"
    shutil.copy(head, older)
    poll.go_on()
    poll.until_batches(1)
    poll.pause()
    shutil.copytree(poll.office / "public", mirror)
    head.unlink()
    demand_command_refused(poll, "seal", str(poll.office))
    poll.box.stop()
    demand_refusal(poll.box)
    shutil.copy(older, head)
    demand_refusal(poll.box)
    demand_command_refused(poll, "seal", str(poll.office))
    complete_log(poll, mirror)
    poll.box.start()
    poll.go_on()
    poll.until_more(3)
    finish(poll, outcome)
