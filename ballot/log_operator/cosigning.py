"""Asking the witnesses of a log for cosignatures.

Decides what a witness is asked and which answers are taken over. A witness may be far away and slow, so nothing
here holds a lock, and one that does not answer or refuses is asked again next time.
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
    witnesses: Sequence[WitnessService], checkpoint: Checkpoint, reader: TileReader
) -> list[NoteSignature]:
    """A signature of every witness that has not signed this checkpoint yet and does so now."""
    signed = {signature.name for signature in checkpoint.signatures}
    answers = (_ask(witness, checkpoint, reader) for witness in witnesses if witness.name not in signed)
    return [answer for answer in answers if answer is not None]


def _ask(witness: WitnessService, checkpoint: Checkpoint, reader: TileReader) -> NoteSignature | None:
    for _ in range(_TRIES):
        try:
            old = witness.last_size(checkpoint.origin)
            proof = consistency_proof(old, checkpoint.size, reader.subtree)
            return witness.cosign(checkpoint, old, proof)
        except (AuditError, OSError):
            continue
    return None


def add_signatures(checkpoint: Checkpoint, signatures: Sequence[NoteSignature]) -> Checkpoint:
    """One line for each witness: what stands in the checkpoint already stays."""
    lines = list(checkpoint.signatures)
    for signature in signatures:
        if signature.name not in {line.name for line in lines}:
            lines.append(signature)
    return Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, tuple(lines))


def time_of(checkpoint: Checkpoint, manifest: Manifest) -> int | None:
    """The quorum's time in Unix seconds; None while there is no quorum."""
    known = [(member.name, bytes.fromhex(member.key)) for member in manifest.witnesses.members]
    return quorum_time(cosignatures(checkpoint, known)[0], manifest.witnesses.quorum)


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
