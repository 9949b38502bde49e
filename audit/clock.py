"""Time comes from one injected clock: whole Unix seconds."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int: ...


class RealClock:
    def now(self) -> int:
        return int(time.time())


class SimulatedClock:
    """Moves only when told to, and never back. A binding manifest refuses it."""

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def move_to(self, moment: int) -> None:
        self._now = max(self._now, moment)
