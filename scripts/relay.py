"""Ballots that people hand to a monitor because the ballot box refused them: they are checked, and brought to the box.

The box sees where a request comes from; brought by a monitor, a ballot comes from there, and what the box answers is
seen by somebody else than the voter. Decides what is asked, what an answer means, and what of it is remembered: by the
ballot's hash, that it came before the close and how the box has answered, without a time.

    KEEP/ballots/NAME             what people handed in
    KEEP/relayed/HASH             how the box has answered so far: one word a line
    KEEP/promises/relayed-*.json  what it promised
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from stembus.audit.durable import write_undated
from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import CastBallot
from stembus.audit.formats.receipt import Promise, check_promise, encode_promise
from stembus.audit.monitor.handed import BROUGHT, PROMISES, Handed, Pile
from stembus.audit.monitor.watch import Brought, Relayed
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.audit.verify.promised_ballot import Fate, Verdict, ballot_context
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    Cancelled,
    CastOutOfTurn,
    DatabaseBehind,
    LogBehindDatabase,
    NotOpen,
)
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.voter.remote import RemoteBox
from stembus.crypto.errors import CryptoError

RELAYED = "relayed"
# What the box says of its own trouble is no word about the ballot.
_TROUBLE = (ServiceUnreachable, DatabaseBehind, LogBehindDatabase, Cancelled)
# What became of a ballot that is not in the log when voting is over, by what the box had answered: the worst first,
# unless it had a reason.
_AFTER = {
    Relayed.FALSE: Relayed.FALSE,
    Relayed.REPLACED: Relayed.REPLACED,
    Relayed.TURN: Relayed.TURN,
    Relayed.SAME: Relayed.SAME,
    Relayed.TAKEN: Relayed.DROPPED,
    Relayed.REFUSED: Relayed.REFUSED,
}
_PROMISES_KEPT = 20  # for one ballot


def relay(log: VerifiedLog, folder: Path, pile: Pile, after: str = "") -> Iterator[Brought]:
    """Says how it stands with each ballot of the pile, and brings what is missing to the box, beginning behind the file
    named `after`. Once the box has not answered, no other is brought: a slow box must not stop the watching. Raises
    CannotRead."""
    silent = False
    for handed in sorted(pile.ballots, key=lambda one: (one.name <= after, one.name)):
        if handed.ballot is None or handed.fate is None:
            state = Relayed.UNREADABLE if handed.unreadable else Relayed.INVALID
            yield Brought(handed.name, state, handed.problem)
            continue
        try:
            promises = pile.promises_of(handed.ballot)
            found = Brought(handed.name, *_state(log, folder, handed.ballot, handed.fate, promises, silent))
        except OSError as error:
            found = Brought(handed.name, Relayed.UNREADABLE, f"nothing can be kept here: {type(error).__name__}")
        silent = silent or found.state is Relayed.UNANSWERED
        yield found


def _state(
    log: VerifiedLog, folder: Path, ballot: CastBallot, fate: Fate, promises: Sequence[Handed], silent: bool
) -> tuple[Relayed, str]:
    """How it stands, and a reason. Raises CannotRead, or OSError where nothing can be kept."""
    if fate.verdict in (Verdict.KEPT, Verdict.LATE):
        return Relayed.LOGGED, ""
    if fate.later is not None:
        return Relayed.REPLACED, ""
    if fate.twin is not None:
        return Relayed.SAME, ""
    if log.phase is Phase.CANCELLED:
        return Relayed.VOID, ""
    memory = _Memory(folder / RELAYED / ballot.cast_hash.hex())
    if log.phase is not Phase.OPEN:
        return memory.at_the_end(), ""
    memory.add(None)
    if Relayed.FALSE in memory.answers:
        return Relayed.FALSE, ""
    if any(one.covers for one in promises):
        return Relayed.TAKEN, ""  # it has its promise, and is not due yet
    if silent:
        return Relayed.UNANSWERED, "it was not asked again in this look"
    missed = [one.promise for one in promises if one.promise and not one.far]
    earlier = max(missed, key=lambda promise: promise.batch, default=None)
    state, reason = _cast(log, folder, ballot, earlier, len(promises))
    memory.add(state)
    return state, reason


class _Memory:
    """How the box has answered for one ballot. The file says nothing of when."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            words = path.read_text(encoding="ascii").split()
        except FileNotFoundError:
            words, self._known = [], False
        else:
            self._known = True
        self.answers = {state for state in Relayed if state.name in words}

    def add(self, answer: Relayed | None) -> None:
        if self._known and (answer is None or answer in self.answers):
            return
        self.answers |= set() if answer is None else {answer}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_undated(
            self._path, "".join(f"{name}\n" for name in sorted(one.name for one in self.answers)).encode("ascii")
        )
        self._known = True

    def at_the_end(self) -> Relayed:
        """Of a ballot that is not in the log, once voting is over."""
        if not self._known:
            return Relayed.LATE
        return next((end for answer, end in _AFTER.items() if answer in self.answers), Relayed.UNANSWERED)


