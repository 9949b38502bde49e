"""Chapter 1, the log as a tree: checkpoint, tiles, entries (V1, V4, V5).

Reads the bundle once, front to back, in memory that hardly grows with it: a tile's hashes are compared with what the
entries hash to, level by level. What does not fit is read afresh once, since a transfer may have gone wrong. Hands out
entries. Leaves the meaning of entries to the next chapters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stembus.audit import bounds
from stembus.audit.errors import CannotRead, FileMissing, NoteInvalid, PlaceError, RecordInvalid
from stembus.audit.log.merkle import Frontier, hash_root, leaf_hash
from stembus.audit.log.note import Checkpoint, is_note, parse_checkpoint
from stembus.audit.log.source import Place
from stembus.audit.log.tile_reader import read_bundle, read_tile
from stembus.audit.log.tiles import HEAD, bundle_widths, tile_path
from stembus.audit.verify.checked_log import CheckedLog
from stembus.audit.verify.report import Report

_Reading = Callable[[Callable[[str, int], bytes]], list[bytes]]


class Unreadable(Exception):
    """The log cannot be read far enough to go on; the fault is in the report already."""


def read_head(place: Place, report: Report) -> tuple[bytes, Checkpoint]:
    """The file `checkpoint` and what it says. Raises Unreadable, or CannotRead where there is no log at all."""
    try:
        raw = place.read(HEAD, bounds.CHECKPOINT_BYTES)
    except FileMissing as error:
        raise CannotRead(f"no log is published there: {error}") from None
    except PlaceError as error:
        report.breach("V1", HEAD, str(error))
        raise Unreadable from None
    if not is_note(raw):
        raise CannotRead("no log is published there: what the file checkpoint holds is no signed note")
    try:
        checkpoint = parse_checkpoint(raw)
    except NoteInvalid as error:
        report.breach("V4", HEAD, str(error))
        raise Unreadable from None
    if not 0 < checkpoint.size <= bounds.ENTRIES:
        report.breach("V5", HEAD, f"a log of {checkpoint.size} entries")
        raise Unreadable
    return raw, checkpoint


class LogStream:
    """The entries of a bundle's log, checked against its tiles while they pass."""

    def __init__(self, place: Place, report: Report) -> None:
        self._place = place
        self._report = report
        self._raw_head, self.checkpoint = read_head(place, report)
        self.frontier = Frontier()
        self._first_width = min(self.checkpoint.size, bounds.TILE_WIDTH)
        self._bundle_roots: list[bytes] = []
        self._pending: list[list[bytes]] = [[]]
        self._tiles_done: list[int] = [0]

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """(index, entry) in log order; tiles and the root are checked on the way and at the end. Raises Unreadable,
        CannotRead."""
        index = 0
        for number, width in bundle_widths(self.checkpoint.size):
            entries, leaves = self._bundle(number, width)
            self._bundle_roots.append(hash_root(leaves))
            for entry, leaf in zip(entries, leaves, strict=True):
                self.frontier.append(leaf)
                yield index, entry
                index += 1
            if width == bounds.TILE_WIDTH:
                self._carry(1, self._bundle_roots[-1])
        for level, hashes in enumerate(self._pending[1:], 1):
            if hashes:
                self._compare(level, self._tiles_done[level], hashes)
        if self.frontier.root() != self.checkpoint.root:
            self._report.breach("V5", HEAD, "the entries do not hash to the signed root")

    def checked(self) -> CheckedLog:
        """What passed, to be read again; to be asked for once all entries have passed."""
        return CheckedLog(self._place, self.checkpoint.size, self._bundle_roots)

    def _bundle(self, number: int, width: int) -> tuple[list[bytes], list[bytes]]:
        """The entries and their leaf hashes, compared with the tile that states these."""
        path, tile = tile_path("entries", number, width), tile_path(0, number, width)
        entries = self._read(path, lambda read: read_bundle(read, number, width))
        if entries is None:
            raise Unreadable
        leaves = [leaf_hash(entry) for entry in entries]
        stated = self._read(tile, lambda read: read_tile(read, 0, number, width))
        if stated is None or stated == leaves:
            return entries, leaves
        again = self._afresh(lambda read: read_bundle(read, number, width)) or entries
        leaves = [leaf_hash(entry) for entry in again]
        if self._afresh(lambda read: read_tile(read, 0, number, width)) != leaves:
            self._report.breach("V5", tile, "the tile is not what its entries hash to")
        return again, leaves

    def _carry(self, level: int, item: bytes) -> None:
        """Hands the hash of a full tile up to the next level."""
        if level == len(self._pending):
            self._pending.append([])
            self._tiles_done.append(0)
        hashes = self._pending[level]
        hashes.append(item)
        if len(hashes) == bounds.TILE_WIDTH:
            self._compare(level, self._tiles_done[level], hashes)
            self._tiles_done[level] += 1
            self._pending[level] = []
            self._carry(level + 1, hash_root(hashes))

    def _compare(self, level: int, number: int, hashes: list[bytes]) -> None:
        path, width = tile_path(level, number, len(hashes)), len(hashes)
        stated = self._read(path, lambda read: read_tile(read, level, number, width))
        if stated is None or stated == hashes:
            return
        if self._afresh(lambda read: read_tile(read, level, number, width)) != hashes:
            self._report.breach("V5", path, "the tile is not what its entries hash to")

    def _afresh(self, read: _Reading) -> list[bytes] | None:
        """None when that fails too."""
        try:
            return read(self._place.read_afresh)
        except (PlaceError, RecordInvalid):
            return None

    def _read(self, path: str, read: _Reading) -> list[bytes] | None:
        """None when the file is not what it must be, which the report then says."""
        try:
            try:
                return read(self._place.read)
            except RecordInvalid:
                return read(self._place.read_afresh)
        except PlaceError as error:
            if path == tile_path("entries", 0, self._first_width) and isinstance(error, FileMissing):
                raise CannotRead(f"no log is published there: {error}") from None
            self._demand_same_head()
            self._report.breach("V1", path, str(error))
        except RecordInvalid as error:
            self._report.breach("V5", path, str(error))
        return None

    def _demand_same_head(self) -> None:
        """A file of this head may have gone because the log has outgrown it meanwhile."""
        try:
            moved = self._place.head_now() != self._raw_head
        except PlaceError:
            moved = True
        if moved:
            raise CannotRead("the log grew while it was read; run the same command again")
