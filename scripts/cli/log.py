"""Commands about the log's own folder.

Decides words only. What a copy must be to be taken over is decided by the verifier and `completion`.
"""

from __future__ import annotations

from pathlib import Path

import click

from stembus.scripts.published import verified_copy
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say


@click.group()
def log() -> None:
    """The log's folder."""


@log.command("complete")
@DIRECTORY
@click.argument("place", metavar="PLACE")
def log_complete(directory: Path, place: str) -> None:
    """Complete a log folder that was lost or came back from an older copy, from a newer copy of it.

    \b
    PLACE is a folder, a zip file or an address with the published log: of a mirror, an auditor, anybody who has
    one. It is verified first. Stop the services and the timer of seal before.
    Example:  stembus log complete kortrijk kortrijk-2019.zip
    """
    office = open_office(directory)
    with verified_copy(place, office.referendum) as (verified, copy):
        before = office.complete_log(verified, copy)
    if before is None:
        say(f"already done: {place} has nothing that is not in {office.public}; nothing was changed")
        return
    size = office.log().size
    taken = f"{size - before} entries" if size > before else "files that were missing"
    click.echo(f"{taken} were taken over; the log of {directory} has {size} entries now")
    next_step(f"stembus doctor {directory}; then start the services again")
