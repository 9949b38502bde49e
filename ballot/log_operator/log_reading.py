"""The log as it stands, for who only looks: no key, no lock, and nothing is written.

Decides that what was read belongs to one signed head: while a writer moves the head its files do not fit each other for
a moment, and are read again. Judges nothing but that; what the log must hold is decided by its writer and the verifier.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from stembus.audit.errors import AuditError
from stembus.audit.formats.entries import Entry, parse_entry
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.note import Checkpoint
from stembus.ballot.errors import BallotError
from stembus.ballot.log_operator.cosigning import time_of
from stembus.ballot.log_operator.loaded_log import LoadedLog, load
from stembus.ballot.log_operator.pending import Pending

_TRIES, _WAIT_SECONDS = 10, 0.1


class LogReading(LoadedLog):
    """Of the referendum with this manifest."""

    def __init__(self, folder: Path, lock: Path, manifest: Manifest, manifest_raw: bytes) -> None:
        """Raises AuditError or LogDamaged."""
        self._folder = folder
        self._pending = Pending.beside(lock)
        self._manifest = manifest
        self._manifest_raw = manifest_raw
        self._read()

    def _read(self) -> None:
        for _ in range(_TRIES - 1):
            try:
                self._load()
                return
            except (AuditError, BallotError, FileNotFoundError):
                time.sleep(_WAIT_SECONDS)
        self._load()

    def _load(self) -> None:
        key = bytes.fromhex(self._manifest.log.key)
        loaded = load(self._folder, self._pending, key, lambda: 0, manifest_raw=self._manifest_raw)
        loaded.files.demand_newest()
        self._loaded = loaded

    def refresh(self) -> None:
        """Takes in what was appended meanwhile."""
        if not self._files.agrees_with(self._files.standing()):
            self._read()

    def root(self, size: int) -> bytes:
        """Of the first `size` entries, from 1."""
        return self.reader().subtree(0, size)

    def entries(self) -> Iterator[Entry]:
        """All entries but the manifest and ballots, parsed."""
        reader = self.reader()
        for index in range(1, self.size):
            raw = reader.entry(index)
            if raw[:1] == b"{":
                yield parse_entry(raw)

    def head(self) -> Checkpoint | None:
        """As it is published."""
        return self._files.head()

    def waiting(self) -> Checkpoint | None:
        """The signed head that lacks its quorum, if there is one."""
        return self._files.waiting()

    def time(self) -> int:
        """When the witnesses last signed, in Unix seconds; 0 where that is unknown."""
        head = self._files.head()
        return 0 if head is None else time_of(head, self._manifest) or 0
