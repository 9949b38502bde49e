"""`stembus serve`: a rehearsal on this machine that people vote in with their browsers.

For trials and rehearsals only: one organisation, one process, one address on the loopback. Decides how a
fresh rehearsal is made and what is printed; the apps are in `webvote`.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from scripts.cli_client import log_client
from scripts.shell import fail, say, serve_office

LETTERS = 40
OFFICER, DESK_PASSWORD = "officer", "rehearsal-desk"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--fresh", is_flag=True, help="Make a small rehearsal in DIR first, unless there is one.")
@click.option(
    "--minutes", type=click.IntRange(1, 60 * 24 * 30), default=60, show_default=True, help="How long it is open."
)
@click.option("--port", type=click.IntRange(1, 65535), default=8750, show_default=True, help="Of a fresh rehearsal.")
@click.option("--help-line", default="056 00 00 00", show_default=True, help="What voters are told to call.")
def serve(directory: Path, fresh: bool, minutes: int, port: int, help_line: str) -> None:
    """Serve a rehearsal at a local address, for people to vote in their browsers.

    \b
    Example:  stembus serve --fresh run
    """
    try:
        from webvote.together import Together
    except ModuleNotFoundError as error:
        fail(f"this step needs the server parts ({error.name})", "pip install 'stembus[server]'")
    if fresh:
        os.environ.setdefault("STEMBUS_PASSPHRASE", "rehearsal")
        if not (directory / "manifest.json").exists():
            say("making a rehearsal: register, keys, letters ...")
            make_rehearsal(directory, minutes, port)
    office = serve_office(directory)
    if office.manifest.binding:
        fail("one process at one address is for rehearsals", "docs/official-guide.md says how a binding one is served")
    if fresh:
        log_client(office, "rehearsal", help_line)
        if not office.desk().enlisted():
            office.desk().enlist(OFFICER, DESK_PASSWORD)
    server = Together(lambda: serve_office(directory), help_line)
    _announce(directory, server.url, office.referendum.hex(), office.manifest.closes)
    try:
        server.serve()
    except OSError as error:
        fail(
            f"{server.url} cannot be served: {error.strerror}",
            "stop what uses this port, or make a rehearsal with --port",
        )
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
    say("stopped; the same command goes on where it was")


def make_rehearsal(
    directory: Path,
    minutes: int,
    port: int,
    letters: int = LETTERS,
    registrar_url: str = "",
    box_url: str = "",
    change: Callable[[str], str] = lambda draft: draft,
) -> None:
    """A referendum on the real clock, open from now on: batches of one ballot, floor one. Registrar and box are
    at `port` as well unless they have addresses of their own; `change` has the last word on the draft."""
    from scripts.register import write_register
    from scripts.rehearsal import Rehearsal, demo_draft

    now = int(time.time())
    opens = datetime.fromtimestamp(now, UTC).isoformat()
    closes = datetime.fromtimestamp(now, UTC) + timedelta(minutes=minutes)
    values: dict[str, object] = {
        "clock": "real",
        "opens": opens,
        "closes": closes.isoformat(),
        "floor": 1,
        "batch_seconds": 0,
        "batch_tokens": 1,
        "quiet_seconds": 0,
    }
    draft = demo_draft(letters, 1, **values)
    base = f"http://127.0.0.1:{port}"
    draft = draft.replace("https://registrar.example.org", registrar_url or f"{base}/registrar/1")
    draft = draft.replace("https://box.example.org", box_url or f"{base}/box")
    draft = draft.replace("https://vote.example.org", base)
    directory.mkdir(parents=True, exist_ok=True)
    rehearsal = Rehearsal(directory, start=now)
    rehearsal.keys()
    rehearsal.define(change(draft.replace("grace_seconds = 300", "grace_seconds = 0  ")))
    rehearsal.ceremony()
    register = directory / "register.csv"
    write_register(register, letters, date(2019, 10, 14), 1)
    rehearsal.import_roll(register)
    rehearsal.credentials()
    rehearsal.open()
    with (directory / "voters.csv").open("w", encoding="ascii", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rehearsal.letters(register))


def _announce(directory: Path, url: str, referendum: str, closes: str) -> None:
    say(f"voting page  {url}")
    voters = directory / "voters.csv"
    if voters.exists():
        with voters.open(encoding="ascii", newline="") as file:
            for code, born in list(csv.reader(file))[:3]:
                say(f"a letter     {url}nl/vote#code={code}&id={referendum}")
                say(f"             date of birth {born}")
    say(f"kiosk        {url}nl/kiosk")
    say(f"help desk    {url}desk/  (fresh rehearsals: {OFFICER}, {DESK_PASSWORD})")
    say(f"open until   {closes}; then, with the server stopped or running, close and count it:")
    steps = [
        f"close {directory}",
        *(f"trustee intent {directory} --number {k}" for k in (1, 2)),
        *(f"trustee decrypt {directory} --number {k}" for k in (1, 2)),
        f"tally {directory}",
        f"verify {directory / 'public'} --referendum {referendum}",
    ]
    for step in steps:
        say(f"             stembus {step}")
    if os.environ.get("STEMBUS_PASSPHRASE") == "rehearsal":
        say("the passphrase of every key of this rehearsal is: rehearsal (set STEMBUS_PASSPHRASE)")
