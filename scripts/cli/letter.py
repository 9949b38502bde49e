"""The command by which the owner of a letter sees whether somebody voted with it. Decides words and exit status."""

from __future__ import annotations

import sys

import click

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.letter_fate import Kind, LetterFate, fate_of_letter
from stembus.audit.verify.outcome import Outcome
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.scripts.published import referendum_id, verified_copy
from stembus.scripts.shell import say

_KINDS = {
    Kind.SPARE: "this is a spare letter that took no other's place",
    Kind.REPLACEMENT: "this letter took the place of one that was lost",
    Kind.REPLACED: "this letter was reported lost, and another one took its place",
}


@click.command()
@click.argument("place")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--code", prompt="Code on the letter", help="Forgives O for 0, I and L for 1.")
def letter(place: str, referendum: str, code: str) -> None:
    """Say whether somebody asked for a token with your letter, from the lists that are published after the close.

    \b
    PLACE is a folder, a zip file or an address with the published log. All of it is fetched, verified and searched on
    this machine: nobody is told which letter you look for.
    Exit status: 0 the lists tell, 1 no letter of this referendum, 4 voting is not closed yet, 6 cancelled.
    Example:  stembus letter kortrijk-2019.zip --referendum ID
    """
    symbols, identity = parse_code(code), referendum_id(referendum)
    with verified_copy(place, identity) as (log, folder):
        fate = fate_of_letter(log, FolderPlace(folder), credential_key(symbols, identity).public)
        registrars = len(log.manifest.registrars)
    if fate.kind is Kind.STRANGER:
        click.echo("this code is of no letter of this referendum; compare the id on the letter")
        sys.exit(1)
    if fate.kind in _KINDS:
        say(_KINDS[fate.kind])
    if fate.cancelled:
        click.echo("the referendum was cancelled before the close, and no list is published")
        sys.exit(Outcome.CANCELLED.status)
    if not fate.closed:
        click.echo("voting is not closed yet; who asked for a token is published with the close")
        sys.exit(Outcome.UNFINISHED.status)
    _tell(fate, registrars)


def _tell(fate: LetterFate, registrars: int) -> None:
    """In the order in which the page for voters judges, too."""
    if fate.struck:
        say("this letter was struck for a vote on paper")
    if not fate.asked:
        click.echo("no registrar lists a token for this letter: as far as they tell, nobody voted online with it")
        return
    if fate.acknowledged:
        click.echo("somebody asked for a token with this letter, and the device said that it voted with it")
    elif len(fate.asked) < registrars:
        click.echo(f"somebody began with this letter: registrar {_listed(fate.asked)} of {registrars} lists a token")
    else:
        click.echo("somebody asked for a token with this letter; no device said that it voted with it")
    say("what was voted, nobody can see. Was it not you? Then somebody else had your code and your second factor, or a")
    say("registrar did it: keep the letter, and call the help desk and whoever checks this referendum")


def _listed(numbers: tuple[int, ...]) -> str:
    return " and ".join(map(str, numbers))
