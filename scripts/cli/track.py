"""A voter's ballots after the cast: found in the log, or handed in again.

Decides words and exit status. What is kept, and what is handed in again, is decided in `ballot.voter`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from stembus.audit.clock import RealClock
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.promised_ballot import Verdict
from stembus.ballot.errors import RequestInvalid
from stembus.ballot.voter.safety_net import LookedAfter, look_after
from stembus.ballot.voter.session import VotingSession
from stembus.scripts.cli.reach import reach
from stembus.scripts.published import verified_log
from stembus.scripts.shell import say

# As `stembus verify --promise` ends for these verdicts, without what else a report may say.
_OUTCOMES = {
    Verdict.BROKEN: Outcome.BREACH,
    Verdict.VOID: Outcome.CANCELLED,
    Verdict.LATE: Outcome.FAULTS,
    Verdict.SUPERSEDED: Outcome.FAULTS,
    Verdict.MISSING: Outcome.FAULTS,
    Verdict.NOT_DUE: Outcome.UNFINISHED,
    Verdict.KEPT: Outcome.ESTABLISHED,
}


@click.command()
@click.argument("place", metavar="DIR|URL")
@click.option("--referendum", metavar="ID", help="The id on the letter; needed at an address.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Where stembus vote kept its files.")
def track(place: str, referendum: str | None, keep: Path | None) -> None:
    """Look for the ballots that were cast from this machine, and hand in again what is missing.

    \b
    The log is verified first. A ballot that is found goes, and its receipt stays; one that its promised
    batch lacks is handed in again, as long as the box takes it. No code and no second factor is asked for.
    Exit status: 0 all found in time, 1 a promise was broken, 4 waiting for a batch,
    5 late, replaced by a later vote, or handed in again, 6 the referendum was cancelled.
    Example:  stembus track https://vote.example.org --referendum ID
    """
    where = reach(place, referendum)
    root = keep or where.keep
    folders = sorted(path.parent for path in root.glob("*/voting-pass.json"))
    if not folders:
        raise RequestInvalid(f"no voting pass is kept in {root}; say where it is with --keep")
    outcomes, manifest = set(), where.setup.manifest
    over = RealClock().now() >= manifest.closes_at + manifest.grace_seconds
    with verified_log(where.published, where.setup.referendum) as log:
        for folder in folders:
            try:
                with VotingSession(where.setup, where.registrars, where.box, folder) as session:
                    for ballot in look_after(session, log, over):
                        outcomes.add(_OUTCOMES[ballot.fate.verdict])
                        _tell(ballot, session)
                    session.acknowledge()
            except RequestInvalid as error:
                say(f"passed over: {error}")
    if not outcomes:
        say("no ballot that was cast from here waits to be found")
    sys.exit(next((outcome.status for outcome in Outcome if outcome in outcomes), 0))


def _tell(ballot: LookedAfter, session: VotingSession) -> None:
    said = ballot.fate.verdict.value
    if ballot.receipt is not None:
        said += f": entry {ballot.fate.index}, in batch {ballot.fate.batch}"
    click.echo(f"ballot {grouped(ballot.ballot_id)}  {said}")
    for line in _about(ballot, session):
        say(line)


def _about(ballot: LookedAfter, session: VotingSession) -> Iterator[str]:
    if ballot.receipt is not None:
        yield f"its receipt is {ballot.receipt}"
    elif ballot.again is not None:
        yield f"it was handed in again, and is promised for batch {ballot.again.batch}; look again after that"
    elif ballot.fate.verdict is Verdict.MISSING:
        yield f"it was not handed in again: {ballot.refusal or 'a later one of this pass is'}; look again later"
    elif ballot.fate.verdict is Verdict.BROKEN:
        yield f"ballot and promises in {session.folder} are evidence: keep them, and call the help desk"
    elif ballot.fate.verdict is Verdict.SUPERSEDED:
        yield "a later vote with the same voting pass is in the log, and counts"
    elif ballot.fate.verdict is Verdict.VOID:
        yield "the referendum was cancelled, and nothing is counted"


def grouped(ballot_id: str) -> str:
    """A ballot's number in the groups in which the pages show it."""
    return " ".join(ballot_id[k : k + 4] for k in range(0, len(ballot_id), 4))
