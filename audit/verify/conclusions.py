"""What only the whole log shows: its checkpoints, the ballots that count, the figures, the files of the bundle.

Decides the order in which chapters conclude once the last entry was read, and that one that cannot run hides no other.
Each chapter judges its own matter. Works on the checked tree only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from stembus.audit.errors import CannotRead
from stembus.audit.log.tiles import HEAD
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ballots import BallotChecker
from stembus.audit.verify.bundle_files import check_files
from stembus.audit.verify.checked_log import CheckedLog, SignedRoots
from stembus.audit.verify.checkpoints import CheckpointCheck
from stembus.audit.verify.walk import Walk
from stembus.crypto.group import Point

_Made = TypeVar("_Made")
_FROM_THE_PASS = ("V1", "V2", "V3", "V4", "V5", "V8", "V9", "V10", "V12", "V13", "V24", "V29")


def conclude(walk: Walk) -> None:
    report, order, size = walk.report, walk.order, walk.stream.checkpoint.size
    if order.awaiting:
        missing = "the paper ballots" if order.on_paper else f"batch {order.batches}"
        report.breach("V9", HEAD, f"the log ends in the middle of {missing}")
    walk.required.setdefault(size, "the head")
    report.done.update(_FROM_THE_PASS)
    tree = walk.stream.checked()
    roots = SignedRoots(tree, walk.starts, walk.ends)
    ballots = walk.ballots
    outside = _chapter(walk, "ballots", lambda: _settle(ballots)) if ballots else []
    times = _chapter(walk, "checkpoints", lambda: _conclude_checkpoints(walk, roots))
    _chapter(walk, "kept copies", lambda: _conclude_kept(walk, roots, size))
    if ballots is not None and outside is not None and times is not None:
        _chapter(walk, "tally", lambda: _conclude_ballots(walk, ballots, tree, outside, roots, times))
    _chapter(walk, "ceremony", lambda: _conclude_ceremony(walk))
    _chapter(walk, "figures", lambda: _note_figures(walk))
    _chapter(walk, "files", lambda: check_files(walk, tree))


def _chapter(walk: Walk, name: str, run: Callable[[], _Made]) -> _Made | None:
    """None when it could not be carried out, which the report then says."""
    try:
        return run()
    except CannotRead as error:
        walk.report.unchecked(name, str(error))
    except Exception as error:  # fail closed, and go on with what can be judged
        walk.report.unchecked(name, f"this part could not be finished: {type(error).__name__}: {error}")
    return None


def _settle(ballots: BallotChecker) -> list[int]:
    ballots.finish()
    return ballots.settle()


def _note_figures(walk: Walk) -> None:
    report, order = walk.report, walk.order
    figures = report.figures
    figures.entries = walk.stream.checkpoint.size
    figures.root = walk.stream.frontier.root()
    figures.phase = order.phase.value
    figures.attempts = order.attempt
    figures.drilled_again = walk.ceremony.drilled_again
    figures.batches = order.batches
    report.finished = order.phase in (Phase.TALLIED, Phase.CANCELLED, Phase.ABANDONED)
    report.cancelled = order.phase is Phase.CANCELLED
    report.abandoned = order.phase is Phase.ABANDONED


def _conclude_ceremony(walk: Walk) -> None:
    walk.ceremony.conclude()
    walk.report.done.add("V11")


def _conclude_kept(walk: Walk, roots: SignedRoots, size: int) -> None:
    CheckpointCheck(walk.source, walk.manifest, walk.report, roots).check_before(walk.source.before, size)


def _conclude_checkpoints(walk: Walk, roots: SignedRoots) -> Mapping[int, int]:
    """Returns the times of all checkpoints that a quorum cosigned, by size."""
    check = CheckpointCheck(walk.source, walk.manifest, walk.report, roots)
    check.check_vkey()
    walk.report.figures.time = check.check_head(walk.stream.checkpoint)
    times = check.check_series(walk.required, walk.source.paths(), walk.stream.checkpoint.size)
    check.check_window(times, walk.opened, walk.closed, walk.batch_ends)
    check.check_end(times, walk.tally.decided, walk.abandoned)
    intents = walk.tally.intents
    check.check_complaints(times, walk.tally.decided, intents[0][0] + 1 if intents else None)
    walk.tally.decided_at = times.get(walk.tally.decided)
    check.check_batches(times, walk.batch_ends, walk.index.new_tokens())
    walk.report.done.update(("V6", "V7", "V14", "V15"))
    return times


def _conclude_ballots(
    walk: Walk,
    ballots: BallotChecker,
    tree: CheckedLog,
    outside: Sequence[int],
    roots: SignedRoots,
    times: Mapping[int, int],
) -> None:
    online = ballots.sums(tree.at(outside))
    report, figures = walk.report, walk.report.figures
    figures.counted = walk.index.counted()
    _check_final_counts(walk)
    _check_running_counts(walk)
    report.done.update(("V16", "V17", "V18", "V19", "V20", "V22"))
    if walk.closed is None:
        return
    on_paper = walk.paper.conclude()
    walk.sums = tuple(a + b for a, b in zip(online, on_paper, strict=True)) if on_paper else online
    parts = (online, on_paper) if on_paper else ()
    assert walk.election_key is not None
    keys = [Point.from_bytes(bytes.fromhex(key)) for key in walk.election_key[1].verification_keys]
    walk.tally.conclude(walk.sums, parts, figures.counted, keys, roots, times.keys())
    report.done.update(("V21", "V23", "V25", "V26", "V28"))
    if report.result is not None:
        report.done.add("V27")


def _check_final_counts(walk: Walk) -> None:
    report, figures = walk.report, walk.report.figures
    for number, issued in enumerate(figures.issued, 1):
        if figures.counted > issued:
            message = f"{figures.counted} tokens were used and registrar {number} issued {issued}"
            report.breach("V22", "the close", message)
    if walk.closed is None:
        return
    figures.acknowledged = walk.index.acknowledged()
    figures.on_every_list = walk.index.on_every_list(len(walk.manifest.registrars))
    if figures.counted > figures.on_every_list and len(figures.issued) > 1:
        message = f"{figures.counted} tokens were used, and {figures.on_every_list} voters asked every registrar"
        report.stands("V22", "the close", message)


def _check_running_counts(walk: Walk) -> None:
    used = dict(walk.index.tokens_by_batch())
    so_far = 0
    for batch, counts in walk.roll.counts_at:
        so_far = used.get(batch, so_far)
        for number, count in enumerate(counts, 1):
            if so_far > count:
                message = f"{so_far} tokens were used by batch {batch} and registrar {number} had issued {count}"
                walk.report.stands("V22", f"batch {batch}", message)
