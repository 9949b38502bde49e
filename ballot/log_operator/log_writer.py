"""The writer of the log: appends entries, signs the head, collects cosignatures.

The published folder itself is the storage: tiles and entry bundles are written first, and the signed
`checkpoint`, replaced by rename, is the moment of truth. One file lock and a comparison of sizes make the
head move by compare-and-swap. Decides that only what the state machine admits is appended; leaves the
contents of entries to those who make and sign them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.errors import AuditError, RecordInvalid
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import Batch, Entry, check_signatures, entry_type, parse_entry
from stembus.audit.formats.manifest import Manifest, parse_manifest, referendum_id
from stembus.audit.log.merkle import Frontier, consistency_proof, hash_root, leaf_hash
from stembus.audit.log.note import (
    Checkpoint,
    check_log_signature,
    cosignatures,
    parse_checkpoint,
    quorum_time,
    sign_checkpoint,
    verifier_key,
)
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import (
    bundle_widths,
    check_entry_size,
    encode_bundle,
    log_paths,
    parse_bundle,
    parse_tile,
    tile_path,
)
from stembus.audit.log.witness import WitnessService
from stembus.audit.state_machine import Order
from stembus.ballot.errors import HeadMoved, LogBehindWitness, WitnessesMissing
from stembus.crypto.signing import SigningKey


def write_durably(path: Path, data: bytes) -> None:
    """Writes beside, syncs, renames: after a crash the old file or the new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.new")
    with staged.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class LogWriter:
    """Owns the published folder and the log key."""

    def __init__(self, folder: Path, key: SigningKey, lock: Path, witnesses: Sequence[WitnessService] = ()) -> None:
        self.folder = folder
        self._key = key
        self._lock = lock
        self.witnesses = list(witnesses)
        # Under the lock: what another writer has written and not yet signed is not litter.
        with self._locked():
            self._load()
            self.tidy(everything=True)

    @classmethod
    def create(
        cls, folder: Path, manifest: bytes, key: SigningKey, lock: Path, witnesses: Sequence[WitnessService] = ()
    ) -> LogWriter:
        """Starts a log with its entry 0. Doing it again with the same manifest changes nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        parsed = parse_manifest(manifest)
        if not (folder / "checkpoint").exists():
            write_durably(folder / "log.vkey", (verifier_key(parsed.log.origin, key.public) + "\n").encode())
            writer = cls.__new__(cls)
            writer.folder, writer._key, writer._lock, writer.witnesses = folder, key, lock, list(witnesses)
            writer._levels, writer._tail, writer.size, writer.batches = [], [], 0, []
            writer.manifest, writer.order = parsed, Order()
            with writer._locked():
                writer._commit([manifest])
        return cls(folder, key, lock, witnesses)

    def _load(self, known: int = 0) -> None:
        """Reads the log as it stands on disk; its first `known` entries went through `order` already."""
        place = FolderPlace(self.folder)
        head = parse_checkpoint(place.read("checkpoint", bounds.CHECKPOINT_BYTES))
        self.size = head.size
        reader = TileReader(place, head.size)
        self.manifest_raw = reader.entry(0)
        self.manifest: Manifest = parse_manifest(self.manifest_raw)
        self.referendum = referendum_id(self.manifest_raw)
        check_log_signature(head, self.manifest.log.origin, self._key.public)
        self._levels: list[list[bytes]] = []
        level, size = 0, self.size
        while size:
            width = size % bounds.TILE_WIDTH
            path = tile_path(level, size // bounds.TILE_WIDTH, width)
            self._levels.append(parse_tile(place.read(path, bounds.TILE_BYTES), width) if width else [])
            size //= bounds.TILE_WIDTH
            level += 1
        width = self.size % bounds.TILE_WIDTH
        path = tile_path("entries", self.size // bounds.TILE_WIDTH, width)
        data = place.read(path, bounds.ENTRY_BUNDLE_BYTES) if width else b""
        self._tail: list[bytes] = parse_bundle(data, width)
        if self.root() != head.root:
            raise RecordInvalid("the log's files do not hash to its signed head; restore them before going on")
        if not known:
            self.order = Order()
            # (index of the first ballot, number of ballots) of each batch
            self.batches: list[tuple[int, int]] = []
            self.order.start(self.manifest)
        for index in range(max(known, 1), reader.size):
            self._take(index, reader.entry(index))

    def _take(self, index: int, raw: bytes) -> None:
        """Moves the state machine on; remembers where the batches stand."""
        if raw[:1] != b"{":
            self.order.admit_ballot()
            return
        entry = parse_entry(raw)
        self.order.admit(entry.type, entry.body)
        if isinstance(entry.body, Batch):
            self.batches.append((index + 1, entry.body.size))

    @property
    def batch_end(self) -> int:
        """The size of the log right after its last batch; 0 before the first."""
        return sum(self.batches[-1]) if self.batches else 0

    def refresh(self) -> None:
        """Takes in what other processes appended meanwhile."""
        if self.head().size == self.size:
            return
        with self._locked():
            size = self.head().size
            # Another thread may have been faster.
            if size != self.size:
                self._load(known=self.size if size > self.size else 0)

    def entries(self) -> Iterator[tuple[int, Entry]]:
        """All entries but the manifest and ballots, parsed."""
        reader = self.reader()
        for index in range(1, self.size):
            raw = reader.entry(index)
            if raw[:1] == b"{":
                yield index, parse_entry(raw)

    def reader(self) -> TileReader:
        return TileReader(FolderPlace(self.folder), self.size)

    def root(self) -> bytes:
        peaks: list[bytes] = []
        for hashes in reversed(self._levels):
            frontier = Frontier()
            for item in hashes:
                frontier.append(item)
            peaks += frontier.peaks
        return hash_peaks(peaks)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def head(self) -> Checkpoint:
        return parse_checkpoint((self.folder / "checkpoint").read_bytes())

    def append(self, entries: Sequence[bytes], expected_size: int | None = None) -> int:
        """Appends entries as one step; returns the index of the first. Raises HeadMoved when the log is not
        at `expected_size`, OrderInvalid or SignatureInvalid when an entry may not stand there, and
        LogBehindWitness when a witness has seen more than this folder holds. Then nothing has changed."""
        if not entries:
            return self.size
        with self._locked():
            if self.head().size != self.size:
                self._load()
            if expected_size is not None and expected_size != self.size:
                raise HeadMoved(f"the log is at {self.size}, not at {expected_size}; read it again")
            self._refuse_rollback()
            self._demand_quorum()
            first = self.size
            try:
                self._admit(entries)
                self._commit(entries)
            except Exception:
                self._load()
                raise
            self._cosign()
        return first

    def check(self, body: Record) -> None:
        """Says beforehand whether an entry could be appended now, so that no file is published for one that
        cannot. Raises OrderInvalid or WitnessesMissing."""
        self.refresh()
        deepcopy(self.order).admit(entry_type(body), body)  # type: ignore[arg-type]
        if not self.cosign():
            raise WitnessesMissing("too few witnesses have cosigned the log's head; nothing was changed, try again")

    def _refuse_rollback(self) -> None:
        for witness in self.witnesses:
            try:
                seen = witness.last_size(self.manifest.log.origin)
            except OSError:
                continue
            if seen > self.size:
                raise LogBehindWitness(
                    f"witness {witness.name} has cosigned {seen} entries and this log has {self.size}; "
                    "restore the newer copy of the published folder"
                )

    def _demand_quorum(self) -> None:
        """A checkpoint that nobody cosigned while it was the head can never be cosigned later, so the log
        waits. Ballots are accepted and promised meanwhile."""
        if not self._cosign():
            raise WitnessesMissing("too few witnesses have cosigned the log's head; nothing was added, try again")

    def _admit(self, entries: Sequence[bytes]) -> None:
        for index, raw in enumerate(entries, self.size):
            check_entry_size(raw)
            if raw[:1] == b"{":
                check_signatures(self.manifest, self.referendum, parse_entry(raw))
            self._take(index, raw)

    def _commit(self, entries: Sequence[bytes]) -> None:
        """Writes tiles and bundles, then the head. Called under the lock."""
        files: dict[str, bytes] = {}
        for raw in entries:
            self._tail.append(raw)
            self._push(0, self.size, leaf_hash(raw), files)
            self.size += 1
            if self.size % bounds.TILE_WIDTH == 0:
                files[tile_path("entries", self.size // bounds.TILE_WIDTH - 1)] = encode_bundle(self._tail)
                self._tail = []
        for number, width in list(bundle_widths(self.size))[-1:]:
            if width < bounds.TILE_WIDTH:
                files[tile_path("entries", number, width)] = encode_bundle(self._tail)
        for level, hashes in enumerate(self._levels):
            if hashes:
                number = (self.size >> 8 * level) // bounds.TILE_WIDTH
                files[tile_path(level, number, len(hashes))] = b"".join(hashes)
        for path, data in files.items():
            write_durably(self.folder / path, data)
        checkpoint = sign_checkpoint(self.manifest.log.origin, self.size, self.root(), self._key)
        write_durably(self.folder / "checkpoint", checkpoint.to_bytes())
        self.tidy()

    def _push(self, level: int, size: int, item: bytes, files: dict[str, bytes]) -> None:
        if level == len(self._levels):
            self._levels.append([])
        hashes = self._levels[level]
        hashes.append(item)
        if len(hashes) == bounds.TILE_WIDTH:
            number = size >> 8 * (level + 1)
            files[tile_path(level, number)] = b"".join(hashes)
            self._levels[level] = []
            self._push(level + 1, size, hash_root(hashes), files)

    def tidy(self, everything: bool = False) -> None:
        """Removes what no log of this size consists of: outgrown partial tiles, and with `everything` also
        tiles and staged files of a write that was cut off."""
        expected: set[str] | None = None
        if everything:
            expected = set(log_paths(self.size))
            for path in (path for path in self.folder.rglob("*") if path.is_file()):
                relative = path.relative_to(self.folder).as_posix()
                if path.name.endswith(".new") or (relative.startswith("tile/") and relative not in expected):
                    path.unlink()
        for folder in self._partial_folders():
            for path in folder.iterdir():
                relative = path.relative_to(self.folder).as_posix()
                if expected is None:
                    expected = set(log_paths(self.size))
                if relative not in expected:
                    path.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    def _partial_folders(self) -> list[Path]:
        return list((self.folder / "tile").rglob("*.p"))

    def cosign(self) -> bool:
        """Asks every witness for the current head; True when the quorum is there."""
        with self._locked():
            return self._cosign()

    def _cosign(self) -> bool:
        """Asks every witness for the current head; True when the quorum is there. A missing witness is asked
        again next time."""
        checkpoint = self.head()
        if (self.folder / "checkpoints" / str(checkpoint.size)).exists():
            return True
        known = [(w.name, bytes.fromhex(w.key)) for w in self.manifest.witnesses.members]
        signatures = list(checkpoint.signatures)
        names = {signature.name for signature in signatures}
        reader = self.reader()
        for witness in self.witnesses:
            if witness.name in names:
                continue
            try:
                old = witness.last_size(checkpoint.origin)
                proof = consistency_proof(old, checkpoint.size, reader.subtree)
                signatures.append(witness.cosign(checkpoint, old, proof))
            except (AuditError, OSError):
                continue
        cosigned = Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, tuple(signatures))
        valid, _ = cosignatures(cosigned, known)
        reached = quorum_time(valid, self.manifest.witnesses.quorum) is not None
        if signatures != list(checkpoint.signatures):
            write_durably(self.folder / "checkpoint", cosigned.to_bytes())
        if reached:
            path = self.folder / "checkpoints" / str(checkpoint.size)
            if not path.exists():
                write_durably(path, cosigned.to_bytes())
        return reached

    def time_at(self, size: int) -> int | None:
        """The quorum time of the checkpoint at `size`; None while it has none."""
        path = self.folder / "checkpoints" / str(size)
        if not path.exists():
            return None
        known = [(w.name, bytes.fromhex(w.key)) for w in self.manifest.witnesses.members]
        checkpoint = parse_checkpoint(path.read_bytes())
        return quorum_time(cosignatures(checkpoint, known)[0], self.manifest.witnesses.quorum)


def hash_peaks(peaks: list[bytes]) -> bytes:
    frontier = Frontier()
    frontier.peaks = peaks
    return frontier.root()
