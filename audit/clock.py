"""Time comes from one injected clock: whole Unix seconds."""

from __future__ import annotations

import time
from typing import Protocol

PAUSE_SECONDS = 0.1


class Clock(Protocol):
    def now(self) -> int: ...

    def pause(self) -> None:
        """Lets a moment pass, for who waits for the clock."""
        ...


class RealClock:
    def now(self) -> int:
        return int(time.time())

    def pause(self) -> None:
        time.sleep(PAUSE_SECONDS)


class SimulatedClock:
    """Moves only when told to, and never back. A binding manifest refuses it."""

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def pause(self) -> None:
        """It does not move by itself."""

    def move_to(self, moment: int) -> None:
        self._now = max(self._now, moment)
