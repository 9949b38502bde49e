"""What became of a ballot that the box promised: one of four verdicts, or that it is too early to say (V30).

Decides the verdict from a verified log alone: *kept* (it stands in the promised batch, or in an earlier one), *late
but counted* (in a later one), *superseded* (not in the log, but a later valid cast of the same token is), *broken*
(voting was closed without either, or the promise gave the ballot another number). Leaves signatures of promises, and
what a report says of each verdict, to `voter_evidence`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
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
    `index` is the header of the promised batch, if that stands. `renamed`: the promise gives it another number.
    `later` is the entry of a valid later cast of its token, wherever it stands, and `twin` that of the same body signed
    for another turn, which takes this one's place."""

    verdict: Verdict
    index: int | None = None
    batch: int | None = None
    renamed: bool = False
    later: int | None = None
    twin: int | None = None


@dataclass
class _Question:
    """What is sought, and what of it the walk has found: entry and batch."""

    sought: Sought
    own: CastBallot | None
    header: int | None = None
    found: tuple[int, int] | None = None
    renamed: bool = False
    later: tuple[int, int] | None = None
    twin: int | None = None


def ballot_context(log: VerifiedLog) -> BallotContext | None:
    """None before the key ceremony is done."""
    keys = (raw for _, raw, entry in log.entries() if isinstance(entry.body, ElectionKey))
    return next((context_of(log.manifest_raw, raw) for raw in keys), None)


def fate_of(log: VerifiedLog, sought: Sought, ballot: CastBallot | None = None) -> Fate:
    """Looks through all batches. Only with the `ballot` itself can it tell that its token cast again later: a promise
    names no token. Raises CannotRead."""
    return fates_of(log, [(sought, ballot)])[0]


def fates_of(log: VerifiedLog, wanted: Sequence[tuple[Sought, CastBallot | None]]) -> list[Fate]:
    """Of several, in one walk through the log. Raises CannotRead."""
    questions = [_Question(*each) for each in wanted]
    closed = cancelled = False
    context: BallotContext | None = None
    for index, raw, entry in log.entries():
        body = entry.body
        if isinstance(body, ElectionKey):
            context = context_of(log.manifest_raw, raw)
        elif isinstance(body, Batch):
            for question in questions:
                if body.number == question.sought.batch:
                    question.header = index
            if context is not None:
                _look_through(log, context, index, body, questions)
        closed |= entry.type == "close"
        cancelled |= entry.type == "cancel"
    return [_fate(question, closed, cancelled) for question in questions]


def _look_through(
    log: VerifiedLog, context: BallotContext, header: int, batch: Batch, questions: Sequence[_Question]
) -> None:
    by_hash, by_token = defaultdict[bytes, list[_Question]](list), defaultdict[bytes, list[_Question]](list)
    for question in questions:
        by_hash[bytes.fromhex(question.sought.cast_hash)].append(question)
        if question.own is not None:
            by_token[question.own.token_key].append(question)
    token = slice(context.token_at, context.token_at + 32)
    for index in range(header + 1, header + 1 + batch.size):
        raw = log.tree.entry(index)
        for question in by_hash.get(hashlib.sha256(raw).digest(), ()):
            question.found = question.found or (index, batch.number)
            question.renamed = peek(context, raw).hex() != question.sought.ballot_id
        for question in by_token.get(raw[token], ()):
            _compare(context, (index, batch.number), raw, question)


def _compare(context: BallotContext, place: tuple[int, int], raw: bytes, question: _Question) -> None:
    own = question.own
    if own is None or raw == own.raw:
        return
    if question.later is None and _replaces(context, raw, own):
        question.later = place
    if question.twin is None and raw[: len(own.body) + 1] == own.raw[: len(own.body) + 1] and _is_valid(context, raw):
        question.twin = place[0]


def _fate(question: _Question, closed: bool, cancelled: bool) -> Fate:
    later = None if question.later is None else question.later[0]
    if question.found is not None:
        index, number = question.found
        if question.renamed:
            return Fate(Verdict.BROKEN, index, number, renamed=True)
        verdict = Verdict.KEPT if number <= question.sought.batch else Verdict.LATE
        return Fate(verdict, index, number, later=later)
    if question.sought.batch and question.header is None and not closed:
        return Fate(Verdict.VOID if cancelled else Verdict.NOT_DUE, later=later, twin=question.twin)
    if question.later is not None:
        return Fate(Verdict.SUPERSEDED, *question.later, later=later, twin=question.twin)
    if closed:
        return Fate(Verdict.BROKEN, question.header, twin=question.twin)
    return Fate(Verdict.VOID if cancelled else Verdict.MISSING, question.header, twin=question.twin)


def _is_valid(context: BallotContext, raw: bytes) -> bool:
    try:
        check_ballot(context, raw)
    except BallotRefused:
        return False
    return True


def _replaces(context: BallotContext, raw: bytes, own: CastBallot) -> bool:
    """Whether an entry is a valid later cast of this ballot's token. What is not valid counts for nothing."""
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
