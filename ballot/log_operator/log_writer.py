"""The writer of the log: appends entries, signs the head, has it cosigned.

One file lock and a comparison of sizes make the head move by compare-and-swap, whatever number of processes
write. Decides that only what the state machine admits is appended, and that nothing is appended before a quorum
has cosigned what stands there. Witnesses are asked without the lock. Leaves the contents of entries to those who
make and sign them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

from stembus.audit.durable import locked, write_durably
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import Entry, check_signatures, entry_type, parse_entry
from stembus.audit.formats.entry_bodies import Batch
from stembus.audit.formats.manifest import Manifest, referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.note import Checkpoint, check_log_signature, sign_checkpoint, verifier_key
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import check_entry_size
from stembus.audit.log.witness import WitnessService
from stembus.audit.state_machine import Order
from stembus.ballot.errors import HeadMoved, LogDamaged, WitnessesMissing
from stembus.ballot.log_operator.cosigning import (
    add_signatures,
    ask_witnesses,
    largest_seen,
    refuse_rollback,
    time_of,
)
from stembus.ballot.log_operator.log_files import HEAD, LogFiles, has_grown
from stembus.crypto.signing import SigningKey

_TRIES = 50
_WAITS, _WAIT_SECONDS = 50, 0.02


def start_log(folder: Path, manifest: bytes, key: SigningKey, lock: Path) -> None:
    """Writes a log of one entry, the manifest. Done again, it changes nothing. Raises LogDamaged where a longer log
    stands whose head is missing."""
    origin = parse_manifest(manifest).log.origin
    folder.mkdir(parents=True, exist_ok=True)
    with locked(lock):
        if (folder / HEAD).exists():
            return
        if has_grown(folder):
            raise LogDamaged(f"{folder / HEAD} is missing although its log is there; restore it; nothing was changed")
        write_durably(folder / "log.vkey", (verifier_key(origin, key.public) + "\n").encode())
        LogFiles.empty(folder).append([manifest], lambda size, root: sign_checkpoint(origin, size, root, key))


class LogWriter:
    """Owns the published folder and the log key. `order` and `batches` say what the log holds so far."""

    def __init__(self, folder: Path, key: SigningKey, lock: Path, witnesses: Sequence[WitnessService] = ()) -> None:
        self.folder = folder
        self._key = key
        self._lock = lock
        self.witnesses = list(witnesses)
        # Under the lock: what another writer has written and not yet signed is not litter.
        with locked(lock):
            self._load()
            self._files.remove_unfinished()

    def _load(self, known: int = 0) -> None:
        """Reads the log as it stands on disk; its first `known` entries went through `order` already."""
        files = LogFiles.read(self.folder)
        reader = files.reader()
        self.manifest_raw = reader.entry(0)
        self.manifest: Manifest = parse_manifest(self.manifest_raw)
        self.referendum = referendum_id(self.manifest_raw)
        check_log_signature(files.head(), self.manifest.log.origin, self._key.public)
        if not known:
            self.order = Order()
            # (index of the first ballot, number of ballots) of each batch
            self.batches: list[tuple[int, int]] = []
            self.order.start(self.manifest)
        for index in range(max(known, 1), files.size):
            self._take(index, reader.entry(index))
        self._files = files

    def _take(self, index: int, raw: bytes) -> None:
        """Moves the state machine on; remembers where the batches stand."""
        if raw[:1] != b"{":
            self.order.admit_ballot()
            return
        entry = parse_entry(raw)
        self.order.admit(entry.type, entry.body)
        if isinstance(entry.body, Batch):
            self.batches.append((index + 1, entry.body.size))

    # Reading

    @property
    def size(self) -> int:
        return self._files.size

    @property
    def batch_end(self) -> int:
        """The size of the log right after its last batch; 0 before the first."""
        return sum(self.batches[-1]) if self.batches else 0

    def head(self) -> Checkpoint:
        return self._files.head()

    def root(self) -> bytes:
        return self._files.root()

    def reader(self) -> TileReader:
        return self._files.reader()

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """All entries but the manifest and ballots, parsed."""
        reader = self.reader()
        for index in range(1, self.size):
            raw = reader.entry(index)
            if raw[:1] == b"{":
                yield index, parse_entry(raw)

    def time_at(self, size: int) -> int | None:
        """The quorum time of the checkpoint at `size`; None while it has none."""
        checkpoint = self._files.cosigned(size)
        return None if checkpoint is None else time_of(checkpoint, self.manifest)

    def refresh(self) -> None:
        """Takes in what other processes appended meanwhile."""
        if self.head().size == self.size:
            return
        with locked(self._lock):
            size = self.head().size
            # Another thread may have been faster.
            if size != self.size:
                self._load(known=self.size if size > self.size else 0)

    # Writing

    def append(self, entries: Sequence[bytes], expected_size: int | None = None) -> int:
        """Appends entries as one step; returns the index of the first. Raises HeadMoved when the log is not
        at `expected_size`, or other processes append all the time; OrderInvalid or SignatureInvalid when an entry may
        not stand there; WitnessesMissing while the head lacks its quorum; LogBehindWitness when a witness has seen
        more than this folder holds. Then nothing has changed. After an OSError the entries may stand in the log."""
        if not entries:
            return self.size
        if expected_size is not None:
            self._demand_size(self.head().size, expected_size)
        for _ in range(_TRIES):
            seen = largest_seen(self.witnesses, self.manifest.log.origin)
            asked = self._cosign()
            with locked(self._lock):
                first = self._append(entries, expected_size, seen, asked)
            if first is not None:
                self._cosign()
                return first
            self._await_quorum()
        raise HeadMoved("other processes append all the time; nothing was added, try again")

    def _await_quorum(self) -> None:
        """The process that moved the head is asking the witnesses right now; its answers are soon written."""
        for _ in range(_WAITS):
            if self._files.cosigned(self.head().size) is not None:
                return
            time.sleep(_WAIT_SECONDS)

    def _demand_size(self, size: int, expected: int) -> None:
        if size != expected:
            raise HeadMoved(f"the log is at {size}, not at {expected}; read it again")

    def _append(
        self, entries: Sequence[bytes], expected_size: int | None, seen: tuple[int, str], asked: int
    ) -> int | None:
        """Called under the lock. `asked` is the size for which witnesses were asked; None when another process has
        moved the head since."""
        if self.head().size != self.size:
            self._load()
        if expected_size is not None:
            self._demand_size(self.size, expected_size)
        refuse_rollback(seen, self.size)
        if self._files.cosigned(self.size) is None:
            # A checkpoint that nobody cosigned while it was the head can never be cosigned later, so the log
            # waits. Ballots are accepted and promised meanwhile.
            if asked == self.size:
                raise WitnessesMissing("too few witnesses have cosigned the log's head; nothing was added, try again")
            return None
        first = self.size
        try:
            self._admit(entries)
            self._files.append(entries, self._sign)
        except BaseException:
            self._load()
            raise
        return first

    def _sign(self, size: int, root: bytes) -> Checkpoint:
        return sign_checkpoint(self.manifest.log.origin, size, root, self._key)

    def _admit(self, entries: Sequence[bytes]) -> None:
        for index, raw in enumerate(entries, self.size):
            check_entry_size(raw)
            if raw[:1] == b"{":
                check_signatures(self.manifest, self.referendum, parse_entry(raw))
            self._take(index, raw)

    def check(self, body: Record) -> None:
        """Says beforehand whether an entry could be appended now, so that no file is published for one that
        cannot. Raises OrderInvalid or WitnessesMissing."""
        self.refresh()
        deepcopy(self.order).admit(entry_type(body), body)  # type: ignore[arg-type]
        if not self.cosign():
            raise WitnessesMissing("too few witnesses have cosigned the log's head; nothing was changed, try again")

    def cosign(self) -> bool:
        """Asks every witness for the current head; True when the quorum is there."""
        return self._files.cosigned(self._cosign()) is not None

    def _cosign(self) -> int:
        """Waits for witnesses without the lock, and takes it only to write their answers beside those that others
        got meanwhile. Returns the size of the head for which they were asked."""
        head = self.head()
        if self._files.cosigned(head.size) is not None:
            return head.size
        answers = ask_witnesses(self.manifest, self.witnesses, head, TileReader(FolderPlace(self.folder), head.size))
        with locked(self._lock):
            current = self.head()
            # A head that moved meanwhile did so with its quorum.
            if (current.size, current.root) == (head.size, head.root):
                merged = add_signatures(current, answers, self.manifest)
                if merged.signatures != current.signatures:
                    self._files.write_head(merged)
                if time_of(merged, self.manifest) is not None:
                    self._files.write_cosigned(merged)
        return head.size

    def publish(self, name: str, data: bytes) -> None:
        """Writes a file beside the log, such as a list whose root an entry will state. Under the lock, since who opens
        the log removes what is being written there without it."""
        with locked(self._lock):
            write_durably(self.folder / name, data)

    def tidy(self) -> None:
        """Removes what a write that was cut off left behind."""
        with locked(self._lock):
            if self.head().size != self.size:
                self._load()
            self._files.remove_unfinished()
