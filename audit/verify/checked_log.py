"""The entries of a log whose tree was checked, read again.

Holds the hash of each bundle as it was when the whole hashed to the signed root (32 bytes for 256 entries), so that
no second reading can bring in another byte: it is refused. Decides nothing about what entries mean.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from stembus.audit import bounds
from stembus.audit.errors import CannotRead, PlaceError, RecordInvalid
from stembus.audit.log.merkle import hash_root, inclusion_proof, leaf_hash
from stembus.audit.log.source import Place
from stembus.audit.log.tile_reader import read_bundle

_WIDTH = bounds.TILE_WIDTH


class CheckedLog:
    """`bundle_roots` are the hashes of the entry bundles in order, the last one of a bundle that may be partial."""

    def __init__(self, place: Place, size: int, bundle_roots: Sequence[bytes]) -> None:
        self._place = place
        self.size = size
        self._roots = bundle_roots
        self._bundle = lru_cache(maxsize=2)(self._read_bundle)

    def _read_bundle(self, number: int) -> tuple[list[bytes], list[bytes]]:
        """Entries and their leaf hashes. Raises CannotRead when they are not those that were checked."""
        try:
            entries = read_bundle(self._place.read, number, min(_WIDTH, self.size - number * _WIDTH))
        except (PlaceError, RecordInvalid) as error:
            raise CannotRead(f"the place changed while it was read: {error}") from None
        leaves = [leaf_hash(entry) for entry in entries]
        if hash_root(leaves) != self._roots[number]:
            raise CannotRead("the place gave other entries when it was read again; none of them was used")
        return entries, leaves

    def entry(self, index: int) -> bytes:
        """Raises RecordInvalid outside the log, CannotRead."""
        if not 0 <= index < self.size:
            raise RecordInvalid(f"the log has the entries 0 to {self.size - 1}")
        return self._bundle(index // _WIDTH)[0][index % _WIDTH]

    def bundle(self, number: int) -> list[bytes]:
        """The entries of one bundle. Raises CannotRead."""
        return self._bundle(number)[0]

    def at(self, positions: Iterable[int]) -> Iterator[bytes]:
        return (self.entry(position) for position in positions)

    def all(self) -> Iterator[tuple[int, bytes]]:
        """(index, entry), in log order."""
        return ((index, self.entry(index)) for index in range(self.size))

    def subtree(self, start: int, end: int) -> bytes:
        """The hash over the leaves start..end-1 of a node of the tree."""
        if end - start > _WIDTH:
            split = 1 << (end - start - 1).bit_length() - 1
            return hash_root([self.subtree(start, start + split), self.subtree(start + split, end)])
        number = start // _WIDTH
        first = number * _WIDTH
        if start == first and end == min(first + _WIDTH, self.size):
            return self._roots[number]
        return hash_root(self._bundle(number)[1][start - first : end - first])

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` entries. Raises RecordInvalid outside the log."""
        if not 0 < size <= self.size:
            raise RecordInvalid(f"the log has {self.size} entries, not {size}")
        return self.subtree(0, size)

    def inclusion(self, index: int) -> list[bytes]:
        return inclusion_proof(index, self.size, self.subtree)

    def tile(self, level: int, number: int, width: int) -> list[bytes]:
        """The hashes that a tile of this tree begins with."""
        unit: int = _WIDTH**level
        first = number * _WIDTH
        return [self.subtree((first + k) * unit, (first + k + 1) * unit) for k in range(width)]


class SignedRoots:
    """The roots at the sizes at which a log may have been signed: all but those between ballots that stand under one
    header, which would show the order in which they arrived. `starts[i]` is the size right after such a header,
    `ends[i]` that after its last ballot."""

    def __init__(self, tree: CheckedLog, starts: Sequence[int], ends: Sequence[int]) -> None:
        self.tree = tree
        self._starts = starts
        self._ends = ends
        self.get = lru_cache(maxsize=1024)(self._get)

    def _get(self, size: int) -> bytes | None:
        """None where the log may not have been signed."""
        if not 0 < size <= self.tree.size:
            return None
        batch = bisect_left(self._starts, size) - 1
        inside = 0 <= batch < len(self._ends) and size < self._ends[batch]
        return None if inside else self.tree.root_at(size)
