"""The services that a voter asks, over the network: a registrar for a token, the ballot box for a promise.

Decides how a request is written and an answer read. Raises the very errors that a service on the same machine does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from stembus.audit.errors import AuditError
from stembus.audit.formats.receipt import Promise, parse_promise
from stembus.ballot.http_client import ServiceUnreachable, foreign_answer, post
from stembus.ballot.issuance.token import Acknowledgement, TokenRequest


class RemoteRegistrar:
    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/")

    def check(self, request: TokenRequest, others: Sequence[bytes] = ()) -> list[bytes]:
        """The vouchers. Raises what `ballot.issuance.registrar` raises, or ServiceUnreachable."""
        url = self._base + "/check"
        body = _wire(request) | ({"others": [one.hex() for one in others]} if others else {})
        answer = post(url, json.dumps(body).encode(), "application/json")
        try:
            vouchers = [bytes.fromhex(one) for one in json.loads(answer)["vouchers"]] if others else []
        except (ValueError, KeyError, TypeError, RecursionError):
            raise foreign_answer(url) from None
        if len(vouchers) != len(others):
            raise foreign_answer(url)
        return vouchers

    def issue(self, request: TokenRequest) -> bytes:
        """The blind signature. Raises what `ballot.issuance.registrar` raises, or ServiceUnreachable."""
        url = self._base + "/token"
        answer = post(url, json.dumps(_wire(request)).encode(), "application/json")
        try:
            return bytes.fromhex(json.loads(answer)["signature"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ServiceUnreachable(f"{url} gave no signature; try again") from None

    def acknowledge(self, said: Acknowledgement) -> None:
        """Raises what `ballot.issuance.registrar` raises, or ServiceUnreachable."""
        body = {
            "credential": said.credential.hex(),
            "request": said.request_hash.hex(),
            "signature": said.signature.hex(),
        }
        post(self._base + "/acknowledge", json.dumps(body).encode(), "application/json")


def _wire(request: TokenRequest) -> dict[str, object]:
    wire: dict[str, object] = {
        "credential": request.credential.hex(),
        "blinded": request.blinded.hex(),
        "signature": request.signature.hex(),
        "factor": request.factor,
    }
    return wire | ({"voucher": request.voucher.hex()} if request.voucher else {})


class RemoteBox:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/cast"

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
        """The promise, not checked yet. Raises what `ballot.box` raises, or ServiceUnreachable."""
        answer = post(self._url, raw + earlier, "application/octet-stream")
        try:
            return parse_promise(answer)
        except AuditError:
            raise ServiceUnreachable(f"{self._url} gave no promise; try again") from None
