"""What the verifier does with each type of entry that is no ballot, one handler for each.

An entry comes here once its encoding, signatures and place in the order have been checked. Decides what of it can be
judged at once, and which chapter hears of the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stembus.audit import bounds
from stembus.audit.errors import PlaceError
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import Entry
from stembus.audit.formats.entry_bodies import (
    Batch,
    Cancel,
    Client,
    Close,
    Commit,
    Complaint,
    Confirm,
    ElectionKey,
    Incident,
    Minutes,
    Open,
    PaperResult,
    PaperRoll,
    PartialDecryption,
    Purge,
    Replace,
    Result,
    Reveal,
    Roll,
    Share,
    TallyIntent,
)
from stembus.audit.formats.file_name import is_client_path, is_document_name, is_release
from stembus.audit.formats.text import text_problem
from stembus.audit.verify.ballots import BallotChecker
from stembus.audit.verify.walk import Walk
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import Point

DOCUMENTS = "documents/"
_DOCUMENT_BYTES = 64 * 1024**2


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
    walk.ceremony.take(logged.index, logged.entry)


def _election_key(walk: Walk, logged: Logged, body: ElectionKey) -> None:
    walk.ceremony.take(logged.index, logged.entry)
    try:
        for key in body.verification_keys:
            Point.from_bytes(bytes.fromhex(key))
        walk.ballots = BallotChecker(walk.manifest_raw, logged.raw, walk.index, walk.report, walk.executor)
    except CryptoError as error:
        walk.report.breach("V12", logged.where, str(error))
        return
    walk.election_key = (logged.raw, body)


def _roll(walk: Walk, logged: Logged, body: Roll) -> None:
    walk.roll.take_roll(logged.where, body)


def _client(walk: Walk, logged: Logged, body: Client) -> None:
    paths = [file.path for file in body.files]
    if not is_release(body.release) or not all(map(is_client_path, paths)):
        walk.report.breach("V29", logged.where, "a release or a path of the client that is not a plain name")
    if not paths or paths != sorted(set(paths)):
        walk.report.breach("V29", logged.where, "the client's files are listed once each, sorted")


def _open(walk: Walk, logged: Logged, body: Open) -> None:
    walk.opened = logged.size
    walk.required[logged.size] = "open"
    if not walk.election_key or hashlib.sha256(walk.election_key[0]).hexdigest() != body.election_key:
        walk.report.breach("V12", logged.where, "voting was opened for another election key")


def _batch(walk: Walk, logged: Logged, body: Batch) -> None:
    walk.roll.take_counts(logged.where, body.number, body.issued)
    if not body.size:
        walk.report.breach("V15", logged.where, "an empty batch")
        walk.end_batch()


def _replace(walk: Walk, logged: Logged, body: Replace) -> None:
    walk.roll.take_replace(logged.where, body)


def _text(walk: Walk, logged: Logged, body: Incident | Cancel) -> None:
    languages = walk.manifest.languages
    if languages[0] not in body.text or not set(body.text) <= set(languages):
        walk.report.breach("V8", logged.where, f"its text is in {languages[0]}, and in languages of the manifest")
    _judge_texts(walk, logged, body.text.values())


def _judge_texts(walk: Walk, logged: Logged, texts: Iterable[str]) -> None:
    for text in texts:
        if problem := text_problem(text, bounds.TEXT_CHARACTERS):
            walk.report.breach("V8", logged.where, f"a text {problem}")


def _close(walk: Walk, logged: Logged, body: Close) -> None:
    walk.closed = walk.tally.earliest = logged.size
    walk.required[logged.size] = "the close"
    walk.report.figures.issued = walk.roll.take_close(logged.where, body, walk.executor)


def _paper_roll(walk: Walk, logged: Logged, body: PaperRoll) -> None:
    walk.tally.earliest = logged.size
    walk.struck = body.count
    walk.roll.take_paper_roll(logged.where, body)


def _paper_result(walk: Walk, logged: Logged, body: PaperResult) -> None:
    walk.tally.earliest = logged.size
    walk.tally.paper = body
    walk.roll.take_paper_result(logged.where, body, walk.struck)


def _tally_intent(walk: Walk, logged: Logged, body: TallyIntent) -> None:
    walk.tally.take_intent(logged.index, body)


def _partial_decryption(walk: Walk, logged: Logged, body: PartialDecryption) -> None:
    walk.tally.partials.append((logged.index, body))


def _result(walk: Walk, logged: Logged, body: Result) -> None:
    walk.tally.result = (logged.index, body)
    walk.report.result = body


def _minutes(walk: Walk, logged: Logged, body: Minutes) -> None:
    if not is_document_name(body.name):
        walk.report.breach("V29", logged.where, "a document's name is not a plain file name")
        return
    path = DOCUMENTS + body.name
    if path.lower() in {earlier.lower() for earlier in walk.documents}:
        walk.report.breach("V29", logged.where, "an earlier document has this name, in capitals or not")
        return
    walk.documents.add(path)
    try:
        data = walk.source.read(path, _DOCUMENT_BYTES)
    except PlaceError as error:
        walk.report.breach("V1", path, str(error))
        return
    if hashlib.sha256(data).hexdigest() != body.sha256:
        walk.report.breach("V29", path, "not the document whose hash stands in the log")


def _purge(walk: Walk, logged: Logged, body: Purge) -> None:
    """Nothing published can show whether a secret was destroyed; only the words are judged."""
    _judge_texts(walk, logged, body.destroyed)


# Every type of entry; each handler takes the body of its own type.
_HANDLERS: dict[type[Record], Callable[[Walk, Logged, Any], None]] = {
    Commit: _ceremony,
    Reveal: _ceremony,
    Share: _ceremony,
    Confirm: _ceremony,
    Complaint: _ceremony,
    ElectionKey: _election_key,
    Roll: _roll,
    Client: _client,
    Open: _open,
    Batch: _batch,
    Replace: _replace,
    Incident: _text,
    Cancel: _text,
    Close: _close,
    PaperRoll: _paper_roll,
    PaperResult: _paper_result,
    TallyIntent: _tally_intent,
    PartialDecryption: _partial_decryption,
    Result: _result,
    Minutes: _minutes,
    Purge: _purge,
}
