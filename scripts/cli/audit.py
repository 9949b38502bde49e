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
import msgspec

from stembus.audit.errors import PlaceError
from stembus.audit.formats.cast_ballot import BallotContext, parse_ballot
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.log.source import open_place
from stembus.audit.log_view import LogView, read_log
from stembus.audit.verify import Report, verify
from stembus.audit.verify.report import CHECKS, EXIT_UNANCHORED, EXIT_UNFINISHED, EXIT_USAGE, Verdict
from stembus.audit.verify.voter_evidence import check_kept
from stembus.scripts.shell import fail, progress, say

KEPT = click.Path(path_type=Path, dir_okay=False, exists=True)


def _identity(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        identity = bytes.fromhex(text.strip())
    except ValueError:
        identity = b""
    if len(identity) != 32:
        fail(
            "a referendum id is 64 hexadecimal digits", "it stands on every letter and in DIR/referendum.id", EXIT_USAGE
        )
    return identity


@click.command("verify")
@click.argument("place")
@click.option("--referendum", metavar="ID", help="The id on the letter; without it any invented bundle would pass.")
@click.option("--promise", type=KEPT, help="A promise that a voter kept.")
@click.option("--receipt", type=KEPT, help="A receipt (tlog-proof) that a voter kept.")
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
        kept = [path.read_bytes() if path else None for path in (promise, receipt)]
        found = check_kept(source, report, kept[0], kept[1])
    if as_json:
        click.echo(json.dumps(report_data(report), indent=1, sort_keys=True))
    else:
        _print(report, found)
    sys.exit(report.exit_status)


def report_data(report: Report) -> dict[str, Any]:
    """The report as plain data, for --json and for comparing verifiers."""
    figures = {key: getattr(report.figures, key) for key in report.figures.__dataclass_fields__}
    figures["root"] = report.figures.root.hex()
    return {
        "exit_status": report.exit_status,
        "referendum": report.referendum.hex() if report.referendum else None,
        "anchored": report.anchored,
        "rehearsal": report.rehearsal,
        "simulated_clock": report.simulated_clock,
        "finished": report.finished,
        "established": report.established,
        "faults": [
            {"check": f.check, "verdict": f.verdict.value, "where": f.where, "message": f.message}
            for f in report.faults
        ],
        "figures": figures,
        "result": msgspec.to_builtins(report.result) if report.result else None,
    }


def _print(report: Report, promise: str) -> None:
    figures = report.figures
    if report.referendum:
        click.echo(f"referendum   {report.referendum.hex()}")
    if report.rehearsal:
        click.echo("             a rehearsal" + (", on a simulated clock" if report.simulated_clock else ""))
    for fault in report.faults:
        click.echo(f"{fault.check:4} {fault.verdict.value}: {fault.where}: {fault.message}")
        click.echo(f"     must hold: {CHECKS[fault.check]}")
    if figures.entries:
        click.echo(f"log          {figures.entries} entries, root {figures.root.hex()}")
        click.echo(f"ceremony     {figures.attempts} attempts")
        line = f"{figures.ballots} in {figures.batches} batches, {figures.excluded} excluded"
        click.echo(f"ballots      {line}, {figures.counted} tokens counted")
    if figures.issued:
        slack = ", ".join(str(issued - figures.counted) for issued in figures.issued)
        survives = {True: "the outcome survives it either way", False: "the outcome would NOT survive it"}
        note = survives.get(figures.survives_slack) if figures.survives_slack is not None else "no outcome to shift"
        click.echo(f"slack        {slack} tokens issued and not used; {note}")
    if report.result:
        print_result(report)
    if promise:
        click.echo(f"promise      {promise}")
    click.echo(_verdict(report))


def print_result(report: Report) -> None:
    result = report.result
    assert result is not None
    share = 100 * result.participants / max(1, report.figures.official_count)
    official = report.figures.official_count
    click.echo(f"turnout      {result.participants} of {official} ({share:.1f} %), {result.paper_ballots} on paper")
    if result.status != "counted":
        click.echo(f"result       {result.status}: nothing was decrypted")
    for number, question in enumerate(result.questions, 1):
        click.echo(f"question {number}   {question.outcome}: {' / '.join(str(count) for count in question.total)}")


def _verdict(report: Report) -> str:
    if not report.established:
        return "BREACH: the result is not established"
    if any(fault.verdict is Verdict.STANDS for fault in report.faults):
        return "FAULTS: rules were broken; the result stands"
    if report.exit_status == EXIT_UNANCHORED:
        return "sound, but nobody said which referendum it should be: compare the id with a letter (--referendum)"
    if report.exit_status == EXIT_UNFINISHED:
        return f"sound so far; not finished (phase: {report.figures.phase})"
    return "HOLDS: everything was checked, and the result is established"


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
