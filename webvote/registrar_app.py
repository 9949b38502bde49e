"""The registrar on the web: one POST that says whether a letter may vote, one that gives its blind signature, one
that takes a device's word that the token was used, and one for the ballot box, which needs signed counts. Registrars
other than the first also hear from its help desk and the office: whom they struck, and which letter was replaced.

Decides how a request travels, how often one letter may try, and what the registrar needs to be ready; who gets a token
is the registrar's matter.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import msgspec
from flask import Flask, Response, jsonify, request
from flask_limiter import Limiter

from stembus.audit.formats.canonical import Hash
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import IssuanceUnknown, NotOpen, RequestInvalid, TokenAlreadyIssued
from stembus.ballot.issuance.co_registrar import Done, OwnLetters, parse_strike
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
    voucher: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{128})?\Z")] = ""
    others: Annotated[list[Hash], msgspec.Meta(max_length=7)] = []


def _parse_wire(data: bytes) -> _Wire:
    try:
        return msgspec.json.decode(data, type=_Wire)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RequestInvalid("a token request has credential, blinded, signature and factor") from None


def parse_request(data: bytes) -> TokenRequest:
    """Raises RequestInvalid."""
    wire = _parse_wire(data)
    credential, blinded, signature = (bytes.fromhex(text) for text in (wire.credential, wire.blinded, wire.signature))
    return TokenRequest(credential, blinded, signature, wire.factor, bytes.fromhex(wire.voucher))


def parse_others(data: bytes) -> list[bytes]:
    """The hashes of the requests to other registrars that a check asks vouchers for. Raises RequestInvalid."""
    return [bytes.fromhex(one) for one in _parse_wire(data).others]


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
    views = _Views(registrar, manifest)
    limiter = Limiter(_credential, app=app, storage_uri="memory://", headers_enabled=False)
    # Counted by letter, and only when its own code signed: nobody can use up a stranger's tries.
    tries = limiter.shared_limit(TRIES, "letter", deduct_when=_was_signed)
    app.add_url_rule("/check", "check", tries(views.check), methods=["POST"])
    app.add_url_rule("/token", "token", tries(views.token), methods=["POST"])
    said = limiter.limit(TRIES, key_func=_acknowledging, deduct_when=_was_signed)
    app.add_url_rule("/acknowledge", "acknowledge", said(views.acknowledge), methods=["POST"])
    app.add_url_rule("/statement", "statement", views.statement, methods=["POST"])
    if registrar.number > 1:
        app.add_url_rule("/strike", "strike", views.strike, methods=["POST"])
        app.add_url_rule("/replace", "replace", views.replace, methods=["POST"])
    checks = [Check("database", lambda: _look(registrar)), Check("record", lambda: _read_one(registrar.record))]
    add_health(app, checks)
    add_metrics(app, manifest, checks)
    return app


class _Views:
    def __init__(self, registrar: Registrar, manifest: Manifest) -> None:
        self._registrar, self._manifest = registrar, manifest
        self._box_key = bytes.fromhex(manifest.box.key)
        self._letters = OwnLetters(registrar, manifest, registrar.referendum)

    def check(self) -> Response:
        others = parse_others(request.get_data())
        vouchers = self._registrar.check(parse_request(request.get_data()), others)
        return jsonify({"vouchers": [one.hex() for one in vouchers]}) if others else Response(status=204)

    def token(self) -> Response:
        return jsonify({"signature": self._registrar.issue(parse_request(request.get_data())).hex()})

    def acknowledge(self) -> Response:
        self._registrar.acknowledge(parse_acknowledgement(request.get_data()))
        return Response(status=204)

    def strike(self) -> Response:
        """Answers registrar 1's help desk. Raises TokenAlreadyIssued for a letter that had its signature."""
        registrar, asked = self._registrar, request.get_data()
        credential = parse_strike(asked, self._manifest, registrar.referendum, registrar.number)
        if not self._letters.strike(credential):
            raise TokenAlreadyIssued("this letter had its signature already")
        return self._done(asked)

    def replace(self) -> Response:
        """Answers the office, which hands in the entry that two officers signed."""
        asked = request.get_data()
        self._letters.replace(asked)
        return self._done(asked)

    def _done(self, asked: bytes) -> Response:
        answer = Done(self._registrar.confirm(asked).hex())
        return Response(msgspec.json.encode(answer), mimetype="application/json")

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
