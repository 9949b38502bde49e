"""A voter's evidence, held against a verified log (V30): a promise, a receipt.

A signed promise that the log does not keep, or that gives the ballot another number than it has, is evidence against
the ballot box; a signed checkpoint that contradicts the log is evidence against the log. A file that is neither proves
nothing, which is no fault of the referendum.
"""

from __future__ import annotations

import hashlib

from stembus.audit.errors import AuditError, CannotRead, ReceiptInvalid
from stembus.audit.formats.cast_ballot import BallotContext, peek
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.formats.receipt import Promise, check_promise, check_receipt, parse_promise, parse_receipt
from stembus.audit.log.note import Checkpoint, check_log_signature
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ballots import context_of
from stembus.audit.verify.report import Report
from stembus.audit.verify.verified_log import VerifiedLog

_ENDED = (Phase.CLOSED, Phase.TALLIED, Phase.CANCELLED)


def check_voter_evidence(report: Report, promise: bytes | None, receipt: bytes | None) -> str:
    """Adds what is found to the report (V30). Returns where the promised ballot stands, in words."""
    if report.log is None:
        return "not looked for: the log did not verify, so nothing in it keeps a promise"
    try:
        parsed, found = None, []
        if promise is not None:
            parsed = _parse(report, report.log, promise)
            found.append(_find(report.log, parsed, report) if parsed else "the promise proves nothing")
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


def _find(log: VerifiedLog, promise: Promise, report: Report) -> str:
    """Looks through the promised batch only."""
    context: BallotContext | None = None
    for index, raw, entry in log.entries():
        if isinstance(entry.body, ElectionKey):
            context = context_of(log.manifest_raw, raw)
        if entry.type != "batch" or getattr(entry.body, "number", 0) != promise.batch:
            continue
        for position in range(index + 1, index + 1 + int(getattr(entry.body, "size", 0))):
            ballot = log.tree.entry(position)
            if hashlib.sha256(ballot).hexdigest() == promise.cast_hash:
                if context is None or peek(context, ballot).hex() != promise.ballot_id:
                    report.breach("V30", "promise", f"it gives the ballot at entry {position} another number")
                    return "broken"
                return f"kept: the ballot is entry {position}, in batch {promise.batch}"
        report.breach("V30", f"entry {index}", f"batch {promise.batch} lacks the ballot that was promised for it")
        return "broken"
    if log.phase in _ENDED:
        report.breach("V30", "promise", f"the log closed without batch {promise.batch}, which was promised")
        return "broken"
    return f"not due yet: the ballot is promised for batch {promise.batch}"


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
    return f"the receipt holds: entry {receipt.index} is that ballot"


def _contradicts(log: VerifiedLog, seen: Checkpoint) -> bool:
    """Raises ReceiptInvalid for a checkpoint that is larger than this copy of the log."""
    if seen.size > log.head.size:
        raise ReceiptInvalid(f"its checkpoint is of {seen.size} entries; this copy of the log has {log.head.size}")
    return seen.size > 0 and log.tree.root_at(seen.size) != seen.root
