"""The head that waits for its quorum: signed, kept in private beside the writer's lock, shown to nobody but witnesses.

The entries are written first, and the signed checkpoint, written in one step, is the moment from which they are the
log's. Whatever kills the writer after that, the next one finds both and asks the witnesses again. Decides where and in
which order this is written. Leaves to `log_files` what becomes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stembus.audit.durable import remove_leftovers, write_durably
from stembus.audit.errors import AuditError
from stembus.audit.log.note import Checkpoint, parse_checkpoint
from stembus.audit.log.tiles import HEAD, encode_bundle, parse_bundle
from stembus.ballot.errors import LogDamaged


def read_head(path: Path, remedy: str) -> Checkpoint | None:
    """None where there is none. Raises LogDamaged, with the remedy, for a file that holds something else."""
    try:
        return parse_checkpoint(path.read_bytes())
    except FileNotFoundError:
        return None
    except AuditError as error:
        raise LogDamaged(f"{path} is damaged: {error}; {remedy}; nothing was changed") from None


class Pending:
    """All writing and removing happens under the writer's lock. `checkpoint` may be read without it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._head, self._entries = folder / HEAD, folder / "entries"

    @classmethod
    def beside(cls, lock: Path) -> Pending:
        return cls(lock.with_name(f"{lock.name}.pending"))

    def checkpoint(self) -> Checkpoint | None:
        """With the cosignatures that it has so far; None when nothing waits. Raises LogDamaged."""
        return read_head(
            self._head,
            "restore the newest copy of its folder, in its place; move it away "
            "only if there is none, for the step that waited is lost with it; then run its command again",
        )

    def entries(self, count: int) -> list[bytes]:
        """The entries between the published head and this one. Raises LogDamaged unless there are `count`."""
        try:
            return parse_bundle(self._entries.read_bytes(), count)
        except (AuditError, FileNotFoundError):
            raise LogDamaged(
                f"{self.folder} does not continue the published folder; restore the newest copy of both; "
                "nothing was changed"
            ) from None

    def stage(self, checkpoint: Checkpoint, entries: Sequence[bytes]) -> None:
        write_durably(self._entries, encode_bundle(entries))
        self.keep(checkpoint)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint by the same one with more cosignatures."""
        write_durably(self._head, checkpoint.to_bytes())

    def remove(self) -> None:
        """Once it is published, and what a killed writer left behind."""
        self._head.unlink(missing_ok=True)
        self._entries.unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        for path in (self._head, self._entries):
            remove_leftovers(path)
