"""Commands of auditors: verify a bundle, show an entry. They need only the base install."""

from __future__ import annotations

import json
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from stembus.audit.errors import PlaceError, RecordInvalid
from stembus.audit.formats.cast_ballot import BallotContext, parse_ballot
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.formats.manifest import parse_referendum_id
from stembus.audit.log.source import open_place
from stembus.audit.log_view import LogView, read_log
from stembus.audit.verify import verify
from stembus.audit.verify.report import EXIT_USAGE
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.scripts.report_text import print_report, report_data
from stembus.scripts.shell import fail, progress, say

EVIDENCE = click.Path(path_type=Path, dir_okay=False, exists=True)


def _identity(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return parse_referendum_id(text)
    except RecordInvalid as error:
        fail(str(error), "it stands in DIR/referendum.id, too", EXIT_USAGE)


@click.command("verify")
@click.argument("place")
@click.option("--referendum", metavar="ID", help="The id on the letter; without it any invented bundle would pass.")
@click.option("--promise", type=EVIDENCE, help="A promise that the ballot box gave to a voter.")
@click.option("--receipt", type=EVIDENCE, help="A voter's receipt (tlog-proof).")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
def verify_command(
    place: str, referendum: str | None, promise: Path | None, receipt: Path | None, as_json: bool, workers: int
) -> None:
    """Check everything about a referendum from its published files alone.

    \b
    PLACE is a folder, a zip file or an address.
    Exit status: 0 holds, 1 a fault was found, 2 usage, 3 no id given, 4 sound but not finished.
    Example:  stembus verify public --referendum $(cat referendum.id)
    """
    identity = _identity(referendum)
    with ExitStack() as stack:
        try:
            source = open_place(place)
        except PlaceError as error:
            fail(str(error), "give a folder, a zip file or an address that holds a published bundle", EXIT_USAGE)
        # Fresh processes: a fork would copy open databases and locks.
        executor = (
            stack.enter_context(
                ProcessPoolExecutor(
                    workers,
                    mp_context=get_context("spawn"),
                    # The parent says that it was stopped; its workers say nothing.
                    initializer=signal.signal,
                    initargs=(signal.SIGINT, signal.SIG_IGN),
                )
            )
            if workers > 1
            else None
        )
        bar = stack.enter_context(progress("verifying"))
        report = verify(source, identity, executor, bar)
    found = ""
    if promise is not None or receipt is not None:
        evidence = [path.read_bytes() if path else None for path in (promise, receipt)]
        found = check_voter_evidence(source, report, *evidence)
    if as_json:
        click.echo(json.dumps(report_data(report), indent=1, sort_keys=True))
    else:
        print_report(report, found)
    sys.exit(report.exit_status)


@click.command()
@click.argument("place")
@click.argument("index", type=click.IntRange(0))
def show(place: str, index: int) -> None:
    """Show entry INDEX of a published log in readable form.

    \b
    Example:  stembus show public 0
    """
    log = read_log(open_place(place))
    raw = log.reader.entry(index)
    if raw[:1] == b"{":
        click.echo(json.dumps(json.loads(raw), indent=1, ensure_ascii=False))
        return
    say("an encrypted ballot; nobody can see what it says")
    click.echo(json.dumps(_ballot(log, raw), indent=1))


def _ballot(log: LogView, raw: bytes) -> dict[str, Any]:
    for _, entry_raw, entry in log.entries():
        if isinstance(entry.body, ElectionKey):
            context = BallotContext.of(log.manifest, log.referendum, entry_raw, entry.body)
            ballot = parse_ballot(context, raw)
            return {
                "ballot_id": ballot.ballot_id.hex(),
                "bytes": len(raw),
                "token_key": ballot.token_key.hex(),
                "seq": ballot.seq,
                "ciphertexts": [c.to_bytes().hex() for c in ballot.ciphertexts],
            }
    return {"bytes": len(raw)}
