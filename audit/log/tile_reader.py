"""Reads hashes and entries of a published log by position.

Decides how a tile of some size is found: the partial one, or the beginning of the full one that has outgrown it
(C2SP tlog-tiles), and how a subtree's hash is put together from tiles. Trusts the tiles: whoever uses a hash checks
it against a signed root. `verify.checked_log` reads what was checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from stembus.audit import bounds
from stembus.audit.errors import FileMissing, RecordInvalid
from stembus.audit.log.merkle import hash_root, inclusion_proof
from stembus.audit.log.tiles import parse_bundle, parse_tile, tile_path

_WIDTH = bounds.TILE_WIDTH
Read = Callable[[str, int], bytes]


def read_tile(read: Read, level: int, number: int, width: int) -> list[bytes]:
    """`width` hashes. `read` is that of a place. Raises PlaceError, CannotRead or RecordInvalid."""
    data, found = _read(read, level, number, width, bounds.TILE_BYTES)
    return parse_tile(data, found)[:width]


def read_bundle(read: Read, number: int, width: int) -> list[bytes]:
    """`width` entries. Raises as `read_tile` does."""
    data, found = _read(read, "entries", number, width, bounds.ENTRY_BUNDLE_BYTES)
    return parse_bundle(data, found)[:width]


def _read(read: Read, level: int | str, number: int, width: int, limit: int) -> tuple[bytes, int]:
    """The file's bytes and its width."""
    path = tile_path(level, number, width)
    try:
        return read(path, limit), width
    except FileMissing:
        if width == _WIDTH:
            raise
    try:
        return read(tile_path(level, number), limit), _WIDTH
    except FileMissing:
        raise FileMissing(f"{path} is missing") from None


class Readable(Protocol):
    """A place, as far as it is needed here."""

    def read(self, path: str, limit: int) -> bytes: ...


class TileReader:
    """A log of `size` entries at `place`."""

    def __init__(self, place: Readable, size: int) -> None:
        self._read = place.read
        self.size = size
        self._tile = lru_cache(maxsize=64)(self._read_tile)
        self._bundle = lru_cache(maxsize=4)(self._read_bundle)

    def _read_tile(self, level: int, number: int) -> list[bytes]:
        return read_tile(self._read, level, number, min(_WIDTH, (self.size >> 8 * level) - number * _WIDTH))

    def _read_bundle(self, number: int) -> list[bytes]:
        return read_bundle(self._read, number, min(_WIDTH, self.size - number * _WIDTH))

    def entry(self, index: int) -> bytes:
        """Raises RecordInvalid outside the log, PlaceError when a file is missing."""
        if not 0 <= index < self.size:
            raise RecordInvalid(f"the log has the entries 0 to {self.size - 1}")
        return self._bundle(index // _WIDTH)[index % _WIDTH]

    def subtree(self, start: int, end: int) -> bytes:
        """The hash over the leaves start..end-1 of a node of this tree."""
        level = 0
        while start % _WIDTH ** (level + 1) == 0 and end % _WIDTH ** (level + 1) == 0:
            level += 1
        unit = _WIDTH**level
        if start // unit // _WIDTH == (end // unit - 1) // _WIDTH:
            first = start // unit
            tile = self._tile(level, first // _WIDTH)
            return hash_root(tile[first % _WIDTH : first % _WIDTH + (end - start) // unit])
        split = 1 << (end - start - 1).bit_length() - 1
        return hash_root([self.subtree(start, start + split), self.subtree(start + split, end)])

    def inclusion(self, index: int) -> list[bytes]:
        return inclusion_proof(index, self.size, self.subtree)
