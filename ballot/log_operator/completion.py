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
from stembus.audit.log.note import Checkpoint, check_log_signature, parse_checkpoint
from stembus.audit.log.tiles import HEAD, checkpoint_path
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.errors import LogDamaged
from stembus.ballot.log_operator.cosigning import add_signatures, time_of
from stembus.ballot.log_operator.log_start import remember_start
from stembus.ballot.log_operator.pending import Pending
from stembus.crypto.errors import CryptoError


def complete_log(folder: Path, lock: Path, log: VerifiedLog, copy: Path) -> int | None:
    """Takes over what `copy`, the files of `log` as they were verified, has and `folder` has not. Returns how many
    published entries the folder had before; None when nothing of the copy was missing. Raises LogDamaged when the two
    are different histories."""
    pending = Pending.beside(lock)
    with locked(lock):
        head, waiting = _published(folder, log), pending.checkpoint()
        for signed in (head, waiting):
            if signed is not None:
                _demand_continued(folder, signed, log)
        before = head.size if head is not None else 0
        if before > log.head.size:
            return None
        taken = [_take_over(path, folder / path.relative_to(copy)) for path in _files(copy)]
        if before == log.head.size and not any(taken):
            return None
        vkey = f"{log.manifest.log.verifier_key}\n"
        write_durably(folder / "log.vkey", vkey.encode())
        if before < log.head.size:
            # Of a stranger's copy, lines that are no witness's stay behind.
            checkpoint = add_signatures(log.head, [], log.manifest)
            if time_of(checkpoint, log.manifest) is not None:
                write_durably(folder / checkpoint_path(checkpoint.size), checkpoint.to_bytes())
            write_durably(folder / HEAD, checkpoint.to_bytes())
        if waiting is not None and waiting.size <= log.head.size:
            pending.remove()
        remember_start(lock)
        return before


def _published(folder: Path, log: VerifiedLog) -> Checkpoint | None:
    """The head that was published here; None for one that is lost, damaged, or that the log did not sign."""
    try:
        head = parse_checkpoint((folder / HEAD).read_bytes())
        check_log_signature(head, log.manifest.log.origin, bytes.fromhex(log.manifest.log.key))
    except (AuditError, CryptoError, FileNotFoundError):
        return None
    return head


def _demand_continued(folder: Path, signed: Checkpoint, log: VerifiedLog) -> None:
    """Raises LogDamaged for a head of this log that the copy contradicts."""
    if 0 < signed.size <= log.head.size and log.tree.root_at(signed.size) != signed.root:
        raise LogDamaged(
            f"the copy is another history than {folder}: both signed {signed.size} entries, and not the same ones; "
            "keep both, they prove it, and ask whoever runs the log; nothing was changed"
        )


def _files(copy: Path) -> list[Path]:
    """All but the head."""
    heads = (copy / HEAD, copy / "log.vkey")
    return sorted(path for path in copy.rglob("*") if path.is_file() and path not in heads)


def _take_over(source: Path, target: Path) -> bool:
    """Whether it was not here, or another one."""
    data = source.read_bytes()
    if target.exists() and target.read_bytes() == data:
        return False
    write_durably(target, data)
    return True
