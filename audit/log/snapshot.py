"""A local copy of one checkpoint of a log at an address, and how one copy follows another.

A file comes over the network at most once and is written down before it is used, so whatever is read twice is the
same twice, and a copy that was cut off goes on where it ended. The folder of a copy is named by what its head
signs, and is itself a bundle that anybody can verify. Decides which files of an earlier copy may be taken over, and
what it means that two heads do not continue each other. Leaves the meaning of files to the verifier.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from stembus.audit import bounds
from stembus.audit.bounds import TILE_WIDTH
from stembus.audit.durable import staged
from stembus.audit.errors import CannotRead, FileMissing, NoteInvalid, PlaceError, RecordInvalid
from stembus.audit.log.address import Address
from stembus.audit.log.merkle import check_consistency, consistency_proof
from stembus.audit.log.note import Checkpoint, check_log_signature, is_note, parse_checkpoint, parse_verifier_key
from stembus.audit.log.source import FolderPlace, Streamed
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import parse_tile_path

HEAD = "checkpoint"
_PIECE = 1024 * 1024


class Snapshot(Streamed):
    """Reads files from its folder, and fetches those that are not there yet. `before` are the heads of earlier
    copies that this one has to continue."""

    def __init__(self, remote: Address, folder: Path, before: Sequence[Checkpoint] = ()) -> None:
        self._remote = remote
        self._copy = FolderPlace(folder)
        self.folder = folder
        self.before: Sequence[Checkpoint] = before

    def read(self, path: str, limit: int) -> bytes:
        self._demand(path, limit)
        return self._copy.read(path, limit)

    def lines(self, path: str, limit: int) -> Iterator[bytes]:
        self._demand(path, limit)
        return self._copy.lines(path, limit)

    def read_afresh(self, path: str, limit: int) -> bytes:
        self._fetch(path, limit)
        return self._copy.read(path, limit)

    def paths(self) -> list[str] | None:
        return None

    def head_now(self) -> bytes:
        """The head that the address shows now; the copy keeps its own."""
        return self._remote.read(HEAD, bounds.CHECKPOINT_BYTES)

    def forget(self) -> None:
        """Drops all but the head, so that a transfer that went wrong cannot stand for the log."""
        for path in [path for path in self.folder.rglob("*") if path.is_file() and path != self.folder / HEAD]:
            path.unlink()

    def confirm(self) -> None:
        """Notes that this copy was verified; only such a copy is what later ones have to continue."""
        with staged(_mark(self.folder)) as file:
            file.write(b"verified\n")

    def _demand(self, path: str, limit: int) -> None:
        if not (self.folder / path).is_file():
            self._fetch(path, limit)

    def _fetch(self, path: str, limit: int) -> None:
        with self._remote.download(path, limit) as source:
            try:
                with staged(self.folder / path) as target:
                    _pour(source, target)
            except OSError as error:
                raise CannotRead(f"{path} cannot be kept: {error.strerror}") from None


def _pour(source: IO[bytes], target: IO[bytes]) -> None:
    shutil.copyfileobj(source, target, _PIECE)


@contextmanager
def snapshot_of(address: str, keep: Path | None) -> Iterator[Snapshot]:
    """A copy of what the address shows now: in a folder of its own below `keep`, or gone at the end. Raises CannotRead,
    and NoteInvalid when the head is no checkpoint."""
    remote = Address(address)
    try:
        raw = remote.read(HEAD, bounds.CHECKPOINT_BYTES)
    except FileMissing as error:
        raise CannotRead(f"no log is published there: {error}") from None
    if not is_note(raw):
        raise CannotRead("no log is published there: what the file checkpoint holds is no signed note")
    if keep is not None:
        yield _kept(remote, raw, keep)
        return
    with TemporaryDirectory(prefix="stembus-") as scratch:
        yield _begin(remote, raw, Path(scratch))


def _begin(remote: Address, raw: bytes, folder: Path, before: Sequence[Checkpoint] = ()) -> Snapshot:
    if not (folder / HEAD).exists():
        with staged(folder / HEAD) as file:
            file.write(raw)
    return Snapshot(remote, folder, before)


def _kept(remote: Address, raw: bytes, keep: Path) -> Snapshot:
    head = parse_checkpoint(raw)
    folder = keep / folder_name(head)
    earlier = _newest(keep, head.origin)
    if earlier is None or earlier.name == folder.name:
        return _begin(remote, raw, folder)
    place = FolderPlace(earlier)
    kept = parse_checkpoint(place.read(HEAD, bounds.CHECKPOINT_BYTES))
    if kept.size > head.size:
        _demand_prefix(place, kept, head)
        raise CannotRead(
            f"the address shows {head.size} entries, and {earlier} holds {kept.size}: an old copy answers; "
            "verify the kept folder, or ask again later"
        )
    snapshot = _begin(remote, raw, folder, (kept,))
    if _continues(snapshot, head, kept):
        _take_over(earlier, folder)
    return snapshot


def folder_name(head: Checkpoint) -> str:
    """Names a copy by the text that its head signs."""
    return f"{head.size:09d}-{hashlib.sha256(head.text).hexdigest()[:16]}"


def _mark(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.verified")


def _newest(keep: Path, origin: str) -> Path | None:
    """The verified copy with the largest head of this log."""
    sizes = []
    for folder in keep.glob("*-*"):
        if not _mark(folder).exists():
            continue
        try:
            head = parse_checkpoint((folder / HEAD).read_bytes())
        except (OSError, NoteInvalid):
            continue
        if head.origin == origin:
            sizes.append((head.size, folder))
    return max(sizes)[1] if sizes else None


class LogForked(NoteInvalid):
    """Two heads of one log that do not continue each other: with both signatures, evidence against the log."""


def _demand_prefix(place: FolderPlace, kept: Checkpoint, head: Checkpoint) -> None:
    """Raises LogForked unless the smaller head is a prefix of what was kept. Does nothing where the copy is not whole
    enough to tell, or where the log did not sign that head: then it is evidence of nothing."""
    reader = TileReader(place, kept.size)
    try:
        vkey = place.read("log.vkey", bounds.VKEY_BYTES).decode("utf-8").removesuffix("\n")
        check_log_signature(head, *parse_verifier_key(vkey))
        proof = consistency_proof(head.size, kept.size, reader.subtree)
        ours = reader.subtree(0, head.size)
        check_consistency(head.size, kept.size, ours, kept.root, proof)
    except (PlaceError, CannotRead, RecordInvalid, ValueError):
        return
    if ours != head.root:
        shown = _beside(place.root, head)
        raise LogForked(
            f"two signed heads contradict each other: one of {kept.size} entries ({place.root / HEAD}), and one of "
            f"{head.size} entries ({shown}); keep both, they are evidence against the log"
        )


def _beside(folder: Path, head: Checkpoint) -> Path:
    """Keeps a head without a copy of its log."""
    path = folder.with_name(f"{folder_name(head)}.contradicts")
    with staged(path) as file:
        file.write(head.to_bytes())
    return path


def _continues(snapshot: Snapshot, head: Checkpoint, kept: Checkpoint) -> bool:
    reader = TileReader(snapshot, head.size)
    try:
        proof = consistency_proof(kept.size, head.size, reader.subtree)
        check_consistency(kept.size, head.size, kept.root, head.root, proof)
    except (PlaceError, RecordInvalid):
        return False
    return True


def _take_over(earlier: Path, folder: Path) -> None:
    """Full tiles and bundles are the same in every tree that continues this one, and cosigned checkpoints stay."""
    for source in sorted(path for path in earlier.rglob("*") if path.is_file()):
        path = source.relative_to(earlier).as_posix()
        target = folder / path
        tile = parse_tile_path(path)
        full = tile is not None and tile[2] == TILE_WIDTH
        if target.exists() or not (full or path.startswith("checkpoints/")):
            continue
        with staged(target) as file, source.open("rb") as data:
            _pour(data, file)
