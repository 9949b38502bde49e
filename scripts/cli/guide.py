"""`stembus guide`: the officials' page, on this machine alone."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stembus.audit.durable import write_durably
from stembus.ballot.office.office import NotReady, check_draft
from stembus.scripts.guide.jobs import Jobs
from stembus.scripts.guide.steps import Action, look, words_of
from stembus.scripts.shell import DIRECTORY, SERVER_PARTS, fail, open_office, passphrase, say
from stembus.scripts.small_server import Limits, demand_server, listen

if TYPE_CHECKING:
    from stembus.webvote.guide_app import Guide


class Running:
    """What the page asks for, of one folder. Uploaded files lie in `scratch` until the page ends."""

    def __init__(self, directory: Path, jobs: Jobs, scratch: Path) -> None:
        self._directory, self._jobs, self._scratch = directory, jobs, scratch

    def run(self, action: Action, typed: dict[str, str], files: dict[str, tuple[str, bytes]]) -> int:
        """Starts an action that is offered. Raises NotReady for what cannot be typed."""
        if action.name == "board" and (running := self._jobs.running("board")) is not None:
            return running.number
        if any(value.startswith("-") for value in typed.values()):
            raise NotReady("what is typed cannot begin with a dash")
        known = dict(typed)
        for field in action.fields:
            if field.kind == "file":
                called, data = files.get(field.name, ("", b""))
                if not data:
                    raise NotReady("choose a file that is not empty")
                path = self._scratch / secrets.token_hex(4) / (called or "upload")
                write_durably(path, data, private=True)
                known[field.name] = str(path)
            elif field.name not in known:
                known[field.name] = ""
        return self._jobs.start(words_of(action, known, self._directory)).number

    def save(self, text: str) -> None:
        office = open_office(self._directory)
        if office.manifest_file.exists():
            raise NotReady("this referendum is frozen; its definition cannot be changed any more")
        write_durably(office.draft, text.encode("utf-8"))


@click.command()
@DIRECTORY
@click.option("--port", type=click.IntRange(1, 65_535), default=8790, show_default=True)
def guide(directory: Path, port: int) -> None:
    """Serve a page on this machine that leads officials through the whole referendum, step by step.

    \b
    Each button runs the command that stands beside it. The passphrase of the keys in DIR is asked for once, here, and
    is kept in memory. Open the link that is printed; nobody else can. Stop with Ctrl-C.
    Example:  stembus guide kortrijk
    """
    try:
        from stembus.webvote.guide_app import UPLOAD_BYTES, create_guide_app
    except ModuleNotFoundError as error:
        fail(f"this step needs the server parts ({error.name})", SERVER_PARTS)
    from stembus.webvote.static_files import demand_client

    demand_server()
    demand_client()
    directory.mkdir(parents=True, exist_ok=True)
    jobs, host, link = Jobs(passphrase("the office")), f"127.0.0.1:{port}", secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="stembus-guide-") as scratch:
        app = create_guide_app(guide_to(directory, jobs, Path(scratch)), link, host)
        server = listen(app, "127.0.0.1", port, "--port", Limits(UPLOAD_BYTES, 4, 20, 600))
        say(f"open this link in a browser on this machine: http://{host}/?key={link}")
        try:
            server.run()
        finally:
            jobs.stop_all()


def guide_to(directory: Path, jobs: Jobs, scratch: Path) -> Guide:
    """What the page shows and does, of this folder."""
    from stembus.webvote.guide_app import Guide

    running = Running(directory, jobs, scratch)
    return Guide(
        directory.name,
        lambda: look(directory),
        lambda: check_draft(open_office(directory)),
        lambda: _draft_text(directory),
        running.save,
        running.run,
        jobs.job,
    )


def _draft_text(directory: Path) -> str:
    try:
        return open_office(directory).draft.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
