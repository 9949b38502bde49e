"""What a witness knows: of each log that it follows the key, and the checkpoint that it cosigned last.

One text file a log, named by the SHA-256 of its origin: the log's verifier key on the first line, and after it the
cosigned checkpoint, or nothing yet. Decides that such a file is made by `follow` alone: a log whose file was lost is
one that the witness does not follow, so a lost file signs no second history. An older copy of a file would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.durable import create_durably, locked, remove_leftovers, write_durably
from stembus.audit.errors import NoteInvalid, RecordInvalid
from stembus.audit.log.note import Checkpoint, parse_checkpoint
from stembus.audit.log.verifier_key import ED25519, VerifierKey, parse_verifier_key
from stembus.audit.witness.refusals import LogUnknown


@dataclass(frozen=True, slots=True)
class FollowedLog:
    """`head` carries the log's signature and the witness's own; None before the first."""

    key: VerifierKey
    head: Checkpoint | None

    @property
    def size(self) -> int:
        return self.head.size if self.head else 0

    def to_bytes(self) -> bytes:
        return f"{self.key}\n".encode("ascii") + (self.head.to_bytes() if self.head else b"")


def origin_hash(origin: str) -> str:
    """As in C2SP tlog-witness: 64 hexadecimal digits."""
    return hashlib.sha256(origin.encode()).hexdigest()


class FollowedLogs:
    """The files of a witness, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, origin: str) -> Path:
        return self.folder / origin_hash(origin)

    def follow(self, key: VerifierKey) -> bool:
        """Begins to follow a log, from its first checkpoint on; False if this is done already. Raises NoteInvalid for
        another key of a log that is followed, and for what is no key of a log."""
        if key.algorithm != ED25519:
            raise NoteInvalid(f"the verifier key of {key.name} is one of a witness; give that of a log")
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            create_durably(self.path(key.name), FollowedLog(key, None).to_bytes())
            return True
        except FileExistsError:
            if self.read(key.name).key != key:
                raise NoteInvalid(
                    f"the log {key.name} is followed already, with another key; a log that changes its key needs "
                    "another origin"
                ) from None
            return False

    def read(self, origin: str) -> FollowedLog:
        """Raises LogUnknown, or RecordInvalid for a file that is damaged: without it nothing may be signed."""
        try:
            return self._parse(self.path(origin), origin)
        except FileNotFoundError:
            raise LogUnknown(f"{origin} is no log that this witness follows") from None

    def find(self, name: str) -> FollowedLog | None:
        """By the hash of the origin. Raises RecordInvalid."""
        path = self.folder / name
        return self._parse(path) if path.is_file() else None

    def all(self) -> Iterator[FollowedLog]:
        """In the order of their hashes. Raises RecordInvalid."""
        for path in sorted(self.folder.iterdir()):
            if len(path.name) == 64:
                yield self._parse(path)

    def _parse(self, path: Path, origin: str | None = None) -> FollowedLog:
        try:
            key_line, _, note = path.read_text(encoding="utf-8").partition("\n")
            key = parse_verifier_key(key_line)
            log = FollowedLog(key, parse_checkpoint(note.encode()) if note else None)
        except (NoteInvalid, UnicodeDecodeError):
            log = None
        if log is None or path != self.path(log.key.name) or (log.head and log.head.origin != log.key.name):
            raise RecordInvalid(
                f"{path}, what this witness has seen of {origin or 'a log'}, is damaged; only the newest copy may take "
                "its place: an older one would sign a second history"
            )
        return log

    @contextmanager
    def hold(self, origin: str) -> Iterator[FollowedLog]:
        """The log, alone among all threads and processes. Raises as `read` does."""
        self.read(origin)  # of an unknown log, not even a lock is made
        path = self.path(origin)
        with locked(path.with_suffix(".lock")):
            remove_leftovers(path)
            yield self.read(origin)

    def write(self, log: FollowedLog) -> None:
        """On the disk when it returns. Called within `hold`."""
        write_durably(self.path(log.key.name), log.to_bytes())
