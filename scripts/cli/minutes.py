"""Commands about the minutes: writing them from a log that verifies, and logging them, or any document, once signed.

Decides what a document may be called and hold before anything is published; the log decides when it may stand there.
What stands in minutes is decided in `tally.minutes`.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import click

from stembus.audit.durable import write_durably
from stembus.audit.entry_rules import DOCUMENTS
from stembus.audit.formats.entry_bodies import Minutes
from stembus.audit.formats.file_name import is_document_name
from stembus.audit.verify.sample import drawn_sample
from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.published import referendum_id, verified_report
from stembus.scripts.report_text import version_here
from stembus.scripts.shell import DIRECTORY, fail, next_step, open_office, say
from stembus.tally.minutes import LANGUAGES, Answers, minutes_values

DOCUMENT_BYTES = 64 * 1024 * 1024


@click.group()
def minutes() -> None:
    """The minutes of the count."""


@minutes.command("write")
@click.argument("place")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="A new folder.")
@click.option("--language", type=click.Choice(LANGUAGES), help="By default the one that counts.")
@click.option("--denied", type=click.IntRange(0), help="How many of the sample say that they did not vote.")
@click.option("--silent", type=click.IntRange(0), default=0, help="How many of the sample could not be asked.")
def minutes_write(
    place: str, referendum: str, folder: Path, language: str | None, denied: int | None, silent: int
) -> None:
    """Write the minutes of a log that verifies, as PDF to be signed and as HTML.

    \b
    PLACE is the published log. All figures are those of the verification; what no log knows, such as
    who was in the room, is left to be written in by hand.
    Example:  stembus minutes write kortrijk/public --referendum ID --to minutes --denied 2 --silent 11
    """
    try:
        from stembus.scripts.local_time import written
        from stembus.scripts.minutes_document import TEMPLATE, render_minutes
    except ModuleNotFoundError as error:
        raise NotReady(
            f"this step needs the server's parts ({error.name}); in a copy of the sources: pip install '.[server]'"
        ) from None
    if folder.exists():
        fail(f"{folder} exists already, and nothing was changed", "name a folder that does not exist yet")
    with verified_report(place, referendum_id(referendum)) as (report, source):
        drawn = drawn_sample(report.log, source) if report.log is not None else None
        manifest = report.manifest
        if manifest is None or report.figures.time is None:
            fail("the log could not be verified, so there are no minutes", "run: stembus verify PLACE --referendum ID")
        spoken = language or manifest.languages[0]
        zone = datetime.fromisoformat(manifest.closes).tzinfo or UTC
        values = minutes_values(
            report,
            spoken,
            version_here(),
            written(datetime.fromtimestamp(report.figures.time, zone), spoken),
            (
                written(datetime.fromisoformat(manifest.opens), spoken),
                written(datetime.fromisoformat(manifest.closes), spoken),
            ),
            drawn,
            None if denied is None else Answers(denied, silent),
        )
    pdf, page = render_minutes(values, TEMPLATE.read_bytes())
    for name, data in (("minutes.pdf", pdf), ("minutes.html", page)):
        write_durably(folder / name, data)
    click.echo(f"{folder / 'minutes.pdf'} and minutes.html: {report.outcome.word}, {values['participants']} took part")
    next_step("print it, fill in what is empty, sign it, scan it, and run: stembus minutes log DIR FILE")


@minutes.command("log")
@DIRECTORY
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def minutes_log(directory: Path, file: Path) -> None:
    """Publish FILE, such as the signed minutes, with its hash in the log.

    \b
    Example:  stembus minutes log kortrijk minutes.pdf
    """
    office = open_office(directory)
    # A name ending in .new is that of a write which was cut off, and would be tidied away.
    if not is_document_name(file.name) or file.name.endswith(".new"):
        raise NotReady(f"{file.name!r} cannot be published under this name; use letters, digits, dots and dashes")
    data = file.read_bytes()
    if len(data) > DOCUMENT_BYTES:
        raise NotReady(f"{file.name} is longer than {DOCUMENT_BYTES // 1024**2} MiB, more than a bundle may hold")
    log = office.log()
    body = Minutes(name=file.name, sha256=hashlib.sha256(data).hexdigest())
    published = office.public / DOCUMENTS / file.name
    logged = [entry.body for _, entry in log.entries() if isinstance(entry.body, Minutes)]
    if body in logged:
        if not published.exists():
            log.publish(f"{DOCUMENTS}{file.name}", data)
        say(f"already done: {file.name} stands in the log")
        settle(log)
        return
    if any(earlier.name.lower() == file.name.lower() for earlier in logged):
        raise NotReady(f"another {file.name} stands in the log already; give this file a name of its own")
    log.check(lambda _: body)
    log.publish(f"{DOCUMENTS}{file.name}", data)
    log.append([office.officers_sign(body, 1)])
    settle(log)
    say(f"{file.name} is published, and its hash stands in the log")
    next_step(f"stembus publish {directory}")
