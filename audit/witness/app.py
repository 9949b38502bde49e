"""The HTTP face of a witness, as plain WSGI: C2SP tlog-witness.

    POST PREFIX/add-checkpoint           cosigns, or says why not
    GET  PREFIX/ORIGIN-HASH/checkpoint   the checkpoint of that log which was cosigned last
    GET  PREFIX/                         name and verifier keys, for people

Decides which status says what. Keeps no record of who asked. Leaves TLS, prefix, and how often somebody may ask to the
proxy before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from stembus.audit.errors import AuditError, ClockBehind
from stembus.audit.witness.refusals import RequestInvalid, SizeDiffers, WitnessRefusal
from stembus.audit.witness.requests import (
    PATH,
    REQUEST_BYTES,
    SIZE_TYPE,
    parse_add_checkpoint,
    signature_lines,
)
from stembus.audit.witness.witness import Witness

_HEAD = re.compile(r"\A/([0-9a-f]{64})/checkpoint\Z")
_TEXT = "text/plain; charset=utf-8"
_REASONS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
    413: "Content Too Large", 422: "Unprocessable Content", 503: "Service Unavailable",
}  # fmt: skip

Answer = tuple[int, str, bytes]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class WitnessApp:
    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        status, kind, body = self._answer(environ)
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Allow", ", ".join(_methods(environ.get("PATH_INFO", "")))),
        ]
        start_response(f"{status} {_REASONS[status]}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if path not in ("", "/", PATH) and not _HEAD.match(path):
            return _said(404, f"nothing is here; a log asks POST {PATH}")
        if method not in _methods(path):
            return _said(405, f"this is asked with {_methods(path)[0]}")
        try:
            return self._add(environ) if path == PATH else self._show(path)
        except SizeDiffers as error:
            return error.status, SIZE_TYPE, f"{error.size}\n".encode()
        except WitnessRefusal as error:
            return _said(error.status, str(error))
        except ClockBehind as error:
            return _said(503, str(error))
        except (AuditError, OSError) as error:  # a damaged file, or a full disk: for who runs this, not for who asks
            environ["wsgi.errors"].write(f"stembus: error: {error}\n")
            return _said(503, "this witness cannot read or keep what it has seen, so it signs nothing; ask again later")

    def _add(self, environ: dict[str, Any]) -> Answer:
        length = environ.get("CONTENT_LENGTH") or ""
        if not (length.isascii() and length.isdigit()):
            raise RequestInvalid("a request states its length")
        if len(length) > 9 or int(length) > REQUEST_BYTES:
            return _said(413, f"a request has at most {REQUEST_BYTES} bytes")
        asked = parse_add_checkpoint(environ["wsgi.input"].read(int(length)))
        signed = self._witness.add_checkpoint(asked.checkpoint, asked.old_size, asked.proof)
        return 200, _TEXT, signature_lines(signed)

    def _show(self, path: str) -> Answer:
        match = _HEAD.match(path)
        if not match:
            keys = "".join(f"{key}\n" for key in self._witness.verifier_keys)
            return _said(200, f"This is the witness {self._witness.name} (C2SP tlog-witness). Its keys:\n\n{keys}")
        origin = self._witness.logs.origin_of(match[1])
        head = None if origin is None else self._witness.shown(origin)
        if head is None:
            return _said(404, "this witness has cosigned no checkpoint of that log")
        return 200, _TEXT, head.to_bytes()


def _methods(path: str) -> tuple[str, ...]:
    return ("POST",) if path == PATH else ("GET", "HEAD")


def _said(status: int, text: str) -> Answer:
    return status, _TEXT, f"{text.rstrip()}\n".encode()
