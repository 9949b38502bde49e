"""What a file of evidence proves, and what follows from it: one judgment for each kind of complaint.

Decides which kind a file is, and words. What it proves is decided in `audit.monitor.split_log` and in `audit.verify`,
from its bytes and the log alone; where these do not tell who is to blame, neither does a judgment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.errors import AuditError, CannotRead, RecordInvalid
from stembus.audit.formats.cast_ballot import VERSION
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import Client, PartialDecryption
from stembus.audit.formats.receipt import parse_promise, parse_receipt
from stembus.audit.log.note import check_log_signature
from stembus.audit.log.verifier_key import VerifierKey
from stembus.audit.monitor.split_log import check_split, parse_split
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.audit.verify.handed_decryptions import check_decryptions
from stembus.audit.verify.outcome import EXIT_USAGE, Outcome
from stembus.audit.verify.promised_ballot import Sought, Verdict, ballot_context, fate_of
from stembus.audit.verify.report import Report
from stembus.audit.verify.report import Verdict as FaultVerdict
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.crypto.errors import CryptoError

FILE_BYTES = 4 * 1024 * 1024  # a page's script is the longest
UNREAD = Outcome.UNCHECKED.status
_KEEP = "keep promise and ballot, call the officers, and let whoever checks this referendum have both"
# What follows from what became of a promised ballot, where nobody cancelled.
_FOLLOWS = {
    Verdict.KEPT: "the ballot box kept its promise: the ballot stands in the log. Of one voting pass, the last valid "
    "vote counts",
    Verdict.LATE: "the ballot box broke a rule; the ballot stands in the log all the same. Of one voting pass, the "
    "last valid vote counts",
    Verdict.SUPERSEDED: "a later vote of the same voting pass stands there, and counts in its place",
    Verdict.BROKEN: "the ballot box signed a promise and did not keep it, unless the voter cast again with the same "
    f"voting pass: {_KEEP}",
    Verdict.MISSING: "the ballot can still be handed in again: on the device that cast, open the page, or run stembus "
    "track",
    Verdict.NOT_DUE: "nothing is wrong yet: the batch is still to come",
    Verdict.VOID: "the referendum was cancelled, and nothing is counted",
}


@dataclass(frozen=True, slots=True)
class Judgment:
    """`finding` says what the file proves, `follows` what that means and what to do, line by line."""

    finding: str
    follows: tuple[str, ...] = ()
    status: int = 0


def nothing(why: str) -> Judgment:
    return Judgment(f"proves nothing: {why}", status=EXIT_USAGE)


def judge_file(
    path: Path, key: VerifierKey | None, log: VerifiedLog | None, decryptions: Sequence[bytes] = ()
) -> Judgment:
    """`key` is the log's, where it is known; `log` was verified. A decryption is judged together with the others that
    were handed in, `decryptions`."""
    try:
        data = _read(path)
        return nothing("it is no file") if data is None else _judge(data, key, log, decryptions)
    except OSError as error:
        return Judgment(f"could not be read: {error.strerror}", status=UNREAD)
    except CannotRead as error:
        return Judgment(f"could not be judged: {error}", status=UNREAD)


def decryptions_in(paths: Iterable[Path]) -> list[bytes]:
    """What of these files has the form of a trustee's decryption."""
    found = []
    for path in paths:
        with suppress(OSError):
            data = _read(path)
            if data is not None and _is_decryption(data):
                found.append(data)
    return found


