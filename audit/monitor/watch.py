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

from stembus.audit.durable import create_durably
from stembus.audit.log.note import Checkpoint
from stembus.audit.monitor.handed import Handed, Pile, read_pile
from stembus.audit.monitor.split_log import SplitLog, check_split, parse_split
from stembus.audit.monitor.vantage import Sight, Vantage, Word, judge, look_around
from stembus.audit.verify.promised_ballot import Verdict
from stembus.audit.verify.report import Report
from stembus.audit.verify.report import Verdict as FaultVerdict

EVIDENCE = "evidence"
_NAMED = 3  # files that an alarm names
_PROOFS = 100  # that are kept
_PATIENCE_SECONDS = 900  # that another place may be ahead before somebody is called
_GROUNDS = (FaultVerdict.BREACH, FaultVerdict.STANDS)


class Relayed(Enum):
    """How it stands with a ballot that somebody handed to a monitor."""

    LOGGED = "in the log"
    REPLACED = "a later vote of the same voting pass counts"
    TURN = "another ballot of the same voting pass took its turn"
    SAME = "the same ballot, cast in another turn, is there"
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
    #: what was seen in earlier rounds and is not any more: words, and when last, Unix seconds
    earlier: tuple[tuple[str, int], ...] = ()
    #: ballots and promises that were found in the log, and are not kept any more
    settled: tuple[int, int] = (0, 0)
    #: how many trustees' decryptions there are, in words, if any was handed in
    decrypted: str = ""
    #: the ballot box has not answered for so long that somebody should be called
    unanswered: bool = False

    def alarms(self) -> Iterator[str]:
        """What somebody should be called for, in words. Names no file: a voter may have given it a person's name."""
        yield from self.of_the_host()
        for number, handed in enumerate(sorted(self.handed, key=lambda one: one.name), 1):
            if handed.fate is None:
                continue
            if handed.far:
                yield f"promise {number} is for a batch far ahead: the ballot box may never bring its ballot in"
            elif handed.fate.verdict is Verdict.BROKEN:
                yield f"promise {number} is broken, unless its voter cast again with the same voting pass"
            elif handed.fate.verdict is Verdict.MISSING:
                yield f"the batch of promise {number} stands without its ballot: hand it in again, while one can"
        for number, brought in enumerate(sorted(self.brought, key=lambda one: one.name), 1):
            if brought.state is Relayed.REFUSED:
                why = f": {brought.reason}" if brought.reason else ""
                yield f"the ballot box refuses ballot {number}, which every check here accepts{why}"
            elif brought.state in (Relayed.FALSE, Relayed.DROPPED):
                yield f"ballot {number}: {brought.state.value}"
        if self.unanswered:
            yield "the ballot box has not answered for ballots that were brought to it for a quarter of an hour"

    def of_the_host(self) -> Iterator[str]:
        """Those of them that are about what is published and served: these are remembered when they are over."""
        for fault in self.report.faults:
            if fault.verdict in _GROUNDS:
                yield f"{fault.check} {fault.where}: {fault.message}"
        for sight in self.sights:
            if sight.word in (Word.SPLIT, Word.FOREIGN):
                yield f"{sight.vantage.address}: {sight.word.value}"
        for address in self.ahead:
            yield f"{address} has shown more for a quarter of an hour than is shown here: entries may be held back"
        if others := [page.path for page in self.pages if page.differs]:
            which = ", ".join(others[:_NAMED]) + (" and more" if len(others) > _NAMED else "")
            yield f"voters are served other files than the log names, {len(others)} of {len(self.pages)}: {which}"

    def doubts(self) -> Iterator[str]:
        """Why it is not known now how the referendum stands, if so."""
        if self.report.log is None:
            yield "the log that is shown now could not be verified"
        for fault in self.report.faults:
            if fault.verdict is FaultVerdict.UNCHECKED:
                yield f"{fault.where}: {fault.message}"
        if unread := sum(page.differs is None for page in self.pages):
            yield f"{unread} of {len(self.pages)} files could not be fetched from the address that voters use"
        for number, brought in enumerate(sorted(self.brought, key=lambda one: one.name), 1):
            if brought.state in (Relayed.UNANSWERED, Relayed.UNREADABLE):
                yield f"ballot {number}: {brought.state.value}"


def watch(
    found: Report, vantages: Sequence[Vantage], folder: Path, heads: Sequence[Checkpoint] = (), pile: Pile | None = None
) -> Round:
    """`found` is of a verification that was just made, and its log can still be read; `heads` were seen before, and
    the log signed them; `pile` is what was handed in, if that was read already. Without a log, there is nothing to
    compare. Raises CannotRead when the log's files changed."""
    log = found.log
    if log is None:
        return Round(found)
    earlier = (judge(log, Vantage("a head that was seen before", witness=True), head) for head in heads)
    sights = (*look_around(log, vantages), *(sight for sight in earlier if sight.word is Word.SPLIT))
    for sight in sights:
        if sight.split is not None and sight.head is not None:
            keep_split(folder / EVIDENCE, sight.head, sight.split)
    return Round(found, sights, (pile or read_pile(log, folder)).promises)


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
