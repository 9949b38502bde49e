"""Sums of many points times public scalars (Pippenger's bucket method).

One byte of each scalar at a time: a point goes into the bucket of each of its bytes, each bucket is
summed by one library call, and the buckets of a position are reduced bit by bit, so that nearly all
additions happen inside a few large calls. Variable time: for public values only.

Source: Pippenger, 1976; Bernstein, Doumen, Lange, Oosterwijk, INDOCRYPT 2012, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from coincurve import PublicKey

from crypto.group import IDENTITY, Point, combine

_BITS = [[digit for digit in range(256) if digit >> bit & 1] for bit in range(8)]


def weighted_sum(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """sum(scalar * point). Scalars are non-negative and below 2^256; short ones cost less."""
    width = max(((scalar.bit_length() + 7) // 8 for scalar in scalars), default=0)
    buckets: list[list[list[PublicKey]]] = [[[] for _ in range(256)] for _ in range(width)]
    for point, scalar in zip(points, scalars, strict=True):
        key = point.key
        if key is None:
            continue
        length = (scalar.bit_length() + 7) // 8
        for row, digit in zip(buckets, scalar.to_bytes(length, "little"), strict=False):
            row[digit].append(key)
    total: PublicKey | None = None
    for row in reversed(buckets):
        sums = [combine(keys) if keys else None for keys in row]
        for bit in reversed(range(8)):
            terms = [key for digit in _BITS[bit] if (key := sums[digit]) is not None]
            part = combine(terms) if terms else None
            addends = [key for key in (total, total, part) if key is not None]
            total = combine(addends) if addends else None
    return Point(total) if total is not None else IDENTITY
