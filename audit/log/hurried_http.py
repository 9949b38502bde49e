"""HTTP for who waits for an answer, and not for ever.

Decides how slowly an answer may come, headers included. Leaves to its callers what is asked, and what an answer, or
none, means: `address` for published files, `ballot.http_client` for services.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import urllib.request
from functools import cached_property
from typing import Any

TIMEOUT_SECONDS = 30  # of silence; who has less patience than that has it for the whole answer
GRACE_SECONDS, BYTES_PER_SECOND = 60, 10_000  # a transfer that is slower than this after the grace is given up


class TooSlow(TimeoutError):
    """What came, framing included, came too slowly on the whole."""


class _Hurried(io.RawIOBase):
    """What a socket receives, headers and framing included, as long as it comes fast enough on the whole: a single
    byte now and then would satisfy the time-out of each reading, and hold a reader up for ever."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        patience = connection.gettimeout() or TIMEOUT_SECONDS
        self._grace = patience if patience < TIMEOUT_SECONDS else GRACE_SECONDS
        self._speed = BYTES_PER_SECOND if patience >= TIMEOUT_SECONDS else None
        self._begun, self._got = time.monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        earned = 0.0 if self._speed is None else self._got / self._speed
        left = self._begun + self._grace + earned - time.monotonic()
        if left <= 0:
            raise TooSlow
        self._connection.settimeout(min(left, TIMEOUT_SECONDS))
        try:
            got = self._connection.recv_into(buffer)
        except TimeoutError:
            raise TooSlow if left < TIMEOUT_SECONDS else TimeoutError from None
        self._got += got
        return got


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._connection = self.fp  # as long as this is open, the socket is
        self.fp = io.BufferedReader(_Hurried(sock))

    def close(self) -> None:
        super().close()
        self._connection.close()


class _Plain(http.client.HTTPConnection):
    response_class = _Response


class _Secured(http.client.HTTPSConnection):
    response_class = _Response


class Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """For `urllib.request.build_opener`."""

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Plain, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Secured, req, context=self._trusted)
