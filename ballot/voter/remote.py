"""Registrar and ballot box over HTTP: for the Python voter, and for a box whose registrar is elsewhere.

Decides how requests and ballots travel and turns a service's refusal into the error that a local one raises.
Sends no cookie and no name. What a registrar states is checked where it is logged and verified, not here.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from typing import Any, TypeVar

import msgspec

from stembus.audit.errors import AuditError
from stembus.audit.formats.canonical import Hash
from stembus.audit.formats.entries import Issuance, IssuedCount
from stembus.audit.formats.lists import Issued, parse_issued
from stembus.audit.formats.receipt import Promise, parse_promise
from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    CastOutOfTurn,
    Closed,
    CredentialUnknown,
    FactorLocked,
    FactorWrong,
    LetterStruck,
    NotOpenYet,
    RequestInvalid,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance.statements import Closing, What, ask
from stembus.ballot.issuance.token import TokenRequest
from stembus.crypto.signing import SigningKey

_TIMEOUT_SECONDS = 30
_ANSWER_BYTES = 256 * 1024
_LIST_BYTES = 1024 * 1024 * 1024
Answer = TypeVar("Answer")
_PLAIN: dict[str, type[BallotError]] = {
    "not-open-yet": NotOpenYet,
    "closed": Closed,
    "credential-unknown": CredentialUnknown,
    "factor-locked": FactorLocked,
    "token-issued": TokenAlreadyIssued,
    "letter-struck": LetterStruck,
    "request-invalid": RequestInvalid,
}


class ServiceUnreachable(BallotError):
    """A service did not answer, or not in its own words. Nothing is lost: the same request may be sent again."""


class RemoteRegistrar:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/token"

    def issue(self, request: TokenRequest) -> bytes:
        """The blind signature. Raises what `ballot.issuance.registrar` raises, or ServiceUnreachable."""
        body = {
            "credential": request.credential.hex(),
            "blinded": request.blinded.hex(),
            "signature": request.signature.hex(),
            "factor": request.factor,
        }
        answer = _post(self._url, json.dumps(body).encode(), "application/json")
        try:
            return bytes.fromhex(json.loads(answer)["signature"])
        except (ValueError, KeyError, TypeError):
            raise ServiceUnreachable(f"{self._url} gave no signature; try again") from None


class RemoteStatements:
    """Registrar number `number` as the box asks it, over the network. Raises what the registrar raises, or
    ServiceUnreachable; then the same may be asked again."""

    def __init__(self, url: str, referendum: bytes, number: int, box_key: SigningKey) -> None:
        self._url = url.rstrip("/") + "/statement"
        self._referendum, self._number, self._key = referendum, number, box_key

    def count_statement(self, batch: int) -> IssuedCount:
        return self._ask("count", batch, IssuedCount)

    def close(self) -> tuple[Issuance, list[Issued]]:
        answer = self._ask("close", 0, Closing)
        return answer.issuance, list(parse_issued(line.encode("ascii") for line in answer.lines))

    def struck(self) -> list[bytes]:
        return sorted(bytes.fromhex(key) for key in self._ask("struck", 0, list[Hash]))

    def _ask(self, what: What, batch: int, kind: type[Answer]) -> Answer:
        asked = ask(self._referendum, self._number, what, batch, self._key)
        answer = _post(self._url, asked, "application/json", _LIST_BYTES)
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise ServiceUnreachable(f"{self._url} does not answer in its own words; try again") from None


class RemoteBox:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/cast"

    def cast(self, raw: bytes) -> Promise:
        """The promise, not checked yet. Raises what `ballot.box` raises, or ServiceUnreachable."""
        answer = _post(self._url, raw, "application/octet-stream")
        try:
            return parse_promise(answer)
        except AuditError:
            raise ServiceUnreachable(f"{self._url} gave no promise; try again") from None


def _post(url: str, data: bytes, kind: str, limit: int = _ANSWER_BYTES) -> bytes:
    request = urllib.request.Request(url, data, {"Content-Type": kind, "User-Agent": "stembus"})  # noqa: S310
    context = ssl.create_default_context() if url.startswith("https") else None
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=context) as response:  # noqa: S310
            return bytes(response.read(limit))
    except urllib.error.HTTPError as error:
        raise _refusal(url, error.read(_ANSWER_BYTES)) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceUnreachable(
            f"{url} does not answer ({type(error).__name__}); nothing is lost, try again"
        ) from None


def _refusal(url: str, answer: bytes) -> BallotError:
    try:
        body: dict[str, Any] = json.loads(answer)
        name, message = str(body["error"]), str(body["message"])
        if name == "factor-wrong":
            return FactorWrong(int(body["left"]))
        if name == "ballot-rejected":
            return BallotRejected(str(body["check"]), message)
        if name == "out-of-turn":
            return CastOutOfTurn(
                message, bytes.fromhex(body["current"]) if body.get("current") else None, body.get("next")
            )
    except (ValueError, KeyError, TypeError):
        return ServiceUnreachable(f"{url} does not answer in its own words; try again")
    return _PLAIN.get(name, ServiceUnreachable)(message)
