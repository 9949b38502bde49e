"""`stembus serve`: a rehearsal on this machine that people vote in with their browsers.

For trials and rehearsals only: one organisation, one process, one address on the loopback. Decides how a
fresh rehearsal is made and what is printed; the apps are in `webvote`.
"""

from __future__ import annotations

import csv
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from stembus.audit.formats.manifest import Manifest
from stembus.audit.state_machine import Phase
from stembus.scripts.cli.client import THEME_HELP, log_client
from stembus.scripts.shell import SERVER_PARTS, ZONE, fail, program, say, serve_office
from stembus.webvote.static_files import demand_client
from stembus.webvote.theme import load_theme, plain_theme

if TYPE_CHECKING:
    from stembus.ballot.office.services import ServedOffice

PASSPHRASE = "rehearsal"  # noqa: S105 - stated in the open
REHEARSED = plain_theme("056 00 00 00")
OFFICER, DESK_PASSWORD = "officer", "rehearsal-desk"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--fresh", is_flag=True, help="Make a small rehearsal in DIR first, unless there is one.")
@click.option("--minutes", type=click.IntRange(1, 60 * 24 * 30), help="How long a fresh rehearsal is open.  [60]")
@click.option("--port", type=click.IntRange(1, 65535), help="Of a fresh rehearsal.  [8750]")
@click.option("--theme", "folder", type=click.Path(path_type=Path, file_okay=False), help=THEME_HELP)
def serve(directory: Path, fresh: bool, minutes: int | None, port: int | None, folder: Path | None) -> None:
    """Serve a rehearsal at a local address, for people to vote in their browsers.

    \b
    Example:  stembus serve --fresh run
    """
    try:
        from stembus.webvote.run.single_process import Together
    except ModuleNotFoundError as error:
        fail(f"this step needs the server parts ({error.name})", SERVER_PARTS)
    demand_client()
    theme = REHEARSED if folder is None else load_theme(folder)
    known = (directory / "manifest.json").exists()
    if known and (minutes or port):
        fail(f"{directory} holds a referendum already, and its times and addresses are fixed", _anew(directory))
    if fresh:
        os.environ.setdefault("STEMBUS_PASSPHRASE", PASSPHRASE)
        if not known:
            _make_fresh(directory, minutes or 60, port or 8750)
    office = serve_office(directory)
    _demand_local(office.manifest)
    if fresh:
        if office.clock.now() >= office.manifest.closes_at:
            fail(f"the rehearsal in {directory} is over", _anew(directory))
        log_client(office, "rehearsal", theme)
        if not office.desk().enlisted():
            office.desk().enlist(OFFICER, DESK_PASSWORD)
    server = Together(lambda: serve_office(directory), theme)
    try:
        server.listen()
    except OSError as error:
        hint = f"stop what uses this port, or make another rehearsal: {program()} serve --fresh OTHER --port 8751"
        fail(f"{server.url} cannot be served: {error.strerror}", hint)
    _announce(directory, server.url, office)
    try:
        server.serve()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
    say("stopped; the same command goes on where it was")


def _anew(directory: Path) -> str:
    return f"see it with: {program()} serve --fresh {directory}; for a new one remove that folder, or name another one"


def _make_fresh(directory: Path, minutes: int, port: int) -> None:
    if directory.is_dir() and any(directory.iterdir()):
        fail(f"{directory} is not empty and holds no referendum", "name a folder that does not exist yet")
    say("making a rehearsal: register, keys, letters ...")
    # Needs the server parts, which are known to be there by now.
    from stembus.scripts.rehearsal.local import make_rehearsal

    make_rehearsal(directory, minutes, port)


def _demand_local(manifest: Manifest) -> None:
    if manifest.binding:
        fail("one process at one address is for rehearsals", "docs/official-guide.md says how a binding one is served")
    addresses = [manifest.client.url, manifest.box.url, *(registrar.url for registrar in manifest.registrars)]
    hosts = {(urlsplit(address).hostname, urlsplit(address).port) for address in addresses}
    if len(hosts) != 1 or next(iter(hosts))[0] not in ("127.0.0.1", "localhost"):
        hint = "in the draft of a local one: http://127.0.0.1:8750, with /box and /registrar/1 for the services"
        fail(f"this referendum belongs to {', '.join(addresses)}, not to this machine alone", hint)


def _announce(directory: Path, url: str, office: ServedOffice) -> None:
    referendum, known = office.referendum.hex(), directory / "voters.csv"
    say(f"voting page  {url}")
    if known.exists():
        with known.open(encoding="ascii", newline="") as file:
            for code, born in list(csv.reader(file))[:3]:
                say(f"a letter     {url}nl/vote#code={code}&id={referendum}")
                say(f"             date of birth {born}")
    say(f"kiosk        {url}nl/kiosk")
    account = f"sign in as {OFFICER}, password {DESK_PASSWORD}" if OFFICER in office.desk().enlisted() else "sign in"
    say(f"help desk    {url}desk/  {account}")
    closes = datetime.fromtimestamp(office.manifest.closes_at, ZoneInfo(ZONE))
    if office.log().order.phase is not Phase.OPEN:
        say(f"phase        {office.log().order.phase.value}; see: {program()} status {directory}")
        return
    say(f"open until   {closes:%H:%M:%S on %d-%m-%Y} ({ZONE}); then close and count it, in another terminal:")
    if known.exists() and os.environ.get("STEMBUS_PASSPHRASE") == PASSPHRASE:
        say(f"             export STEMBUS_PASSPHRASE={PASSPHRASE}")
    for step in [
        f"close {directory}",
        *(f"trustee intent {directory} --number {k}" for k in (1, 2)),
        *(f"trustee decrypt {directory} --number {k}" for k in (1, 2)),
        f"tally {directory}",
        f"verify {directory / 'public'} --referendum {referendum}",
    ]:
        say(f"             {program()} {step}")
