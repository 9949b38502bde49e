"""Commands about the sample: who is asked whether they voted, and what the answers bound."""

from __future__ import annotations

from pathlib import Path

import click

from stembus.audit import bounds
from stembus.audit.formats.entry_bodies import Sample
from stembus.audit.log.source import FolderPlace, Place
from stembus.audit.verify.sample import Drawn, drawn_sample, most_who_did_not_vote
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.cli.status import what_follows
from stembus.scripts.published import referendum_id, verified_copy, verified_log
from stembus.scripts.shell import DIRECTORY, fail, next_step, open_office, say


@click.command()
@DIRECTORY
@click.option("--dice", required=True, metavar="DIGITS", help="What 30 dice showed that were thrown after the close.")
def sample(directory: Path, dice: str) -> None:
    """Draw people who asked for a token, to be asked whether they voted; log the dice, signed by two officers.

    \b
    Nobody chooses who is drawn: it follows from the log right after the close, and from the dice. How many are drawn
    stands in the definition. Announce the hour of the throw beforehand, and throw one die after the other. Printed are
    the credentials: the credential authority knows their voter numbers.
    Example:  stembus sample kortrijk --dice 523416243511236541236452164313
    """
    thrown = "".join(dice.split())
    if set(thrown) - set("123456") or len(thrown) != bounds.DICE:
        raise click.UsageError(f"--dice are {bounds.DICE} digits from 1 to 6, one for each die, as they were thrown")
    office = open_office(directory)
    if not office.manifest.sample_size:
        raise NotReady("the definition asks for no sample: sample_size is 0")
    log, body = office.log(), Sample(dice=thrown)
    logged = [entry.body for _, entry in log.entries() if isinstance(entry.body, Sample)]
    if logged and logged[0] != body:
        raise NotReady(f"another sample stands in the log for good: --dice {logged[0].dice}")
    if logged:
        say("already done: this sample stands in the log")
    else:
        log.append([office.officers_sign(body)])
    settle(log)
    with verified_log(str(office.public), office.referendum) as published:
        _print_drawn(published, FolderPlace(office.public))
    say("their voter numbers stand in enrolment.csv, in the folder of the credential authority")
    say("ask each of them: did you vote, and did your device find your ballot?")
    say("anybody can draw again, from the published log: stembus drawn PLACE --referendum ID")
    next_step(what_follows(directory, office, log.order) or f"stembus publish {directory}")


@click.command()
@click.argument("place")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--denied", type=click.IntRange(0), help="How many of those asked say that they did not vote.")
@click.option("--silent", type=click.IntRange(0), default=0, help="How many could not be asked, or said nothing.")
def drawn(place: str, referendum: str, denied: int | None, silent: int) -> None:
    """Say again, from the published log alone, who is asked whether they voted: their credentials.

    \b
    With --denied, say also what the answers bound.
    Example:  stembus drawn public --referendum ID --denied 2 --silent 11
    """
    with verified_copy(place, referendum_id(referendum)) as (log, folder):
        found = _print_drawn(log, FolderPlace(folder))
    if denied is not None:
        _print_bound(found, denied, silent)


def _print_bound(found: Drawn, denied: int, silent: int) -> None:
    asked = len(found.credentials)
    if denied + silent > asked:
        raise click.UsageError(f"{asked} people were drawn; {denied} who deny and {silent} who are silent are more")
    surely, at_worst = (most_who_did_not_vote(found.people, asked, count) for count in (denied, denied + silent))
    click.echo(f"of the {found.people} people who asked for a token, at most {at_worst} did not vote themselves")
    say("with 95 % confidence, if those asked answer truthfully and nobody knew before who would be drawn: were there")
    say("more, so few denials would come in at most one of twenty draws. Who was silent counts as denying; if all")
    say(f"of these voted, it is {surely}. It says nothing of people whom the registrars left off their lists")


def _print_drawn(log: VerifiedLog, place: Place) -> Drawn:
    found = drawn_sample(log, place)
    if found is None:
        fail("no sample stands in this log", "whom to ask is drawn after the close, with dice: stembus sample --help")
    for credential in found.credentials:
        click.echo(credential.hex())
    number, wanted = len(found.credentials), log.manifest.sample_size
    say(f"drawn with the dice {found.dice}: {number} of the {found.people} people who asked for a token")
    say(f"the definition asks for {wanted}")
    return found
