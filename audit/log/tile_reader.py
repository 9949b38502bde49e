"""Reads hashes and entries of a published log by position, for proofs and single look-ups.

Decides how a subtree's hash is found in tiles. Trusts the tiles: whoever uses a proof checks it against a
signed root.
"""

from __future__ import annotations

from functools import lru_cache

from stembus.audit import bounds
from stembus.audit.errors import RecordInvalid
from stembus.audit.log.merkle import hash_root, inclusion_proof
from stembus.audit.log.source import Place
from stembus.audit.log.tiles import parse_bundle, parse_tile, tile_path

_WIDTH = bounds.TILE_WIDTH


class TileReader:
    """A log of `size` entries at `place`."""

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        self.size = size
        self._tile = lru_cache(maxsize=64)(self._read_tile)
        self._bundle = lru_cache(maxsize=4)(self._read_bundle)

    def _read_tile(self, level: int, number: int) -> list[bytes]:
        width = min(_WIDTH, (self.size >> 8 * level) - number * _WIDTH)
        return parse_tile(self._place.read(tile_path(level, number, width), bounds.TILE_BYTES), width)

    def _read_bundle(self, number: int) -> list[bytes]:
        width = min(_WIDTH, self.size - number * _WIDTH)
        path = tile_path("entries", number, width)
        return parse_bundle(self._place.read(path, bounds.ENTRY_BUNDLE_BYTES), width)

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
        if start % unit == 0 and end % unit == 0 and start // unit // _WIDTH == (end // unit - 1) // _WIDTH:
            first = start // unit
            tile = self._tile(level, first // _WIDTH)
            return hash_root(tile[first % _WIDTH : first % _WIDTH + (end - start) // unit])
        split = 1 << (end - start - 1).bit_length() - 1
        return hash_root([self.subtree(start, start + split), self.subtree(start + split, end)])

    def inclusion(self, index: int) -> list[bytes]:
        return inclusion_proof(index, self.size, self.subtree)
