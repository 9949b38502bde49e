"""One look at a referendum while people vote: the log, what it shows elsewhere, and the promises that people handed in.

Decides what is looked at, what of it is kept as evidence, and which of it is a reason to call somebody. Leaves fetching
and verifying the log to who watches, and the meaning of a verification to its report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import create_durably, is_staged
from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import CastBallot, parse_ballot
from stembus.audit.formats.receipt import check_promise, parse_promise
from stembus.audit.log.note import Checkpoint
from stembus.audit.monitor.split_log import SplitLog, check_split, parse_split
from stembus.audit.monitor.vantage import Sight, Vantage, Word, judge, look_around
from stembus.audit.verify.promised_ballot import Fate, Sought, Verdict, ballot_context, fate_of
from stembus.audit.verify.report import Report
from stembus.audit.verify.report import Verdict as FaultVerdict
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.errors import CryptoError

PROMISES, BALLOTS, DECRYPTIONS, EVIDENCE = "promises", "ballots", "decryptions", "evidence"
PROMISE_BYTES = 64 * 1024
_PROOFS = 100  # that are kept
_PATIENCE_SECONDS = 900  # that another place may be ahead before somebody is called
_GROUNDS = (FaultVerdict.BREACH, FaultVerdict.STANDS)


@dataclass(frozen=True, slots=True)
class Handed:
    """A promise that lies in the folder, by its file's name; `fate` is None for what is no promise of this box."""

    name: str
    fate: Fate | None

    @property
    def text(self) -> str:
        return self.fate.verdict.value if self.fate else "no promise of this ballot box"


class Relayed(Enum):
    """How it stands with a ballot that somebody handed to a monitor."""

    LOGGED = "in the log"
    REPLACED = "a later vote of the same voting pass counts"
    TURN = "another ballot of the same voting pass took its turn"
    TAKEN = "the ballot box took it, and promised it"
    REFUSED = "THE BALLOT BOX REFUSES IT"
    FALSE = "THE BALLOT BOX SIGNED A PROMISE OF ANOTHER BALLOT FOR IT"
    DROPPED = "THE BALLOT BOX TOOK IT, AND IT IS NOT IN THE LOG"
    UNANSWERED = "the ballot box does not answer for it"
    LATE = "handed in too late: voting was over"
    VOID = "the referendum was cancelled, and nothing is counted"
    INVALID = "no valid ballot of this referendum"
    UNREADABLE = "its file cannot be used here"


@dataclass(frozen=True, slots=True)
class Brought:
    """A ballot, by its file's name. `reason` is of this program's words, or which check it fails: what a box says is
    not passed on."""

    name: str
    state: Relayed
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A voting page, script or style by its path at the site. `differs` is None where it could not be fetched."""

    path: str
    differs: bool | None


@dataclass(frozen=True, slots=True)
class Round:
    """What was seen in one round, which ended at `ended`, Unix seconds. `ahead` are the addresses that have shown more
    than could be verified here for longer than a log takes to arrive."""

    report: Report
    sights: tuple[Sight, ...] = ()
    handed: tuple[Handed, ...] = ()
    brought: tuple[Brought, ...] = ()
    ended: int = 0
    ahead: tuple[str, ...] = ()
    #: how each file that the log names is served now, if that was looked at
    pages: tuple[Page, ...] = ()
    #: how many trustees' decryptions there are, in words, if any was handed in
    decrypted: str = ""
    #: the ballot box has not answered for so long that somebody should be called
    unanswered: bool = False

    def alarms(self) -> Iterator[str]:
        """What somebody should be called for, in words. Names no file: a voter may have given it a person's name."""
        for fault in self.report.faults:
            if fault.verdict in _GROUNDS:
                yield f"{fault.check} {fault.where}: {fault.message}"
        for sight in self.sights:
            if sight.word in (Word.SPLIT, Word.FOREIGN):
                yield f"{sight.vantage.address}: {sight.word.value}"
        for address in self.ahead:
            yield f"{address} has shown more for a quarter of an hour than is shown here: entries may be held back"
        for number, handed in enumerate(self.handed, 1):
            if handed.fate is not None and handed.fate.verdict is Verdict.BROKEN:
                yield f"promise {number} is broken, unless its voter cast again with the same voting pass"
            elif handed.fate is not None and handed.fate.verdict is Verdict.MISSING:
                yield f"the batch of promise {number} stands without its ballot: hand it in again, while one can"

        for number, brought in enumerate(self.brought, 1):
            if brought.state is Relayed.REFUSED:
                why = f": {brought.reason}" if brought.reason else ""
                yield f"the ballot box refuses ballot {number}, which every check here accepts{why}"
            elif brought.state in (Relayed.FALSE, Relayed.DROPPED):
                yield f"ballot {number}: {brought.state.value}"
        for page in self.pages:
            if page.differs:
                yield f"voters are served another {page.path} than the log names"
        if self.unanswered:
            yield "the ballot box has not answered for ballots that were brought to it for a quarter of an hour"

    def doubts(self) -> Iterator[str]:
        """Why it is not known now how the referendum stands, if so."""
        if self.report.log is None:
            yield "the log that is shown now could not be verified"
        for fault in self.report.faults:
            if fault.verdict is FaultVerdict.UNCHECKED:
                yield f"{fault.where}: {fault.message}"
        if unread := sum(page.differs is None for page in self.pages):
            yield f"{unread} of {len(self.pages)} files could not be fetched from the address that voters use"
        for number, brought in enumerate(self.brought, 1):
            if brought.state in (Relayed.UNANSWERED, Relayed.UNREADABLE):
                yield f"ballot {number}: {brought.state.value}"


