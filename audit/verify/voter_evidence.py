"""A voter's evidence, held against the published log (V30): a promise, a receipt.

A promise that the log does not keep is evidence against the ballot box; a receipt must name the very
ballot that was promised.
"""

from __future__ import annotations

import hashlib

from stembus.audit.errors import AuditError, ReceiptInvalid
from stembus.audit.formats.cast_ballot import peek
from stembus.audit.formats.receipt import Promise, check_promise, check_receipt, parse_promise, parse_receipt
from stembus.audit.log.source import Place
from stembus.audit.log_view import LogView, read_log
from stembus.audit.verify.ballots import context_of
from stembus.audit.verify.report import Report


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
    except AuditError as error:
        report.breach("V30", "receipt" if receipt is not None else "promise", str(error))
    return found


def _find(log: LogView, promise: Promise, report: Report) -> str:
    """Looks through the promised batch only."""
    for index, _, entry in log.entries():
        if entry.type != "batch" or getattr(entry.body, "number", 0) != promise.batch:
            continue
        for position in range(index + 1, index + 1 + int(getattr(entry.body, "size", 0))):
            raw = log.reader.entry(position)
            if hashlib.sha256(raw).hexdigest() == promise.cast_hash:
                if _ballot_id(log, raw) != promise.ballot_id:
                    report.breach("V30", "promise", "the promised ballot is in its batch, and has another ballot id")
                    return "false: it names another ballot id"
                return f"kept: the ballot is entry {position}, in batch {promise.batch}"
        report.breach("V30", f"entry {index}", f"batch {promise.batch} lacks the ballot that was promised for it")
        return "broken"
    if report.finished or report.figures.phase == "closed":
        report.breach("V30", "promise", f"the log closed without batch {promise.batch}, which was promised")
        return "broken"
    return f"not due yet: the ballot is promised for batch {promise.batch}"


def _ballot_id(log: LogView, raw: bytes) -> str | None:
    """None for bytes that are no ballot of this referendum, or when there is no election key."""
    key = next((key for _, key, entry in log.entries() if entry.type == "election-key"), None)
    context = context_of(log.manifest_raw, key) if key is not None else None
    return peek(context, raw).hex() if context is not None and len(raw) == context.size else None


def _check_receipt(log: LogView, data: bytes, promise: Promise | None) -> None:
    receipt = parse_receipt(data)
    raw = log.reader.entry(receipt.index)
    check_receipt(log.manifest, receipt, raw)
    seen = receipt.checkpoint
    if seen.size > log.head.size or log.reader.subtree(0, seen.size) != seen.root:
        raise ReceiptInvalid("the receipt's checkpoint contradicts this log: two histories were signed")
    if promise is not None and hashlib.sha256(raw).hexdigest() != promise.cast_hash:
        raise ReceiptInvalid("the receipt is for another ballot than the promise")
