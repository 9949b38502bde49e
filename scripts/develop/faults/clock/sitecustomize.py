"""Moves the clock of a process that is started with this folder on PYTHONPATH, as a wrong clock of its machine would.

The file that FAULTS_CLOCK names holds the seconds that are added to the time; it may change at any moment.
Decides nothing else: the product reads `time.time`, and does not know.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_FILE = Path(os.environ.get("FAULTS_CLOCK", "/nonexistent"))
_machine = time.time


def _moved() -> float:
    try:
        return _machine() + float(_FILE.read_text())
    except (OSError, ValueError):
        return _machine()


time.time = _moved
