"""What the public pages say about a referendum, read from its published log.

Decides what is shown when: before the tally the number of ballots and nothing else; after it the result as
the log states it. Does not judge the log: the pages say how anyone does that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.errors import AuditError
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import (
    Abandon,
    Batch,
    Cancel,
    Client,
    Close,
    Incident,
    Minutes,
    Open,
    PaperBallots,
    Result,
)
from stembus.audit.formats.manifest import Manifest, referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.note import cosignatures, parse_checkpoint, quorum_time
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import HEAD

_TRIES = 3


@dataclass(frozen=True)
class LogSummary:
    """A log's public story at one size."""

    size: int
    root: bytes
    referendum: str
    manifest: Manifest
    phase: str = "setup"
    ballots: int = 0
    #: (number, index of its header) of each batch, ascending
    batches: tuple[tuple[int, int], ...] = ()
    #: the log's size right after the entry `open`; 0 before it
    opening: int = 0
    result: Result | None = None
    incidents: tuple[Incident, ...] = ()
    ended: Cancel | Abandon | None = None
    documents: tuple[str, ...] = ()
    #: the last `client` entry: what browsers get
    client: Client | None = None


class SummaryReader:
    """Reads a published folder once, and after that only what is new. Safe to share between threads."""

    def __init__(self, public: Path) -> None:
        self._place = FolderPlace(public)
        self._lock = threading.Lock()
        self._last: LogSummary | None = None

    def now(self) -> LogSummary:
        """Raises AuditError for a log that cannot be read."""
        for _ in range(_TRIES - 1):
            try:
                return self._read()
            except AuditError:
                continue  # files of an outgrown head go while they are read
        return self._read()

    def head_time(self) -> int | None:
        """The head's quorum time, Unix seconds. Raises AuditError."""
        witnesses = self.now().manifest.witnesses
        head = parse_checkpoint(self._place.read(HEAD, bounds.CHECKPOINT_BYTES))
        known = [(member.name, member.public) for member in witnesses.members]
        return quorum_time(cosignatures(head, known)[0], witnesses.quorum)

    def _read(self) -> LogSummary:
        # The head is read under the lock: a thread with an older one would take the log for one that went back.
        with self._lock:
            head = parse_checkpoint(self._place.read(HEAD, bounds.CHECKPOINT_BYTES))
            last = self._last
            if last is None or (head.size, head.root) != (last.size, last.root):
                # A log only grows; whatever else this is, it is read from its beginning.
                known = last if last is not None and last.size < head.size else None
                self._last = last = _read_on(TileReader(self._place, head.size), known, head.root)
        return last


def _read_on(reader: TileReader, known: LogSummary | None, root: bytes) -> LogSummary:
    if known is None:
        raw = reader.entry(0)
        known = LogSummary(1, root, referendum_id(raw).hex(), parse_manifest(raw))
    index = known.size
    while index < reader.size:
        body = parse_entry(reader.entry(index)).body
        if isinstance(body, Batch):
            known = replace(known, ballots=known.ballots + body.size, batches=(*known.batches, (body.number, index)))
            index += body.size
        elif isinstance(body, PaperBallots):
            index += body.ballots
        elif isinstance(body, Open):
            known = replace(known, phase="open", opening=index + 1)
        elif isinstance(body, Close):
            known = replace(known, phase="closed")
        elif isinstance(body, Result):
            known = replace(known, phase="tallied", result=body)
        elif isinstance(body, Cancel):
            known = replace(known, phase="cancelled", ended=body)
        elif isinstance(body, Abandon):
            known = replace(known, phase="abandoned", ended=body)
        elif isinstance(body, Client):
            known = replace(known, client=body)
        elif isinstance(body, Incident):
            known = replace(known, incidents=(*known.incidents, body))
        elif isinstance(body, Minutes):
            known = replace(known, documents=(*known.documents, body.name))
        index += 1
    return replace(known, size=reader.size, root=root)
