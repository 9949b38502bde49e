"""Registrar, ballot box, help desk and public pages in one process, at one address: for rehearsals and trials.

Decides how the apps share an address and that batches are sealed while the server runs. A binding
referendum runs them apart (`stembus.webvote.run.wsgi`), on three origins.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from stembus.ballot.office.services import ServedOffice
from stembus.webvote.box_app import create_box_app
from stembus.webvote.desk_app import create_desk_app
from stembus.webvote.logs import report
from stembus.webvote.registrar_app import create_registrar_app
from stembus.webvote.site.app import create_site_app
from stembus.webvote.theme import NO_THEME, Theme

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Silent(WSGIRequestHandler):
    """Writes no address and no time anywhere."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: ARG002
        return


def closing_itself(app: WSGIApplication) -> WSGIApplication:
    """Closes each answer when the server has had the last of it, or forgets it: werkzeug's server leaves it open, and a
    file with it, when a browser resets the connection."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        body = app(environ, start_response)
        try:
            yield from body
        finally:
            if hasattr(body, "close"):
                body.close()

    return answer


class Sealer:
    """Brings waiting ballots into the log, in a thread with its own view of the log."""

    def __init__(self, office: ServedOffice, every_seconds: float = 1.0) -> None:
        self._office = office
        self._every = every_seconds
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._office.log().order.phase.value == "open":
                    self._office.box.seal(self._office.count_statements)
                    self._office.device_tests.publish()
                else:
                    self._office.log().refresh()
            except Exception as error:  # a busy database, a witness away: promises must not be left alone
                report("batch-not-sealed", error, logging.WARNING)
            self._wake.wait(self._every)
            self._wake.clear()


class Together:
    """`open_office()` opens the referendum's folder; it is called once for answering and once for sealing."""

    def __init__(self, open_office: Callable[[], ServedOffice], theme: Theme = NO_THEME) -> None:
        office = open_office()
        manifest = office.manifest
        self.url = manifest.client.url.rstrip("/") + "/"
        self.sealer = Sealer(open_office())
        mounts: dict[str, Any] = {
            f"/registrar/{k}": create_registrar_app(office.registrar(k), manifest)
            for k in range(1, len(manifest.registrars) + 1)
        }
        mounts["/box"] = create_box_app(office.box, manifest, office.log(), office.device_tests, self.sealer.wake)
        secure = self.url.startswith("https:")
        mounts["/desk"] = create_desk_app(office.desk(), manifest, office.desk_secret(), "/desk", secure)
        self.app = DispatcherMiddleware(create_site_app(office.public, theme), mounts)
        self._server: BaseWSGIServer | None = None

    def listen(self) -> None:
        """Takes the port. Raises OSError when somebody else has it."""
        address = urlsplit(self.url)
        host, port = address.hostname or "127.0.0.1", address.port or 80
        with socket.create_server((host, port)) as taken:
            # The server makes its own copy of the socket.
            app = closing_itself(self.app)
            self._server = make_server(host, port, app, threaded=True, request_handler=_Silent, fd=taken.fileno())

    def serve(self) -> None:
        """Serves until `stop` is called. Raises OSError when the port is taken."""
        if self._server is None:
            self.listen()
        assert self._server is not None
        self.sealer.start()
        self._server.serve_forever()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
        self.sealer.stop()
