"""What several commands do after they have changed the log."""

from __future__ import annotations

from stembus.audit.log.source import FolderPlace
from stembus.audit.log_view import read_log
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.office.office import Office
from stembus.scripts.shell import say
from stembus.tally.trustee import make_election_key


def settle(log: LogWriter) -> bool:
    """Asks witnesses for the head's cosignatures, and says so when they are missing: then nobody sees the step yet."""
    if log.cosign():
        return True
    say(
        "a quorum of witnesses has not seen this step yet: it is kept and not published, and nothing can follow it; "
        "run the same command again"
    )
    return False


def elect(office: Office) -> None:
    """The last confirmation makes the election key."""
    log = office.log()
    if settle(log) and log.order.agreed:
        log.append([make_election_key(read_log(FolderPlace(office.public)))])
        say("logged: the election key; all trustees have confirmed it")
