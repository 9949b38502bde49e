"""The log in memory: its files as they stood on disk at one moment, and what its entries say.

Decides that both are read together and put in place as a whole, so that no thread sees more of one than of the other.
Leaves to who loads it whether a writer may be at work meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.formats.manifest import referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.note import check_log_signature
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.state_machine import Order
from stembus.ballot.errors import LogDamaged
from stembus.ballot.log_operator.admission import Admission, Now
from stembus.ballot.log_operator.log_files import LogFiles
from stembus.ballot.log_operator.log_start import demand_head
from stembus.ballot.log_operator.pending import Pending


@dataclass(frozen=True, slots=True)
class Loaded:
    manifest_raw: bytes
    files: LogFiles
    admission: Admission


def load(
    folder: Path,
    pending: Pending,
    key: bytes,
    now: Now,
    before: Loaded | None = None,
    manifest_raw: bytes | None = None,
) -> Loaded:
    """The log that stands in `folder`, signed by `key`; if it continues `before`, only what was added is taken in.
    Raises AuditError; LogDamaged where the head is missing, or the log is another referendum's than `before`, or than
    that of `manifest_raw`."""
    demand_head(folder, pending)
    files = LogFiles.read(folder, pending)
    reader = files.reader()
    raw = reader.entry(0)
    if raw != (manifest_raw or (before.manifest_raw if before else raw)):
        raise LogDamaged(f"{folder} is the log of another referendum; bring back the one that belongs here")
    manifest = parse_manifest(raw)
    check_log_signature(files.standing(), manifest.log.origin, key)
    if before is not None and before.files.size < files.size:
        admission, known = deepcopy(before.admission), before.files.size
    else:
        admission, known = Admission(folder, manifest, referendum_id(raw), now), 1
    for index in range(known, files.size):
        admission.take(index, reader.entry(index))
    return Loaded(raw, files, admission)


class LoadedLog:
    """What is read of a log that was loaded, a head that waits for its quorum included."""

    _loaded: Loaded

    @property
    def _files(self) -> LogFiles:
        return self._loaded.files

    @property
    def size(self) -> int:
        return self._files.size

    @property
    def order(self) -> Order:
        return self._loaded.admission.order

    @property
    def batches(self) -> list[tuple[int, int]]:
        """(index of the first ballot, number of ballots) of each batch."""
        return self._loaded.admission.batches

    @property
    def batch_end(self) -> int:
        """The size of the log right after its last batch; 0 before the first."""
        return sum(self.batches[-1]) if self.batches else 0

    @property
    def issued(self) -> Sequence[int]:
        """How many tokens each registrar stated in the last batch; 0 before the first."""
        return self._loaded.admission.issued

    @property
    def decided(self) -> int:
        """The size of the tree that is counted; 0 until it is known."""
        return self._loaded.admission.decided

    def reader(self) -> TileReader:
        """Of all entries, the pending ones included."""
        return self._files.reader()
