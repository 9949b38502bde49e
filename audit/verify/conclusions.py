"""What only the whole log shows: its checkpoints, the ballots that count, the figures, the files of the bundle.

Decides the order in which chapters conclude once the last entry was read. Each chapter judges its own matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stembus.audit import bounds
from stembus.audit.errors import PlaceError
from stembus.audit.formats.lists import CREDENTIALS, PAPER, SPARES, issuance_path
from stembus.audit.log.bundle import being_written
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import beginning, grown_path, log_paths, outgrown
from stembus.audit.rules import outcome
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ballots import BallotChecker
from stembus.audit.verify.checkpoints import FOLDER, CheckpointCheck
from stembus.audit.verify.stream import LogStream
from stembus.audit.verify.walk import Walk
from stembus.crypto.group import Point


def conclude(walk: Walk) -> None:
    report, order, size = walk.report, walk.order, walk.stream.checkpoint.size
    if order.awaiting:
        report.breach("V9", "checkpoint", f"the log ends in the middle of batch {order.batches}")
    walk.note_root()
    walk.required.setdefault(size, "the head")
    tokens: dict[int, int] = {}
    outside: list[int] = []
    if walk.ballots is not None:
        walk.ballots.finish()
        outside = walk.ballots.settle()
        tokens = walk.index.tokens_in_batches()
    times = _conclude_checkpoints(walk, tokens)
    if walk.ballots is not None:
        _conclude_ballots(walk, walk.ballots, outside, times)
    walk.ceremony.conclude()
    figures = report.figures
    figures.entries = size
    figures.root = walk.stream.frontier.root()
    figures.phase = order.phase.value
    figures.attempts = order.attempt
    figures.batches = order.batches
    report.finished = order.phase in (Phase.TALLIED, Phase.CANCELLED)
    _check_files(walk, size)


def _conclude_checkpoints(walk: Walk, tokens: dict[int, int]) -> Mapping[int, int]:
    """Returns the times of all checkpoints that a quorum cosigned, by size."""
    check = CheckpointCheck(walk.source, walk.manifest, walk.report, walk.roots)
    check.check_vkey()
    check.check_head(walk.stream.checkpoint)
    named = {body.size for _, body in walk.tally.intents if body.size in walk.roots}
    times = check.check_series(walk.required, _listed(walk), named)
    check.check_window(times, walk.opened, walk.closed)
    check.check_batches(times, walk.batch_ends, tokens)
    return times


def _conclude_ballots(walk: Walk, ballots: BallotChecker, outside: list[int], times: Mapping[int, int]) -> None:
    sums = ballots.sums(_read_again(walk.stream, outside))
    figures = walk.report.figures
    figures.counted = walk.index.counted()
    for number, issued in enumerate(figures.issued, 1):
        if figures.counted > issued:
            message = f"{figures.counted} tokens were used and registrar {number} issued {issued}"
            walk.report.breach("V22", "the close", message)
    _check_running_counts(walk)
    if walk.closed is None:
        return
    walk.report.sums = sums
    assert walk.election_key is not None
    keys = [Point.from_bytes(bytes.fromhex(key)) for key in walk.election_key[1].verification_keys]
    walk.tally.conclude(sums, figures.counted, keys, walk.roots, times.keys())
    _judge_slack(walk)


def _check_running_counts(walk: Walk) -> None:
    used = dict(walk.index.tokens_by_batch())
    so_far = 0
    for batch, counts in walk.roll.counts_at:
        so_far = used.get(batch, so_far)
        for number, count in enumerate(counts, 1):
            if so_far > count:
                message = f"{so_far} tokens were used by batch {batch} and registrar {number} had issued {count}"
                walk.report.stands("V22", f"batch {batch}", message)


def _judge_slack(walk: Walk) -> None:
    """Whether each outcome survives if every token issued and not used had been turned one way."""
    result, figures = walk.report.result, walk.report.figures
    if result is None or result.status != "counted" or not figures.issued:
        return
    slack = max(0, min(figures.issued) - figures.counted)
    survives = True
    for question, counted in zip(walk.manifest.questions, result.questions, strict=False):
        if question.accepts is None or len(counted.total) != 2:
            continue
        for side in (0, 1):
            shifted = [count + slack * (side == k) for k, count in enumerate(counted.total)]
            survives &= outcome(walk.manifest, question, shifted, result.participants + slack) == counted.outcome
    figures.survives_slack = survives


def _read_again(stream: LogStream, positions: list[int]) -> Iterator[bytes]:
    number, bundle = -1, list[bytes]()
    size = stream.checkpoint.size
    for position in positions:
        if position // bounds.TILE_WIDTH != number:
            number = position // bounds.TILE_WIDTH
            bundle = stream.bundle(number, min(bounds.TILE_WIDTH, size - number * bounds.TILE_WIDTH))
        yield bundle[position % bounds.TILE_WIDTH]


def _listed(walk: Walk) -> list[str] | None:
    """Every file but those of a next head, which a folder may hold while its log grows."""
    listed, size = walk.source.paths(), walk.stream.checkpoint.size
    if listed is None or not isinstance(walk.source, FolderPlace):
        return listed
    return [path for path in listed if not being_written(path, size)]


def _check_files(walk: Walk, size: int) -> None:
    listed = _listed(walk)
    if listed is None:
        return
    expected = {"checkpoint", "log.vkey", *log_paths(size), *walk.documents}
    if walk.order.phase not in (Phase.EMPTY, Phase.CEREMONY, Phase.KEYED):
        expected |= {CREDENTIALS, SPARES}
    if walk.closed is not None:
        expected |= {issuance_path(number) for number in range(1, len(walk.manifest.registrars) + 1)}
    if walk.order.paper_roll:
        expected.add(PAPER)
    for path in listed:
        known = path in expected or (path.startswith(FOLDER) and _size(path[len(FOLDER) :]) in walk.roots)
        if outgrown(path, size):
            _check_outgrown(walk, path, size)
        elif not known:
            walk.report.breach("V1", path[:200], "a file that does not belong to the bundle")


def _check_outgrown(walk: Walk, path: str, size: int) -> None:
    """A partial tile or bundle of a smaller log is the beginning of what has taken its place."""
    try:
        data = walk.source.read(path, bounds.ENTRY_BUNDLE_BYTES)
        grown = walk.source.read(grown_path(path, size), bounds.ENTRY_BUNDLE_BYTES)
    except PlaceError as error:
        # A growing log removes such files once it does without them.
        if not isinstance(walk.source, FolderPlace) or (walk.source.root / path).exists():
            walk.report.breach("V1", path, str(error))
        return
    if data != beginning(path, grown):
        walk.report.breach("V5", path, "an outgrown tile is not the beginning of the one that has taken its place")


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and not text.startswith("0") else None
