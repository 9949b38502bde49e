"""The search for a small m with m*G = target: baby-step giant-step.

Decides the number behind a decrypted sum, whose upper bound is known (ballots counted).
Source: Shanks, 1971.
"""

from __future__ import annotations

from math import isqrt

from stembus.crypto.errors import NotFound
from stembus.crypto.group import GENERATOR, IDENTITY, Point, generator_times


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
