"""A ballot box whose host cheats: it refuses the tokens whose keys stand in DIR/refused, a line of hex each.

A line `all` refuses every ballot. Everything else is answered by the product's own box.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stembus.ballot.errors import BallotRejected
from stembus.ballot.http_refusals import REFUSALS
from stembus.webvote.run import wsgi

REFUSE_ALL = "all"
_NAME = next(name for kind, name, _ in REFUSALS if kind is BallotRejected)
_ANSWER = {"error": _NAME, "message": "V19: its proofs do not hold", "check": "V19"}
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def box() -> App:
    """For gunicorn, in the place of `webvote.run.wsgi:box`."""
    honest = wsgi.box()
    refused = Path(os.environ["STEMBUS_DIR"]) / "refused"

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/cast"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            lines = refused.read_text().split()
            if REFUSE_ALL in lines or any(bytes.fromhex(line) in body for line in lines):
                start_response("422 Unprocessable Entity", [("Content-Type", "application/json")])
                return [json.dumps(_ANSWER).encode()]
            environ = environ | {"wsgi.input": io.BytesIO(body)}
        return honest(environ, start_response)

    return answer
