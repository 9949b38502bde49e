"""Asking the witnesses of a log for cosignatures.

Decides what a witness is asked and which answers are taken over: only a valid cosignature of that very witness, by
the key of the manifest. A witness may be far away and slow, so nothing here holds a lock, and one that does not
answer, refuses or answers nonsense is asked again next time.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit.errors import AuditError
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.merkle import consistency_proof
from stembus.audit.log.note import Checkpoint, NoteSignature, cosignatures, quorum_time
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.witness import WitnessService
from stembus.ballot.errors import LogBehindWitness

_TRIES = 2  # a witness that another process asked at the same moment says that its size has changed


def ask_witnesses(
    manifest: Manifest, witnesses: Sequence[WitnessService], checkpoint: Checkpoint, reader: TileReader
) -> list[NoteSignature]:
    """A valid signature of every witness that has not signed this checkpoint yet and does so now."""
    signed = _signers(checkpoint, manifest)
    answers = (_ask(witness, checkpoint, reader) for witness in witnesses if witness.name not in signed)
    return [answer for answer in answers if answer is not None and _is_valid(answer, checkpoint, manifest)]


def _ask(witness: WitnessService, checkpoint: Checkpoint, reader: TileReader) -> NoteSignature | None:
    for _ in range(_TRIES):
        try:
            old = witness.last_size(checkpoint.origin)
            proof = consistency_proof(old, checkpoint.size, reader.subtree)
            answer = witness.cosign(checkpoint, old, proof)
        except (AuditError, OSError):
            continue
        # What it signs in another's name is not its to give.
        return answer if answer.name == witness.name else None
    return None


def _known(manifest: Manifest) -> list[tuple[str, bytes]]:
    return [(member.name, member.public) for member in manifest.witnesses.members]


def _signers(checkpoint: Checkpoint, manifest: Manifest) -> set[str]:
    valid, _ = cosignatures(checkpoint, _known(manifest))
    return {cosignature.witness for cosignature in valid}


def _with(checkpoint: Checkpoint, lines: Sequence[NoteSignature]) -> Checkpoint:
    return Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, tuple(lines))


def _is_valid(line: NoteSignature, checkpoint: Checkpoint, manifest: Manifest) -> bool:
    return _signers(_with(checkpoint, [line]), manifest) == {line.name}


def add_signatures(checkpoint: Checkpoint, signatures: Sequence[NoteSignature], manifest: Manifest) -> Checkpoint:
    """One line for each witness. Valid lines of the checkpoint stay, and invalid ones go: they would keep the valid
    one of the same witness out for ever."""
    lines = [line for line in checkpoint.signatures if line.name == checkpoint.origin]
    for line in (*checkpoint.signatures, *signatures):
        if line.name not in {taken.name for taken in lines} and _is_valid(line, checkpoint, manifest):
            lines.append(line)
    return _with(checkpoint, lines)


def time_of(checkpoint: Checkpoint, manifest: Manifest) -> int | None:
    """The quorum's time in Unix seconds; None while there is no quorum."""
    return quorum_time(cosignatures(checkpoint, _known(manifest))[0], manifest.witnesses.quorum)


def largest_seen(witnesses: Sequence[WitnessService], origin: str) -> tuple[int, str]:
    """The largest size that a witness has cosigned, and its name; (0, "") when none answers."""
    seen = [(0, "")]
    for witness in witnesses:
        try:
            seen.append((witness.last_size(origin), witness.name))
        except OSError:
            continue
    return max(seen)


def refuse_rollback(seen: tuple[int, str], size: int) -> None:
    """Raises LogBehindWitness for a log that is older than what a witness has cosigned."""
    if seen[0] > size:
        raise LogBehindWitness(
            f"witness {seen[1]} has cosigned {seen[0]} entries and this log has {size}; "
            "restore the newer copy of the published folder"
        )
