"""The writer of the log: appends entries, signs the head, has it cosigned, and publishes it then.

One file lock and a comparison of heads make the head move by compare-and-swap, whatever number of processes
write. Decides that nothing is appended before a quorum has cosigned what stands there, and that readers see no head
without its quorum. Witnesses are asked without the lock. Leaves to `admission` what may be appended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

from stembus.audit.clock import RealClock
from stembus.audit.durable import locked, write_durably
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import Entry, entry_type, parse_entry
from stembus.audit.formats.manifest import Manifest, referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.note import Checkpoint, NoteSignature, sign_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.rules import healing_end
from stembus.audit.state_machine import Order
from stembus.audit.witness.witness import WitnessService
from stembus.ballot.errors import HeadMoved, WitnessesMissing
from stembus.ballot.log_operator.admission import Now
from stembus.ballot.log_operator.cosigning import (
    Reasons,
    Window,
    add_signatures,
    ask_witnesses,
    demand_newest,
    earliest_time,
    sizes_seen,
    time_of,
    told,
)
from stembus.ballot.log_operator.loaded_log import Loaded, LoadedLog, load
from stembus.ballot.log_operator.pending import Pending
from stembus.crypto.signing import SigningKey

_TRIES = 50
_WAITS, _WAIT_SECONDS = 50, 0.02


class LogWriter(LoadedLog):
    """Owns the published folder and the log key. `size`, `order` and `batches` say what the log holds so far, a pending
    head included; `head` and `published` are what readers see."""

    def __init__(
        self,
        folder: Path,
        key: SigningKey,
        lock: Path,
        witnesses: Sequence[WitnessService] = (),
        now: Now | None = None,
    ) -> None:
        self.folder = folder
        self._now = now or RealClock().now
        self._key = key
        self._lock = lock
        self._pending = Pending.beside(lock)
        self.witnesses = list(witnesses)
        self._reasons: Reasons = {}
        # Under the lock, so that what another writer is publishing right now is not taken for a longer log.
        with locked(lock):
            self._load()
            self._files.demand_newest()
        self.manifest_raw = self._loaded.manifest_raw
        self.manifest: Manifest = parse_manifest(self.manifest_raw)
        self.referendum = referendum_id(self.manifest_raw)

    def _load(self, before: Loaded | None = None) -> None:
        """Reads the log as it stands on disk. Called under the lock."""
        self._loaded = load(self.folder, self._pending, self._key.public, self._now, before)

    # Reading

    @property
    def healing_end(self) -> int:
        """Until when missing ballots can be handed in again, once the last batch is in; Unix seconds."""
        return healing_end(self.manifest, [self.time_at(sum(batch)) for batch in self.batches[-2:]])

    def head(self) -> Checkpoint:
        """As it is published. Raises WitnessesMissing before the first head has its quorum."""
        head = self._files.head()
        if head is None:
            raise WitnessesMissing("too few witnesses have cosigned the log's first head; it is not published yet")
        return head

    def root(self) -> bytes:
        return self._files.root()

    def published(self) -> TileReader:
        """Of the entries under the published head."""
        return TileReader(FolderPlace(self.folder), self.head().size)

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
        if self._files.agrees_with(self._files.standing()):
            return
        with locked(self._lock):
            self._catch_up()

    def _catch_up(self) -> None:
        """Called under the lock. Another process, or another thread of this one, may have been faster."""
        standing = self._files.standing()
        if not self._files.agrees_with(standing):
            self._load(self._loaded)

    # Writing

    def append(self, entries: Sequence[bytes], expected_size: int | None = None) -> int:
        """Appends entries as one step; returns the index of the first. They are published once a quorum has cosigned
        them, which `cosign` tells. Raises HeadMoved when the log is not at `expected_size`, or other processes append
        all the time; what `Admission.admit` raises when an entry may not stand there; WitnessesMissing while the
        head lacks its quorum, or too few witnesses answer; LogBehindWitness when a witness has seen more than this
        folder holds. Then nothing has changed. After an OSError the entries may stand in the log."""
        if not entries:
            return self.size
        if expected_size is not None:
            self._demand_size(self._files.standing().size, expected_size)
        for _ in range(_TRIES):
            asked = self._cosign()
            seen = self._sizes_seen()
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
            if self._files.waiting() is None:
                return
            time.sleep(_WAIT_SECONDS)

    def _demand_size(self, size: int, expected: int) -> None:
        if size != expected:
            raise HeadMoved(f"the log is at {size}, not at {expected}; read it again")

    def _append(
        self, entries: Sequence[bytes], expected_size: int | None, seen: Sequence[tuple[int, str]], asked: int | None
    ) -> int | None:
        """Called under the lock. `asked` is the size for which witnesses were asked; None when another process has
        moved the head since."""
        self._catch_up()
        if expected_size is not None:
            self._demand_size(self.size, expected_size)
        if self._files.waiting() is not None:
            # A checkpoint that nobody cosigned while it was the head can never be cosigned later, so the log
            # waits. Ballots are accepted and promised meanwhile.
            if asked == self.size:
                missing = "too few witnesses have cosigned the log's head; nothing was added, try again"
                raise WitnessesMissing(missing + self.why())
            return None
        demand_newest(seen, self.size, self.manifest, self._reasons)
        first = self.size
        sign = partial(sign_checkpoint, self.manifest.log.origin, key=self._key)
        try:
            admission = deepcopy(self._loaded.admission)
            admission.begin()
            for index, raw in enumerate(entries, first):
                admission.admit(index, raw)
            admission.demand_whole()
            self._loaded = Loaded(self._loaded.manifest_raw, self._files.stage(entries, sign), admission)
        except BaseException:
            self._load()
            raise
        return first

    def check(self, body_of: Callable[[Order], Record]) -> None:
        """Says beforehand whether the entry that `body_of` makes for the log as it stands could be appended now, so
        that no file is published for one that cannot. Raises OrderInvalid, WitnessesMissing or LogBehindWitness."""
        self._rehearse(body_of)
        if not self.cosign():
            missing = "too few witnesses have cosigned the log's head; nothing was changed, try again"
            raise WitnessesMissing(missing + self.why())
        seen = self._sizes_seen()
        self._rehearse(body_of)  # a batch may have come meanwhile, and the witnesses have seen it
        demand_newest(seen, self.size, self.manifest, self._reasons)

    def _rehearse(self, body_of: Callable[[Order], Record]) -> None:
        self.refresh()
        order = deepcopy(self.order)
        body = body_of(order)
        order.admit(entry_type(body), body)  # type: ignore[arg-type]

    def _sizes_seen(self) -> list[tuple[int, str]]:
        head = self._files.head()
        reader = TileReader(FolderPlace(self.folder), head.size if head else 0)
        return sizes_seen(self.manifest, self.witnesses, head, reader, self._reasons)

    def is_published(self, size: int | None = None) -> bool:
        """Whether a quorum has seen `size` entries, or all that this writer knows of. Asks nobody."""
        head, wanted = self._files.head(), self.size if size is None else size
        return head is not None and head.size >= wanted and self._files.cosigned(head.size) is not None

    def cosign(self) -> bool:
        """True when a quorum has seen all that this writer knows of, so that it is published. Adds late witnesses."""
        known = self.size
        if self._cosign() is None:
            self._add_late()
        return self.is_published(known)

    def _cosign(self) -> int | None:
        """Waits for witnesses without the lock, and takes it only to write their answers beside those that others
        got meanwhile; with the quorum the head is published. Returns the size of the head for which they were asked;
        None when no head waits, or when it moved."""
        self.refresh()
        files, waiting = self._files, self._files.waiting()
        if waiting is None or not files.agrees_with(waiting):
            return None
        answers = self._ask(waiting, files.reader(), self._earliest(waiting))
        with locked(self._lock):
            self._catch_up()
            current = self._files.waiting()
            if current is None or (current.size, current.root) != (waiting.size, waiting.root):
                return None  # a head that moved meanwhile did so with its quorum
            merged = add_signatures(current, answers, self.manifest)
            if time_of(merged, self.manifest) is not None:
                self._files.publish(merged)
            elif merged.signatures != current.signatures:
                self._files.keep(merged)
        return waiting.size

    def _ask(self, checkpoint: Checkpoint, reader: TileReader, earliest: int) -> list[NoteSignature]:
        self._reasons = {}  # an answer that comes too late writes into the old one
        window = Window.of(earliest, self._now())
        return ask_witnesses(self.manifest, self.witnesses, checkpoint, reader, window, self._reasons)

    def why(self) -> str:
        """To be added to words about missing witnesses: that none of them can sign yet, if so, or what each said."""
        waiting = self._files.waiting()
        ahead = 0 if waiting is None else self._earliest(waiting) - self._now()
        if ahead <= 0:
            return told(self._reasons)
        return f" in {ahead} seconds: the log's last time is so much ahead of the clock here, which may be wrong"

    def _earliest(self, waiting: Checkpoint) -> int:
        head = self._files.head()
        if head is None:
            return 0
        reader = self._files.reader()
        added = (reader.entry(index) for index in range(head.size, waiting.size))
        entries = (parse_entry(raw) for raw in added if raw[:1] == b"{")
        counted_since = self.time_at(self.decided) or 0
        return earliest_time(self.manifest, self.time_at(head.size) or 0, entries, self.healing_end, counted_since)

    def _add_late(self) -> None:
        """Asks those who have not cosigned the published head."""
        head = self._files.head()
        if head is None or not self._files.agrees_with(head):
            return
        answers = self._ask(head, self._files.reader(), time_of(head, self.manifest) or 0)
        if not answers:
            return
        with locked(self._lock):
            current = self._files.head()
            if current is not None and (current.size, current.root) == (head.size, head.root):
                self._files.write_head(add_signatures(current, answers, self.manifest))

    def publish(self, name: str, data: bytes) -> None:
        """Writes a file beside the log, such as a list whose root an entry will state. Under the lock, since who opens
        the log removes what is being written there without it."""
        with locked(self._lock):
            write_durably(self.folder / name, data)

    def tidy(self) -> None:
        """Removes what a write that was cut off left behind."""
        with locked(self._lock):
            self._catch_up()
            self._files.remove_leftovers()
