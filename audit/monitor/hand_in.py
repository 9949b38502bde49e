"""What people hand to a monitor over the network: ballots, promises, and trustees' decryptions.

Decides what is kept: only what a party of this referendum has signed, or a token of it, and of each only a few, so that
no stranger can fill the disk; and that nothing is kept of who handed it in, nor of when. What it means is found at the
next look, as for files that were put there by hand.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stembus.audit.bounds import ENTRY_BYTES
from stembus.audit.durable import write_undated
from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import VERSION, BallotContext
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.entry_bodies import PartialDecryption
from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.receipt import Promise, check_promise, parse_promise
from stembus.audit.monitor.handed import BALLOTS, DECRYPTIONS, OWN, PROMISE_BYTES, PROMISES
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.crypto.errors import CryptoError

FILE_BYTES = max(PROMISE_BYTES, ENTRY_BYTES)
OF_ONE = 4  # ballots of one token, promises for one ballot, decryptions of one trustee
OF_ALL = 4000  # of each kind


class Taken(Enum):
    """What became of a file; the number is the HTTP status that says so."""

    KEPT = 200
    LOGGED = 208
    NO_SUCH_FILE = 415
    INVALID = 422
    NOT_NOW = 503
    TOO_MANY = 507


@dataclass(frozen=True, slots=True)
class Parties:
    """Whose signatures count: of a log that was verified. `context` is None before its key ceremony is done; `logged`
    has of each ballot in the log, by its hash, the batch and the number."""

    manifest: Manifest
    referendum: bytes
    context: BallotContext | None
    logged: Mapping[bytes, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where a file belongs, and from whom it is: the beginning of its name. Of one person's, those of the highest
    `rank` go first when there are too many."""

    folder: str
    whose: str
    rank: int = 0


class _Refused(Exception):
    def __init__(self, answer: Taken) -> None:
        self.answer = answer


class HandIn:
    """`parties` gives those of the log that was verified last, None before the first. `turned_away` counts files that
    had no room."""

    def __init__(self, folder: Path, parties: Callable[[], Parties | None]) -> None:
        self._folder = folder
        self.parties = parties
        self.turned_away = 0
        self._one_at_a_time = threading.Lock()

    def take(self, data: bytes) -> Taken:
        """The same answer whether the file was here before or not: else anybody who has a ballot from the log could ask
        whether somebody handed it in, and when. Raises OSError where nothing can be kept."""
        parties = self.parties()
        if parties is None or (parties.context is None and data[:1] == bytes([VERSION])):
            return Taken.NOT_NOW
        try:
            kind = _kind(parties, data)
        except _Refused as refusal:
            return refusal.answer
        with self._one_at_a_time:
            return self._keep(kind, data)

    def _keep(self, kind: _Kind, data: bytes) -> Taken:
        """Of one ballot's promises the earliest are kept: a later one must not hide that an earlier was broken."""
        folder = self._folder / kind.folder
        name = f"{OWN}{kind.whose}-{kind.rank:016d}-{hashlib.sha256(data).hexdigest()[:32]}"
        if (folder / name).exists():
            return Taken.KEPT
        others = [path.name for path in folder.glob(f"{OWN}*")]
        same = sorted(other for other in others if other.startswith(f"{OWN}{kind.whose}-"))
        if len(same) >= OF_ONE and name < same[-1] and kind.rank:
            (folder / same[-1]).unlink(missing_ok=True)
        elif len(others) >= OF_ALL or len(same) >= OF_ONE:
            self.turned_away += 1
            return Taken.TOO_MANY
        write_undated(folder / name, data)
        return Taken.KEPT


def _kind(parties: Parties, data: bytes) -> _Kind:
    """Raises _Refused for what nobody of this referendum has signed, and for what stands in the log: it needs nobody
    to bring it, and everybody can have all of it."""
    if parties.context is not None and data[:1] == bytes([VERSION]):
        return _ballot(parties, parties.context, data)
    if len(data) <= PROMISE_BYTES:
        try:
            return _of_promise(parties, parse_promise(data))
        except AuditError:
            pass
    try:
        entry = parse_entry(data)
    except AuditError:
        raise _Refused(Taken.NO_SUCH_FILE) from None
    if not isinstance(entry.body, PartialDecryption):
        raise _Refused(Taken.NO_SUCH_FILE)
    try:
        check_signatures(parties.manifest, parties.referendum, entry)
    except (AuditError, CryptoError):
        raise _Refused(Taken.INVALID) from None
    return _Kind(DECRYPTIONS, f"{entry.body.trustee}")


def _ballot(parties: Parties, context: BallotContext, data: bytes) -> _Kind:
    if hashlib.sha256(data).digest() in parties.logged:
        raise _Refused(Taken.LOGGED)
    try:
        token = check_ballot(context, data).token_key
    except (AuditError, CryptoError, BallotRefused):
        raise _Refused(Taken.INVALID) from None
    return _Kind(BALLOTS, hashlib.sha256(token).hexdigest()[:32])


def _of_promise(parties: Parties, promise: Promise) -> _Kind:
    try:
        check_promise(parties.manifest, parties.referendum, promise)
    except (AuditError, CryptoError):
        raise _Refused(Taken.INVALID) from None
    batch, number = parties.logged.get(bytes.fromhex(promise.cast_hash), (promise.batch + 1, b""))
    if batch <= promise.batch and number.hex() == promise.ballot_id:
        raise _Refused(Taken.LOGGED)
    return _Kind(PROMISES, promise.cast_hash, promise.batch)
