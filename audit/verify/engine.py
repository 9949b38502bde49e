"""The verifier's engine: one pass over the log that feeds every chapter, then the conclusions.

Decides what is done with each entry in turn, and fails closed: a step that cannot run is a fault. No server code,
database or secret takes part. Checks are numbered V1..V30 in `report`; docs/protocol.md says what each demands.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from stembus.audit.errors import ManifestInvalid, OrderInvalid, RecordInvalid
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.manifest import referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.source import Place
from stembus.audit.verify.conclusions import conclude
from stembus.audit.verify.handlers import Logged, handle
from stembus.audit.verify.index import Index
from stembus.audit.verify.report import Report
from stembus.audit.verify.stream import LogStream, Unreadable
from stembus.audit.verify.walk import Walk
from stembus.crypto.errors import SignatureInvalid

_PROGRESS_STEP = 256
Progress = Callable[[int, int], None]


def verify(
    place: Place,
    referendum: bytes | None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Checks a whole bundle. `referendum` is the 32-byte id from the letter or the announcement; without
    it nothing says *which* referendum this is. `progress(done, total)` counts log entries."""
    report = Report()
    with Index() as index:
        try:
            _read_log(place, referendum, executor, progress, report, index)
        except Unreadable:
            pass
        except Exception as error:  # fail closed: whatever went wrong, the check has failed
            report.breach("V1", "verifier", f"the verification could not be finished: {type(error).__name__}: {error}")
    return report


def _read_log(
    place: Place,
    referendum: bytes | None,
    executor: Executor | None,
    progress: Progress | None,
    report: Report,
    index: Index,
) -> None:
    stream = LogStream(place, report)
    size, entries = stream.checkpoint.size, stream.entries()
    walk = _begin(place, stream, next(entries)[1], referendum, report, index, executor)
    for position, raw in entries:
        if raw[:1] == b"{":
            _take_entry(walk, position, raw)
        else:
            _take_ballot(walk, position, raw)
        if progress and position % _PROGRESS_STEP == 0:
            progress(position, size)
    conclude(walk)
    if progress:
        progress(size, size)


def _begin(
    place: Place,
    stream: LogStream,
    raw: bytes,
    asked: bytes | None,
    report: Report,
    index: Index,
    executor: Executor | None,
) -> Walk:
    """Entry 0, the manifest. Raises Unreadable when it is not valid: nothing after it could be judged."""
    identity = referendum_id(raw)
    report.referendum = identity
    report.anchored = asked is not None
    if asked is not None and identity != asked:
        report.breach("V2", "entry 0", f"this is referendum {identity.hex()}, not the one asked for")
    try:
        manifest = parse_manifest(raw)
    except ManifestInvalid as error:
        report.breach("V3", "entry 0", str(error))
        raise Unreadable from None
    report.rehearsal = not manifest.binding
    report.simulated_clock = manifest.clock == "simulated"
    report.figures.official_count = manifest.eligibility.official_count
    return Walk(place, stream, raw, manifest, identity, report, index, executor)


def _take_ballot(walk: Walk, position: int, raw: bytes) -> None:
    report, where = walk.report, f"entry {position}"
    report.figures.ballots += 1
    try:
        walk.order.admit_ballot()
    except OrderInvalid as error:
        report.stands("V9", where, f"ballot excluded: {error}")
        report.figures.excluded += 1
        walk.note_root()
        return
    if walk.ballots is None:
        report.breach("V12", where, "a ballot without a valid election key")
        raise Unreadable
    walk.ballots.add(position, walk.order.batches, raw)
    if not walk.order.awaiting:
        walk.end_batch()


def _take_entry(walk: Walk, position: int, raw: bytes) -> None:
    report, where = walk.report, f"entry {position}"
    try:
        entry = parse_entry(raw)
    except RecordInvalid as error:
        report.breach("V8", where, str(error))
        walk.note_root()
        return
    try:
        check_signatures(walk.manifest, walk.referendum, entry)
    except SignatureInvalid as error:
        report.breach("V10", where, str(error))
    try:
        walk.order.admit(entry.type, entry.body)
    except OrderInvalid as error:
        report.breach("V9", where, str(error))
        walk.note_root()
        return
    walk.note_root()
    handle(walk, Logged(position, raw, entry))
