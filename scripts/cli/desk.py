"""Commands about the help desk's officers and their record. The desk itself is a web page."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from stembus.ballot.office.office import NotReady
from stembus.scripts.shell import DIRECTORY, next_step, say, serve_office


@click.group()
def desk() -> None:
    """The help desk: who may sign in, and what was done there."""


@desk.command("add")
@DIRECTORY
@click.argument("name")
def desk_add(directory: Path, name: str) -> None:
    """Let officer NAME sign in at the help desk; for one who may already, set a new password.

    \b
    The password is asked for, or taken from STEMBUS_DESK_PASSWORD.
    Example:  stembus desk add kortrijk an.peeters
    """
    found = serve_office(directory).desk()
    found.check_name(name)
    password = os.environ.get("STEMBUS_DESK_PASSWORD")
    if password is None:
        if not sys.stdin.isatty():
            raise NotReady("nobody is here to type a password; set STEMBUS_DESK_PASSWORD")
        password = str(click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True))
    found.enlist(name, password)
    say(f"{name} may sign in at the help desk")
    next_step("serve it: gunicorn 'stembus.webvote.run.wsgi:desk()', or in a rehearsal: stembus serve")


@desk.command("remove")
@DIRECTORY
@click.argument("name")
def desk_remove(directory: Path, name: str) -> None:
    """End officer NAME's access at once.

    \b
    Example:  stembus desk remove kortrijk an.peeters
    """
    serve_office(directory).desk().dismiss(name)
    say(f"{name} may not sign in any more")


@desk.command("allow")
@DIRECTORY
@click.argument("key", metavar="KEY")
def desk_allow(directory: Path, key: str) -> None:
    """Print registrar 1's word that the help desk with KEY may strike people at registrars elsewhere.

    \b
    KEY is what `stembus services create --desk` printed. The word goes into DIR/desk/asks.allowed of the help desk.
    Example:  stembus desk allow registrar 3f0c...
    """
    office = serve_office(directory)
    from stembus.ballot.office.co_registrars import allow_desk  # needs the server parts, as all that follows

    if not re.fullmatch("[0-9a-f]{64}", key):
        raise NotReady("a help desk's key is 64 hexadecimal digits, as stembus services create --desk prints them")
    click.echo(allow_desk(office, bytes.fromhex(key)).hex())


@desk.command("log")
@DIRECTORY
def desk_log(directory: Path) -> None:
    """Print who did what to which voter number, in order.

    \b
    Example:  stembus desk log kortrijk
    """
    found = serve_office(directory).desk()
    say(f"officers: {', '.join(found.enlisted()) or 'none'}")
    for action in reversed(found.actions(1_000_000)):
        click.echo(f"{action.number:6}  {action.officer:20}  {action.action:8}  {action.voter:20}  {action.outcome}")
