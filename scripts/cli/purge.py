"""`stembus purge`: destroys what ties votes or letters to people, and says so in the log; two officers sign it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from stembus.audit import bounds
from stembus.audit.formats.entry_bodies import Purge
from stembus.audit.formats.text import text_problem
from stembus.ballot.office.office import NotReady, Office
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.cli.read_back import YES
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say, server_parts

# What a referendum keeps for good, and what names nobody.
_OWN = re.compile(
    r"referendum\.toml|manifest\.json|referendum\.id|settings\.toml|witnesses\.policy|public|keys|log|"
    r"(officer|witness)-[0-9]+"
)


@click.command()
@DIRECTORY
@click.option(
    "--destroyed",
    multiple=True,
    metavar="TEXT",
    help="State that this was destroyed elsewhere, and destroy nothing here; may be repeated.",
)
@YES
def purge(directory: Path, destroyed: tuple[str, ...], yes: bool) -> None:
    """Destroy what lies in DIR and ties letters, tokens or votes to people; log what was destroyed.

    \b
    Registers, codes, letters, databases, issuance records, keys of services: everything but the published log, the
    definition, and the keys that sign this record. After the time in which the result can be contested. Stop the
    services first. What officers or trustees destroyed elsewhere is stated with --destroyed, and nothing is touched.
    Example:  stembus purge kortrijk
    """
    office = open_office(directory)
    if destroyed:
        _demand_texts(destroyed)
        if office.purge_record.exists():
            raise NotReady(f"what was destroyed in {directory} is not signed yet; first: stembus purge {directory}")
        say(f"this states what was destroyed elsewhere; nothing in {directory} is touched")
        _state(office, list(destroyed))
        return
    server_parts()
    from stembus.ballot.office.destruction import begun, destroy, doomed, forget

    office.signing_key("log")  # what cannot be signed afterwards is not begun
    plan = doomed(office)
    earlier = begun(office)
    if not plan and earlier is None:
        raise NotReady(f"nothing is left in {directory} that ties votes or letters to people")
    for one in plan:
        click.echo(f"{one.what}{'' if not one.paths else f': {one.paths[0]}'}")
    if plan and not yes:
        say("copies, backups, and what flash storage keeps of deleted files are not reached: see to them yourself")
        click.confirm("Destroy all this, for good?", abort=True, err=True)
    texts = destroy(office, plan)
    _state(office, texts)
    forget(office)
    if others := sorted(path.name for path in office.root.iterdir() if not _OWN.fullmatch(path.name)):
        say(f"still in {directory}: {', '.join(others)}; destroy what of it names people, and its copies")


def _demand_texts(destroyed: tuple[str, ...]) -> None:
    for text in destroyed:
        if problem := text_problem(text, bounds.TEXT_CHARACTERS):
            raise click.UsageError(f"say what was destroyed: {text!r} {problem}")
    if len(destroyed) > bounds.DESTROYED:
        raise click.UsageError(f"one record names at most {bounds.DESTROYED} things")


def _state(office: Office, texts: list[str]) -> None:
    log, body = office.log(), Purge(destroyed=texts)
    if any(entry.body == body for _, entry in log.entries()):
        say("already done: this record stands in the log")
        settle(log)
        return
    log.append([office.officers_sign(body)])
    settle(log)
    say(f"the log states that {len(texts)} things were destroyed")
    next_step(f"stembus publish {office.root}")
