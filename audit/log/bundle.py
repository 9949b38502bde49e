"""What a copy of a published folder consists of: the files of one head, and no others.

A folder that is being published also holds outgrown partial tiles, and for moments files of the next head. Decides
which of its files belong to the head of a moment, and copies these. Leaves judging to the verifier.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import is_staged
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import HEAD, beyond, outgrown, parse_checkpoint_path, parse_tile_path


@dataclass(frozen=True)
class Bundle:
    """`head` is to be copied as the file `checkpoint`: the folder's own may move meanwhile. `paths` are the others."""

    head: bytes
    paths: list[str]


def bundle_of(place: FolderPlace) -> Bundle:
    """Raises AuditError for a folder that cannot be read or listed."""
    head = place.read(HEAD, bounds.CHECKPOINT_BYTES)
    size = parse_checkpoint(head).size
    return Bundle(head, [path for path in place.paths() or [] if _belongs(path, size)])


def copy_bundle(public: Path, target: Path) -> None:
    """Copies the bundle of the present head into the new folder `target`. Raises AuditError or OSError."""
    bundle = bundle_of(FolderPlace(public))
    for path in bundle.paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(public / path, target / path)
    (target / HEAD).write_bytes(bundle.head)


def _belongs(path: str, size: int) -> bool:
    return path != HEAD and not outgrown(path, size) and not being_written(path, size)


def being_written(path: str, size: int) -> bool:
    """Whether a folder whose head has `size` entries may hold this file because somebody is writing the next head."""
    if is_staged(path.rpartition("/")[2]):
        return True
    newer = parse_checkpoint_path(path)
    if newer is not None:
        return newer > size
    return parse_tile_path(path) is not None and beyond(path, size)
