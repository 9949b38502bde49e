"""Trustees' decryptions that somebody hands in, held against a verified log (V30).

A referendum can be ended without a result because too few trustees decrypted. Whoever runs the log could refuse their
decryptions and then say so. So a decryption counts here wherever it comes from: signed by its trustee, proven for the
tree that is counted, and together with those of the log. From as many trustees as are needed, they prove the end false.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit.errors import AuditError, CannotRead, RecordInvalid
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.entry_bodies import ElectionKey, PartialDecryption
from stembus.audit.formats.manifest import question_shapes
from stembus.audit.rules import count_status
from stembus.audit.state_machine import Phase
from stembus.audit.verify.report import Report
from stembus.audit.verify.tally import check_partial
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import Point


def check_decryptions(report: Report, entries: Sequence[bytes]) -> str:
    """Adds what is found to the report (V30). `entries` are partial decryptions as they would stand in the log. Returns
    how many trustees have decrypted, in words."""
    if report.log is None:
        return "decryptions were not looked at: the log did not verify"
    log = report.log
    try:
        trustees = set(log.tally.partials) | set(_proven(report, log, entries))
    except CannotRead as error:
        report.unchecked("decryption", str(error))
        return "decryptions could not be looked at"
    needed = log.manifest.trustees.threshold
    if trustees and _must_not_count(log):
        report.breach("V30", "decryption", f"{len(trustees)} trustees have decrypted what must not be decrypted")
    if log.phase is Phase.ABANDONED and len(trustees) >= needed:
        report.breach("V30", "decryption", f"ended without a result, though {len(trustees)} trustees have decrypted")
    report.done.add("V30")
    return f"{len(trustees)} trustees have decrypted, in the log or as handed in, where {needed} are needed"


def _must_not_count(log: VerifiedLog) -> bool:
    """Too few voted for anything to be decrypted at all."""
    paper = log.tally.paper
    return count_status(log.manifest, log.counted, paper.ballots if paper else 0) != "counted"


def are_proven(log: VerifiedLog, entries: Sequence[bytes]) -> list[bool]:
    """Of each whether it is a trustee's decryption of what is counted. Raises CannotRead."""
    return [_is_proven(log, raw) for raw in entries]


def _is_proven(log: VerifiedLog, raw: bytes) -> bool:
    try:
        _trustee(log, raw)
    except CannotRead:
        raise
    except (AuditError, CryptoError):
        return False
    return True


def _proven(report: Report, log: VerifiedLog, entries: Sequence[bytes]) -> list[int]:
    proven = []
    for number, raw in enumerate(entries, 1):
        try:
            proven.append(_trustee(log, raw))
        except CannotRead:
            raise
        except (AuditError, CryptoError) as error:
            report.no_evidence(f"decryption {number}", str(error))
    return proven


def _trustee(log: VerifiedLog, raw: bytes) -> int:
    """Whose valid decryption it is. Raises AuditError or CryptoError."""
    if not log.tally.decided or not log.sums:
        raise RecordInvalid("nothing is to be decrypted yet")
    entry = parse_entry(raw)
    body = entry.body
    if not isinstance(body, PartialDecryption):
        raise RecordInvalid("this is no trustee's decryption")
    check_signatures(log.manifest, log.referendum, entry)
    if bytes.fromhex(body.root) != log.tree.root_at(log.tally.decided):
        raise RecordInvalid("a decryption for another tree than the one that is counted")
    key = next(entry.body for _, _, entry in log.entries() if isinstance(entry.body, ElectionKey))
    point = Point.from_bytes(bytes.fromhex(key.verification_keys[body.trustee - 1]))
    shape = [question.sums for question in question_shapes(log.manifest)]
    check_partial(log.referendum, shape, log.sums, point, body)
    return body.trustee
