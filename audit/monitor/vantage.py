"""What a log shows elsewhere: at other addresses, and to its witnesses.

Decides where a head is asked for, and what it says beside a log that was verified. Only what the log's own key signed
says anything about the log; everything else is the word of who answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum

from stembus.audit import bounds
from stembus.audit.errors import AuditError, CannotRead, NoteInvalid, PlaceError
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.address import Address
from stembus.audit.log.note import Checkpoint, check_signed_by, parse_checkpoint
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import HEAD
from stembus.audit.monitor.split_log import SplitLog, find_split, find_split_ahead
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.audit.witness.followed_logs import origin_hash

_PATIENCE_SECONDS = 1.0  # another look comes soon, and one place must not hold up the others


class Word(Enum):
    """What a head elsewhere says."""

    SAME = "the same log"
    AHEAD = "more than was verified here"
    BEHIND = "an earlier state of the same log"
    SPLIT = "ANOTHER HISTORY, signed by the log's key"
    FOREIGN = "no head that the log signed"
    MISSING = "it answers, and shows no head of this log"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True)
class Vantage:
    """An address that shows the log, or the monitoring prefix of a witness."""

    address: str
    witness: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """`head` is the one that was shown, if the log signed it; `split` the proof, if it contradicts."""

    vantage: Vantage
    word: Word
    head: Checkpoint | None = None
    split: SplitLog | None = None

    @property
    def size(self) -> int | None:
        return self.head.size if self.head else None


def look_around(log: VerifiedLog, vantages: Sequence[Vantage]) -> list[Sight]:
    """One after the other, each asked once. Raises CannotRead when the verified log's files changed."""
    return [look_at(log, vantage) for vantage in vantages]


def look_at(log: VerifiedLog, vantage: Vantage) -> Sight:
    origin = log.manifest.log.origin
    path = f"{origin_hash(origin)}/{HEAD}" if vantage.witness else HEAD
    try:
        raw = Address(vantage.address, _PATIENCE_SECONDS).read(path, bounds.CHECKPOINT_BYTES)
    except PlaceError:
        return Sight(vantage, Word.MISSING)
    except CannotRead:
        return Sight(vantage, Word.SILENT)
    head = signed_head(log.manifest, raw)
    return Sight(vantage, Word.FOREIGN) if head is None else judge(log, vantage, head)


def signed_head(manifest: Manifest, raw: bytes) -> Checkpoint | None:
    """With one signature of the log, whatever else hangs on it; None where the log did not sign it."""
    key = manifest.log.verifier_key
    try:
        head = parse_checkpoint(raw, strangers=True)
    except NoteInvalid:
        return None
    for line in dict.fromkeys(line for line in head.signatures if (line.name, line.key_id) == (key.name, key.id)):
        alone = replace(head, signatures=(line,))
        with suppress(NoteInvalid):
            check_signed_by(alone, key)
            return alone
    return None


def judge(log: VerifiedLog, vantage: Vantage, head: Checkpoint) -> Sight:
    """`head` is signed by the log."""
    split = find_split(log, log.manifest.log.verifier_key, head) or _find_split_ahead(log, vantage, head)
    if split is not None:
        return Sight(vantage, Word.SPLIT, head, split)
    if head.size > log.head.size:
        return Sight(vantage, Word.AHEAD, head)
    return Sight(vantage, Word.SAME if head.size == log.head.size else Word.BEHIND, head)


def _find_split_ahead(log: VerifiedLog, vantage: Vantage, head: Checkpoint) -> SplitLog | None:
    """None also where the address does not show the files of its larger head; a witness has none."""
    if vantage.witness or head.size <= log.head.size:
        return None
    reader = TileReader(Address(vantage.address, _PATIENCE_SECONDS), head.size)
    try:
        return find_split_ahead(log, log.manifest.log.verifier_key, head, reader.subtree)
    except AuditError:
        return None
