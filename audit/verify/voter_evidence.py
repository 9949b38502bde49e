"""A voter's evidence, held against a verified log (V30): a promise, a receipt.

A broken promise is evidence against the ballot box, and a signed checkpoint that contradicts the log is evidence
against the log. A promise whose ballot came late, or was replaced by a later cast before it came, is a fault that cost
no vote. A file that is neither proves nothing, which is no fault of the referendum. What became of a promised ballot is
decided in `promised_ballot`.
"""

from __future__ import annotations

import hashlib

from stembus.audit.errors import AuditError, CannotRead, ReceiptInvalid
from stembus.audit.formats.cast_ballot import CastBallot
from stembus.audit.formats.receipt import Promise, check_promise, check_receipt, parse_promise, parse_receipt
from stembus.audit.log.note import Checkpoint, check_log_signature
from stembus.audit.verify.promised_ballot import Fate, Sought, Verdict, ballot_context, fate_of, parse_promised
from stembus.audit.verify.report import Report
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.errors import CryptoError


def check_voter_evidence(
    report: Report, promise: bytes | None, receipt: bytes | None, ballot: bytes | None = None
) -> str:
    """Adds what is found to the report (V30). Returns what became of the promised ballot, in words that begin with the
    verdict. `ballot` is the cast ballot of the promise, where the voter's device still has it."""
    if report.log is None:
        return "not looked for: the log did not verify, so nothing in it keeps a promise"
    try:
        parsed, found = None, []
        if promise is not None:
            parsed = _parse(report, report.log, promise)
            found.append(_look_for(report, report.log, parsed, ballot) if parsed else "the promise proves nothing")
        if receipt is not None:
            found.append(_check_receipt(report, report.log, receipt, parsed))
    except CannotRead as error:
        report.unchecked("promise", str(error))
        return "could not be looked for"
    except Exception as error:  # fail closed: what could not be looked for is not kept
        report.unchecked("promise", f"this part could not be finished: {type(error).__name__}: {error}")
        return "could not be looked for"
    report.done.add("V30")
    return "; ".join(found)


def _parse(report: Report, log: VerifiedLog, data: bytes) -> Promise | None:
    try:
        promise = parse_promise(data)
        check_promise(log.manifest, log.referendum, promise)
    except CannotRead:
        raise
    except AuditError as error:
        report.no_evidence("promise", str(error))
        return None
    return promise


def _look_for(report: Report, log: VerifiedLog, promise: Promise, raw: bytes | None) -> str:
    own = None
    if raw is not None:
        own = _own(log, promise, raw)
        if own is None:
            report.no_evidence("ballot", "this is not the ballot of the promise")
    return _judge(report, promise, fate_of(log, Sought.of(promise), own), own is not None)


def _own(log: VerifiedLog, promise: Promise, raw: bytes) -> CastBallot | None:
    context = ballot_context(log)
    try:
        return None if context is None else parse_promised(context, raw, promise)
    except CannotRead:
        raise
    except (AuditError, CryptoError):
        return None


def _judge(report: Report, promise: Promise, fate: Fate, with_ballot: bool) -> str:
    verdict, batch = fate.verdict.value, promise.batch
    where = "promise" if fate.index is None else f"entry {fate.index}"
    lacks = f"batch {batch} lacks the ballot that was promised for it"
    match fate.verdict:
        case Verdict.KEPT:
            return f"{verdict}: the ballot is entry {fate.index}, in batch {fate.batch}"
        case Verdict.LATE:
            report.stands("V30", where, f"the ballot stands in batch {fate.batch}, and was promised for batch {batch}")
            return f"{verdict}: the ballot is entry {fate.index}, in batch {fate.batch}"
        case Verdict.SUPERSEDED:
            message = (
                f"the ballot promised for batch {batch} is not in the log; a later cast of its token is, and counts"
            )
            report.stands("V30", "promise", message)
            return f"{verdict}: its later cast is entry {fate.index}, in batch {fate.batch}"
        case Verdict.MISSING:
            report.stands("V30", where, f"{lacks}; voting is not closed, and it can still be handed in")
            return f"{verdict}: hand the ballot in again"
        case Verdict.NOT_DUE:
            return f"{verdict}: the ballot is promised for batch {batch}"
        case Verdict.VOID:
            return f"{verdict}: the referendum was cancelled, and nothing is counted"
    if fate.renamed:
        report.breach("V30", "promise", f"it gives the ballot at entry {fate.index} another number")
        return verdict
    message = f"the log closed without batch {batch}, which was promised" if fate.index is None else lacks
    report.breach("V30", where, message)
    if with_ballot:
        return f"{verdict}: neither the ballot nor a later cast of its token is in the log"
    return f"{verdict}, unless the voter cast again with the same token: the ballot itself shows that"


def _check_receipt(report: Report, log: VerifiedLog, data: bytes, promise: Promise | None) -> str:
    try:
        receipt = parse_receipt(data)
        check_log_signature(receipt.checkpoint, log.manifest.log.origin, bytes.fromhex(log.manifest.log.key))
        # What the log signed is evidence against it, whatever else the receipt holds.
        if _contradicts(log, receipt.checkpoint):
            report.breach("V30", "receipt", "the receipt's checkpoint contradicts this log: two histories were signed")
            return "the receipt is of another history"
        raw = log.tree.entry(receipt.index)
        check_receipt(log.manifest, receipt, raw)
        if promise is not None and hashlib.sha256(raw).hexdigest() != promise.cast_hash:
            raise ReceiptInvalid("the receipt is for another ballot than the promise")
    except CannotRead:
        raise
    except AuditError as error:
        report.no_evidence("receipt", str(error))
        return "the receipt proves nothing"
    what = "in the log" if promise is None else "that ballot"
    return f"the receipt holds: entry {receipt.index} is {what}"


def _contradicts(log: VerifiedLog, seen: Checkpoint) -> bool:
    """Raises ReceiptInvalid for a checkpoint that is larger than this copy of the log."""
    if seen.size > log.head.size:
        raise ReceiptInvalid(f"its checkpoint is of {seen.size} entries; this copy of the log has {log.head.size}")
    return seen.size > 0 and log.tree.root_at(seen.size) != seen.root