def _read(path: Path) -> bytes | None:
    """None for what is no file. Raises OSError."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(FILE_BYTES + 1)


def _judge(
    data: bytes, key: VerifierKey | None, log: VerifiedLog | None, decryptions: Sequence[bytes] = ()
) -> Judgment:
    if not data:
        return nothing("it is empty")
    if len(data) > FILE_BYTES:
        return nothing(f"it is longer than {FILE_BYTES} bytes")
    if _parses(parse_split, data):
        return _of_split(data, key)
    if b"stembus/split-log/" in data:
        return nothing("it is no proof of two histories in the form of this version")
    promise, receipt = _parses(parse_promise, data), _parses(parse_receipt, data)
    decryption = _is_decryption(data)
    ballot = data[:1] == bytes([VERSION])
    if log is None:
        if promise or receipt or decryption or ballot:
            return nothing("by itself. It is held against the log: --log PLACE --referendum ID")
        return nothing("it is no split log, no promise and no receipt; of a page or script, say --log and --referendum")
    if promise or receipt:
        return _of_voter(data, promise, log)
    if decryption:
        return _of_decryption(data, log, decryptions)
    return _of_ballot(data, log) if ballot else _of_page(data, log)


def _parses(parse: Callable[[bytes], object], data: bytes) -> bool:
    try:
        parse(data)
    except AuditError:
        return False
    return True


def _is_decryption(data: bytes) -> bool:
    try:
        return isinstance(parse_entry(data).body, PartialDecryption)
    except AuditError:
        return False


def _of_split(data: bytes, key: VerifierKey | None) -> Judgment:
    try:
        found, smaller, larger = check_split(parse_split(data))
        if key is not None and found != key:
            raise RecordInvalid(f"it is about another key, which calls itself {found.name}")
    except RecordInvalid as error:
        return nothing(str(error))
    whose = "a key that calls itself" if key is None else "the key of"
    return Judgment(
        f"{whose} {found.name} signed two histories",
        (
            f"one of {smaller.size} entries and one of {larger.size}, which does not continue it; the key: {found}",
            "if this is the log of the manifest, no result may rest on it: whoever has its key showed people different "
            "logs. Keep the file and publish it; each witness shows which of the two it has cosigned",
        ),
    )


def _of_voter(data: bytes, promise: bool, log: VerifiedLog) -> Judgment:
    if not promise and (newer := _newer(data, log)):
        return Judgment(f"cannot be judged with this older copy of the log: {newer}", status=UNREAD)
    report = Report(log=log)  # of its own, so that its findings are of this file
    found = check_voter_evidence(report, data if promise else None, None if promise else data)
    reasons = tuple(fault.message for fault in report.faults)
    if report.has(FaultVerdict.UNCHECKED):
        return Judgment(f"could not be judged: {'; '.join(reasons)}", status=UNREAD)
    if found.endswith("proves nothing"):
        return nothing("; ".join(reasons))
    if not promise:
        split = "another history" in found
        follows = "the log's key signed two histories: no result may rest on this log; keep the receipt and publish it"
        return Judgment(found, (follows,) if split else ())
    fate = fate_of(log, Sought.of(parse_promise(data)))
    if fate.renamed:
        told = f"the ballot box signed another number for the ballot at entry {fate.index} than it has: {_KEEP}"
        return Judgment(f"{found}: a false number", (told,))
    cancelled = log.phase is Phase.CANCELLED and fate.verdict is not Verdict.BROKEN
    return Judgment(found, (_FOLLOWS[Verdict.VOID if cancelled else fate.verdict],))


def _newer(data: bytes, log: VerifiedLog) -> str:
    """Why a receipt that the log signed says more than this copy of it can tell; empty if it does not."""
    checkpoint = parse_receipt(data).checkpoint
    try:
        check_log_signature(checkpoint, log.manifest.log.origin, bytes.fromhex(log.manifest.log.key))
    except AuditError:
        return ""
    if checkpoint.size <= log.head.size:
        return ""
    return f"the receipt is of {checkpoint.size} entries, and the copy has {log.head.size}"


def _of_decryption(data: bytes, log: VerifiedLog, others: Sequence[bytes]) -> Judgment:
    report = Report(log=log)
    found = check_decryptions(report, [data])
    if not report.faults:  # it is one: so it counts with the others, where these are some as well
        found = check_decryptions(report, [data, *others])
        report.faults = [fault for fault in report.faults if fault.verdict is not FaultVerdict.NO_EVIDENCE]
    reasons = "; ".join(fault.message for fault in report.faults)
    if report.has(FaultVerdict.UNCHECKED):
        return Judgment(f"could not be judged: {reasons}", status=UNREAD)
    if report.has(FaultVerdict.BREACH):
        return Judgment(reasons, ("the end without a result is false: publish the decryption, and count",))
    return nothing(reasons) if reasons else Judgment(f"a trustee's valid decryption: {found}")


def _of_ballot(data: bytes, log: VerifiedLog) -> Judgment:
    context = ballot_context(log)
    if context is None:
        return nothing("voting has not begun in this log, so no ballot can be of it")
    try:
        ballot = check_ballot(context, data)
    except (AuditError, CryptoError, BallotRefused) as error:
        return Judgment(f"no valid ballot of this referendum: {error}", ("the ballot box is right to refuse it",))
    sought = Sought(hashlib.sha256(data).hexdigest(), ballot.ballot_id.hex(), 0)
    fate = fate_of(log, sought, ballot)
    if fate.verdict in (Verdict.KEPT, Verdict.LATE):
        counts = "it is the last vote of its voting pass in the log, and the last one counts"
        if fate.later is not None:
            counts = f"a later vote of the same voting pass is entry {fate.later}, and counts in its place"
        counts = _FOLLOWS[Verdict.VOID] if log.phase is Phase.CANCELLED else counts
        return Judgment(f"a valid ballot: it is entry {fate.index} of the log, in batch {fate.batch}", (counts,))
    if fate.verdict is Verdict.SUPERSEDED:
        return Judgment("a valid ballot that is not in the log", (_FOLLOWS[Verdict.SUPERSEDED],))
    missing = "a valid ballot that is not in the log; whether the ballot box ever had it, these bytes do not show"
    if log.phase is Phase.OPEN:
        return Judgment(missing, ("bring it to a monitor, which hands it in and tells everybody what the box answers",))
    return Judgment(missing, ("with a promise that the box signed for it, judge that: it shows whether it was broken",))


def _of_page(data: bytes, log: VerifiedLog) -> Judgment:
    digest = hashlib.sha256(data).hexdigest()
    releases = [entry.body for _, _, entry in log.entries() if isinstance(entry.body, Client)]
    for body in reversed(releases):
        for file in body.files:
            if file.sha256 == digest:
                return Judgment(f"it is {file.path} of release {body.release}, as the log names it")
    if not releases:
        return nothing("it is nothing that is handed in here, and this log names no page to hold it against")
    told = (
        "if it is a voting page, a script or a style as the site served it, that is an altered one: keep it, note when "
    )
    told += "and from which address it came, and tell the officers. Who served it, the bytes do not show"
    known = "no release that the log names has such a file"
    return Judgment(f"no evidence by itself, and no page of the referendum: {known}", (told,), EXIT_USAGE)
