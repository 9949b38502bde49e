"""A voter's evidence, held against the published log (V30): a promise, a receipt.

A promise that the log does not keep, or that gives the ballot another number than it has, is evidence against the
ballot box; a receipt must name the very ballot that was promised.
"""

from __future__ import annotations

import hashlib

from stembus.audit.errors import AuditError, ReceiptInvalid
from stembus.audit.formats.cast_ballot import BallotContext, peek
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.formats.receipt import Promise, check_promise, check_receipt, parse_promise, parse_receipt
from stembus.audit.log.source import Place
from stembus.audit.log_view import LogView, read_log
from stembus.audit.verify.report import Report
from stembus.crypto.errors import CryptoError


def check_voter_evidence(place: Place, report: Report, promise: bytes | None, receipt: bytes | None) -> str:
    """Adds V30 faults to the report of a verified bundle. Returns where the promised ballot stands, in words."""
    found = ""
    try:
        log = read_log(place)
        parsed = parse_promise(promise) if promise is not None else None
        if parsed is not None:
            check_promise(log.manifest, log.referendum, parsed)
            found = _find(log, parsed, report)
        if receipt is not None:
            _check_receipt(log, receipt, parsed)
    except (AuditError, CryptoError) as error:
        report.breach("V30", "receipt" if receipt is not None else "promise", str(error))
    return found


def _find(log: LogView, promise: Promise, report: Report) -> str:
    """Looks through the promised batch only."""
    context: BallotContext | None = None
    for index, raw, entry in log.entries():
        if isinstance(entry.body, ElectionKey):
            context = BallotContext.of(log.manifest, log.referendum, raw, entry.body)
        if entry.type != "batch" or getattr(entry.body, "number", 0) != promise.batch:
            continue
        for position in range(index + 1, index + 1 + int(getattr(entry.body, "size", 0))):
            ballot = log.reader.entry(position)
            if hashlib.sha256(ballot).hexdigest() == promise.cast_hash:
                if context is None or peek(context, ballot).hex() != promise.ballot_id:
                    report.breach("V30", "promise", f"it gives the ballot at entry {position} another number")
                    return "broken"
                return f"kept: the ballot is entry {position}, in batch {promise.batch}"
        report.breach("V30", f"entry {index}", f"batch {promise.batch} lacks the ballot that was promised for it")
        return "broken"
    if report.finished or report.figures.phase == "closed":
        report.breach("V30", "promise", f"the log closed without batch {promise.batch}, which was promised")
        return "broken"
    return f"not due yet: the ballot is promised for batch {promise.batch}"


def _check_receipt(log: LogView, data: bytes, promise: Promise | None) -> None:
    receipt = parse_receipt(data)
    raw = log.reader.entry(receipt.index)
    check_receipt(log.manifest, receipt, raw)
    seen = receipt.checkpoint
    if seen.size > log.head.size or log.reader.subtree(0, seen.size) != seen.root:
        raise ReceiptInvalid("the receipt's checkpoint contradicts this log: two histories were signed")
    if promise is not None and hashlib.sha256(raw).hexdigest() != promise.cast_hash:
        raise ReceiptInvalid("the receipt is for another ballot than the promise")
