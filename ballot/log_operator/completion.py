"""A log's folder that came back from an older copy, or was lost, is completed from any newer copy that verified.

Everything in a published log is signed, so it does not matter who kept the copy. Decides that it must continue what is
here, signed heads that wait for their quorum included, and that the head comes last: cut off anywhere, it is done
again. Signs nothing. Checkpoints that no verification asks for are not taken over. Leaves to the verifier whether the
copy is whole and sound.
"""

from __future__ import annotations

from pathlib import Path

from stembus.audit.durable import locked, write_durably
from stembus.audit.errors import AuditError
from stembus.audit.log.note import Checkpoint, parse_checkpoint, verifier_key
from stembus.audit.log.tiles import HEAD, checkpoint_path
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.errors import LogDamaged
from stembus.ballot.log_operator.cosigning import time_of
from stembus.ballot.log_operator.log_start import remember_start
from stembus.ballot.log_operator.pending import Pending


def complete_log(folder: Path, lock: Path, log: VerifiedLog, copy: Path) -> int | None:
    """Takes over what `copy`, the files of `log` as they were verified, has and `folder` has not. Returns how many
    entries the folder had before; None when the copy is not newer. Raises LogDamaged when the two are different
    histories."""
    pending = Pending.beside(lock)
    with locked(lock):
        before = max((head.size for head in _signed(folder, pending, log)), default=0)
        if before >= log.head.size:
            return None
        for path in sorted(path for path in copy.rglob("*") if path.is_file() and path.name != HEAD):
            _take_over(path, folder / path.relative_to(copy))
        vkey = verifier_key(log.manifest.log.origin, bytes.fromhex(log.manifest.log.key)) + "\n"
        write_durably(folder / "log.vkey", vkey.encode())
        if time_of(log.head, log.manifest) is not None:
            write_durably(folder / checkpoint_path(log.head.size), log.head.to_bytes())
        write_durably(folder / HEAD, log.head.to_bytes())
        pending.remove()
        remember_start(lock)
        return before


def _signed(folder: Path, pending: Pending, log: VerifiedLog) -> list[Checkpoint]:
    """The heads that were signed here and that the copy holds, or that are newer than it. Raises LogDamaged for one
    that contradicts it."""
    found = [head for head in (_head(folder), pending.checkpoint()) if head is not None]
    for head in found:
        if 0 < head.size <= log.head.size and log.tree.root_at(head.size) != head.root:
            raise LogDamaged(
                f"the copy is another history than {folder}: both signed {head.size} entries, and not the same ones; "
                "keep both, they prove it, and ask whoever runs the log; nothing was changed"
            )
    return found


def _head(folder: Path) -> Checkpoint | None:
    """None for one that is lost or damaged: that it was signed, nobody can tell any more."""
    try:
        return parse_checkpoint((folder / HEAD).read_bytes())
    except (AuditError, FileNotFoundError):
        return None


def _take_over(source: Path, target: Path) -> None:
    data = source.read_bytes()
    if not target.exists() or target.read_bytes() != data:
        write_durably(target, data)
