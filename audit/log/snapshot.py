"""A local copy of one checkpoint of a log at an address or in another place, and how one copy follows another.

A file is fetched at most once and is written down before it is used, so whatever is read twice is the
same twice, and a copy that was cut off goes on where it ended. The folder of a copy is named by what its head
signs, and is itself a bundle that anybody can verify. Decides which files of an earlier copy may be taken over.
Leaves the meaning of files to the verifier, and that of two heads too: only it knows whose signature they need.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from stembus.audit import bounds
from stembus.audit.durable import staged, write_durably
from stembus.audit.errors import CannotRead, FileMissing, NoteInvalid, PlaceError, RecordInvalid
from stembus.audit.log.address import Address
from stembus.audit.log.merkle import check_consistency, consistency_proof
from stembus.audit.log.note import Checkpoint, is_note, parse_checkpoint
from stembus.audit.log.source import Earlier, FolderPlace, Place, Streamed
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import CHECKPOINTS, HEAD, parse_tile_path

INCOMPLETE = ".incomplete"  # how the name of a mark ends, beside a kept copy of which files are still to come
_PIECE = 1024 * 1024


class Snapshot(Streamed):
    """Reads files from its folder, and fetches those that are not there yet. `before` are earlier copies, which this
    one has to continue."""

    def __init__(self, remote: Address | Streamed, folder: Path, before: Sequence[Earlier] = ()) -> None:
        self._remote = remote
        self._copy = FolderPlace(folder)
        self.folder = folder
        self.before: Sequence[Earlier] = before
        #: the files that need not be fetched again, where what lies in the folder is not trusted
        self._renewed: set[str] | None = None

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

    def finish(self) -> None:
        """Says that all that is needed was fetched, so that the folder can be read as a bundle."""
        _incomplete(self.folder).unlink(missing_ok=True)

    def renew(self) -> None:
        """From now on each file is fetched once more, its head aside: a copy may hold what came wrong."""
        self._renewed = {HEAD}

    def _demand(self, path: str, limit: int) -> None:
        stale = self._renewed is not None and path not in self._renewed
        if stale or not (self.folder / path).is_file():
            self._fetch(path, limit)

    def _fetch(self, path: str, limit: int) -> None:
        try:
            with self._remote.download(path, limit) as source:
                try:
                    with staged(self.folder / path) as target:
                        _pour(source, target)
                except OSError as error:
                    raise CannotRead(f"{path} cannot be kept: {error.strerror}") from None
        except FileMissing:
            self._demand_published()
            raise
        if self._renewed is not None:
            self._renewed.add(path)

    def _demand_published(self) -> None:
        """That one file is missing says something; that all are gone does not."""
        try:
            self.head_now()
        except FileMissing as error:
            raise CannotRead(f"the log is not published there any more: {error}") from None


def _pour(source: IO[bytes], target: IO[bytes]) -> None:
    shutil.copyfileobj(source, target, _PIECE)


@contextmanager
def snapshot_of(address: str, keep: Path | None) -> Iterator[Snapshot]:
    """A copy of what the address shows now: in a folder of its own below `keep`, or gone at the end. Raises
    CannotRead."""
    remote = Address(address)
    try:
        raw = remote.read(HEAD, bounds.CHECKPOINT_BYTES)
    except PlaceError as error:
        raise CannotRead(f"no log is published there: {error}") from None
    if not is_note(raw):
        raise CannotRead("no log is published there: what the file checkpoint holds is no signed note")
    with ExitStack() as stack:
        with _written():
            snapshot = _begin(remote, raw, keep, stack)
        yield snapshot


@contextmanager
def copied(place: Place) -> Iterator[Snapshot]:
    """A copy that is gone at the end, of what a place shows now; of an address, the one that is here already. Only what
    is read comes into it, so once it was verified its folder holds the log and nothing else. Raises CannotRead."""
    if isinstance(place, Snapshot):
        yield place
        return
    assert isinstance(place, Streamed)
    with ExitStack() as stack:
        with _written():
            snapshot = _passing(place, place.head_now(), stack)
        yield snapshot


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotRead(f"the copy cannot be written: {error.strerror}: {error.filename}") from None


def _passing(source: Address | Streamed, raw: bytes, stack: ExitStack) -> Snapshot:
    """One that is gone when the stack ends. `raw` is its head."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="stembus-")))
    write_durably(folder / HEAD, raw)
    return Snapshot(source, folder)


def _begin(remote: Address, raw: bytes, keep: Path | None, stack: ExitStack) -> Snapshot:
    try:
        head = parse_checkpoint(raw)
    except NoteInvalid:
        keep = None  # nothing to name a copy by; the verifier says what it is
    if keep is None:
        return _passing(remote, raw, stack)
    folder = keep / folder_name(head)
    earlier = [kept for kept in _kept(keep, head.origin) if kept.copy.root != folder]
    # Always the head that is shown now: witnesses may have cosigned the same head since.
    if not (folder / HEAD).exists():
        write_durably(_incomplete(folder), b"run the same command again to go on\n")
    write_durably(folder / HEAD, raw)
    snapshot = Snapshot(remote, folder, earlier)
    for kept in sorted(earlier, key=lambda kept: kept.head.size, reverse=True):
        if 0 < kept.head.size <= head.size and _continues(snapshot, head, kept.head):
            _take_over(kept.copy.root, folder)
            break
    return snapshot


def _incomplete(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{INCOMPLETE}")


def folder_name(head: Checkpoint) -> str:
    """Names a copy by the text that its head signs."""
    return f"{head.size:09d}-{hashlib.sha256(head.text).hexdigest()[:16]}"


def _kept(keep: Path, origin: str) -> Iterator[Earlier]:
    """All copies of this log. Nobody has checked who signed their heads."""
    for folder in sorted(keep.glob("*-*")):
        try:
            place = FolderPlace(folder)
            head = parse_checkpoint(place.read(HEAD, bounds.CHECKPOINT_BYTES))
        except (PlaceError, CannotRead, NoteInvalid):
            continue
        if head.origin == origin:
            yield Earlier(head, place)


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
        full = tile is not None and tile[2] == bounds.TILE_WIDTH
        if target.exists() or not (full or path.startswith(CHECKPOINTS)):
            continue
        with staged(target) as file, source.open("rb") as data:
            _pour(data, file)
