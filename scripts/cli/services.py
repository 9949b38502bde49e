"""Commands about the services' databases: made once, and rebuilt when one was lost.

Decides words, and which services a folder has: those whose keys lie in it, and the help desk beside the first
registrar.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stembus.audit.log.source import FolderPlace
from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.published import verified_copy
from stembus.scripts.shell import DIRECTORY, next_step, say, serve_office

if TYPE_CHECKING:
    from stembus.ballot.office.services import ServedOffice

# What everybody reads in the log after a recovery, by the manifest's languages; English where one is missing here.
_RECOVERED = {
    "nl": "De databank van de stembus is hersteld uit het logboek. Stembiljetten die voor partij {next} beloofd waren, "
    "kunnen ontbreken; het toestel van de kiezer biedt ze opnieuw aan.",
    "fr": "La base de données de l'urne a été reconstituée à partir du journal. Des bulletins promis pour le lot "
    "{next} peuvent manquer; l'appareil de l'électeur les présente à nouveau.",
    "de": "Die Datenbank der Wahlurne wurde aus dem Protokoll wiederhergestellt. Stimmzettel, die für Stapel {next} "
    "zugesagt waren, können fehlen; das Gerät der Wählenden reicht sie erneut ein.",
    "en": "The ballot box's database was rebuilt from the log. Ballots promised for batch {next} may be missing; the "
    "voter's device hands them in again.",
}


@click.group()
def services() -> None:
    """The services' databases."""


@services.command("create")
@DIRECTORY
@click.option("--desk", "desk_alone", is_flag=True, help="The help desk's alone, in a folder that has no key.")
def services_create(directory: Path, desk_alone: bool) -> None:
    """Make the databases of the services whose keys lie in DIR, once.

    \b
    Their addresses stand in DIR/settings.toml; without one, they are SQLite files in DIR.
    Example:  stembus services create kortrijk
    """
    office = serve_office(directory)
    registrars = range(1, len(office.manifest.registrars) + 1)
    parties = [party for party in (*(f"registrar-{k}" for k in registrars), "box") if office.key_path(party).exists()]
    if desk_alone:
        parties = []
    elif not parties:
        raise NotReady(f"no key of a registrar or ballot box lies in {directory}: this folder serves nothing")
    if desk_alone or "registrar-1" in parties:
        parties.append("desk")
    for party in parties:
        say(f"{party}: database made" if office.create(party) else f"{party}: already done")
    if desk_alone:
        if len(office.manifest.registrars) > 1:
            _tell_desk_key(office)
    elif "registrar-1" in parties:
        next_step(f"stembus roll import {directory} REGISTER, once the key ceremony is done")
    elif parties != ["box"]:
        next_step(f"stembus registrar enrol {directory} --log LOG, once the letters are made")


def _tell_desk_key(office: ServedOffice) -> None:
    """By this key the desk strikes people at registrars elsewhere, once registrar 1 allows it."""
    from stembus.ballot.office.co_registrars import desk_public

    key = desk_public(office).hex()
    next_step(f"in registrar 1's folder: stembus desk allow DIR {key} > {office.folder('desk') / 'asks.allowed'}")


@click.group()
def box() -> None:
    """The ballot box."""


@box.command("recover")
@DIRECTORY
@click.option("--from-copy", is_flag=True, help="A copy of this database was put back: say so, whatever is seen of it.")
def box_recover(directory: Path, from_copy: bool) -> None:
    """Rebuild the ballot box's database from the log, after it was lost or came back from an older copy.

    \b
    Stop the box's service and the timer of seal before. Of a copy that was made since the last batch nobody can see
    that it is one: say so with --from-copy.
    Example:  stembus box recover kortrijk
    """
    office = serve_office(directory)
    if from_copy or office.box_must_be_recovered():
        # First, so that no recovery stays untold: cut off after it, the same command goes on.
        _tell_recovery(office)
    found = office.recover_box()
    if found is None and from_copy:
        following = office.log().order.batches + 1
        say(f"nothing needs to be rebuilt; ballots promised for batch {following} may be missing, as the log says now")
        return
    if found is None:
        say("already done: the ballot box's database and the log belong together; nothing was changed")
        return
    click.echo(f"{found.ballots} ballots in {found.batches} batches were taken over from the log")
    click.echo(f"{found.waiting} ballots of the database wait for batch {found.batches + 1}")
    for ballot_id in found.superseded:
        click.echo(f"replaced by a later cast of the same voter: {ballot_id.hex()}")
    say(
        f"every ballot promised for batch {found.batches} or before is in the log; one promised for batch "
        f"{found.batches + 1} may be missing, if it came after the copy was made: the voter's device hands it in again"
    )
    next_step("start the box's service again")


