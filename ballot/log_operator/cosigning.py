"""Asking the witnesses of a log for cosignatures.

Decides what a witness is asked and which answers are taken over: only a valid cosignature of that very witness, by
the key of the manifest. A witness may be far away and slow, so nothing here holds a lock while one is asked, and one
that does not answer, refuses or answers nonsense is asked again next time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from stembus.audit.bounds import ABANDON_SECONDS
from stembus.audit.errors import AuditError
from stembus.audit.formats.entries import Entry
from stembus.audit.formats.entry_bodies import Abandon, Close, Open, TallyIntent
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.merkle import consistency_proof
from stembus.audit.log.note import Checkpoint, NoteSignature, cosignatures, quorum_time
from stembus.audit.log.note import time_of as cosigned_at
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.witness.refusals import SizeDiffers
from stembus.audit.witness.witness import WitnessService
from stembus.ballot.errors import TAKE_A_COPY, BallotError, LogBehindWitness, WitnessesSilent
from stembus.ballot.log_operator.asking import ask_all

_TRIES = 3  # the first one learns the size that the witness is at; another process may ask at the same moment
_FAILURES = (AuditError, BallotError, OSError)


def ask_witnesses(
    manifest: Manifest, witnesses: Sequence[WitnessService], checkpoint: Checkpoint, reader: TileReader
) -> list[NoteSignature]:
    """A valid signature of every witness that has not signed this checkpoint yet and does so now. Once a quorum is
    there, nobody waits for the others."""
    signed = _signers(checkpoint, manifest)
    reading = threading.Lock()

    def prove(old: int) -> list[bytes]:
        with reading:  # the reader keeps what it read, and is one for all
            return consistency_proof(old, checkpoint.size, reader.subtree)

    def question(witness: WitnessService) -> NoteSignature | None:
        return _ask(witness, checkpoint, prove, manifest)

    def is_enough(answers: Sequence[NoteSignature]) -> bool:
        return len(signed) + len(answers) >= manifest.witnesses.quorum

    return ask_all([witness for witness in witnesses if witness.name not in signed], question, is_enough)


def _ask(
    witness: WitnessService, checkpoint: Checkpoint, prove: Callable[[int], list[bytes]], manifest: Manifest
) -> NoteSignature | None:
    """The first question, from nothing, is answered with the size that the witness is at."""
    old = 0
    for _ in range(_TRIES):
        try:
            answer = witness.add_checkpoint(checkpoint, old, prove(old))
        except SizeDiffers as differs:
            old = differs.size
            if old > checkpoint.size:
                return None
        except _FAILURES:
            return None
        else:
            return _own_line(witness, answer, checkpoint, manifest)
    return None


def _own_line(
    witness: WitnessService, answer: Sequence[NoteSignature], checkpoint: Checkpoint, manifest: Manifest
) -> NoteSignature | None:
    """What it signs in another's name is not its to give."""
    return next((line for line in answer if line.name == witness.name and _is_valid(line, checkpoint, manifest)), None)


def _size_seen(witness: WitnessService, head: Checkpoint, manifest: Manifest) -> tuple[int, str] | None:
    try:
        answer = witness.add_checkpoint(head, 0, [])
    except SizeDiffers as differs:
        return differs.size, witness.name
    except _FAILURES:
        return None
    # It had seen nothing yet, and its signature says so; anything else is no answer.
    return (head.size, witness.name) if _own_line(witness, answer, head, manifest) else None


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
    return [line for line in answers if cosigned_at(line) >= earliest]


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


def sizes_seen(
    manifest: Manifest, witnesses: Sequence[WitnessService], head: Checkpoint | None
) -> list[tuple[int, str]]:
    """The largest size that each witness has cosigned, and its name, of those that answer now: a quorum at least, if so
    many do. `head` is that of the log; without one no witness can be asked."""
    if head is None:
        return []
    quorum = manifest.witnesses.quorum
    return ask_all(witnesses, lambda witness: _size_seen(witness, head, manifest), lambda seen: len(seen) >= quorum)


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
