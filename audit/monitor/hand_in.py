"""What people hand to a monitor over the network: ballots, promises, and trustees' decryptions.

Decides what is kept: only what a party of this referendum has signed, or a token of it, and of each only a few, so that
no stranger can fill the disk; and that nothing is kept of who handed it in, nor of when. What it means is found at the
next look, as for files that were put there by hand.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stembus.audit.durable import write_undated
from stembus.audit.errors import AuditError, RecordInvalid
from stembus.audit.formats.cast_ballot import VERSION, BallotContext
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.entry_bodies import PartialDecryption
from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.receipt import check_promise, parse_promise
from stembus.audit.monitor.watch import BALLOTS, DECRYPTIONS, PROMISE_BYTES, PROMISES
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.crypto.errors import CryptoError

FILE_BYTES = 1024 * 1024  # a decryption of many questions is the longest
OF_ONE = 4  # ballots of one token, promises for one ballot, decryptions of one trustee
OF_ALL = 4000  # of each kind


class Taken(Enum):
    """What became of a file; the number is the HTTP status that says so."""

    KEPT = 200
    KNOWN = 208
    FOREIGN = 422
    TOO_MANY = 429
    NOT_NOW = 503


@dataclass(frozen=True, slots=True)
class Parties:
    """Whose signatures count: of a log that was verified. `context` is None before its key ceremony is done."""

    manifest: Manifest
    referendum: bytes
    context: BallotContext | None


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where a file belongs, and from whom it is: the beginning of its name."""

    folder: str
    whose: str


class HandIn:
    """`parties` gives those of the log that was verified last, None before the first."""

    def __init__(self, folder: Path, parties: Callable[[], Parties | None]) -> None:
        self._folder = folder
        self._parties = parties
        self._one_at_a_time = threading.Lock()

    def take(self, data: bytes) -> Taken:
        """Raises OSError where nothing can be kept."""
        parties = self._parties()
        if parties is None or (parties.context is None and data[:1] == bytes([VERSION])):
            return Taken.NOT_NOW
        try:
            kind = _kind(parties, data)
        except (AuditError, CryptoError, BallotRefused):
            return Taken.FOREIGN
        with self._one_at_a_time:
            return self._keep(kind, data)

    def _keep(self, kind: _Kind, data: bytes) -> Taken:
        digest = hashlib.sha256(data).hexdigest()
        folder, name = self._folder / kind.folder, f"handed-{kind.whose}-{digest[:32]}"
        if (folder / name).exists():
            return Taken.KNOWN
        others = [path.name for path in folder.glob("handed-*")]
        if len(others) >= OF_ALL or sum(other.startswith(f"handed-{kind.whose}-") for other in others) >= OF_ONE:
            return Taken.TOO_MANY
        write_undated(folder / name, data)
        return Taken.KEPT


def _kind(parties: Parties, data: bytes) -> _Kind:
    """Raises AuditError, CryptoError or BallotRefused for what nobody of this referendum has signed."""
    if parties.context is not None and data[:1] == bytes([VERSION]):
        token = check_ballot(parties.context, data).token_key
        return _Kind(BALLOTS, hashlib.sha256(token).hexdigest()[:16])
    if len(data) <= PROMISE_BYTES:
        try:
            promise = parse_promise(data)
        except AuditError:
            pass
        else:
            check_promise(parties.manifest, parties.referendum, promise)
            return _Kind(PROMISES, promise.cast_hash[:16])
    entry = parse_entry(data)
    if not isinstance(entry.body, PartialDecryption):
        raise RecordInvalid("no ballot, no promise and no decryption")
    check_signatures(parties.manifest, parties.referendum, entry)
    return _Kind(DECRYPTIONS, f"{entry.body.trustee}")
