"""The verifier's engine: one pass over the log that feeds every chapter, then the conclusions.

Decides what is done with each entry in turn, and fails closed: what cannot be read or run is said, and nothing is
then established. The only place that makes a VerifiedLog. No server code, database or secret takes part. Checks are
numbered V1..V30 in `report`; docs/protocol.md says what each demands.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from stembus.audit.errors import CannotRead, ManifestInvalid, OrderInvalid, RecordInvalid
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.entry_bodies import Batch, PaperBallots
from stembus.audit.formats.manifest import referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.source import Place
from stembus.audit.verify.checkpoints import check_log_signed
from stembus.audit.verify.conclusions import conclude
from stembus.audit.verify.handlers import Logged, handle
from stembus.audit.verify.index import Index
from stembus.audit.verify.report import Report
from stembus.audit.verify.stream import LogStream, Unreadable
from stembus.audit.verify.verified_log import ENGINE, VerifiedLog
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
    """Checks a whole bundle. `referendum` is the 32-byte id from the letter or the announcement; without it nothing
    says *which* referendum this is. `progress(done, total)` counts log entries."""
    report = Report()
    with Index() as index:
        try:
            walk = _walk(place, referendum, executor, progress, report, index)
            conclude(walk)
            if report.established:
                report.log = _verified(walk)
        except Unreadable:
            pass
        except CannotRead as error:
            report.unchecked("place", str(error))
        except Exception as error:  # fail closed: what is not known to hold is not established
            report.unchecked("verifier", f"the verification could not be finished: {type(error).__name__}: {error}")
    return report


def _walk(
    place: Place,
    referendum: bytes | None,
    executor: Executor | None,
    progress: Progress | None,
    report: Report,
    index: Index,
) -> Walk:
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
    if progress:
        progress(size, size)
    return walk


def _begin(
    place: Place,
    stream: LogStream,
    raw: bytes,
    asked: bytes | None,
    report: Report,
    index: Index,
    executor: Executor | None,
) -> Walk:
    """Entry 0, the manifest. Raises Unreadable when it is not the one asked for or not valid, or when its log has not
    signed the head: nothing after it could be judged, and whoever made it up could make it as long as they like."""
    identity = referendum_id(raw)
    report.referendum = identity
    report.anchored = asked is not None
    if asked is not None and identity != asked:
        report.breach(
            "V2", "entry 0", f"this is referendum {identity.hex()}, not the one asked for: compare the id with a letter"
        )
        raise Unreadable
    try:
        manifest = parse_manifest(raw)
    except ManifestInvalid as error:
        report.breach("V3", "entry 0", str(error))
        raise Unreadable from None
    report.manifest = manifest
    report.figures.official_count = manifest.eligibility.official_count
    if not check_log_signed(stream.checkpoint, manifest, report):
        raise Unreadable
    return Walk(place, stream, raw, manifest, identity, report, index, executor)


def _take_ballot(walk: Walk, position: int, raw: bytes) -> None:
    report, where, on_paper = walk.report, f"entry {position}", walk.order.on_paper
    try:
        walk.order.admit_ballot()
    except OrderInvalid as error:
        report.figures.ballots += 1
        report.stands("V9", where, f"ballot excluded: {error}")
        report.figures.excluded += 1
        return
    if walk.ballots is None:
        report.breach("V12", where, "a ballot without a valid election key")
        raise Unreadable
    if on_paper:
        walk.paper.take_ballot(position, raw)
    else:
        report.figures.ballots += 1
        walk.ballots.add(position, walk.order.batches, raw)
    if not walk.order.awaiting:
        walk.end_paper() if on_paper else walk.end_batch()


def _take_entry(walk: Walk, position: int, raw: bytes) -> None:
    report, where = walk.report, f"entry {position}"
    try:
        entry = parse_entry(raw)
    except RecordInvalid as error:
        report.breach("V8", where, str(error))
        return
    try:
        check_signatures(walk.manifest, walk.referendum, entry)
    except SignatureInvalid as error:
        report.breach("V10", where, str(error))
    try:
        walk.order.admit(entry.type, entry.body)
    except OrderInvalid as error:
        report.breach("V9", where, str(error))
        return
    if isinstance(entry.body, Batch | PaperBallots):
        walk.starts.append(position + 1)
    handle(walk, Logged(position, raw, entry))


def _verified(walk: Walk) -> VerifiedLog:
    return VerifiedLog(
        ENGINE,
        referendum=walk.referendum,
        manifest_raw=walk.manifest_raw,
        manifest=walk.manifest,
        head=walk.stream.checkpoint,
        tree=walk.stream.checked(),
        phase=walk.order.phase,
        sums=walk.sums,
        counted=walk.report.figures.counted,
        tally=walk.tally.state(),
    )
