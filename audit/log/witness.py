"""A witness: remembers the largest tree it has seen, and cosigns only what continues it.

Decides when a cosignature is given (C2SP tlog-witness semantics). The state is written before the
signature leaves, so a crash can never make a witness sign two histories. Transport comes elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from stembus.audit.clock import Clock
from stembus.audit.durable import locked, remove_leftovers, write_durably
from stembus.audit.errors import NoteInvalid
from stembus.audit.log.merkle import EMPTY_ROOT, check_consistency
from stembus.audit.log.note import Checkpoint, NoteSignature, check_log_signature, cosign
from stembus.crypto.signing import SigningKey


class WitnessService(Protocol):
    """What a log asks of a witness, near or far."""

    name: str

    def last_size(self, origin: str) -> int: ...

    def cosign(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> NoteSignature: ...


class Witness:
    """Holds one Ed25519 key and a small JSON state file."""

    def __init__(self, name: str, key: SigningKey, logs: dict[str, bytes], state: Path, clock: Clock) -> None:
        self.name = name
        self._key = key
        self._logs = logs
        self._state = state
        self._clock = clock

    def _read(self) -> dict[str, list[str | int]]:
        if not self._state.exists():
            return {}
        state: dict[str, list[str | int]] = json.loads(self._state.read_text(encoding="ascii"))
        return state

    def last_size(self, origin: str) -> int:
        return int(self._read().get(origin, [0, ""])[0])

    def cosign(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> NoteSignature:
        """Raises NoteInvalid (unknown log, bad signature, stale size) or RecordInvalid (inconsistent)."""
        public = self._logs.get(checkpoint.origin)
        if public is None:
            raise NoteInvalid(f"{checkpoint.origin} is no log this witness follows")
        check_log_signature(checkpoint, checkpoint.origin, public)
        with locked(self._state.with_suffix(".lock")):
            remove_leftovers(self._state)
            return self._cosign(checkpoint, old_size, proof)

    def _cosign(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> NoteSignature:
        state = self._read()
        size, root = state.get(checkpoint.origin, [0, EMPTY_ROOT.hex()])
        if old_size != size:
            raise NoteInvalid(f"this witness has seen size {size}, not {old_size}")
        check_consistency(int(size), checkpoint.size, bytes.fromhex(str(root)), checkpoint.root, proof)
        state[checkpoint.origin] = [checkpoint.size, checkpoint.root.hex()]
        write_durably(self._state, json.dumps(state).encode("ascii"))
        return cosign(checkpoint, self.name, self._key, self._clock.now())
