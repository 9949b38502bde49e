"""Chapter 1, the log as a tree: checkpoint, tiles, entries (V1, V4, V5).

Reads the bundle once, front to back, in memory that does not grow with it: a tile's hashes are compared
with what the entries hash to, level by level. Hands out entries and remembers the roots its caller asks
for. Leaves the meaning of entries to the next chapters.
"""

from __future__ import annotations

from collections.abc import Iterator

from stembus.audit import bounds
from stembus.audit.errors import NoteInvalid, PlaceError, RecordInvalid
from stembus.audit.log.merkle import Frontier, hash_root, leaf_hash
from stembus.audit.log.note import Checkpoint, parse_checkpoint
from stembus.audit.log.source import Place
from stembus.audit.log.tiles import bundle_widths, parse_bundle, parse_tile, tile_path
from stembus.audit.verify.report import Report


class Unreadable(Exception):
    """The log cannot be read far enough to go on; the fault is in the report already."""


class LogStream:
    """The entries of a bundle's log, checked against its tiles while they pass."""

    def __init__(self, place: Place, report: Report) -> None:
        self._place = place
        self._report = report
        self.frontier = Frontier()
        self._pending: list[list[bytes]] = [[]]
        self._tiles_done: list[int] = [0]
        self.checkpoint = self._read_checkpoint()

    def _read_checkpoint(self) -> Checkpoint:
        try:
            checkpoint = parse_checkpoint(self._place.read("checkpoint", bounds.CHECKPOINT_BYTES))
        except PlaceError as error:
            self._report.breach("V1", "checkpoint", str(error))
            raise Unreadable from None
        except NoteInvalid as error:
            self._report.breach("V4", "checkpoint", str(error))
            raise Unreadable from None
        if not 0 < checkpoint.size <= bounds.ENTRIES:
            self._report.breach("V5", "checkpoint", f"a log of {checkpoint.size} entries")
            raise Unreadable
        return checkpoint

    def bundle(self, number: int, width: int) -> list[bytes]:
        """One entry bundle. Raises Unreadable."""
        path = tile_path("entries", number, width)
        try:
            return parse_bundle(self._place.read(path, bounds.ENTRY_BUNDLE_BYTES), width)
        except PlaceError as error:
            self._report.breach("V1", path, str(error))
        except RecordInvalid as error:
            self._report.breach("V5", path, str(error))
        raise Unreadable

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """(index, entry) in log order; tiles and the root are checked on the way and at the end."""
        index = 0
        for number, width in bundle_widths(self.checkpoint.size):
            for entry in self.bundle(number, width):
                leaf = leaf_hash(entry)
                self.frontier.append(leaf)
                self._pending[0].append(leaf)
                yield index, entry
                index += 1
            self._finish_tiles(level=0)
        for level, hashes in enumerate(self._pending):
            if hashes:
                self._compare(level, self._tiles_done[level], hashes)
        if self.frontier.root() != self.checkpoint.root:
            self._report.breach("V5", "checkpoint", "the entries do not hash to the signed root")

    def _finish_tiles(self, level: int) -> None:
        hashes = self._pending[level]
        if len(hashes) < bounds.TILE_WIDTH:
            return
        self._compare(level, self._tiles_done[level], hashes)
        self._tiles_done[level] += 1
        self._pending[level] = []
        if level + 1 == len(self._pending):
            self._pending.append([])
            self._tiles_done.append(0)
        self._pending[level + 1].append(hash_root(hashes))
        self._finish_tiles(level + 1)

    def _compare(self, level: int, number: int, hashes: list[bytes]) -> None:
        path = tile_path(level, number, len(hashes))
        try:
            tile = parse_tile(self._place.read(path, bounds.TILE_BYTES), len(hashes))
        except PlaceError as error:
            self._report.breach("V1", path, str(error))
        except RecordInvalid as error:
            self._report.breach("V5", path, str(error))
        else:
            if tile != hashes:
                self._report.breach("V5", path, "the tile is not what its entries hash to")
