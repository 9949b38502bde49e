"""The registrar on the web: one POST that says whether a letter may vote, one that gives its blind signature, one
that takes a device's word that the token was used, and one for the ballot box, which needs signed counts.

Decides how a request travels, how often one letter may try, and what the registrar needs to be ready; who gets a token
is the registrar's matter.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import msgspec
from flask import Flask, Response, jsonify, request
from flask_limiter import Limiter

from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import IssuanceUnknown, NotOpen, RequestInvalid
from stembus.ballot.issuance.issuance_record import IssuanceRecord
from stembus.ballot.issuance.letter_state import refuse_halted
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.statements import Closing, parse_asking
from stembus.ballot.issuance.token import Acknowledgement, TokenRequest
from stembus.webvote.csp import NO_PAGE, origin_of
from stembus.webvote.error_answers import answer_errors
from stembus.webvote.health import Check, add_health
from stembus.webvote.metrics import add_metrics
from stembus.webvote.security import allow_origin, harden

REQUEST_BYTES = 8 * 1024
TRIES = "20 per minute"


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    credential: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    blinded: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{768}\Z")]
    signature: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]
    factor: Annotated[str, msgspec.Meta(max_length=40)]


def parse_request(data: bytes) -> TokenRequest:
    """Raises RequestInvalid."""
    try:
        wire = msgspec.json.decode(data, type=_Wire)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RequestInvalid("a token request has credential, blinded, signature and factor") from None
    credential, blinded, signature = (bytes.fromhex(text) for text in (wire.credential, wire.blinded, wire.signature))
    return TokenRequest(credential, blinded, signature, wire.factor)


class _Acknowledged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    credential: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    request: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    signature: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]


def parse_acknowledgement(data: bytes) -> Acknowledgement:
    """Raises RequestInvalid."""
    try:
        wire = msgspec.json.decode(data, type=_Acknowledged)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RequestInvalid("an acknowledgement has credential, request and signature") from None
    return Acknowledgement(*(bytes.fromhex(text) for text in (wire.credential, wire.request, wire.signature)))


def create_registrar_app(registrar: Registrar, manifest: Manifest) -> Flask:
    """What voters ask, and what the box of this referendum asks."""
    app = Flask("stembus-registrar", static_folder=None)
    harden(app, NO_PAGE, REQUEST_BYTES)
    allow_origin(app, origin_of(manifest.client.url))
    answer_errors(app)
    views = _Views(registrar, bytes.fromhex(manifest.box.key))
    limiter = Limiter(_credential, app=app, storage_uri="memory://", headers_enabled=False)
    # Counted by letter, and only when its own code signed: nobody can use up a stranger's tries.
    tries = limiter.shared_limit(TRIES, "letter", deduct_when=_was_signed)
    app.add_url_rule("/check", "check", tries(views.check), methods=["POST"])
    app.add_url_rule("/token", "token", tries(views.token), methods=["POST"])
    said = limiter.limit(TRIES, key_func=_acknowledging, deduct_when=_was_signed)
    app.add_url_rule("/acknowledge", "acknowledge", said(views.acknowledge), methods=["POST"])
    app.add_url_rule("/statement", "statement", views.statement, methods=["POST"])
    checks = [Check("database", lambda: _look(registrar)), Check("record", lambda: _read_one(registrar.record))]
    add_health(app, checks)
    add_metrics(app, manifest, checks)
    return app


class _Views:
    def __init__(self, registrar: Registrar, box_key: bytes) -> None:
        self._registrar = registrar
        self._box_key = box_key

    def check(self) -> Response:
        self._registrar.check(parse_request(request.get_data()))
        return Response(status=204)

    def token(self) -> Response:
        return jsonify({"signature": self._registrar.issue(parse_request(request.get_data())).hex()})

    def acknowledge(self) -> Response:
        self._registrar.acknowledge(parse_acknowledgement(request.get_data()))
        return Response(status=204)

    def statement(self) -> Response:
        """Answers the ballot box, as JSON."""
        registrar = self._registrar
        asking = parse_asking(request.get_data(), registrar.referendum, registrar.number, self._box_key)
        answer: object
        if asking.what == "count":
            answer = registrar.count_statement(asking.batch, asking.at_least)
        elif asking.what == "cancel":
            registrar.cancel()
            answer = True
        else:
            answer = Closing.of(registrar.close(asking.at_least))
        return Response(msgspec.json.encode(answer), mimetype="application/json")


def _look(registrar: Registrar) -> None:
    """Raises what the database raises, and DatabaseBehind; a registrar that was closed for good still answers."""
    try:
        refuse_halted(registrar.halted())
    except NotOpen:
        return


def _read_one(record: IssuanceRecord) -> None:
    """Always the same slot, so that looking tells nothing. Raises IssuanceRecordUnusable."""
    with suppress(IssuanceUnknown):  # damage of one slot is the trouble of one letter
        record.slot(record.credential(0))


def _was_signed(response: Response) -> bool:
    return response.status_code not in (400, 404)


def _acknowledging() -> str:
    return parse_acknowledgement(request.get_data()).credential.hex()


def _credential() -> str:
    return parse_request(request.get_data()).credential.hex()
