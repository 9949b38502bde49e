"""Where a copy of a referendum may be put: to a name that is free, outside the folder that is copied.

Decides that a copy never lands in its own original, and that it is made beside its name and takes it when it is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from stembus.audit.durable import sync_folder
from stembus.ballot.errors import BallotError


class PlaceTaken(BallotError):
    """A copy cannot be put there."""


def demand_new(root: Path, target: Path) -> None:
    """Raises PlaceTaken for a name that is taken, or that lies in the folder `root` or around it."""
    if target.exists() or target.is_symlink():
        raise PlaceTaken(f"{target} exists; choose a new name")
    original, copy = root.resolve(), target.resolve()
    if copy.is_relative_to(original) or original.is_relative_to(copy):
        raise PlaceTaken(f"{target} lies in {root}, which would be copied into itself; choose a place outside")


@contextmanager
def made_beside(target: Path) -> Iterator[Path]:
    """An empty folder, for its owner only, that becomes `target` when the block ends well, and is gone when not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield beside
        if target.exists():
            raise PlaceTaken(f"{target} was made by somebody else meanwhile; choose a new name")
        beside.rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