def _tell_recovery(office: ServedOffice) -> None:
    """Logs the incident, unless the last one says the same."""
    following = office.log().order.batches + 1
    languages = office.manifest.languages
    office.tell({code: _RECOVERED.get(code, _RECOVERED["en"]).format(next=following) for code in languages})
    if settle(office.log()):
        say("the incident stands in the log")


@click.group()
def registrar() -> None:
    """The registrar."""


@registrar.command("enrol")
@DIRECTORY
@click.option("--log", "place", required=True, metavar="LOG", help="The published log: a folder or an address.")
def registrar_enrol(directory: Path, place: str) -> None:
    """Give a registrar other than the first its letters: the credentials that the log states, and nothing else.

    \b
    DIR holds manifest.json, the registrar's key and its database. The log is verified first.
    Example:  stembus registrar enrol registrar-2 --log https://stem.example.org/log
    """
    office = serve_office(directory)
    from stembus.ballot.office.co_registrars import take_roll  # needs the server parts, which are there by now

    numbers = range(2, len(office.manifest.registrars) + 1)
    mine = [number for number in numbers if office.key_path(f"registrar-{number}").exists()]
    if not mine:
        raise NotReady(f"no key of registrar 2 or a later one lies in {directory}")
    with verified_copy(place, office.referendum) as (log, folder):
        phase = log.phase
        replaced = {number: take_roll(office, number, log, FolderPlace(folder)) for number in mine}
    for number, replacements in replaced.items():
        fresh = office.enrol(number, phase)
        letters = office.letters(number)
        for body in replacements:
            struck, spare = bytes.fromhex(body.struck), bytes.fromhex(body.replacement)
            letters.replace(letters.number_of(struck), spare)
        if not fresh:
            say(f"registrar {number}: already done")
            continue
        say(f"registrar {number}: {letters.enrolled()} letters, without names and second factors")
    next_step("start its service: gunicorn 'stembus.webvote.run.wsgi:registrar()'")


@registrar.command("recover")
@DIRECTORY
@click.option("--number", type=click.IntRange(1), help="Which registrar, if DIR has more than one.")
@click.option(
    "--other", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Another registrar's issuance record."
)
@click.option("--no-token-since", is_flag=True, help="You know that this database is the newest: it lacks no token.")
def registrar_recover(directory: Path, number: int | None, other: Path | None, no_token_since: bool) -> None:
    """Rebuild a registrar's database from its issuance record, or the record from the database.

    \b
    Stop the registrar's service and the help desk before.
    Example:  stembus registrar recover kortrijk
    """
    office = serve_office(directory)
    here = office.registrars_here() or [1]
    if number is None and len(here) > 1:
        raise NotReady(f"the keys of registrars {', '.join(map(str, here))} lie in {directory}; say which: --number")
    number = here[0] if number is None else number
    if number > (there := len(office.manifest.registrars)):
        raise NotReady(f"this referendum has no registrar {number}; the last one is registrar {there}")
    knew = office.knows_letters(number)
    database, record = office.recover_registrar(number, other, no_token_since)
    if not database and not record:
        say("database and issuance record say the same of every letter")
    if database:
        click.echo(f"{database} letters of the database were brought up to the issuance record")
        say("what their devices acknowledged is in no record: the report's bound is larger by as many; log an incident")
    if record:
        click.echo(f"{record} letters of the issuance record were brought up to the database")
    if unknown := office.unknown_letters(number):
        say(f"{unknown} letters may have had a token that nobody knows of, and get none now")
        if knew:  # a database that was made anew says nothing about what was given out
            say(
                "if you are sure that the database is the newest, delete the issuance record and run this again with "
                "--no-token-since"
            )
    next_step(f"start the registrar's service{' and the help desk' if number == 1 else ''} again")
