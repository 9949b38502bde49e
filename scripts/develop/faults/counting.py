"""What became of the ballots that were promised: read from the published log, without the product's own services.

Decides what is lost and what stands twice. An acknowledged ballot is `lost` when the log has neither it nor, by a
recovery that says so, a later ballot of the same token; the second kind is `replaced`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.formats.cast_ballot import BallotContext, parse_ballot
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import Batch
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import HEAD
from stembus.scripts.develop.faults.voters import Acknowledged


@dataclass(frozen=True)
class Logged:
    """Of the published log: how often each ballot stands there, and in which batch; each token's last turn there."""

    times: Counter[bytes]
    batch: dict[bytes, int]
    turns: Counter[tuple[bytes, int]]

    def has(self, ballot: Acknowledged) -> bool:
        return ballot.cast_hash in self.times

    @property
    def twice(self) -> int:
        """Ballots, or turns of a token, that stand more than once."""
        return max(sum(n > 1 for n in self.times.values()), sum(n > 1 for n in self.turns.values()))


def read_log(public: Path, context: BallotContext) -> Logged:
    """Nobody appends meanwhile. Raises AuditError for what is no log."""
    place = FolderPlace(public)
    reader = TileReader(place, parse_checkpoint(place.read(HEAD, bounds.CHECKPOINT_BYTES)).size)
    found, number = Logged(Counter(), {}, Counter()), 0
    for index in range(1, reader.size):
        raw = reader.entry(index)
        if raw[:1] == b"{":
            body = parse_entry(raw).body
            number = body.number if isinstance(body, Batch) else number
            continue
        ballot, digest = parse_ballot(context, raw), hashlib.sha256(raw).digest()
        found.times[digest] += 1
        found.batch[digest] = number
        found.turns[ballot.token_key, ballot.seq] += 1
    return found


@dataclass(frozen=True)
class Count:
    """Of the acknowledged ballots. `late` stand once, but in a later batch than the newest promise says."""

    acknowledged: int
    once: int
    twice: int
    lost: int
    replaced: int
    late: int


def count(ballots: Sequence[Acknowledged], logged: Logged, context: BallotContext) -> Count:
    last: dict[bytes, int] = {}
    for token, seq in logged.turns:
        last[token] = max(seq, last.get(token, -1))
    missing = [ballot for ballot in ballots if not logged.has(ballot)]
    later = [b for b in missing if last.get(parse_ballot(context, b.raw).token_key, -1) > b.seq]
    return Count(
        acknowledged=len(ballots),
        once=sum(logged.times[ballot.cast_hash] == 1 for ballot in ballots),
        twice=logged.twice,
        lost=len(missing) - len(later),
        replaced=len(later),
        late=sum(logged.batch.get(b.cast_hash, b.batch) > b.batch for b in ballots),
    )
