"""The command that says what a file of evidence proves, and what follows from it.

Decides words and exit status. What a file proves is decided in `audit.monitor.split_log` and in
`audit.verify.voter_evidence`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import click

from stembus.audit.errors import AuditError, RecordInvalid
from stembus.audit.formats.receipt import parse_promise, parse_receipt
from stembus.audit.log.verifier_key import VerifierKey, parse_verifier_key
from stembus.audit.monitor.split_log import SPLIT_BYTES, check_split, parse_split
from stembus.audit.verify.outcome import EXIT_USAGE
from stembus.audit.verify.promised_ballot import Verdict
from stembus.audit.verify.report import Report
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.scripts.escape import shown
from stembus.scripts.published import referendum_id, verified
from stembus.scripts.shell import fail, say

_NOTHING = "proves nothing"
_WORTHLESS = (_NOTHING, "the promise proves nothing", "the receipt proves nothing")
# What follows from what became of a promised ballot.
_FOLLOWS = {
    Verdict.KEPT: "nothing is wrong: the ballot stands in the log and is counted",
    Verdict.LATE: "the ballot box broke a rule, and the vote counts all the same",
    Verdict.SUPERSEDED: "a later vote of the same voter stands there, and counts",
    Verdict.BROKEN: "the ballot box signed a promise and did not keep it, unless the voter cast again with the same "
    "voting pass: keep promise and ballot, call the officers, and let whoever checks this referendum have both",
    Verdict.MISSING: "the ballot can still be handed in again: on the device that cast, open the page, or run stembus "
    "track",
    Verdict.NOT_DUE: "nothing is wrong yet: the batch is still to come",
    Verdict.VOID: "the referendum was cancelled, and nothing is counted",
}


@click.command()
@click.argument(
    "files", metavar="FILE", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
@click.option("--key", metavar="VKEY", help="The log's verifier key, as the file log.vkey of the published log has it.")
@click.option(
    "--log", "place", metavar="PLACE", help="The published log, which a promise or a receipt is held against."
)
@click.option("--referendum", metavar="ID", help="The id on the letter; goes with --log.")
def judge(files: tuple[Path, ...], key: str | None, place: str | None, referendum: str | None) -> None:
    """Say what each FILE proves, and what follows: a split log of a monitor, a voter's promise or receipt.

    \b
    A split log proves itself, but anybody can make a key of any name: compare it, with --key or --log.
    Exit status: 0 each was judged, 1 the log does not verify, 2 one proves nothing, 8 could not be read.
    Example:  stembus judge watch/evidence/*.json --key $(cat log.vkey)
              stembus judge promise.json --log kortrijk.zip --referendum ID
    """
    expected = None if key is None else parse_verifier_key(key.strip())
    if place is None:
        _judge(files, expected, None)
    if referendum is None:
        fail("--log goes with --referendum: the id on the letter", status=EXIT_USAGE)
    with verified(place, referendum_id(referendum)) as report:
        log = report.demand_log()
        if expected is not None and expected != log.manifest.log.verifier_key:
            fail("--key is not the key of this log", status=EXIT_USAGE)
        _judge(files, log.manifest.log.verifier_key, report)


def _judge(files: tuple[Path, ...], key: VerifierKey | None, report: Report | None) -> NoReturn:
    void = False
    for path in files:
        with path.open("rb") as file:
            data = file.read(SPLIT_BYTES + 1)
        lines = list(_verdict(data, key, report))
        void = void or lines[0].startswith(_WORTHLESS)
        click.echo(shown(f"{path}: {lines[0]}"))
        for line in lines[1:]:
            say(shown(line))
    sys.exit(EXIT_USAGE if void else 0)


def _verdict(data: bytes, key: VerifierKey | None, report: Report | None) -> Iterator[str]:
    """What it proves, then what follows, line by line."""
    if len(data) > SPLIT_BYTES:
        yield f"{_NOTHING}: it is longer than {SPLIT_BYTES} bytes"
    elif data.lstrip()[:1] == b"{" and b"split-log" in data[:200]:
        yield from _of_split(data, key)
    elif not (_parses(parse_promise, data) or _parses(parse_receipt, data)):
        yield f"{_NOTHING}: it is no split log, no promise and no receipt"
    elif report is None:
        yield f"{_NOTHING} by itself: a promise or a receipt is held against the log: --log PLACE --referendum ID"
    else:
        yield from _of_voter(data, report)


def _parses(parse: Callable[[bytes], object], data: bytes) -> bool:
    try:
        parse(data)
    except AuditError:
        return False
    return True


def _of_split(data: bytes, key: VerifierKey | None) -> Iterator[str]:
    try:
        found, smaller, larger = check_split(parse_split(data))
        if key is not None and found != key:
            raise RecordInvalid(f"it is about another key, which calls itself {found.name}")
    except RecordInvalid as error:
        yield f"{_NOTHING}: {error}"
        return
    whose = "a key that calls itself" if key is None else "the key of"
    yield f"{whose} {found.name} signed two histories"
    yield f"one of {smaller.size} entries and one of {larger.size}, which does not continue it; the key: {found}"
    yield "if this is the log of the manifest, no result may rest on it: whoever has its key showed people different"
    yield "logs. Keep the file and publish it; each witness shows which of the two it has cosigned"


def _of_voter(data: bytes, report: Report) -> Iterator[str]:
    promise = _parses(parse_promise, data)
    found = check_voter_evidence(report, data if promise else None, None if promise else data)
    yield found
    verdict = next((verdict for verdict in Verdict if promise and found.startswith(verdict.value)), None)
    if verdict is not None:
        yield _FOLLOWS[verdict]
    elif "another history" in found:
        yield "the log's key signed two histories: no result may rest on this log; keep the receipt and publish it"
