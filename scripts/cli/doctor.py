"""The command that says *go* or *no go*, for people before the opening and for monitoring at any time.

Decides words and exit status. What is examined, and how it is judged, is in `ballot.office`. What is printed holds no
voter, no address of one and no time of day, so that it can be kept by a monitoring system.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stembus.audit.errors import AuditError
from stembus.ballot.errors import BallotError
from stembus.scripts.escape import shown
from stembus.scripts.shell import DIRECTORY, open_office, server_parts

if TYPE_CHECKING:
    from stembus.ballot.office.health import Finding


@click.command()
@DIRECTORY
@click.option("--certificates", is_flag=True, help="Ask the addresses of the manifest for their certificates, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for monitoring.")
def doctor(directory: Path, certificates: bool, as_json: bool) -> None:
    """Examine the folder DIR and say go or no go. Writes nothing, and needs no passphrase.

    \b
    Parts that do not lie in DIR, such as a registrar on another machine, are not checked; run it there as well.
    Exit status: 0 go, with or without warnings; 1 no go.
    Example:  stembus doctor kortrijk --certificates
    """
    report(examined(directory, certificates), as_json)


def examined(directory: Path, certificates: bool = False) -> list[Finding]:
    """Raises NotReady without the server parts."""
    server_parts()
    from stembus.ballot.office.certificates import certificates as of_certificates
    from stembus.ballot.office.examination import examine

    found = examine(directory)
    if certificates:
        with suppress(BallotError, AuditError, OSError):  # the examination has named it
            found += of_certificates(open_office(directory).manifest)
    return found


def report(found: Sequence[Finding], as_json: bool = False) -> None:
    """Prints, and ends with the exit status."""
    from stembus.ballot.office.health import Verdict, is_go

    go = is_go(found)
    if as_json:
        click.echo(json.dumps(_record(found, go), ensure_ascii=True))
    else:
        for finding in found:
            click.echo(shown(f"{finding.verdict:11}  {finding.check}: {finding.text}"))
        count = {verdict: sum(finding.verdict is verdict for finding in found) for verdict in Verdict}
        told = f"{count[Verdict.FAIL]} failures, {count[Verdict.WARN]} warnings"
        click.echo(f"{'go' if go else 'no go'}: {told}, {count[Verdict.SKIPPED]} not checked here")
    sys.exit(0 if go else 1)


def _record(found: Sequence[Finding], go: bool) -> dict[str, Any]:
    checks = [{"check": item.check, "verdict": item.verdict, "text": shown(item.text)} for item in found]
    return {"go": go, "checks": checks}
