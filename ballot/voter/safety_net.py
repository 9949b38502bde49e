"""The voter's device as the last safety net: looks for what it sent in a verified log, and hands in what is missing.

Decides what follows from each verdict: a ballot that was found leaves its receipt; one that a later cast replaced, or a
cancellation made void, goes; one that its promised batch lacks is handed in again; and one whose promise was broken
stays as evidence. Leaves the verdict to `audit.verify.promised_ballot`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import CastBallot, parse_ballot
from stembus.audit.formats.receipt import Promise, check_receipt, make_receipt
from stembus.audit.verify.promised_ballot import Fate, Sought, Verdict, fate_of
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.errors import BallotError
from stembus.ballot.voter.session import VotingSession
from stembus.crypto.errors import CryptoError


@dataclass(frozen=True, slots=True)
class LookedAfter:
    """How it stands with one ballot: what the log shows, and what was done about it. `again` is the new promise of a
    ballot that was handed in again, `refusal` why the box did not take it, `receipt` the file of a receipt."""

    ballot_id: str
    fate: Fate
    receipt: Path | None = None
    again: Promise | None = None
    refusal: str = ""


def look_after(session: VotingSession, log: VerifiedLog, over: bool = False) -> Iterator[LookedAfter]:
    """In the order of their turns. Only the newest ballot is handed in again: it is the one that counts, and after it
    the box takes no earlier one; also while the log heals, which `over` says: that no ballot is taken any more for the
    first time. Raises CannotRead, RecordInvalid for a damaged promise."""
    sent = sorted(_parsed(session), key=lambda ballot: ballot.seq)
    for ballot in sent:
        yield _look(session, log, ballot, ballot is sent[-1], over)


def _parsed(session: VotingSession) -> Iterator[CastBallot]:
    """A damaged file is left where it is; sending it would be refused."""
    for raw in (*session.sent.promised(), session.sent.unanswered()):
        try:
            if raw is not None:
                yield parse_ballot(session.setup.context, raw)
        except (AuditError, CryptoError):
            continue


def _look(session: VotingSession, log: VerifiedLog, ballot: CastBallot, newest: bool, over: bool) -> LookedAfter:
    raw, number = ballot.raw, ballot.ballot_id.hex()
    promises = session.sent.promises(raw)
    batch = promises[0].batch if promises else 0
    fate = fate_of(log, Sought(hashlib.sha256(raw).hexdigest(), number, batch), ballot)
    if fate.verdict is Verdict.MISSING and promises[1:]:
        # It was handed in again before: what is due is the newest promise.
        fate = fate_of(log, Sought(hashlib.sha256(raw).hexdigest(), number, promises[-1].batch), ballot)
    match fate.verdict:
        case Verdict.KEPT | Verdict.LATE if fate.index is not None:
            receipt = make_receipt(fate.index, log.tree.inclusion(fate.index), log.head)
            check_receipt(log.manifest, receipt, raw)
            return LookedAfter(number, fate, session.sent.found(raw, receipt))
        case Verdict.SUPERSEDED | Verdict.VOID:
            session.sent.drop(raw)
        case Verdict.NOT_DUE if newest and over:
            # The last batch may be in already, and its number below the promised one.
            with suppress(BallotError, AuditError):
                return LookedAfter(number, fate, again=session.hand_in_again(raw))
        case Verdict.MISSING if newest:
            try:
                return LookedAfter(number, fate, again=session.hand_in_again(raw))
            except (BallotError, AuditError) as error:
                return LookedAfter(number, fate, refusal=str(error))
    return LookedAfter(number, fate)
