"""What several commands do after they have changed the log."""

from __future__ import annotations

from stembus.audit.state_machine import Phase
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.office.office import Office
from stembus.scripts.published import verified_log
from stembus.scripts.shell import say
from stembus.tally.trustee import make_election_key


def settle(log: LogWriter) -> bool:
    """Asks witnesses for the head's cosignatures, and says so when they are missing: then nobody sees the step yet."""
    if log.cosign():
        return True
    say(
        "a quorum of witnesses has not seen this step yet: it is kept and not published, and nothing can follow it; "
        f"run the same command again{log.why()}"
    )
    return False


def elect(office: Office) -> bool:
    """The last drill of the ceremony makes the election key; whether it was logged now."""
    log = office.log()
    if settle(log) and log.order.phase is Phase.CEREMONY and log.order.drilled_by_all:
        with verified_log(str(office.public), office.referendum) as published:
            entry = make_election_key(published)
        log.append([entry])
        say("logged: the election key; all trustees have confirmed it, and drilled")
        settle(log)
        return True
    return False
