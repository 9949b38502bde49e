"""A verification's report, in words for people and as data for programs.

Decides the lines; what they say is the verifier's.
"""

from __future__ import annotations

from typing import Any

import click
import msgspec

from stembus.audit.verify import Report, Verdict
from stembus.audit.verify.report import CHECKS, EXIT_UNANCHORED, EXIT_UNFINISHED


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


def print_report(report: Report, promise: str) -> None:
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
        issued = " / ".join(str(count) for count in figures.issued)
        unused = " / ".join(str(max(0, count - figures.counted)) for count in figures.issued)
        click.echo(f"tokens       {issued} issued, {figures.counted} used, {unused} unused")
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
