"""A witness of somebody else, asked over HTTP by C2SP tlog-witness.

Decides how a request travels, how long an answer may take, and which failure an answer is. Leaves to `cosigning` what
is asked, and whether an answer is worth anything.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from urllib.parse import urlsplit

from stembus.audit.errors import NoteInvalid
from stembus.audit.log import hurried_http
from stembus.audit.log.note import Checkpoint, NoteSignature
from stembus.audit.witness.refusals import LogUnknown, SizeDiffers
from stembus.audit.witness.requests import (
    ANSWER_BYTES,
    PATH,
    SIZE_TYPE,
    AddCheckpoint,
    parse_signature_lines,
    parse_size,
)
from stembus.ballot.errors import WitnessUnreachable

PATIENCE_SECONDS = 10.0
_SAID_CHARACTERS = 200


class RemoteWitness:
    """`prefix` is the witness's submission prefix, `name` that of its key."""

    def __init__(self, name: str, prefix: str, patience: float = PATIENCE_SECONDS) -> None:
        self.name = name
        self.patience = patience
        self.url = prefix.rstrip("/") + PATH
        self._opener = urllib.request.OpenerDirector()
        # Without a handler of redirects: a witness answers where it said that it does. And on this machine without a
        # proxy, which could answer in its place.
        handlers = [
            urllib.request.HTTPDefaultErrorHandler(),
            hurried_http.Handler(),
            urllib.request.HTTPErrorProcessor(),
        ]
        if urlsplit(prefix).scheme == "https":
            handlers.append(urllib.request.ProxyHandler())
        for handler in handlers:
            self._opener.add_handler(handler)

    def add_checkpoint(self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]) -> list[NoteSignature]:
        """What it answers, not verified yet. Raises SizeDiffers, NoteInvalid or WitnessUnreachable."""
        data = AddCheckpoint(checkpoint, old_size, tuple(proof)).to_bytes()
        headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "stembus"}
        request = urllib.request.Request(self.url, data, headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self.patience) as response:
                return parse_signature_lines(response.read(ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WitnessUnreachable(f"it does not answer ({_reason(error)})") from None

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        with error:
            try:
                said = error.read(ANSWER_BYTES)
            except (OSError, http.client.HTTPException):
                said = b""
        if error.code == SizeDiffers.status and error.headers.get_content_type() == SIZE_TYPE:
            try:
                return SizeDiffers(parse_size(said))
            except NoteInvalid as invalid:
                return invalid
        words = said.decode("utf-8", errors="replace").strip()[:_SAID_CHARACTERS]
        if error.code == LogUnknown.status:
            return WitnessUnreachable(f"it does not follow this log; send it what stembus log enrol prints ({words!r})")
        return WitnessUnreachable(f"it answers {error.code}: {words!r}")


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or "") or type(error).__name__
