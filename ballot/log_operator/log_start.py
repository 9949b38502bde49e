"""How a log begins, once.

Decides that a log whose head is missing is never begun anew: what it held was signed and seen. Leaves everything after
the first entry to `log_writer`.
"""

from __future__ import annotations

from pathlib import Path

from stembus.audit.durable import create_durably, locked, write_durably
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.note import sign_checkpoint, verifier_key
from stembus.audit.log.tiles import HEAD
from stembus.ballot.errors import TAKE_A_COPY, LogDamaged
from stembus.ballot.log_operator.log_files import LogFiles, has_grown
from stembus.ballot.log_operator.pending import Pending
from stembus.crypto.signing import SigningKey


def start_log(folder: Path, manifest: bytes, key: SigningKey, lock: Path) -> None:
    """Signs a log of one entry, the manifest; it is published with its quorum. Done again, it changes nothing. Raises
    LogDamaged where a log was begun whose head is missing."""
    origin = parse_manifest(manifest).log.origin
    pending = Pending.beside(lock)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(lock):
        if _is_headless(folder, pending):
            if has_grown(folder) or was_started(lock):
                demand_head(folder, pending)
            write_durably(folder / "log.vkey", (verifier_key(origin, key.public) + "\n").encode())
            files = LogFiles.empty(folder, pending)
            files.stage([manifest], lambda size, root: sign_checkpoint(origin, size, root, key))
        remember_start(lock)


def remember_start(lock: Path) -> None:
    """Called under the lock."""
    if not was_started(lock):
        create_durably(_started(lock), b"")


def _started(lock: Path) -> Path:
    """Says that this log was begun, whatever became of its files since."""
    return lock.with_name(f"{lock.name}.started")


def was_started(lock: Path) -> bool:
    return _started(lock).exists()


def demand_head(folder: Path, pending: Pending) -> None:
    """Raises LogDamaged where neither a published head nor one that waits is there."""
    if _is_headless(folder, pending):
        raise LogDamaged(
            f"{folder / HEAD} is missing although the log was begun; bring back the newest copy of {folder}, or "
            f"{TAKE_A_COPY}; nothing was changed"
        )


def _is_headless(folder: Path, pending: Pending) -> bool:
    return not (folder / HEAD).exists() and pending.checkpoint() is None
