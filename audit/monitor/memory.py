"""What a monitor remembers of earlier rounds, beside the copies of the log: alarms that are over, and files that have
done their work.

Decides that an alarm about the host stays to be seen, with the minute at which it was there last; that what is about
ballots has no time; and that a ballot or promise which is found in the log makes room for another.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stembus.audit.durable import write_durably, write_undated
from stembus.audit.monitor.handed import BALLOTS, BROUGHT, OWN, PROMISES
from stembus.audit.monitor.watch import Relayed, Round
from stembus.audit.verify.promised_ballot import Verdict

_SETTLED = "settled.json"
_KEPT = 50  # alarms that are over


class Earlier:
    """Alarms about what is published and served, by their words."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)

    def add(self, seen: Round) -> tuple[tuple[str, int], ...]:
        """Notes what this round alarms for, and returns what only earlier ones did, the newest first."""
        now = list(seen.of_the_host())
        known = sorted({**self._known, **dict.fromkeys(now, seen.ended)}.items(), key=lambda one: -one[1])[:_KEPT]
        if dict(known) != self._known:
            self._known = dict(known)
            _write(lambda: write_durably(self._path, json.dumps(self._known).encode("utf-8")))
        return tuple((text, moment) for text, moment in known if text not in now)


def settle(folder: Path, seen: Round) -> tuple[int, int]:
    """Removes what was brought over the network and stands in the log; returns how many ballots, and how many promises
    that were handed in, have been removed until now."""
    counts = _read(folder / _SETTLED)
    ballots, promises = (counts.get(name, 0) for name in (BALLOTS, PROMISES))
    before = ballots, promises
    for brought in seen.brought:
        if brought.state is Relayed.LOGGED and brought.name.startswith(OWN):
            ballots += _remove(folder / BALLOTS / brought.name)
    for handed in seen.handed:
        if handed.fate is None or handed.fate.verdict is not Verdict.KEPT:
            continue
        if handed.name.startswith(OWN):
            promises += _remove(folder / PROMISES / handed.name)
        elif handed.name.startswith(BROUGHT):
            _remove(folder / PROMISES / handed.name)
    if (ballots, promises) != before:
        data = json.dumps({BALLOTS: ballots, PROMISES: promises}).encode("ascii")
        _write(lambda: write_undated(folder / _SETTLED, data))
    return before


def _remove(path: Path) -> int:
    try:
        path.unlink()
    except OSError:
        return 0
    return 1


def _read(path: Path) -> dict[str, int]:
    """Empty where nothing is there, or nothing that can be read: it is a memory, and no evidence."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {text: number for text, number in found.items() if isinstance(number, int)}


def _write(write: Callable[[], None]) -> None:
    with suppress(OSError):  # a full disk must not stop the watching
        write()
