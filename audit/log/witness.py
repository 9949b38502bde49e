"""A witness: remembers the largest tree it has seen, and cosigns only what continues it.

Decides when a cosignature is given (C2SP tlog-witness semantics), and that its time is never before that of the one
before. The state is read, compared and written under one lock, and it is on the disk before the signature leaves: so
neither a crash nor two requests at once can make a witness sign two histories. Transport comes elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Protocol

from stembus.audit.clock import PAUSE_SECONDS, Clock
from stembus.audit.durable import locked, remove_leftovers, write_durably
from stembus.audit.errors import ClockBehind, NoteInvalid, RecordInvalid
from stembus.audit.log.merkle import EMPTY_ROOT, check_consistency
from stembus.audit.log.note import Checkpoint, NoteSignature, check_log_signature, cosign
from stembus.crypto.signing import SigningKey

PATIENCE_SECONDS = 5  # a clock that is set by a time service jumps by less


class WitnessService(Protocol):
    """What a log asks of a witness, near or far."""

    name: str

    def last_size(self, origin: str) -> int: ...

    def cosign(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> NoteSignature: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """The largest tree of one log that was cosigned, and when, in Unix seconds."""

    size: int = 0
    root: str = EMPTY_ROOT.hex()
    time: int = 0


def read_seen(path: Path) -> dict[str, Seen]:
    """A witness's state, by log; empty before it signed anything. Raises RecordInvalid for a state that cannot be read:
    without it nothing may be signed."""
    try:
        state = json.loads(path.read_text(encoding="ascii"))
        seen = {origin: Seen(*values) for origin, values in state.items()}
        if all(isinstance(s.size, int) and isinstance(s.time, int) and bytes.fromhex(s.root) for s in seen.values()):
            return seen
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        pass
    raise RecordInvalid(f"{path}, what this witness has seen, is damaged; bring it back from a backup")


class Witness:
    """Holds one Ed25519 key and a small JSON state file: [size, root, time] for each log's origin."""

    def __init__(self, name: str, key: SigningKey, logs: dict[str, bytes], state: Path, clock: Clock) -> None:
        self.name = name
        self._key = key
        self._logs = logs
        self._state = state
        self._clock = clock

    def last_size(self, origin: str) -> int:
        return read_seen(self._state).get(origin, Seen()).size

    def cosign(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> NoteSignature:
        """Raises NoteInvalid (unknown log, bad signature, stale size), RecordInvalid (inconsistent) or ClockBehind."""
        public = self._logs.get(checkpoint.origin)
        if public is None:
            raise NoteInvalid(f"{checkpoint.origin} is no log this witness follows")
        check_log_signature(checkpoint, checkpoint.origin, public)
        with locked(self._state.with_suffix(".lock")):
            remove_leftovers(self._state)
            return self._cosign(checkpoint, old_size, proof)

    def _cosign(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> NoteSignature:
        state = read_seen(self._state)
        seen = state.get(checkpoint.origin, Seen())
        if old_size != seen.size:
            raise NoteInvalid(f"this witness has seen size {seen.size}, not {old_size}")
        check_consistency(seen.size, checkpoint.size, bytes.fromhex(seen.root), checkpoint.root, proof)
        now = self._time(max((other.time for other in state.values()), default=0))
        state[checkpoint.origin] = Seen(checkpoint.size, checkpoint.root.hex(), now)
        data = {origin: astuple(item) for origin, item in state.items()}
        write_durably(self._state, json.dumps(data).encode("ascii"))
        return cosign(checkpoint, self.name, self._key, now)

    def _time(self, last: int) -> int:
        """Now, and not before the last time that was signed. Waits a little for a clock that was set back."""
        for _ in range(int(PATIENCE_SECONDS / PAUSE_SECONDS)):
            now = self._clock.now()
            if now >= last:
                return now
            if last - now > PATIENCE_SECONDS:
                break
            self._clock.pause()
        raise ClockBehind(f"the clock of witness {self.name} was set back: it signed {last - now} seconds ahead of now")
