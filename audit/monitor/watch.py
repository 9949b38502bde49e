"""One look at a referendum while people vote: the log, what it shows elsewhere, and the promises that people handed in.

Decides what is looked at, what of it is kept as evidence, and which of it is a reason to call somebody. Leaves fetching
and verifying the log to who watches, and the meaning of a verification to its report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.durable import create_durably
from stembus.audit.errors import AuditError
from stembus.audit.formats.receipt import check_promise, parse_promise
from stembus.audit.monitor.split_log import SplitLog
from stembus.audit.monitor.vantage import Sight, Vantage, Word, look_around
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.promised_ballot import Fate, Sought, Verdict, fate_of
from stembus.audit.verify.report import Report
from stembus.audit.verify.verified_log import VerifiedLog

PROMISES, EVIDENCE = "promises", "evidence"
PROMISE_BYTES = 64 * 1024
_ALARMING = (Word.SPLIT, Word.FOREIGN)
_WRONG = (Outcome.BREACH, Outcome.FAULTS)


@dataclass(frozen=True, slots=True)
class Handed:
    """A promise that lies in the folder, by its file's name; `fate` is None for what is no promise of this box."""

    name: str
    fate: Fate | None

    @property
    def text(self) -> str:
        return self.fate.verdict.value if self.fate else "no promise of this ballot box"


@dataclass(frozen=True, slots=True)
class Round:
    """What was seen in one round."""

    report: Report
    sights: tuple[Sight, ...] = ()
    handed: tuple[Handed, ...] = ()

    def alarms(self) -> Iterator[str]:
        """What somebody should be called for, in words."""
        if self.report.outcome in _WRONG:
            for fault in self.report.faults:
                yield f"{fault.check} {fault.where}: {fault.message}"
        for sight in self.sights:
            if sight.word in _ALARMING:
                yield f"{sight.vantage.address}: {sight.word.value}"
        for handed in self.handed:
            if handed.fate is not None and handed.fate.verdict is Verdict.BROKEN:
                yield f"the promise {handed.name} is broken"

    def splits(self) -> Iterator[SplitLog]:
        return (sight.split for sight in self.sights if sight.split is not None)


def watch(report: Report, vantages: Sequence[Vantage], folder: Path) -> Round:
    """`report` is of a verification that was just made, and its log can still be read. Without a log, there is nothing
    to compare. Raises CannotRead when the log's files changed meanwhile."""
    log = report.log
    if log is None:
        return Round(report)
    found = Round(report, tuple(look_around(log, vantages)), tuple(_handed(log, folder / PROMISES)))
    for split in found.splits():
        keep_split(folder / EVIDENCE, split)
    return found


def keep_split(folder: Path, split: SplitLog) -> Path:
    """Each proof is written once, and never changed."""
    data = split.to_bytes()
    path = folder / f"split-log-{hashlib.sha256(data).hexdigest()[:16]}.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        create_durably(path, data)
    return path


def _handed(log: VerifiedLog, folder: Path) -> Iterator[Handed]:
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        with path.open("rb") as file:
            data = file.read(PROMISE_BYTES)
        try:
            promise = parse_promise(data)
            check_promise(log.manifest, log.referendum, promise)
        except AuditError:
            yield Handed(path.name, None)
            continue
        yield Handed(path.name, fate_of(log, Sought.of(promise)))
