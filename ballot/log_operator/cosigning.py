"""Asking the witnesses of a log for cosignatures.

Decides what a witness is asked and which answers are taken over: only a valid cosignature of that very witness, by
the key of the manifest. A witness may be far away and slow, so nothing here holds a lock, and one that does not
answer, refuses or answers nonsense is asked again next time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stembus.audit.bounds import ABANDON_SECONDS
from stembus.audit.errors import AuditError
from stembus.audit.formats.entries import Entry
from stembus.audit.formats.entry_bodies import Abandon, Close, Open, TallyIntent
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.merkle import consistency_proof
from stembus.audit.log.note import Checkpoint, NoteSignature, cosignatures, quorum_time
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.witness import WitnessService
from stembus.ballot.errors import TAKE_A_COPY, LogBehindWitness, WitnessesSilent

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


def timely(answers: Sequence[NoteSignature], earliest: int) -> list[NoteSignature]:
    """The cosignatures that state no time before `earliest`. Whose clock is behind is asked again later: taken over,
    its time would be a fault for ever."""
    return [line for line in answers if int.from_bytes(line.signature[:8], "big") >= earliest]


def earliest_time(manifest: Manifest, previous: int, entries: Iterable[Entry], healed: int, counted_since: int) -> int:
    """When a checkpoint that covers these entries may be cosigned; `previous` is the time of the head before it,
    `healed` when missing ballots cannot be handed in any more, and `counted_since` the time of the tree which trustees
    count."""
    bounds = [previous]
    for entry in entries:
        if isinstance(entry.body, Open):
            bounds.append(manifest.opens_at)
        elif isinstance(entry.body, Close):
            bounds.append(healed)
        elif isinstance(entry.body, Abandon):
            bounds.append(counted_since + manifest.complaint_seconds + ABANDON_SECONDS)
        elif isinstance(entry.body, TallyIntent):
            bounds.append(counted_since + manifest.complaint_seconds)
    return max(bounds)


def time_of(checkpoint: Checkpoint, manifest: Manifest) -> int | None:
    """The quorum's time in Unix seconds; None while there is no quorum."""
    return quorum_time(cosignatures(checkpoint, _known(manifest))[0], manifest.witnesses.quorum)


def sizes_seen(witnesses: Sequence[WitnessService], origin: str) -> list[tuple[int, str]]:
    """The largest size that each witness has cosigned, and its name, of those that answer now."""
    seen = []
    for witness in witnesses:
        try:
            seen.append((witness.last_size(origin), witness.name))
        except (AuditError, OSError):
            continue
    return seen


def demand_newest(seen: Sequence[tuple[int, str]], size: int, manifest: Manifest) -> None:
    """A quorum of witnesses answers, and none has seen more than this log holds. Raises LogBehindWitness for a log that
    is older, WitnessesSilent when too few answer to tell."""
    largest, name = max(seen, default=(0, ""))
    if largest > size:
        raise LogBehindWitness(
            f"witness {name} has cosigned {largest} entries and this log has {size}; restore the newer copy of the "
            f"published folder and of what lies beside the log's lock, or {TAKE_A_COPY}"
        )
    quorum = manifest.witnesses.quorum
    known = {member.name for member in manifest.witnesses.members}
    answered = len({name for _, name in seen} & known)
    if answered < quorum:
        raise WitnessesSilent(
            f"{answered} of {len(known)} witnesses answered and {quorum} must, since a silent one may have seen more "
            "than this log holds; nothing was added, try again"
        )
