"""What the public pages say about a referendum, read from its published log.

Decides what is shown when: before the tally the number of ballots and nothing else; after it the result as
the log states it. Does not judge the log: the pages say how anyone does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from audit import bounds
from audit.entries import Batch, Cancel, Close, Incident, Open, Result
from audit.logview import read_log
from audit.manifest import Manifest
from audit.note import parse_checkpoint
from audit.place import FolderPlace


@dataclass(frozen=True)
class Published:
    """A log's public story at one size."""

    referendum: str
    manifest: Manifest
    ballots: int
    phase: str
    result: Result | None
    incidents: tuple[Incident, ...]
    cancelled: Cancel | None


def read_published(public: Path) -> Published:
    """Raises AuditError for a log that cannot be read."""
    head = parse_checkpoint(FolderPlace(public).read("checkpoint", bounds.CHECKPOINT_BYTES))
    return _read(public, head.size, head.root)


@lru_cache(maxsize=4)
def _read(public: Path, size: int, root: bytes) -> Published:  # noqa: ARG001 - they name the state that is cached
    log = read_log(FolderPlace(public))
    phase, ballots = "setup", 0
    result: Result | None = None
    cancelled: Cancel | None = None
    incidents: list[Incident] = []
    for _, _, entry in log.entries():
        body = entry.body
        if isinstance(body, Open):
            phase = "open"
        elif isinstance(body, Batch):
            ballots += body.size
        elif isinstance(body, Close):
            phase = "closed"
        elif isinstance(body, Result):
            phase, result = "tallied", body
        elif isinstance(body, Cancel):
            phase, cancelled = "cancelled", body
        elif isinstance(body, Incident):
            incidents.append(body)
    return Published(log.referendum.hex(), log.manifest, ballots, phase, result, tuple(incidents), cancelled)
