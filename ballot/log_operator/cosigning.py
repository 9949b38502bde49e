"""Asking the witnesses of a log for cosignatures.

Decides what a witness is asked and which answers are taken over: only a valid cosignature of that very witness, by
the key of the manifest. A witness may be far away and slow, so nothing here holds a lock while one is asked, and one
that does not answer, refuses or answers nonsense is asked again next time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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

_NO_SIGNATURE = "what it answers is no cosignature of its own"
_ONLY_ITS_WORD = (
    "only this witness says so: if nobody has such a copy, and its people cannot show one, it is wrong; leave it out "
    "of the file witnesses.policy, with stembus log witnesses, and go on without it"
)
_TRIES = 3  # the first one learns the size that the witness is at; another process may ask at the same moment
_FAILURES = (AuditError, BallotError, OSError)
AHEAD_SECONDS = 300  # a time that is so much later than now comes from a clock that is wrong
Prove = Callable[[int], list[bytes]]  # that a tree continues that of a smaller size
Reasons = dict[str, str]  # why a witness gave no signature, by its name


@dataclass(frozen=True, slots=True)
class Window:
    """The times that a cosignature may state, in Unix seconds. Of a clock that is behind, a time would be a fault for
    ever; of one that is far ahead, the log would have to wait for it. Such witnesses are asked again later."""

    earliest: int
    latest: int

    @classmethod
    def of(cls, earliest: int, now: int) -> Window:
        """`now` is the log operator's own clock, whatever that is worth: wrong, it makes the log wait and no fault."""
        return cls(earliest, max(earliest, now) + AHEAD_SECONDS)

    def refusal(self, line: NoteSignature) -> str | None:
        if cosigned_at(line) < self.earliest:
            return f"its clock is {self.earliest - cosigned_at(line)} seconds or more behind"
        if cosigned_at(line) > self.latest:
            return "its clock is minutes ahead of the one here, or the one here is behind"
        return None


def ask_witnesses(
    manifest: Manifest,
    witnesses: Sequence[WitnessService],
    checkpoint: Checkpoint,
    reader: TileReader,
    window: Window,
    reasons: Reasons,
) -> list[NoteSignature]:
    """A valid and timely signature of every witness that has not signed this checkpoint yet and does so now; `reasons`
    gets the others'. Once a quorum is there, nobody waits for more."""
    signed = _signers(checkpoint, manifest)
    prove = _prover(reader, checkpoint.size)

    def question(witness: WitnessService) -> NoteSignature | None:
        answer = _ask(witness, checkpoint, prove, manifest)
        refusal = answer if isinstance(answer, str) else window.refusal(answer)
        reasons[witness.name] = refusal or ""
        return None if refusal or isinstance(answer, str) else answer

    def is_enough(answers: Sequence[NoteSignature]) -> bool:
        return len(signed) + len(answers) >= manifest.witnesses.quorum

    missing = [witness for witness in witnesses if witness.name not in signed]
    reasons.update(dict.fromkeys((witness.name for witness in missing), "it has not answered yet"))
    return ask_all(missing, question, is_enough)


def _prover(reader: TileReader, size: int) -> Prove:
    reading = threading.Lock()

    def prove(old: int) -> list[bytes]:
        with reading:  # the reader keeps what it read, and is one for all
            return consistency_proof(old, size, reader.subtree)

    return prove


def _ask(
    witness: WitnessService, checkpoint: Checkpoint, prove: Prove, manifest: Manifest, old: int = 0
) -> NoteSignature | str:
    """The signature, or why there is none. A first question from nothing (`old`) is answered with the size that the
    witness is at."""
    for _ in range(_TRIES):
        try:
            answer = witness.add_checkpoint(checkpoint, old, prove(old))
        except SizeDiffers as differs:
            old = differs.size
            if old > checkpoint.size:
                return f"it has seen {old} entries, and here are {checkpoint.size}"
        except _FAILURES as error:
            return _told(error)
        else:
            return _own_line(witness, answer, checkpoint, manifest) or _NO_SIGNATURE
    return "it has seen another size each time that it was asked"


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def _own_line(
    witness: WitnessService, answer: Sequence[NoteSignature], checkpoint: Checkpoint, manifest: Manifest
) -> NoteSignature | None:
    """What it signs in another's name is not its to give."""
    return next((line for line in answer if line.name == witness.name and _is_valid(line, checkpoint, manifest)), None)


def _size_seen(witness: WitnessService, head: Checkpoint, prove: Prove, manifest: Manifest) -> int | str:
    """Or why it is not known. Of a witness elsewhere, a size that is not larger than the head is believed when it signs
    the head: so whoever answers at its address in its place counts for nothing."""
    try:
        answer = witness.add_checkpoint(head, 0, [])
    except SizeDiffers as differs:
        if differs.size > head.size or witness.patience is None:
            return differs.size
        signed = _ask(witness, head, prove, manifest, differs.size)
        return signed if isinstance(signed, str) else head.size
    except _FAILURES as error:
        return _told(error)
    # It had seen nothing yet, and its signature says so; anything else is no answer.
    return head.size if _own_line(witness, answer, head, manifest) else _NO_SIGNATURE


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
    manifest: Manifest,
    witnesses: Sequence[WitnessService],
    head: Checkpoint | None,
    reader: TileReader,
    reasons: Reasons,
    all_of_them: bool = False,
) -> list[tuple[int, str]]:
    """The largest size that each witness has cosigned, and its name, of those that answer now: of a quorum at least, if
    so many do, or of `all_of_them`. `head` is that of the log, and `reader` reads its tree; without one no witness can
    be asked. `reasons` gets why the others did not tell."""
    if head is None:
        return []
    prove = _prover(reader, head.size)

    def question(witness: WitnessService) -> tuple[int, str] | None:
        seen = _size_seen(witness, head, prove, manifest)
        reasons[witness.name] = seen if isinstance(seen, str) else ""
        return None if isinstance(seen, str) else (seen, witness.name)

    quorum = len(witnesses) if all_of_them else manifest.witnesses.quorum
    reasons.update(dict.fromkeys((witness.name for witness in witnesses), "it has not answered yet"))
    return ask_all(witnesses, question, lambda seen: len(seen) >= quorum)


def told(reasons: Reasons) -> str:
    """To be added to words about missing witnesses: which, and why, as far as that is known."""
    return "".join(f"; {name}: {reason}" for name, reason in sorted(reasons.items()) if reason)


def demand_newest(seen: Sequence[tuple[int, str]], size: int, manifest: Manifest, reasons: Reasons) -> None:
    """A quorum of witnesses answers, and none has seen more than this log holds. Raises LogBehindWitness for a log that
    is older, WitnessesSilent when too few answer to tell."""
    largest, name = max(seen, default=(0, ""))
    if largest > size:
        alone = sum(found > size for found, _ in seen) == 1 < len(seen)
        raise LogBehindWitness(
            f"witness {name} has cosigned {largest} entries and this log has {size}; restore the newer copy of the "
            f"published folder and of what lies beside the log's lock, or {TAKE_A_COPY}"
            + (f"; {_ONLY_ITS_WORD}" if alone else "")
        )
    quorum = manifest.witnesses.quorum
    known = {member.name for member in manifest.witnesses.members}
    answered = len({name for _, name in seen} & known)
    if answered < quorum:
        raise WitnessesSilent(
            f"{answered} of {len(known)} witnesses answered and {quorum} must, since a silent one may have seen more "
            f"than this log holds; nothing was added, try again{told(reasons)}"
        )
