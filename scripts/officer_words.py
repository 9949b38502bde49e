"""What an entry that officers sign says, in words: read back before it is signed, here and on the other laptop.

Decides the lines, never whether it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entry_bodies import (
    Abandon,
    Cancel,
    Close,
    Incident,
    Minutes,
    Open,
    PaperBallots,
    PaperResult,
    Purge,
    Replace,
    Result,
    Roll,
    Sample,
)
from stembus.audit.formats.manifest import Manifest
from stembus.scripts.escape import shown


def entry_words(manifest: Manifest, body: Record) -> Iterator[str]:
    """One sentence a line, without what cannot be read aloud."""
    yield from (shown(line) for line in _words(manifest, body))


def _words(manifest: Manifest, body: Record) -> Iterator[str]:
    match body:
        case Roll():
            yield f"the roll: {body.count} people may vote, and {body.spares} spare letters are kept"
            yield f"the lists have the roots {body.credentials_root} and {body.spares_root}"
            yield f"the population service counted {manifest.eligibility.official_count}"
        case Open():
            yield f"voting is opened, until {manifest.closes}; nothing of the definition can be changed any more"
        case Replace():
            yield f"letter {body.struck[:12]}... is struck, and the spare {body.replacement[:12]}... takes its place"
        case Incident():
            yield f"incident {body.number}, in these words:"
            yield from _texts(body.text)
        case Close():
            yield f"voting is closed: {body.ballots} ballots in {body.batches} batches"
            for number, issued in enumerate(body.issuance, 1):
                yield f"registrar {number} gave out {issued.count} tokens, and struck {issued.struck} people for paper"
        case PaperResult():
            yield f"{body.ballots} ballots on paper, counted so:"
            yield from _counts(manifest, body.counts)
        case PaperBallots():
            yield f"{body.ballots} ballots on paper, too few to be shown apart: encrypted, root {body.root}"
        case Result():
            yield from _result(manifest, body)
        case Cancel():
            yield "the referendum is cancelled, for good, in these words:"
            yield from _texts(body.text)
        case Abandon():
            yield "the referendum ends without a result, for good, in these words:"
            yield from _texts(body.text)
        case Sample():
            yield f"the dice showed {body.dice}: they choose who is asked whether they voted"
        case Minutes():
            yield f"the document {body.name}, with the SHA-256 {body.sha256}"
        case Purge():
            yield from (f"destroyed: {text}" for text in body.destroyed)
        case _:
            yield "an entry that officers do not sign"


def _texts(text: Mapping[str, str]) -> Iterator[str]:
    """Every language is signed, so every one is read."""
    yield from (f"  {language}: {words}" for language, words in text.items())


def _counts(manifest: Manifest, counts: Sequence[Sequence[int]]) -> Iterator[str]:
    language = manifest.languages[0]
    for question, row in zip(manifest.questions, counts, strict=False):
        yield f"  {question.text[language]}"
        for option, count in zip(question.options, row, strict=False):
            yield f"    {count:>7}  {option.text[language]}"


def _result(manifest: Manifest, body: Result) -> Iterator[str]:
    if body.status != "counted":
        yield f"nothing is counted ({body.status}): {body.participants} people took part"
        return
    yield f"the result: {body.online_ballots} votes online, {body.paper_ballots} on paper"
    yield from _counts(manifest, [question.total for question in body.questions])
    for number, question in enumerate(body.questions, 1):
        yield f"  question {number}: {question.outcome}"
