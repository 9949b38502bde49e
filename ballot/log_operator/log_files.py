"""The files of a published log: tiles, entry bundles, head, cosigned checkpoints.

The published folder itself is the log's storage. Tiles and bundles are written first, and the signed
`checkpoint`, replaced in one step, is the moment of truth. Decides how entries become files and which files a
log of some size consists of. Leaves what may be appended, locking and signing to `log_writer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import STAGED, write_durably
from stembus.audit.errors import RecordInvalid
from stembus.audit.log.merkle import Frontier, hash_root, leaf_hash
from stembus.audit.log.note import Checkpoint, parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import bundle_widths, encode_bundle, log_paths, parse_bundle, parse_tile, tile_path

HEAD = "checkpoint"
COSIGNED = "checkpoints"
Sign = Callable[[int, bytes], Checkpoint]


def has_grown(folder: Path) -> bool:
    """Whether there are files that a log has only after its first entry, whatever its head says."""
    begun = set(log_paths(1))
    tiles = (path.relative_to(folder).as_posix() for path in (folder / "tile").rglob("*") if path.is_file())
    return (folder / COSIGNED).exists() or any(path not in begun and not path.endswith(STAGED) for path in tiles)


class LogFiles:
    """A log as far as it has been read into memory: its size, and what the next entry is appended to.

    `levels` are the hashes of the rightmost, unfinished tile of each level; `tail` the entries of the last,
    unfinished bundle.
    """

    def __init__(self, folder: Path, levels: list[list[bytes]], tail: list[bytes], size: int) -> None:
        self.folder = folder
        self.size = size
        self._levels = levels
        self._tail = tail

    @classmethod
    def empty(cls, folder: Path) -> LogFiles:
        """A log before its first entry; writes nothing."""
        return cls(folder, [], [], 0)

    @classmethod
    def read(cls, folder: Path) -> LogFiles:
        """Raises AuditError when files are missing, or do not hash to the signed head."""
        place = FolderPlace(folder)
        head = parse_checkpoint(place.read(HEAD, bounds.CHECKPOINT_BYTES))
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
        files = cls(folder, levels, tail, head.size)
        if files.root() != head.root:
            raise RecordInvalid("the log's files do not hash to its signed head; restore them before going on")
        return files

    def head(self) -> Checkpoint:
        """The head as it stands on disk now, which another process may have moved."""
        return parse_checkpoint((self.folder / HEAD).read_bytes())

    def reader(self) -> TileReader:
        return TileReader(FolderPlace(self.folder), self.size)

    def root(self) -> bytes:
        frontier = Frontier()
        for hashes in reversed(self._levels):
            unfinished = Frontier()
            for item in hashes:
                unfinished.append(item)
            frontier.peaks += unfinished.peaks
        return frontier.root()

    def append(self, entries: Sequence[bytes], sign: Sign) -> None:
        """Writes tiles and bundles, then the head. After an error what is in memory is not what is on disk."""
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
        self.write_head(sign(self.size, self.root()))
        self.remove_outgrown()

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

    def write_head(self, checkpoint: Checkpoint) -> None:
        write_durably(self.folder / HEAD, checkpoint.to_bytes())

    def cosigned(self, size: int) -> Checkpoint | None:
        """The checkpoint of `size` entries that a quorum cosigned while it was the head, if there is one."""
        path = self.folder / COSIGNED / str(size)
        return parse_checkpoint(path.read_bytes()) if path.exists() else None

    def write_cosigned(self, checkpoint: Checkpoint) -> None:
        """Kept once and never changed."""
        path = self.folder / COSIGNED / str(checkpoint.size)
        if not path.exists():
            write_durably(path, checkpoint.to_bytes())

    def remove_outgrown(self) -> None:
        """Removes the partial tiles and bundles of smaller sizes."""
        expected = set(log_paths(self.size))
        for folder in list((self.folder / "tile").rglob("*.p")):
            for path in folder.iterdir():
                if self._relative(path) not in expected:
                    path.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    def remove_unfinished(self) -> None:
        """Removes what a write that was cut off left behind: staged files, and tiles that no head names."""
        expected = set(log_paths(self.size))
        for path in (path for path in self.folder.rglob("*") if path.is_file()):
            relative = self._relative(path)
            if path.name.endswith(STAGED) or (relative.startswith("tile/") and relative not in expected):
                path.unlink()
        self.remove_outgrown()

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
