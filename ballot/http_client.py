"""Registrar and ballot box over HTTP: how a request travels, and how a refusal comes back.

Decides size limits, and which named error a service's answer becomes: the one that the service itself raised. Sends
no cookie and no name. Leaves what is asked to its callers, and how long an answer may take to `audit.log.hurried_http`.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from stembus.audit.log import hurried_http
from stembus.ballot.errors import BallotError, BallotRejected, CastOutOfTurn, FactorWrong
from stembus.ballot.http_refusals import REFUSALS

ANSWER_BYTES = 256 * 1024
_KINDS = {name: kind for kind, name, _ in REFUSALS}


class ServiceUnreachable(BallotError):
    """A service did not answer, or not in its own words. Nothing is lost: the same request may be sent again."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """No service leads elsewhere; what is sent is for this one."""

    def redirect_request(self, _: object, fp: Any, *__: object) -> None:
        fp.close()  # nothing more of it is read, however much it is


def post(url: str, data: bytes, kind: str, limit: int = ANSWER_BYTES) -> bytes:
    """The answer, at most `limit` bytes. Raises what the service refused with, or ServiceUnreachable."""
    request = urllib.request.Request(url, data, {"Content-Type": kind, "User-Agent": "stembus"})  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect, hurried_http.Handler)
    try:
        try:
            with opener.open(request, timeout=hurried_http.TIMEOUT_SECONDS) as response:
                return bytes(response.read(limit))
        except urllib.error.HTTPError as error:
            with error:
                refusal = error.read(ANSWER_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceUnreachable(
            f"{url} does not answer ({type(error).__name__}); nothing is lost, try again"
        ) from None
    raise _refusal(url, refusal)


def foreign_answer(url: str) -> ServiceUnreachable:
    """For an answer that no service of ours gives."""
    return ServiceUnreachable(f"{url} does not answer in its own words: see that the service behind it runs; try again")


def _refusal(url: str, answer: bytes) -> BallotError:
    try:
        body: dict[str, Any] = json.loads(answer)
        kind, message = _KINDS.get(str(body["error"]), ServiceUnreachable), str(body["message"])
        if kind is FactorWrong:
            return FactorWrong(int(body["left"]))
        if kind is BallotRejected:
            check = str(body["check"])
            return BallotRejected(check, message.removeprefix(f"{check}: "))
        if kind is CastOutOfTurn:
            current = bytes.fromhex(body["current"]) if body.get("current") else None
            return CastOutOfTurn(message, current, body.get("next"))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return foreign_answer(url)
    return kind(message)