def _cast(
    log: VerifiedLog, folder: Path, ballot: CastBallot, earlier: Promise | None, kept: int
) -> tuple[Relayed, str]:
    """`kept` is how many promises for this ballot lie here already."""
    said = b"" if earlier is None else encode_promise(earlier)
    try:
        promise = RemoteBox(log.manifest.box.url).cast(ballot.raw, *([said] if said else []))
        check_promise(log.manifest, log.referendum, promise)
    except _TROUBLE as error:
        return Relayed.UNANSWERED, type(error).__name__
    except NotOpen as error:
        return _while_open(log, type(error).__name__)
    except CastOutOfTurn as error:
        return _out_of_turn(log, ballot, error.current or b"")
    except BallotRejected as error:
        return Relayed.REFUSED, error.check if error.check.isalnum() else "it names no check"
    except (BallotError, AuditError) as error:
        return Relayed.REFUSED, type(error).__name__
    digest = ballot.cast_hash.hex()
    path = folder / PROMISES / f"{BROUGHT}{digest[:16]}-{hashlib.sha256(encode_promise(promise)).hexdigest()[:8]}.json"
    if kept < _PROMISES_KEPT:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_undated(path, encode_promise(promise))
    if (promise.cast_hash, promise.ballot_id) != (digest, ballot.ballot_id.hex()):
        return Relayed.FALSE, ""
    if earlier is not None and promise.batch <= earlier.batch:
        return Relayed.REFUSED, "it promises again what it did not keep"
    return Relayed.TAKEN, ""


def _while_open(log: VerifiedLog, reason: str) -> tuple[Relayed, str]:
    """The log is open. Before the closing time by this machine's clock, nothing else can be meant than a refusal."""
    over = log.manifest.clock == "real" and time.time() >= log.manifest.closes_at
    return (Relayed.UNANSWERED, "voting may be over") if over else (Relayed.REFUSED, reason)


def _out_of_turn(log: VerifiedLog, ballot: CastBallot, shown: bytes) -> tuple[Relayed, str]:
    """A box that says so shows the ballot that took the turn: signed by the same token, in this turn or a later one."""
    context = ballot_context(log)
    try:
        other = None if context is None else check_ballot(context, shown)
    except (AuditError, CryptoError, BallotRefused):
        other = None
    if other is not None and other.body == ballot.body and other.raw != ballot.raw:
        return Relayed.SAME, ""  # whichever of the two is in the log, it counts the same
    if other is None or other.token_key != ballot.token_key or other.seq < ballot.seq or other.raw == ballot.raw:
        return Relayed.REFUSED, "it says that the voter cast again, and shows no such ballot"
    if other.seq == ballot.seq:
        return Relayed.TURN, ""
    return Relayed.REPLACED, "the ballot box shows it"
