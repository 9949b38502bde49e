"""Commands of auditors: verify a bundle, show an entry. They need only the base install."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from stembus.audit.errors import CannotRead, RecordInvalid
from stembus.audit.formats.cast_ballot import parse_ballot
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.formats.paper_ballot import VERSION as PAPER
from stembus.audit.formats.paper_ballot import parse_paper_ballot
from stembus.audit.verify import Report
from stembus.audit.verify.ballots import context_of
from stembus.audit.verify.checked_log import CheckedLog
from stembus.audit.verify.handed_decryptions import check_decryptions
from stembus.audit.verify.outcome import EXIT_USAGE
from stembus.audit.verify.tree import check_tree
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.scripts.escape import shown
from stembus.scripts.published import opened, referendum_id, verified
from stembus.scripts.report_text import print_report, report_data
from stembus.scripts.shell import fail, say

EVIDENCE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("verify")
@click.argument("place")
@click.option("--referendum", metavar="ID", help="The id on the letter; without it any invented bundle would pass.")
@click.option("--promise", type=EVIDENCE, help="A promise that the ballot box gave to a voter.")
@click.option("--ballot", type=EVIDENCE, help="The promised ballot itself: it tells a replaced vote from a lost one.")
@click.option("--receipt", type=EVIDENCE, help="A voter's receipt (tlog-proof).")
@click.option("--decryption", multiple=True, type=EVIDENCE, help="A trustee's decryption that is not in the log.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the copy of an address here.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster whose workers do the heavy work instead.")
def verify_command(
    place: str,
    referendum: str | None,
    promise: Path | None,
    ballot: Path | None,
    receipt: Path | None,
    decryption: tuple[Path, ...],
    keep: Path | None,
    as_json: bool,
    workers: int,
    scheduler: str | None,
) -> None:
    """Check the log, the ballots and the count of a referendum from its published files alone.

    \b
    PLACE is a folder, a zip file or an address. An address is copied first, and with --keep
    the copy stays: the next one must continue it, and a copy that was cut off goes on.
    Exit status: 0 holds, 1 breach, 2 usage or a file that is no evidence, 3 no id given,
    4 sound but not finished, 5 faults on which no result depends, 6 cancelled,
    7 not counted, 8 could not be checked, 9 ended without a result.
    A trustee's decryption that is not in the log counts with those that are: from enough
    trustees, an end without a result is 1.
    A promise ends with its verdict: kept changes no status; late but counted, superseded
    by the same token and missing so far are 5; broken is 1.
    Example:  stembus verify public --referendum $(cat referendum.id)
    """
    if ballot is not None and promise is None:
        fail("--ballot goes with --promise: it is the ballot that was promised", status=EXIT_USAGE)
    identity = None if referendum is None else referendum_id(referendum)
    report, found = Report(anchored=identity is not None), ""
    try:
        with verified(place, identity, workers, keep, scheduler) as report:
            if promise is not None or receipt is not None:
                evidence = [path.read_bytes() if path else None for path in (promise, receipt, ballot)]
                found = check_voter_evidence(report, *evidence)
            if decryption:
                told = check_decryptions(report, [path.read_bytes() for path in decryption])
                found = f"{found}; {told}" if found else told
    except CannotRead as error:
        report.unchecked("place", str(error))
    if as_json:
        click.echo(json.dumps({**report_data(report), "evidence": found}, indent=1, sort_keys=True))
    else:
        print_report(report, found)
    sys.exit(report.exit_status)


@click.command()
@click.argument("place")
@click.argument("index", type=click.IntRange(0))
@click.option("--referendum", metavar="ID", help="The id on the letter.")
def show(place: str, index: int, referendum: str | None) -> None:
    """Show entry INDEX of a published log in readable form.

    \b
    The log's tree is checked first, so what is shown is what the log signed. Whether it may stand there
    is for stembus verify to say.
    Example:  stembus show public 0
    """
    with opened(place) as source:
        tree = check_tree(source, None if referendum is None else referendum_id(referendum))
        raw = tree.entry(index)
        if raw[:1] == b"{":
            text = json.dumps(_parsed(raw, index), indent=1, ensure_ascii=False)
            click.echo("\n".join(shown(line) for line in text.split("\n")))
            return
        say("an encrypted ballot; the log does not show what it says")
        click.echo(json.dumps(_ballot(tree, raw), indent=1))


def _parsed(raw: bytes, index: int) -> Any:
    """Raises RecordInvalid."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise RecordInvalid(f"entry {index} is no JSON, and belongs in no log") from None


def _ballot(tree: CheckedLog, raw: bytes) -> dict[str, Any]:
    for index, entry_raw in tree.all():
        if entry_raw[:1] != b"{":
            break
        if not index:
            continue
        if isinstance(parse_entry(entry_raw).body, ElectionKey):
            context = context_of(tree.entry(0), entry_raw)
            if raw[:1] == bytes([PAPER]):
                paper = parse_paper_ballot(context, raw)
                ciphertexts = [c.to_bytes().hex() for c in paper.ciphertexts]
                return {"paper_ballot_id": paper.ballot_id.hex(), "bytes": len(raw), "ciphertexts": ciphertexts}
            ballot = parse_ballot(context, raw)
            return {
                "ballot_id": ballot.ballot_id.hex(),
                "bytes": len(raw),
                "token_key": ballot.token_key.hex(),
                "seq": ballot.seq,
                "ciphertexts": [c.to_bytes().hex() for c in ballot.ciphertexts],
            }
    return {"bytes": len(raw)}
