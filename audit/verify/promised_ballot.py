"""What became of a ballot that the box promised: one of four verdicts, or that it is too early to say (V30).

Decides the verdict from a verified log alone: *kept* (it stands in the promised batch, or in an earlier one), *late
but counted* (in a later one), *superseded* (not in the log, but a later valid cast of the same token is), *broken*
(voting was closed without either, or the promise gave the ballot another number). Leaves signatures of promises, and
what a report says of each verdict, to `voter_evidence`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from stembus.audit.formats.cast_ballot import BallotContext, CastBallot, parse_ballot, peek
from stembus.audit.formats.entry_bodies import Batch, ElectionKey
from stembus.audit.formats.receipt import Promise
from stembus.audit.verify.ballots import BallotRefused, check_ballot, context_of
from stembus.audit.verify.verified_log import VerifiedLog


class Verdict(Enum):
    """The first four are final. MISSING: its batch stands without it, and voting is not closed, so that it can still
    be handed in. NOT_DUE: its batch is still to come. VOID: the referendum was cancelled before the close, and nothing
    is counted."""

    KEPT = "kept"
    LATE = "late but counted"
    SUPERSEDED = "superseded by the same token"
    BROKEN = "broken"
    MISSING = "missing so far"
    NOT_DUE = "not due yet"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Sought:
    """The ballot that is looked for, its hashes in hexadecimal, and the batch for which it was promised: 0 for one that
    was sent and never promised."""

    cast_hash: str
    ballot_id: str
    batch: int

    @classmethod
    def of(cls, promise: Promise) -> Sought:
        return cls(promise.cast_hash, promise.ballot_id, promise.batch)


@dataclass(frozen=True, slots=True)
class Fate:
    """`index` is the entry of the ballot (of the later cast, if superseded) and `batch` its batch; without a ballot
    `index` is the header of the promised batch, if that stands. `renamed`: the promise gives it another number."""

    verdict: Verdict
    index: int | None = None
    batch: int | None = None
    renamed: bool = False


@dataclass
class _Seen:
    """What one walk through the log has found."""

    context: BallotContext | None = None
    header: int | None = None
    closed: bool = False
    cancelled: bool = False
    later: tuple[int, int] | None = None


def ballot_context(log: VerifiedLog) -> BallotContext | None:
    """None before the key ceremony is done."""
    keys = (raw for _, raw, entry in log.entries() if isinstance(entry.body, ElectionKey))
    return next((context_of(log.manifest_raw, raw) for raw in keys), None)


def fate_of(log: VerifiedLog, sought: Sought, ballot: CastBallot | None = None) -> Fate:
    """Looks through all batches. Only with the `ballot` itself can it tell that its token cast again later: a promise
    names no token. Raises CannotRead."""
    seen = _Seen()
    for index, raw, entry in log.entries():
        body = entry.body
        if isinstance(body, ElectionKey):
            seen.context = context_of(log.manifest_raw, raw)
        elif isinstance(body, Batch):
            if body.number == sought.batch:
                seen.header = index
            found = _in_batch(log, seen, index, body, sought, ballot)
            if found is not None:
                return found
        seen.closed |= entry.type == "close"
        seen.cancelled |= entry.type == "cancel"
    if sought.batch and seen.header is None and not seen.closed:
        return Fate(Verdict.VOID if seen.cancelled else Verdict.NOT_DUE)
    if seen.later is not None:
        return Fate(Verdict.SUPERSEDED, *seen.later)
    if seen.closed:
        return Fate(Verdict.BROKEN, seen.header)
    return Fate(Verdict.VOID if seen.cancelled else Verdict.MISSING, seen.header)


def _in_batch(
    log: VerifiedLog, seen: _Seen, header: int, batch: Batch, sought: Sought, own: CastBallot | None
) -> Fate | None:
    for index in range(header + 1, header + 1 + batch.size):
        raw = log.tree.entry(index)
        if hashlib.sha256(raw).hexdigest() == sought.cast_hash:
            if seen.context is None or peek(seen.context, raw).hex() != sought.ballot_id:
                return Fate(Verdict.BROKEN, index, batch.number, renamed=True)
            return Fate(Verdict.KEPT if batch.number <= sought.batch else Verdict.LATE, index, batch.number)
        if seen.later is None and own is not None and seen.context is not None and _replaces(seen.context, raw, own):
            seen.later = (index, batch.number)
    return None


def _replaces(context: BallotContext, raw: bytes, own: CastBallot) -> bool:
    """Whether an entry is a valid later cast of this ballot's token. What is not valid counts for nothing."""
    if own.token_key not in raw:
        return False
    try:
        ballot = check_ballot(context, raw)
    except BallotRefused:
        return False
    return ballot.token_key == own.token_key and ballot.seq > own.seq


def parse_promised(context: BallotContext, raw: bytes, promise: Promise) -> CastBallot | None:
    """The ballot that was promised; None if these bytes are another one. Raises AuditError or CryptoError for what is
    no ballot."""
    if hashlib.sha256(raw).hexdigest() != promise.cast_hash:
        return None
    return parse_ballot(context, raw)
