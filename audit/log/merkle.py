"""The log's tree: RFC 6962, section 2.1 (RFC 9162, section 2.1), over SHA-256.

Decides leaf and node hashes, roots of a growing tree in logarithmic memory, and inclusion proofs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from stembus.audit.errors import RecordInvalid

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: append leaf hashes, ask for the root at any moment."""

    __slots__ = ("peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        self.peaks.append(leaf)
        self.size += 1
        size = self.size
        while size % 2 == 0:
            right = self.peaks.pop()
            self.peaks[-1] = node_hash(self.peaks[-1], right)
            size //= 2

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        result = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            result = node_hash(left, result)
        return result


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf *data*."""
    frontier = Frontier()
    for data in leaves:
        frontier.append(leaf_hash(data))
    return frontier.root()


def hash_root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes (or over the complete subtree hashes of a tile)."""
    frontier = Frontier()
    for item in hashes:
        frontier.append(item)
    return frontier.root()


def inclusion_proof(index: int, size: int, subtree: Callable[[int, int], bytes]) -> list[bytes]:
    """The sibling hashes from leaf to root. `subtree(a, b)` gives the hash of the leaves a..b-1."""
    start, end = 0, size
    path: list[bytes] = []
    while end - start > 1:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if index < split:
            path.append(subtree(split, end))
            end = split
        else:
            path.append(subtree(start, split))
            start = split
    return path[::-1]


def root_from_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2. Raises RecordInvalid for a proof of the wrong length."""
    if not 0 <= index < size:
        raise RecordInvalid("an inclusion proof for an entry outside the tree")
    position, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise RecordInvalid("an inclusion proof is too long")
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise RecordInvalid("an inclusion proof is too short")
    return result


def consistency_proof(old: int, new: int, subtree: Callable[[int, int], bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.2: that the tree of `old` leaves is a prefix of that of `new`; empty for 0 or equal."""
    if not 0 < old < new:
        return []
    return _subproof(old, 0, new, True, subtree)


def _subproof(old: int, start: int, end: int, whole: bool, subtree: Callable[[int, int], bytes]) -> list[bytes]:
    if old == end - start:
        return [] if whole else [subtree(start, end)]
    split = 1 << (end - start - 1).bit_length() - 1
    if old <= split:
        return [*_subproof(old, start, start + split, whole, subtree), subtree(start + split, end)]
    return [*_subproof(old - split, start + split, end, False, subtree), subtree(start, start + split)]


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162, section 2.1.4.2. Raises RecordInvalid."""
    if old > new:
        raise RecordInvalid("the log became shorter")
    if old == 0 or old == new:
        if proof or (old == new and old_root != new_root):
            raise RecordInvalid("two trees of one size with different roots")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise RecordInvalid("a consistency proof is missing")
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise RecordInvalid("a consistency proof is too long")
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        position >>= 1
        last >>= 1
    if last or (first, second) != (old_root, new_root):
        raise RecordInvalid("the log was rewritten: its new tree does not continue the old one")
