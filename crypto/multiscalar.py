"""Sums of many points times public scalars (Pippenger's bucket method).

One byte of each scalar at a time, from the highest: a point goes into the bucket of its byte, each bucket
is summed by one library call, and the buckets are reduced bit by bit, so that nearly all additions happen
inside a few large calls. Variable time: for public values only.

Source: Pippenger, 1976; Bernstein, Doumen, Lange, Oosterwijk, INDOCRYPT 2012, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from coincurve import PublicKey

from stembus.crypto.group import IDENTITY, SCALAR_BYTES, Point, combine

_SHORT_BYTES = 16
_BITS = [[digit for digit in range(256) if digit >> bit & 1] for bit in range(8)]


def weighted_sum(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """sum(scalar * point). Scalars are non-negative and below 2^256; those below 2^128 cost half."""
    pairs = [(point.key, scalar) for point, scalar in zip(points, scalars, strict=True) if point.key is not None]
    groups: list[tuple[int, list[PublicKey], bytes]] = []
    for width, long in ((_SHORT_BYTES, False), (SCALAR_BYTES, True)):
        group = [pair for pair in pairs if bool(pair[1] >> 8 * _SHORT_BYTES) == long]
        digits = b"".join([scalar.to_bytes(width, "little") for _, scalar in group])
        groups.append((width, [key for key, _ in group], digits))
    total: PublicKey | None = None
    for position in reversed(range(SCALAR_BYTES)):
        # One position at a time keeps its 256 buckets in the processor's cache.
        buckets: list[list[PublicKey]] = [[] for _ in range(256)]
        put = [bucket.append for bucket in buckets]
        for width, keys, digits in groups:
            if position < width:
                for point_key, digit in zip(keys, digits[position::width], strict=True):
                    put[digit](point_key)
        sums = [combine(keys) if digit and keys else None for digit, keys in enumerate(buckets)]
        for bit in reversed(range(8)):
            terms = [key for digit in _BITS[bit] if (key := sums[digit]) is not None]
            part = combine(terms) if terms else None
            addends = [key for key in (total, total, part) if key is not None]
            total = combine(addends) if addends else None
    return Point(total) if total is not None else IDENTITY
