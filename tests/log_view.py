"""The entries of a published log, parsed and not judged, for tests that look at faulty logs too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stembus.audit import bounds
from stembus.audit.formats.entries import Entry, parse_entry
from stembus.audit.formats.manifest import Manifest, referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.note import Checkpoint, parse_checkpoint
from stembus.audit.log.source import Place
from stembus.audit.log.tile_reader import TileReader


@dataclass(frozen=True)
class LogView:
    """A log as its head shows it."""

    head: Checkpoint
    reader: TileReader
    manifest_raw: bytes
    manifest: Manifest
    referendum: bytes

    def entries(self) -> Iterator[tuple[int, bytes, Entry]]:
        """(index, raw, entry) of all entries but the manifest and ballots."""
        for index in range(1, self.head.size):
            raw = self.reader.entry(index)
            if raw[:1] == b"{":
                yield index, raw, parse_entry(raw)


def read_log(place: Place) -> LogView:
    """Raises AuditError for a log that cannot be read."""
    head = parse_checkpoint(place.read("checkpoint", bounds.CHECKPOINT_BYTES))
    reader = TileReader(place, head.size)
    raw = reader.entry(0)
    return LogView(head, reader, raw, parse_manifest(raw), referendum_id(raw))
