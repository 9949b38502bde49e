"""Commands of officials: opening, closing, tally."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stembus.audit.entry_rules import reading_problem
from stembus.audit.formats.entry_bodies import Abandon, Cancel, Client, Open, Roll
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import TooEarly
from stembus.ballot.office.closing import StillHealing, close_voting, stop_registrars
from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.cli.read_back import YES, read_back
from stembus.scripts.published import verified_log
from stembus.scripts.report_text import at_home
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say, serve_office
from stembus.tally.combine import demand_uncountable, make_result_body

if TYPE_CHECKING:
    from stembus.ballot.office.services import ServedOffice

TEXT = click.option("--text", multiple=True, required=True, metavar="LANG=TEXT", help="Once for each language.")


@click.command("open")
@DIRECTORY
@click.option("--without-pages", is_flag=True, help="Nobody votes in a browser: open although no client is logged.")
@YES
def open_command(directory: Path, without_pages: bool, yes: bool) -> None:
    """Open the voting, at or after the manifest's time.

    \b
    Example:  stembus open kortrijk
    """
    office = open_office(directory)
    log = office.log()
    if log.order.phase.value == "open":
        say("already done: voting is open")
        settle(log)
        return
    now = office.clock.now()
    if now < office.manifest.opens_at:
        raise TooEarly(f"voting opens at {office.manifest.opens}; run this again then")
    if now >= office.manifest.closes_at:
        raise TooEarly(f"voting would have closed at {office.manifest.closes}; define a new referendum")
    digest = office.context().election_key.hex()
    if not without_pages and not any(isinstance(entry.body, Client) for _, entry in log.entries()):
        missing = "the log names no client: nobody could tell whether voters are served the right pages"
        if office.manifest.binding:
            raise NotReady(f"{missing}; run stembus client log {directory} first, or open with --without-pages")
        say(f"note: {missing} (stembus client log {directory})")
    from stembus.ballot.office.co_registrars import demand_registrars  # needs the server parts

    demand_registrars(office)
    body = Open(election_key=digest)
    read_back(office.manifest, body, yes)
    log.append([office.officers_sign(body)])
    if settle(log):
        say(f"voting is open until {office.manifest.closes}")
        next_step(f"stembus vote {directory}; and every minute: stembus seal {directory}")


@click.command()
@DIRECTORY
def seal(directory: Path) -> None:
    """Bring waiting ballots into the log, if a batch is due. Run it every minute while people vote.

    \b
    Example:  stembus seal kortrijk
    """
    office = serve_office(directory)
    number = office.box.seal(office.count_statements)
    over = office.clock.now() >= office.manifest.closes_at + office.manifest.grace_seconds
    if number:
        say(f"batch {number} stands in the log")
    elif over and office.log().order.phase.value == "open":
        say(f"the voting is over: what waits goes into the log with the close; run: stembus close {directory}")
    elif waiting := office.box.pending():
        least = office.manifest.batching.minimum_tokens
        say(
            f"no batch is due: {waiting} ballots wait for a crowd, {least} people who vote for the first time, and then"
        )
        say("for the next one; for the shortest time between batches; or for the close")
    else:
        say("no batch is due: no ballot waits")
    settle(office.log())
    _show_tests(office)


@click.command()
@DIRECTORY
@click.option("--despite", multiple=True, metavar="LANG=TEXT", help="Why box and log differ; two officers sign it.")
def close(directory: Path, despite: tuple[str, ...]) -> None:
    """Close the voting: registrars sign what they issued, the last batch goes in.

    \b
    Refuses when registrars, ballot box and log contradict each other. If ballots that the box holds are not in
    the log, and for good, two officers can say why: it is logged as an incident, and the voting is closed.
    Example:  stembus close kortrijk
    """
    office = serve_office(directory)
    if office.log().order.phase.value in ("closed", "tallied", "abandoned"):
        say("already done: voting is closed")
        _forget(office)
        return
    manifest = office.manifest
    if office.clock.now() < manifest.closes_at + manifest.grace_seconds:
        raise TooEarly(f"ballots are accepted until {manifest.closes} and {manifest.grace_seconds} seconds more")
    try:
        counts = close_voting(office, _texts(manifest, despite, "--despite") if despite else None)
    except StillHealing as wait:
        settle(office.log())
        say(f"no vote is taken any more; {wait}, until {at_home(wait.until, manifest)}")
        next_step(f"after that: stembus close {directory}")
        return
    issued = " and ".join(map(str, counts.issued))
    say(f"tokens given out: {issued}; tokens with a ballot: {counts.used}; ballots in the log: {counts.ballots}")
    for number, (listed, stated) in enumerate(zip(counts.issued, counts.stated, strict=True), 1):
        if listed < stated:
            say(f"note: registrar {number} had stated {stated} tokens, and lists {listed}; every report will say so")
    say(f"voting is closed: {counts.ballots} ballots, {counts.batches} batches")
    _forget(office)
    if office.log().order.paper_due:
        say(f"people struck for paper: {counts.struck}; the count waits until it is said how they voted")
        next_step(f"stembus paper {directory} --help")
    else:
        next_step(f"stembus trustee intent {directory}")


def _forget(office: ServedOffice) -> None:
    """Until the close is published, the box keeps every ballot. Those that are not in the log were counted by the
    close, which two officers then explained."""
    settled = settle(office.log())
    _show_tests(office, over=True)
    if settled and (missing := office.box.forget()):
        say(f"{missing} promised ballots are not in the log; the box keeps them: they are evidence")


def _show_tests(office: ServedOffice, over: bool = False) -> None:
    """What testers said of their devices. Nothing depends on it, so nothing fails with it."""
    from sqlalchemy.exc import SQLAlchemyError  # of the server parts, which are there by now

    try:
        office.device_tests.publish(over)
    except (OSError, SQLAlchemyError) as error:
        say(f"note: the counts of tests by voters could not be shown: {type(error).__name__}")


def _texts(manifest: Manifest, pairs: tuple[str, ...], option: str = "--text") -> dict[str, str]:
    texts = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if len(texts) != len(pairs):
        raise click.UsageError(f"give {option} LANG=TEXT, once for each language")
    if manifest.languages[0] not in texts or not set(texts) <= set(manifest.languages):
        known = ", ".join(manifest.languages)
        raise click.UsageError(
            f"give {option} {manifest.languages[0]}=...; the languages of the referendum are {known}"
        )
    for language, text in texts.items():
        if problem := reading_problem(text):
            raise click.UsageError(f"{option} {language}=...: {problem}")
    if others := [language for language in manifest.languages if language not in texts]:
        say(f"note: pages in {', '.join(others)} show this text in {manifest.languages[0]}")
    return texts


@click.command()
@DIRECTORY
@TEXT
def incident(directory: Path, text: tuple[str, ...]) -> None:
    """Log what happened, in words, for everybody to read.

    \b
    Example:  stembus incident kortrijk --text nl="De website was tien minuten onbereikbaar."
    """
    office = open_office(directory)
    log = office.log()
    new = office.tell(_texts(office.manifest, text))
    if not settle(log):
        return
    number = log.order.incidents
    say(f"incident {number} stands in the log" if new else f"already done: incident {number} has this text, and stands")


@click.command()
@DIRECTORY
@TEXT
@YES
def cancel(directory: Path, text: tuple[str, ...], yes: bool) -> None:
    """Cancel the referendum, with the reason. Nothing will be counted.

    \b
    Example:  stembus cancel kortrijk --text nl="..." --yes
    """
    office = open_office(directory)
    log = office.log()
    if log.order.phase.value == "cancelled":
        stands = next(entry.body for _, entry in log.entries() if isinstance(entry.body, Cancel))
        say("already done: this referendum is cancelled")
        if stands.text != _texts(office.manifest, text):
            say("note: another reason stands in the log for good; to add to it, run stembus incident")
    else:
        body = Cancel(text=_texts(office.manifest, text))
        log.check(lambda _: body)
        if not yes:
            click.confirm("This ends the referendum for good. Go on?", abort=True, err=True)
        log.append([office.officers_sign(body)])
        say("the referendum is cancelled")
    office.paper_seed.unlink(missing_ok=True)
    settle(log)
    if any(isinstance(entry.body, Roll) for _, entry in log.entries()):
        stop_registrars(serve_office(directory))
        say("the registrars give out nothing any more")


@click.command()
@DIRECTORY
@TEXT
@YES
def abandon(directory: Path, text: tuple[str, ...], yes: bool) -> None:
    """End a referendum that cannot be counted, because too few trustees decrypt.

    \b
    Two officers sign it, 14 days after the close or the paper votes at the earliest, and only while fewer valid
    decryptions stand in the log than are needed. Decryptions of enough trustees prove it false, wherever they turn up.
    Example:  stembus abandon kortrijk --text nl="..." --yes
    """
    office = open_office(directory)
    log = office.log()
    if log.order.phase.value == "abandoned":
        say("already done: this referendum ended without a result")
        settle(log)
        return
    body = Abandon(text=_texts(office.manifest, text))
    say("checking the published log ...")
    with verified_log(str(office.public), office.referendum) as published:
        demand_uncountable(published)
        size = published.head.size
    if not yes:
        click.confirm("This ends the referendum for good, without a result. Go on?", abort=True, err=True)
    # A decryption that came meanwhile would make this end false.
    log.append([office.officers_sign(body)], expected_size=size)
    settle(log)
    say("the referendum ended without a result")
    next_step(f"stembus publish {directory}")


@click.command()
@DIRECTORY
@YES
def tally(directory: Path, yes: bool) -> None:
    """Combine the trustees' decryptions into the result, and log it.

    \b
    Example:  stembus tally kortrijk
    """
    office = open_office(directory)
    _ = office.manifest
    say("checking the published log ...")
    with verified_log(str(office.public), office.referendum) as published:
        body = make_result_body(published)
    read_back(office.manifest, body, yes)
    log = office.log()
    log.append([office.officers_sign(body)])
    settle(log)
    say("the result stands in the log")
    next_step(f"stembus publish {directory}")
