"""`stembus board`: the trustees' page and the place where their messages arrive, at the office's own machine.

Decides which entries come in this way: those that trustees sign. All else is the office's own work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import click

from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import (
    Commit,
    Complaint,
    Confirm,
    Drill,
    PartialDecryption,
    Reveal,
    Share,
    TallyIntent,
)
from stembus.audit.log.source import FolderPlace
from stembus.audit.state_machine import Phase
from stembus.audit.verify import verify
from stembus.ballot.errors import RequestInvalid
from stembus.ballot.office.office import Office
from stembus.scripts.escape import shown
from stembus.scripts.shell import DIRECTORY, SERVER_PARTS, fail, open_office, say
from stembus.scripts.small_server import Limits, demand_server, listen
from stembus.tally.errors import TallyError
from stembus.tally.trustee import make_election_key

FROM_TRUSTEES = (Commit, Reveal, Share, Confirm, Complaint, Drill, TallyIntent, PartialDecryption)


class Board:
    """Takes what trustees send, for an office whose log key lies in its folder."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def take(self, entries: Sequence[bytes]) -> bool:
        """Appends what the log has not got yet, and the election key after the last drill. Returns whether a quorum has
        seen it. Raises RequestInvalid, or what the log refuses with."""
        log = self._office.log()
        log.refresh()
        parsed = [parse_entry(raw) for raw in entries]
        if not all(isinstance(entry.body, FROM_TRUSTEES) for entry in parsed):
            raise RequestInvalid("this board takes the messages of trustees and nothing else; nothing was added")
        reader = log.reader()
        known = {hashlib.sha256(reader.entry(index)).digest() for index in range(log.size)}
        new = [raw for raw in entries if hashlib.sha256(raw).digest() not in known]
        if new:
            log.append(new)
            signers = sorted({signature.by for entry in parsed for signature in entry.signatures})
            say(shown(f"logged: {parsed[0].type} of {', '.join(signers)}"))
        seen = log.cosign()
        if seen and log.order.phase is Phase.CEREMONY and log.order.drilled_by_all:
            self._elect()
        return log.is_published()

    def _elect(self) -> None:
        log = self._office.log()
        published = verify(FolderPlace(self._office.public), self._office.referendum).demand_log()
        try:
            log.append([make_election_key(published)])
            say("logged: the election key; all trustees have confirmed it, and drilled")
        except TallyError:
            log.refresh()  # another request was faster


@click.command()
@DIRECTORY
@click.option("--port", type=click.IntRange(1, 65_535), default=8780, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; a proxy with TLS stands before.")
@click.option("--url", help="Under which address trustees reach it.  [http://HOST:PORT/]")
def board(directory: Path, port: int, host: str, url: str | None) -> None:
    """Serve the trustees' page and take their messages, for the ceremony and the count.

    \b
    The log key of DIR signs the log; its passphrase is asked for once. Trustees open the link that is printed, in a
    browser, or run: stembus trustee join LINK FOLDER. Behind a proxy, HOST stays 127.0.0.1.
    Example:  stembus board kortrijk
    """
    try:
        from stembus.webvote.board_app import create_board_app
    except ModuleNotFoundError as error:
        fail(f"this step needs the server parts ({error.name})", SERVER_PARTS)
    from stembus.webvote.board_app import LONGEST
    from stembus.webvote.static_files import demand_client

    demand_server()
    demand_client()
    office = open_office(directory)
    office.log()
    reached = (url or f"http://{host}:{port}").rstrip("/") + "/"
    app = create_board_app(office.public, office.manifest, office.referendum, reached, Board(office).take)
    limits = Limits(LONGEST, threads=8, connections=100, slow_seconds=60)
    server = listen(app, host, port, "--port", limits)
    language = office.manifest.languages[0]
    say(f"for trustees  {reached}{language}/#{office.referendum.hex()}")
    say("              in a browser, or: stembus trustee join LINK FOLDER; stop with Ctrl-C")
    server.run()
