"""What a witness knows: of each log that it follows the key, and the checkpoint that it cosigned last.

Two files a log, named by the SHA-256 of its origin: an empty mark that it was followed once, and a text, the log's
verifier key on a line with the cosigned checkpoint after it, or `none`. Decides that these are made by `follow` alone,
and once: what was lost is neither read as a new log nor followed anew, so a lost file signs no second history. An older
copy would.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.durable import locked, remove_leftovers, sync_folder, write_durably
from stembus.audit.errors import NoteInvalid, RecordInvalid
from stembus.audit.log.note import Checkpoint, check_signed_by, parse_checkpoint
from stembus.audit.log.verifier_key import ED25519, VerifierKey, parse_verifier_key
from stembus.audit.witness.refusals import LogUnknown

_NONE = b"none\n"
_FILE = re.compile(r"\A[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class FollowedLog:
    """`head` carries the log's signature and the witness's own; None before the first."""

    key: VerifierKey
    head: Checkpoint | None

    @property
    def size(self) -> int:
        return self.head.size if self.head else 0

    def to_bytes(self) -> bytes:
        return f"{self.key}\n".encode("ascii") + (self.head.to_bytes() if self.head else _NONE)


def origin_hash(origin: str) -> str:
    """As in C2SP tlog-witness: 64 hexadecimal digits."""
    return hashlib.sha256(origin.encode()).hexdigest()


class FollowedLogs:
    """The files of a witness, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, origin: str) -> Path:
        return self.folder / origin_hash(origin)

    def follow(self, key: VerifierKey, anew: bool = False) -> bool:
        """Begins to follow a log, from its first checkpoint on; False if this is done already. Raises NoteInvalid for
        another key of a log that is followed, and for what is no key of a log; RecordInvalid where what was seen of it
        is lost, unless it is to be followed `anew`: that signs whatever is shown."""
        if key.algorithm != ED25519:
            raise NoteInvalid(f"the key of {key.name} is no Ed25519 key of a log; only such logs are followed")
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(key.name)
        mark = path.with_suffix(".followed")
        with locked(path.with_suffix(".lock")):
            if path.exists():
                if self.read(key.name).key != key:
                    raise NoteInvalid(
                        f"the log {key.name} is followed already, with another key; a log that changes its key needs "
                        "another origin"
                    )
                return False
            if mark.exists() and not anew:
                raise RecordInvalid(
                    f"{path}, what this witness had seen of {key.name}, is lost: it signs nothing more of this log, "
                    "since that could be a second history"
                )
            write_durably(mark, b"")
            self.write(FollowedLog(key, None))
        return True

    def read(self, origin: str) -> FollowedLog:
        """Raises LogUnknown, or RecordInvalid for a file that is damaged: without it nothing may be signed."""
        try:
            return self._parse(self.path(origin), origin)
        except FileNotFoundError:
            raise LogUnknown(f"{origin[:60]!r} is no log that this witness follows") from None

    def origin_of(self, name: str) -> str | None:
        """Of the log whose file has this name. Raises RecordInvalid."""
        path = self.folder / name
        return self._parse(path).key.name if path.is_file() else None

    def all(self) -> Iterator[FollowedLog | RecordInvalid]:
        """In the order of their hashes; for what is damaged, the reason."""
        for path in sorted(self.folder.iterdir()):
            if _FILE.match(path.name):
                try:
                    yield self._parse(path)
                except RecordInvalid as damaged:
                    yield damaged

    def _parse(self, path: Path, origin: str | None = None) -> FollowedLog:
        """The log's own signature is verified; that of the witness, by the witness."""
        try:
            data = path.read_bytes()
            key_line, _, note = data.decode("utf-8").partition("\n")
            key = parse_verifier_key(key_line)
            head = None if note.encode() == _NONE else parse_checkpoint(note.encode())
            if head is not None:
                check_signed_by(head, key)
            log = FollowedLog(key, head)
        except (NoteInvalid, UnicodeDecodeError, IsADirectoryError):
            log = None
        if log is None or path != self.path(log.key.name) or log.to_bytes() != data:
            raise damaged(path, origin)
        return log

    @contextmanager
    def hold(self, origin: str) -> Iterator[FollowedLog]:
        """The log, alone among all threads and processes. Raises as `read` does."""
        self.read(origin)  # of an unknown log, not even a lock is made
        path = self.path(origin)
        with locked(path.with_suffix(".lock")):
            remove_leftovers(path)
            yield self.read(origin)

    def make_last(self) -> None:
        """Whatever can be read here now will be there after a power cut. Called within `hold`."""
        sync_folder(self.folder)

    def write(self, log: FollowedLog) -> None:
        """On the disk when it returns. Called within `hold`."""
        write_durably(self.path(log.key.name), log.to_bytes())


def damaged(path: Path, origin: str | None) -> RecordInvalid:
    return RecordInvalid(
        f"{path}, what this witness has seen of {origin or 'a log'}, is damaged; only the newest copy may take its "
        "place: an older one would sign a second history"
    )
