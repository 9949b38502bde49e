"""A witness: remembers the largest tree of each log that it has seen, and cosigns only what continues it.

Decides when a cosignature is given (C2SP tlog-witness), and that its time is never before that of the one before. The
log's file is read, compared and written under one lock, and it is on the disk before the signature leaves: so neither a
crash nor two requests at once can make a witness sign two histories. Leaves a request's way to `requests` and `app`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from stembus.audit.clock import PAUSE_SECONDS, Clock
from stembus.audit.errors import ClockBehind, NoteInvalid, RecordInvalid
from stembus.audit.log.merkle import EMPTY_ROOT, check_consistency
from stembus.audit.log.note import (
    Checkpoint,
    NoteSignature,
    check_signed_by,
    cosign,
    cosignature_algorithm,
    cosignatures,
    time_of,
)
from stembus.audit.log.verifier_key import VerifierKey
from stembus.audit.witness.followed_logs import FollowedLog, FollowedLogs, damaged
from stembus.audit.witness.refusals import NotConsistent, NotSigned, RequestInvalid, SizeDiffers
from stembus.crypto.signing import MLDSA44Key, SigningKey

PATIENCE_SECONDS = 5  # a clock that is set by a time service jumps by less


class WitnessService(Protocol):
    """What a log asks of a witness. `patience` is how many seconds an answer may take; None of one that is here."""

    name: str

    @property
    def patience(self) -> float | None: ...

    def add_checkpoint(
        self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]
    ) -> Sequence[NoteSignature]: ...


class Witness:
    """One name, with an Ed25519 key, an ML-DSA-44 key, or both: then each signs at the same time."""

    patience: ClassVar[None] = None

    def __init__(self, name: str, keys: Sequence[SigningKey | MLDSA44Key], logs: FollowedLogs, clock: Clock) -> None:
        self.name = name
        self.logs = logs
        self._keys = keys
        self._clock = clock

    @property
    def verifier_keys(self) -> list[VerifierKey]:
        return [VerifierKey(self.name, cosignature_algorithm(key.public), key.public) for key in self._keys]

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        """The cosignatures. Raises WitnessRefusal, ClockBehind, or RecordInvalid where the log's file is damaged."""
        key = self.logs.read(checkpoint.origin).key
        try:
            check_signed_by(checkpoint, key)
        except NoteInvalid as error:
            raise NotSigned(str(error)) from None
        if old_size > checkpoint.size:
            raise RequestInvalid(f"the old size {old_size} is larger than that of the checkpoint, {checkpoint.size}")
        with self.logs.hold(checkpoint.origin) as log:
            return self._cosign(log, checkpoint, old_size, proof)

    def _cosign(
        self, log: FollowedLog, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]
    ) -> list[NoteSignature]:
        last = self._signed_at(log)
        if old_size != log.size:
            raise SizeDiffers(log.size)
        root = log.head.root if log.head else EMPTY_ROOT
        try:
            check_consistency(log.size, checkpoint.size, root, checkpoint.root, proof)
        except RecordInvalid as error:
            raise NotConsistent(str(error)) from None
        if not checkpoint.size and checkpoint.root != EMPTY_ROOT:
            raise NotConsistent("a tree without leaves has the hash of nothing as its root")
        now = self._time(last)
        signed = [cosign(checkpoint, self.name, key, now) for key in self._keys]
        # Of all other lines only the log's own is kept: whoever asks could add any number of them.
        kept = [line for line in checkpoint.signatures if (line.name, line.key_id) == (log.key.name, log.key.id)]
        head = Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, (*kept[:1], *signed))
        self.logs.write(FollowedLog(log.key, head))
        return signed

    def shown(self, origin: str) -> Checkpoint | None:
        """The checkpoint that was cosigned last; None before the first. Raises LogUnknown, or RecordInvalid where its
        file is damaged."""
        with self.logs.hold(origin) as log:
            self._signed_at(log)
            self.logs.make_last()
            return log.head

    def _signed_at(self, log: FollowedLog) -> int:
        """When this witness signed last, Unix seconds; 0 for never. Raises RecordInvalid for a file that it did not
        write: it may be damaged, or another witness's."""
        if log.head is None:
            return 0
        for key in self._keys:
            valid, problems = cosignatures(log.head, [(self.name, key.public)])
            if len(valid) != 1 or problems:
                raise damaged(self.logs.path(log.key.name), log.key.name)
        return max(time_of(line) for line in log.head.signatures if line.name != log.key.name)

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
