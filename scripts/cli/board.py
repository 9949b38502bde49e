"""`stembus board`: the trustees' page and the place where their messages arrive, at the office's own machine.

Decides which entries come in this way: those that trustees sign. All else is the office's own work.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from stembus.audit.errors import AuditError, OrderInvalid
from stembus.audit.formats.canonical import encode
from stembus.audit.formats.entries import check_signatures, parse_entry
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
from stembus.audit.state_machine import Order, Phase
from stembus.audit.verify import verify
from stembus.ballot.errors import BallotError, RequestInvalid
from stembus.ballot.office.office import Office
from stembus.scripts.escape import shown
from stembus.scripts.shell import DIRECTORY, SERVER_PARTS, fail, open_office, say
from stembus.scripts.small_server import Limits, demand_server, listen
from stembus.tally.errors import TallyError
from stembus.tally.trustee import make_election_key

_AGAIN_SECONDS = 10.0
FROM_TRUSTEES = (Commit, Reveal, Share, Confirm, Complaint, Drill, TallyIntent, PartialDecryption)


class Board:
    """Takes what trustees send, for an office whose log key lies in its folder. What strangers send costs a signature
    check, and touches no file."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._manifest, self._referendum = office.manifest, office.referendum

    def take(self, entries: Sequence[bytes]) -> bool:
        """Appends what the log has not got yet, and the election key after the last drill. Returns whether a quorum has
        seen it. Raises RequestInvalid, or what the log refuses with."""
        parsed = [parse_entry(raw) for raw in entries]
        if not all(isinstance(entry.body, FROM_TRUSTEES) for entry in parsed):
            raise RequestInvalid("this board takes the messages of trustees and nothing else; nothing was added")
        for entry in parsed:
            check_signatures(self._manifest, self._referendum, entry)
        log = self._office.log()
        log.refresh()
        try:
            if new := [raw for raw, entry in zip(entries, parsed, strict=True) if not self._stands(entry.body)]:
                log.append(new)
                signers = sorted({signature.by for entry in parsed for signature in entry.signatures})
                say(shown(f"logged: {parsed[0].type} of {', '.join(signers)}"))
        finally:
            self.go_on()
        return log.is_published()

    def _stands(self, body: object) -> bool:
        log = self._office.log()
        if isinstance(body, PartialDecryption) and body.trustee in log.order.partials:
            # One that is not proven may be made anew; a proven one that is said twice stays in every report.
            published = verify(FolderPlace(self._office.public), self._referendum).demand_log()
            return body.trustee in published.tally.partials
        return _stands(log.order, body)

    def go_on(self) -> None:
        """Asks witnesses that were away, and makes the election key when all have drilled."""
        log = self._office.log()
        log.refresh()
        if not log.is_published():
            log.cosign()
        if log.is_published() and log.order.phase is Phase.CEREMONY and log.order.drilled_by_all:
            published = verify(FolderPlace(self._office.public), self._referendum).demand_log()
            try:
                log.append([make_election_key(published)])
                say("logged: the election key; all trustees have confirmed it, and drilled")
            except (TallyError, OrderInvalid):
                log.refresh()  # another request was faster


def _stands(order: Order, body: object) -> bool:
    """Whether this trustee has taken this step of the current attempt: made anew, it is no other step."""
    match body:
        case TallyIntent():
            return hashlib.sha256(encode(body)).digest() in order.intents.get(body.trustee, set())
        case Commit():
            return body.attempt == order.attempt and body.trustee in order.committed
        case Reveal():
            return body.attempt == order.attempt and body.trustee in order.revealed
        case Share():
            return body.attempt == order.attempt and (body.sender, body.receiver) in order.shared
        case Confirm():
            return body.attempt == order.attempt and body.trustee in order.confirmed
        case Drill():
            done = order.drilled_again if order.phase is Phase.ROLLED else order.drilled
            return body.attempt == order.attempt and body.trustee in done
        case _:
            return False


def keep_going(board: Board, ended: threading.Event, every: float = _AGAIN_SECONDS) -> None:
    """Until `ended`: what witnesses held up is made good without anybody pressing a button."""
    while not ended.wait(every):
        try:
            board.go_on()
        except (BallotError, AuditError, OSError) as error:
            say(shown(f"not yet: {error}"))


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
    taking, ended = Board(office), threading.Event()
    app = create_board_app(office.public, office.manifest, office.referendum, reached, taking.take)
    limits = Limits(LONGEST, threads=8, connections=100, slow_seconds=60)
    server = listen(app, host, port, "--port", limits)
    language = office.manifest.languages[0]
    say(f"for trustees  {reached}{language}/#{office.referendum.hex()}")
    say("              in a browser, or: stembus trustee join LINK FOLDER; stop with Ctrl-C")
    threading.Thread(target=keep_going, args=[taking, ended], daemon=True).start()
    try:
        server.run()
    finally:
        ended.set()
