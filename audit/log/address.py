"""Published files over HTTP.

Decides how patient a reader is and what an answer means: only 404 and 410 say that a file is missing. No answer,
an error of the server, a short transfer, a crawling one, or a redirect to another host mean that nothing could be
read, which says nothing about the log. Each file comes whole or not at all.
"""

from __future__ import annotations

import contextlib
import http.client
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import quote, urlsplit

from stembus.audit.errors import CannotRead, FileMissing, FileTooLong
from stembus.audit.log import hurried_http

WAITS = (0.5, 2.0, 5.0)  # seconds before each further attempt
PATIENCE_SECONDS = 120.0  # that all failed attempts together may take
_PIECE = 64 * 1024
_IN_MEMORY = 1024 * 1024
_MISSING = (404, 410)
_AGAIN = (408, 425, 429)
_WEB_PAGE = (b"<!doctype html", b"<html")  # no published file begins like this, documents aside


class _Again(Exception):
    """This attempt failed; another one may not."""


class _SameHost(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        fp.close()  # whoever follows would read all of what came with it, however long that is
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        secured = (old.scheme, new.scheme) == ("http", "https") and old.hostname == new.hostname
        if old[:2] != new[:2] and not secured:
            raise CannotRead(f"{req.full_url} leads to another host")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Address:
    """Static files below one http(s) address, read straight. `snapshot` makes a place of them."""

    def __init__(self, base: str, patience: float = PATIENCE_SECONDS) -> None:
        """`patience` is how many seconds failed attempts may take before no further one is made. Raises CannotRead for
        what is no web address."""
        self._patience = patience
        self.base = base.rstrip("/") + "/"
        try:
            urlsplit(self.base)
        except ValueError as error:
            raise CannotRead(f"{base} is no web address: {error}") from None
        self._opener = urllib.request.build_opener(_SameHost, hurried_http.Handler)
        self._lost = 0.0

    def read(self, path: str, limit: int) -> bytes:
        with self.download(path, limit) as file:
            return file.read()

    @contextlib.contextmanager
    def download(self, path: str, limit: int) -> Iterator[IO[bytes]]:
        """The whole file, from its beginning. Raises FileMissing, FileTooLong or CannotRead."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            self._fetch(path, limit, file)
            file.seek(0)
            yield file

    def _fetch(self, path: str, limit: int, into: IO[bytes]) -> None:
        """Tries again after what may pass, as long as the patience for all files lasts."""
        for wait in (*WAITS, None):
            begun = time.monotonic()
            try:
                self._attempt(path, limit, into)
                return
            except _Again as error:
                self._lost += time.monotonic() - begun
                if wait is None or self._lost + wait > self._patience:
                    raise CannotRead(str(error)) from None
            self._lost += wait
            time.sleep(wait)
            into.seek(0)
            into.truncate()

    def _attempt(self, path: str, limit: int, into: IO[bytes]) -> None:
        request = urllib.request.Request(self.base + quote(path), headers={"User-Agent": "stembus"})  # noqa: S310
        try:
            with self._opener.open(request, timeout=hurried_http.TIMEOUT_SECONDS) as response:
                _copy(path, response, limit, into)
        except urllib.error.HTTPError as error:
            error.close()
            raise self._meaning(path, error) from None
        except urllib.error.URLError as error:
            raise _Again(f"nothing answers at {self.base}: {error.reason}") from None
        except hurried_http.TooSlow:
            raise _Again(f"{path} comes too slowly") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _Again(f"{path} came from {self.base} in part only: {type(error).__name__}") from None

    def _meaning(self, path: str, error: urllib.error.HTTPError) -> Exception:
        message = f"{path} is not at {self.base}: {error.code} {error.reason}"
        if error.code in _MISSING:
            return FileMissing(message)
        return _Again(message) if error.code >= 500 or error.code in _AGAIN else CannotRead(message)


def _copy(path: str, response: http.client.HTTPResponse, limit: int, into: IO[bytes]) -> None:
    if response.status != http.HTTPStatus.OK:
        raise CannotRead(f"{path} comes with the status {response.status}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise CannotRead(f"{path} comes compressed, which nobody asked for")
    stated = response.headers.get("Content-Length", "")
    length = int(stated) if stated.isascii() and stated.isdigit() else None
    if length is None and not response.chunked:
        raise CannotRead(f"{path} comes without its length, so nobody can tell whether it came whole")
    if length is not None and length > limit:
        raise FileTooLong(f"{path} is longer than its bound of {limit} bytes")
    begun, got = time.monotonic(), 0
    while piece := response.read1(_PIECE):
        if not got and piece.lstrip()[:16].lower().startswith(_WEB_PAGE) and not path.startswith("documents/"):
            raise CannotRead(f"a web page answers for {path}, such as a login page or an error")
        got += len(piece)
        if got > limit:
            raise FileTooLong(f"{path} is longer than its bound of {limit} bytes")
        if time.monotonic() - begun > hurried_http.GRACE_SECONDS + got / hurried_http.BYTES_PER_SECOND:
            raise _Again(f"{path} comes too slowly")
        into.write(piece)
    if length is not None and got != length:
        raise _Again(f"{path} came in part only: {got} of {length} bytes")