def watch(found: Report, vantages: Sequence[Vantage], folder: Path, heads: Sequence[Checkpoint] = ()) -> Round:
    """`found` is of a verification that was just made, and its log can still be read; `heads` were seen before, and the
    log signed them. Without a log, there is nothing to compare. Raises CannotRead when the log's files changed."""
    log = found.log
    if log is None:
        return Round(found)
    earlier = (judge(log, Vantage("a head that was seen before", witness=True), head) for head in heads)
    sights = (*look_around(log, vantages), *(sight for sight in earlier if sight.word is Word.SPLIT))
    for sight in sights:
        if sight.split is not None and sight.head is not None:
            keep_split(folder / EVIDENCE, sight.head, sight.split)
    return Round(found, sights, tuple(_handed(log, folder / PROMISES)))


def files_in(folder: Path) -> list[Path]:
    """Those that people handed in, by name, and none that is still being written."""
    return sorted(path for path in folder.glob("*") if not is_staged(path.name) and _may_be_file(path))


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True  # what is wrong with it is said when it is opened


def is_held_back(since: float, now: float) -> bool:
    return now - since > _PATIENCE_SECONDS


def keep_split(folder: Path, head: Checkpoint, split: SplitLog) -> Path:
    """One proof for each head that contradicts; it is written once, and never changed."""
    path = folder / f"split-log-{hashlib.sha256(head.text).hexdigest()[:16]}.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists() and sum(1 for _ in folder.iterdir()) < _PROOFS:
        data = split.to_bytes()
        check_split(parse_split(data))
        create_durably(path, data)
    return path


def keep_served(folder: Path, data: bytes) -> None:
    """A file that voters are served in another one's place, by its hash; it is written once, and never changed."""
    path = folder / f"served-{hashlib.sha256(data).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists() and sum(1 for _ in folder.iterdir()) < _PROOFS:
        create_durably(path, data)


def _handed(log: VerifiedLog, folder: Path) -> Iterator[Handed]:
    known = _ballots(log, folder.with_name(BALLOTS))
    for path in files_in(folder):
        try:
            with path.open("rb") as file:
                promise = parse_promise(file.read(PROMISE_BYTES))
            check_promise(log.manifest, log.referendum, promise)
        except (AuditError, OSError):
            yield Handed(path.name, None)
            continue
        yield Handed(path.name, fate_of(log, Sought.of(promise), known.get(promise.cast_hash)))


def _ballots(log: VerifiedLog, folder: Path) -> dict[str, CastBallot]:
    """Those handed in, by hash: only with the ballot itself one sees that its voting pass cast again later."""
    context, found = ballot_context(log), {}
    if context is None:
        return {}
    for path in files_in(folder):
        try:
            with path.open("rb") as file:
                raw = file.read(bounds.ENTRY_BYTES)
            found[hashlib.sha256(raw).hexdigest()] = parse_ballot(context, raw)
        except (AuditError, CryptoError, OSError):
            continue
    return found
