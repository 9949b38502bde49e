"""What people handed in, read anew at each look: ballots and promises, and how it stands with each by the log.

Decides what is one of them, and that all are looked for in one walk through the log. What the ballot box says is asked
elsewhere.

    KEEP/ballots/NAME    KEEP/promises/NAME    KEEP/decryptions/NAME
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import is_staged
from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import BallotContext, CastBallot, peek
from stembus.audit.formats.entry_bodies import Batch
from stembus.audit.formats.receipt import Promise, check_promise, parse_promise
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.audit.verify.promised_ballot import Fate, Sought, Verdict, ballot_context, fates_of
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.errors import CryptoError

PROMISES, BALLOTS, DECRYPTIONS = "promises", "ballots", "decryptions"
OWN, BROUGHT = "handed-", "relayed-"  # how the name of a file begins that this program wrote
PROMISE_BYTES = 64 * 1024
_AHEAD = 4  # at most two batches wait, and two more may be in the log by now


@dataclass(frozen=True, slots=True)
class Handed:
    """A promise that lies in the folder, by its file's name; `fate` is None for what is no promise of this box. `far`:
    its batch is so far ahead that nobody can have promised it in earnest."""

    name: str
    fate: Fate | None
    promise: Promise | None = None
    far: bool = False

    @property
    def text(self) -> str:
        if self.fate is None:
            return "no promise of this ballot box"
        return "FOR A BATCH THAT IS FAR AHEAD" if self.far else self.fate.verdict.value

    @property
    def covers(self) -> bool:
        """Whether nothing is wrong yet."""
        return self.fate is not None and self.fate.verdict is Verdict.NOT_DUE and not self.far


@dataclass(frozen=True, slots=True)
class HandedBallot:
    """`ballot` is None for what is none: then `problem` says why, and `unreadable` that the file itself is at fault."""

    name: str
    ballot: CastBallot | None
    fate: Fate | None = None
    problem: str = ""
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Pile:
    promises: tuple[Handed, ...]
    ballots: tuple[HandedBallot, ...]

    def promises_of(self, ballot: CastBallot) -> list[Handed]:
        digest = ballot.cast_hash.hex()
        return [one for one in self.promises if one.promise is not None and one.promise.cast_hash == digest]


def read_pile(log: VerifiedLog, folder: Path) -> Pile:
    """Raises CannotRead."""
    context = ballot_context(log)
    promises = [_promise(log, path) for path in files_in(folder / PROMISES)]
    ballots = [_ballot(context, path) for path in files_in(folder / BALLOTS)]
    known = {one.ballot.cast_hash.hex(): one.ballot for one in ballots if one.ballot is not None}
    wanted = [(Sought.of(promise), known.get(promise.cast_hash)) for _, promise in promises if promise is not None]
    wanted += [(_sought(one.ballot), one.ballot) for one in ballots if one.ballot is not None]
    fates = iter(fates_of(log, wanted))
    newest = max((entry.body.number for _, _, entry in log.entries() if isinstance(entry.body, Batch)), default=0)
    handed = [
        Handed(name, None) if promise is None else Handed(name, next(fates), promise, promise.batch > newest + _AHEAD)
        for name, promise in promises
    ]
    found = [one if one.ballot is None else HandedBallot(one.name, one.ballot, next(fates)) for one in ballots]
    return Pile(tuple(handed), tuple(found))


def _sought(ballot: CastBallot) -> Sought:
    return Sought(ballot.cast_hash.hex(), ballot.ballot_id.hex(), 0)


def _promise(log: VerifiedLog, path: Path) -> tuple[str, Promise | None]:
    try:
        with path.open("rb") as file:
            promise = parse_promise(file.read(PROMISE_BYTES))
        check_promise(log.manifest, log.referendum, promise)
    except (AuditError, OSError):
        return path.name, None
    return path.name, promise


def _ballot(context: BallotContext | None, path: Path) -> HandedBallot:
    try:
        if context is None:
            return HandedBallot(path.name, None, problem="voting has not begun")
        with path.open("rb") as file:
            return HandedBallot(path.name, check_ballot(context, file.read(bounds.ENTRY_BYTES + 1)))
    except OSError as error:
        return HandedBallot(path.name, None, problem=type(error).__name__, unreadable=True)
    except (AuditError, CryptoError, BallotRefused) as error:
        return HandedBallot(path.name, None, problem=str(error))


def files_in(folder: Path) -> list[Path]:
    """Those that people handed in, by name, and none that is still being written."""
    return sorted(path for path in folder.glob("*") if not is_staged(path.name) and _may_be_file(path))


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True  # what is wrong with it is said when it is opened


def logged_ballots(log: VerifiedLog, context: BallotContext) -> Iterator[tuple[bytes, tuple[int, bytes]]]:
    """Of each ballot in the log its hash, its batch and its number. Raises CannotRead."""
    for index, _, entry in log.entries():
        if isinstance(entry.body, Batch):
            for at in range(index + 1, index + 1 + entry.body.size):
                raw = log.tree.entry(at)
                yield hashlib.sha256(raw).digest(), (entry.body.number, peek(context, raw))
