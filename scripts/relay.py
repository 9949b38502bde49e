"""Ballots that people hand to a monitor because the ballot box refused them: they are checked, and brought to the box.

The box sees where a request comes from; brought by a monitor, a ballot comes from there, and what the box answers is
seen by somebody else than the voter. Decides what is asked, and what an answer means. A ballot holds no person, and a
monitor keeps no address and no time of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import create_durably
from stembus.audit.errors import AuditError, CannotRead, ReceiptInvalid
from stembus.audit.formats.cast_ballot import CastBallot
from stembus.audit.formats.receipt import check_promise, encode_promise
from stembus.audit.monitor.watch import PROMISES, Brought, Relayed
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.audit.verify.promised_ballot import Sought, Verdict, ballot_context, fate_of
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.errors import BallotError, CastOutOfTurn, NotOpen
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.voter.remote import RemoteBox
from stembus.crypto.errors import CryptoError

BALLOTS = "ballots"


def relay(log: VerifiedLog, folder: Path) -> Iterator[Brought]:
    """Looks for each ballot of the folder in the log, and brings what is missing to the box. Raises CannotRead."""
    for path in sorted((folder / BALLOTS).glob("*")):
        if path.is_file():
            yield _bring(log, folder, path)


def _bring(log: VerifiedLog, folder: Path, path: Path) -> Brought:
    try:
        ballot = _checked(log, path)
    except CannotRead:
        raise
    except (AuditError, CryptoError, BallotRefused, OSError) as error:
        return Brought(path.name, Relayed.INVALID, str(error))
    digest = hashlib.sha256(ballot.raw).hexdigest()
    fate = fate_of(log, Sought(digest, ballot.ballot_id.hex(), 0), ballot)
    if fate.verdict in (Verdict.KEPT, Verdict.LATE):
        return Brought(path.name, Relayed.LOGGED)
    if fate.verdict is Verdict.SUPERSEDED:
        return Brought(path.name, Relayed.REPLACED)
    if log.phase is not Phase.OPEN:
        return Brought(path.name, Relayed.LATE)
    return _cast(log, folder, path.name, ballot, digest)


def _checked(log: VerifiedLog, path: Path) -> CastBallot:
    context = ballot_context(log)
    if context is None:
        raise ReceiptInvalid("voting has not begun")
    with path.open("rb") as file:
        return check_ballot(context, file.read(bounds.ENTRY_BYTES + 1))


def _cast(log: VerifiedLog, folder: Path, name: str, ballot: CastBallot, digest: str) -> Brought:
    try:
        promise = RemoteBox(log.manifest.box.url).cast(ballot.raw)
        check_promise(log.manifest, log.referendum, promise)
        if promise.cast_hash != digest:
            raise ReceiptInvalid("what it promises is another ballot")
    except ServiceUnreachable as error:
        return Brought(name, Relayed.UNANSWERED, str(error))
    except CastOutOfTurn as error:
        return Brought(name, Relayed.REPLACED, str(error))
    except NotOpen as error:
        return Brought(name, Relayed.LATE, str(error))
    except (BallotError, AuditError) as error:
        return Brought(name, Relayed.REFUSED, str(error))
    kept = folder / PROMISES / f"relayed-{digest[:16]}-{promise.batch}.json"
    if not kept.exists():
        create_durably(kept, encode_promise(promise))
    return Brought(name, Relayed.TAKEN)
