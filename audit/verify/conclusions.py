"""What only the whole log shows: its checkpoints, the ballots that count, the figures, the files of the bundle.

Decides the order in which chapters conclude once the last entry was read. Each chapter judges its own matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stembus.audit import bounds
from stembus.audit.formats.lists import CREDENTIALS, PAPER, SPARES, issuance_path
from stembus.audit.log.tiles import log_paths
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
    times = check.check_series(walk.required, walk.source.paths(), named)
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


def _check_running_counts(walk: Walk) -> None:
    used = dict(walk.index.tokens_by_batch())
    so_far = 0
    for batch, counts in walk.roll.counts_at:
        so_far = used.get(batch, so_far)
        for number, count in enumerate(counts, 1):
            if so_far > count:
                message = f"{so_far} tokens were used by batch {batch} and registrar {number} had issued {count}"
                walk.report.breach("V22", f"batch {batch}", message)


def _read_again(stream: LogStream, positions: list[int]) -> Iterator[bytes]:
    number, bundle = -1, list[bytes]()
    size = stream.checkpoint.size
    for position in positions:
        if position // bounds.TILE_WIDTH != number:
            number = position // bounds.TILE_WIDTH
            bundle = stream.bundle(number, min(bounds.TILE_WIDTH, size - number * bounds.TILE_WIDTH))
        yield bundle[position % bounds.TILE_WIDTH]


def _check_files(walk: Walk, size: int) -> None:
    listed = walk.source.paths()
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
        if not known:
            walk.report.breach("V1", path[:200], "a file that does not belong to the bundle")


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and not text.startswith("0") else None
