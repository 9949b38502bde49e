"""`stembus texts`: what a city announces, from its definition and, after the count, from a log that verifies."""

from __future__ import annotations

from pathlib import Path

import click

from stembus.ballot.office.office import NotReady
from stembus.scripts.published import verified
from stembus.scripts.shell import DIRECTORY, open_office


@click.command()
@DIRECTORY
@click.argument("which", type=click.Choice(["call", "reminder", "result"]))
@click.option("--language", help="By default the one that counts.")
def texts(directory: Path, which: str, language: str | None) -> None:
    """Print a text for website, paper and screens: the call, a reminder, or the result.

    \b
    The result's figures are those of a verification, made now.
    Example:  stembus texts kortrijk call --language nl
    """
    try:
        from stembus.scripts.announcement import LANGUAGES, call, reminder, result
    except ModuleNotFoundError as error:
        raise NotReady(f"this step needs the server's parts ({error.name}): pip install '.[server]'") from None
    office = open_office(directory)
    manifest, identity = office.manifest, office.referendum.hex()
    spoken = language or manifest.languages[0]
    if spoken not in LANGUAGES or spoken not in manifest.languages:
        known = ", ".join(one for one in manifest.languages if one in LANGUAGES)
        raise NotReady(f"texts can be had in {known}")
    if which != "result":
        click.echo({"call": call, "reminder": reminder}[which](manifest, identity, spoken))
        return
    with verified(str(office.public), office.referendum) as report:
        if report.result is None or not report.established:
            raise NotReady("there is no result yet that a verification establishes")
        click.echo(result(manifest, identity, spoken, report.result))
