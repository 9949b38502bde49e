"""A gunicorn worker that no slow client can hold: a request must be in whole before a deadline, and so must its answer.

gunicorn's threaded worker waits without end for the rest of a request that has begun, so that as many such clients as
it has threads would stop a service. Decides the two deadlines. Behind the proxy of `deploy/`, which hands on whole
requests only, they never pass.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.util import close_graceful
from gunicorn.workers.gthread import ThreadWorker


class BoundedWorker(ThreadWorker):  # type: ignore[misc]
    """`request_seconds` after a request has begun to come in nothing more of it is read; `answer_seconds` after that
    moment the connection ends. A request that is in by then is worked on and answered as always, also when it waits for
    a thread so long: what has arrived can still be read."""

    request_seconds = 10.0
    answer_seconds = 600.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The main loop adds connections and reads a copy; the threads remove their own.
        self._begun: dict[Any, float] = {}

    def enqueue_req(self, conn: Any) -> None:
        """Called by the main loop for a new connection, and for a kept one on which something arrives."""
        self._begun[conn] = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Called in a thread, for each request."""
        try:
            kept = super().handle(conn)
            if not kept:
                # gunicorn would do this in the main loop, and wait there up to two seconds for each such client.
                close_graceful(conn.sock)
            return kept
        finally:
            self._begun.pop(conn, None)

    def notify(self) -> None:
        """Called by the main loop, every second or more often."""
        super().notify()
        now = time.monotonic()
        for conn, begun in self._begun.copy().items():
            if now - begun > self.answer_seconds:
                _shut(conn.sock, socket.SHUT_RDWR)
            elif now - begun > self.request_seconds:
                # A thread that waits for more of the request sees its end; one that is past reading sees nothing.
                _shut(conn.sock, socket.SHUT_RD)


def _shut(connection: socket.socket, what: int) -> None:
    with suppress(OSError):
        connection.shutdown(what)
