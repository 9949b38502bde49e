"""What the verifier does with each type of entry that is no ballot, one handler for each.

An entry comes here once its encoding, signatures and place in the order have been checked. Decides what of it can be
judged at once, and which chapter hears of the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stembus.audit.entry_rules import (
    DOCUMENTS,
    batch_problem,
    client_problem,
    document_problem,
    name_problem,
    open_problem,
    purge_problem,
    texts_problem,
)
from stembus.audit.errors import PlaceError
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import Entry
from stembus.audit.formats.entry_bodies import (
    Abandon,
    Batch,
    Cancel,
    Client,
    Close,
    Commit,
    Complaint,
    Confirm,
    Drill,
    ElectionKey,
    Incident,
    Minutes,
    Open,
    PaperBallots,
    PaperResult,
    PartialDecryption,
    Purge,
    Replace,
    Result,
    Reveal,
    Roll,
    Sample,
    Share,
    TallyIntent,
)
from stembus.audit.verify.ballots import BallotChecker
from stembus.audit.verify.walk import Walk
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import Point


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry and its index in the log."""

    index: int
    raw: bytes
    entry: Entry

    @property
    def where(self) -> str:
        return f"entry {self.index}"

    @property
    def size(self) -> int:
        """That of the log that ends with this entry."""
        return self.index + 1


def handle(walk: Walk, logged: Logged) -> None:
    _HANDLERS[type(logged.entry.body)](walk, logged, logged.entry.body)


def _ceremony(walk: Walk, logged: Logged, _: Record) -> None:
    walk.ceremony.take(logged.index, logged.entry, walk.stream.frontier.root)


def _election_key(walk: Walk, logged: Logged, body: ElectionKey) -> None:
    walk.ceremony.take(logged.index, logged.entry, walk.stream.frontier.root)
    try:
        for key in body.verification_keys:
            Point.from_bytes(bytes.fromhex(key))
        walk.ballots = BallotChecker(walk.manifest_raw, logged.raw, walk.index, walk.report, walk.executor)
    except CryptoError as error:
        walk.report.breach("V12", logged.where, str(error))
        return
    walk.election_key = (logged.raw, body)


def _roll(walk: Walk, logged: Logged, body: Roll) -> None:
    walk.ceremony.take_roll(walk.stream.frontier.root())
    walk.roll.take_roll(logged.where, body)


def _client(walk: Walk, logged: Logged, body: Client) -> None:
    _stands(walk, logged, "V29", client_problem(body))


def _open(walk: Walk, logged: Logged, body: Open) -> None:
    walk.opened = logged.size
    walk.required[logged.size] = "open"
    if problem := open_problem(walk.election_key[0] if walk.election_key else None, body):
        walk.report.breach("V12", logged.where, problem)


def _batch(walk: Walk, logged: Logged, body: Batch) -> None:
    walk.roll.take_counts(logged.where, body)
    if problem := batch_problem(body):
        walk.report.stands("V15", logged.where, problem)
        walk.end_batch()


def _replace(walk: Walk, logged: Logged, body: Replace) -> None:
    walk.roll.take_replace(logged.where, body)


def _incident(walk: Walk, logged: Logged, body: Incident) -> None:
    _stands(walk, logged, "V8", texts_problem(walk.manifest, body.text, walk.last_incident))
    walk.last_incident = body.text


def _cancel(walk: Walk, logged: Logged, body: Cancel) -> None:
    _stands(walk, logged, "V8", texts_problem(walk.manifest, body.text))


def _abandon(walk: Walk, logged: Logged, body: Abandon) -> None:
    walk.abandoned = logged.size
    walk.required[logged.size] = "the end"
    walk.tally.abandoned = logged.index
    _stands(walk, logged, "V8", texts_problem(walk.manifest, body.text))


def _close(walk: Walk, logged: Logged, body: Close) -> None:
    walk.closed = logged.size
    walk.tally.decided = 0 if body.struck else logged.size
    walk.required[logged.size] = "the close"
    walk.report.figures.issued = walk.roll.take_close(logged.where, body, walk.executor)
    figures = walk.report.figures
    figures.struck, figures.struck_with_part = walk.paper.take_close(logged.where, body)


def _paper_result(walk: Walk, logged: Logged, body: PaperResult) -> None:
    walk.tally.decided = logged.size
    walk.required[logged.size] = "the paper votes"
    if walk.paper.take_result(logged.where, body):
        walk.tally.paper = body


def _paper_ballots(walk: Walk, logged: Logged, body: PaperBallots) -> None:
    walk.tally.paper = body
    walk.paper.take_header(logged.where, body, walk.ballots.context if walk.ballots else None)
    if not body.ballots:
        walk.end_paper()


def _tally_intent(walk: Walk, logged: Logged, body: TallyIntent) -> None:
    if walk.manifest.complaint_seconds and not walk.tally.intents:
        walk.required[logged.size] = "the first intent"
    walk.tally.take_intent(logged.index, body)


def _partial_decryption(walk: Walk, logged: Logged, body: PartialDecryption) -> None:
    walk.tally.partials.append((logged.index, body))


def _result(walk: Walk, logged: Logged, body: Result) -> None:
    walk.tally.result = (logged.index, body)
    walk.report.result = body


def _minutes(walk: Walk, logged: Logged, body: Minutes) -> None:
    if problem := name_problem(body, walk.documents):
        walk.report.stands("V29", logged.where, problem)
        return
    walk.documents.add(body.name)
    path = DOCUMENTS + body.name
    try:
        problem = document_problem(walk.source, body)
    except PlaceError as error:
        walk.report.stands("V1", path, str(error))
        return
    if problem:
        walk.report.stands("V29", path, problem)


def _sample(walk: Walk, _: Logged, body: Sample) -> None:
    """Whoever asks people draws them from it; nothing in the log follows from it."""
    walk.report.figures.dice = body.dice


def _purge(walk: Walk, logged: Logged, body: Purge) -> None:
    """Nothing published can show whether a secret was destroyed."""
    _stands(walk, logged, "V8", purge_problem(body))


def _stands(walk: Walk, logged: Logged, check: str, problem: str | None) -> None:
    """One officer or the client key alone wrote this, and nothing that is counted depends on it."""
    if problem:
        walk.report.stands(check, logged.where, problem)


# Every type of entry; each handler takes the body of its own type.
_HANDLERS: dict[type[Record], Callable[[Walk, Logged, Any], None]] = {
    Commit: _ceremony,
    Reveal: _ceremony,
    Share: _ceremony,
    Confirm: _ceremony,
    Complaint: _ceremony,
    Drill: _ceremony,
    ElectionKey: _election_key,
    Roll: _roll,
    Client: _client,
    Open: _open,
    Batch: _batch,
    Replace: _replace,
    Incident: _incident,
    Cancel: _cancel,
    Abandon: _abandon,
    Close: _close,
    PaperResult: _paper_result,
    PaperBallots: _paper_ballots,
    TallyIntent: _tally_intent,
    PartialDecryption: _partial_decryption,
    Result: _result,
    Sample: _sample,
    Minutes: _minutes,
    Purge: _purge,
}
