"""The files of a published log: tiles, entry bundles, head, cosigned checkpoints.

The published folder itself is the log's storage. Entries that are signed and lack their quorum wait in private
(`pending`); with it, tiles and bundles are written first, and the `checkpoint`, replaced in one step, is the moment of
truth for every reader. Partial tiles stay until the next tile is full as well, so that who reads under an older head
finds its files. Decides how entries become files and which files a log of some size consists of.
Leaves what may be appended, locking and signing to `log_writer`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import is_staged, write_durably
from stembus.audit.errors import PlaceError, RecordInvalid
from stembus.audit.log.merkle import Frontier, hash_root, leaf_hash
from stembus.audit.log.note import Checkpoint, parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import (
    CHECKPOINTS,
    HEAD,
    beyond,
    bundle_widths,
    checkpoint_path,
    encode_bundle,
    log_paths,
    parse_bundle,
    parse_tile,
    parse_tile_path,
    tile_path,
)
from stembus.ballot.errors import TAKE_A_COPY, LogDamaged
from stembus.ballot.log_operator.pending import Pending, read_head

Sign = Callable[[int, bytes], Checkpoint]


def has_grown(folder: Path) -> bool:
    """Whether there are files that a log has only after its first entry, whatever its head says."""
    begun = set(log_paths(1))
    tiles = (path.relative_to(folder).as_posix() for path in (folder / "tile").rglob("*") if path.is_file())
    written = (path for path in tiles if not is_staged(path.rpartition("/")[2]))
    return (folder / CHECKPOINTS).exists() or any(path not in begun for path in written)


class _WithPending(FolderPlace):
    """The published folder as it will be with the files of the pending head."""

    def __init__(self, root: Path, files: Mapping[str, bytes]) -> None:
        super().__init__(root)
        self._files = files

    def read(self, path: str, limit: int) -> bytes:
        return self._files[path] if path in self._files else super().read(path, limit)


class LogFiles:
    """A log as far as it has been read into memory, pending entries included: its size, and what the next entry is
    appended to.

    `levels` are the hashes of the rightmost, unfinished tile of each level; `tail` the entries of the last,
    unfinished bundle.
    """

    def __init__(self, folder: Path, pending: Pending, levels: list[list[bytes]], tail: list[bytes], size: int) -> None:
        self.folder = folder
        self.pending = pending
        self.size = size
        self._levels = levels
        self._tail = tail
        self._unpublished: Mapping[str, bytes] = {}

    @classmethod
    def empty(cls, folder: Path, pending: Pending) -> LogFiles:
        """A log before its first entry; writes nothing."""
        return cls(folder, pending, [], [], 0)

    @classmethod
    def read(cls, folder: Path, pending: Pending) -> LogFiles:
        """Called under the lock. Raises AuditError when files are missing, or do not hash to the signed head;
        LogDamaged when what is pending does not continue it."""
        head, waiting = _head(folder), pending.checkpoint()
        if head is None and waiting is None:
            raise PlaceError(f"{HEAD} is missing in {folder}")
        files = cls.empty(folder, pending) if head is None else cls._published(folder, pending, head)
        if waiting is None:
            return files
        if waiting.size <= files.size:
            return files  # it was published, and its writer died before it tidied
        files._grow(pending.entries(waiting.size - files.size))
        files._demand(waiting)
        return files

    @classmethod
    def _published(cls, folder: Path, pending: Pending, head: Checkpoint) -> LogFiles:
        place = FolderPlace(folder)
        levels: list[list[bytes]] = []
        size = head.size
        while size:
            number, width = divmod(size, bounds.TILE_WIDTH)
            path = tile_path(len(levels), number, width)
            levels.append(parse_tile(place.read(path, bounds.TILE_BYTES), width) if width else [])
            size = number
        number, width = divmod(head.size, bounds.TILE_WIDTH)
        path = tile_path("entries", number, width)
        tail = parse_bundle(place.read(path, bounds.ENTRY_BUNDLE_BYTES), width) if width else []
        files = cls(folder, pending, levels, tail, head.size)
        files._demand(head)
        return files

    def _demand(self, head: Checkpoint) -> None:
        if self.root() != head.root:
            raise RecordInvalid("the log's files do not hash to its signed head; restore them before going on")

    # What is on disk now, which another process may have moved

    def head(self) -> Checkpoint | None:
        """The published head; None before the first one has its quorum."""
        return _head(self.folder)

    def waiting(self) -> Checkpoint | None:
        """The signed head that lacks its quorum, if there is one."""
        waiting, head = self.pending.checkpoint(), self.head()
        if waiting is not None and (head is None or waiting.size > head.size):
            return waiting
        return head if head is not None and self.cosigned(head.size) is None else None

    def standing(self) -> Checkpoint:
        """The newest signed head, published or not. Raises PlaceError when there is none."""
        waiting, head = self.pending.checkpoint(), self.head()
        signed = [checkpoint for checkpoint in (waiting, head) if checkpoint is not None]
        if not signed:
            raise PlaceError(f"{HEAD} is missing in {self.folder}")
        return max(signed, key=lambda checkpoint: checkpoint.size)

    def agrees_with(self, checkpoint: Checkpoint) -> bool:
        """Whether what is in memory is the log of this checkpoint."""
        return (self.size, self.root()) == (checkpoint.size, checkpoint.root)

    def cosigned(self, size: int) -> Checkpoint | None:
        """The checkpoint of `size` entries that a quorum cosigned while it was the head, if there is one."""
        path = self.folder / checkpoint_path(size)
        return parse_checkpoint(path.read_bytes()) if path.exists() else None

    def reader(self) -> TileReader:
        """Of all entries, the pending ones included."""
        return TileReader(_WithPending(self.folder, self._unpublished), self.size)

    def root(self) -> bytes:
        frontier = Frontier()
        for hashes in reversed(self._levels):
            unfinished = Frontier()
            for item in hashes:
                unfinished.append(item)
            frontier.peaks += unfinished.peaks
        return frontier.root()

    # Writing, under the lock

    def stage(self, entries: Sequence[bytes], sign: Sign) -> LogFiles:
        """Keeps entries and their signed head until a quorum has seen it; nothing may be pending. Returns the log with
        them; this one stays as it is, since other threads read it. After an error what is on disk is to be read."""
        levels = [list(hashes) for hashes in self._levels]
        grown = LogFiles(self.folder, self.pending, levels, list(self._tail), self.size)
        grown._grow(entries)
        self.pending.stage(sign(grown.size, grown.root()), entries)
        return grown

    def _grow(self, entries: Sequence[bytes]) -> None:
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
        self._unpublished = files

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

    def publish(self, checkpoint: Checkpoint) -> None:
        """The waiting head has its quorum: everybody may see it. Cut off anywhere, it is done again."""
        for path, data in self._unpublished.items():
            write_durably(self.folder / path, data)
        write_durably(self.folder / checkpoint_path(checkpoint.size), checkpoint.to_bytes())
        self.write_head(checkpoint)
        self.pending.remove()
        self._unpublished = {}
        self._remove_outgrown(checkpoint.size)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Remembers the cosignatures that the waiting head has so far."""
        if self.pending.checkpoint() is not None:
            self.pending.keep(checkpoint)

    def write_head(self, checkpoint: Checkpoint) -> None:
        write_durably(self.folder / HEAD, checkpoint.to_bytes())

    def _remove_outgrown(self, size: int) -> None:
        """Removes the partial tiles and bundles whose full tile and its next one are there in the log of `size`."""
        for folder in list((self.folder / "tile").rglob("*.p")):
            tile = parse_tile_path(self._relative(folder).removesuffix(".p"))
            if tile is not None and not beyond(tile_path(tile[0], tile[1] + 1), size):
                shutil.rmtree(folder)

    def remove_leftovers(self) -> None:
        """Removes what a write that was cut off left behind."""
        self.pending.remove_leftovers()
        for path in (path for path in self.folder.rglob("*") if path.is_file() and is_staged(path.name)):
            path.unlink()

    def demand_newest(self) -> None:
        """Called under the lock. Raises LogDamaged where files of a longer log lie: then the head, or what waits for
        its quorum, came back from an older copy than the files, and what they hold was signed."""
        for path in sorted((self.folder / "tile").rglob("*")):
            relative = self._relative(path)
            if parse_tile_path(relative) is not None and beyond(relative, self.size):
                raise LogDamaged(
                    f"{path} belongs to a longer log than the {self.size} entries of {self.folder / HEAD}; bring back "
                    f"the newest copy of {self.folder} and of what lies beside the log's lock, or {TAKE_A_COPY}; "
                    "nothing was changed"
                )

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _head(folder: Path) -> Checkpoint | None:
    return read_head(folder / HEAD, f"bring back its newest copy, or {TAKE_A_COPY}")
