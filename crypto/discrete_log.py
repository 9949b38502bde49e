"""The search for a small m with m*G = target, or for two such numbers in one: baby-step giant-step.

Decides the counts behind a decrypted sum, whose upper bound is known (ballots counted).
Source: Shanks, 1971; a point and its negative have one x-coordinate, so a table of n points covers 2n + 1.
"""

from __future__ import annotations

from math import isqrt

from stembus.crypto.errors import NotFound
from stembus.crypto.group import GENERATOR, IDENTITY, Point, generator_times

# Bounds the memory of a search for two numbers, to some 50 MB.
_TABLE = 1 << 18


def small_log(target: Point, maximum: int) -> int:
    """The m in 0..maximum with m*G = target, in about sqrt(maximum) steps. Raises NotFound."""
    step = isqrt(maximum) + 1
    baby: dict[Point, int] = {}
    point = IDENTITY
    for m in range(step):
        baby[point] = m
        point = point + GENERATOR
    giant = -generator_times(step)
    point = target
    for k in range(step + 1):
        if (m := baby.get(point, -1)) >= 0 and k * step + m <= maximum:
            return k * step + m
        point = point + giant
    raise NotFound(f"no number up to {maximum} decrypts this sum")


def two_small_logs(target: Point, second: int, maximum: int) -> tuple[int, int]:
    """The a and b with (a + b*second)*G = target and a + b at most `maximum`, which is below `second`: there is at most
    one such pair. About 1.5 * maximum steps, and more from a million on. Raises NotFound."""
    half = min(maximum // 2 + 1, _TABLE)
    width = 2 * half + 1
    table: dict[bytes, int] = {}
    point = GENERATOR
    for distance in range(1, half + 1):
        table[_x(point)] = distance
        point = point + GENERATOR
    wide, far = -generator_times(width), -generator_times(second)
    row = target - generator_times(half)  # the middle of the first `width` numbers
    for b in range(maximum + 1):
        point = row
        for middle in range(half, maximum - b + half + 1, width):
            distance = 0 if point.is_identity else table.get(_x(point), -1)
            if distance >= 0:
                for a in (middle - distance, middle + distance):
                    if 0 <= a <= maximum - b and generator_times(a + b * second) == target:
                        return a, b
            point = point + wide
        row = row + far
    raise NotFound(f"no two numbers that add up to at most {maximum} decrypt this sum")


def _x(point: Point) -> bytes:
    return point.to_bytes()[1:]
