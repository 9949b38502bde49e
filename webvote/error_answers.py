"""One handler that turns every refusal of a service into an answer the client can put in plain words.

The body is JSON: `error`, a stable name from `ballot.http_refusals`, and `message`, a sentence in English. What is
not in the table was not refused on purpose: it is answered with `error: broken`, without detail.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from stembus.audit.errors import AuditError
from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    CastOutOfTurn,
    FactorWrong,
    IssuanceRecordUnusable,
    IssuanceUnknown,
)
from stembus.ballot.http_refusals import REFUSALS
from stembus.crypto.errors import CryptoError

_log = logging.getLogger("stembus")


def _named(error: Exception) -> tuple[str, int]:
    for kind, name, status in REFUSALS:
        if isinstance(error, kind):
            return name, status
    # A service's own trouble is no verdict on what was sent.
    return ("refused", 400) if isinstance(error, BallotError) else ("broken", 500)


def answer_errors(app: Flask) -> None:
    @app.errorhandler(BallotError)
    @app.errorhandler(AuditError)
    @app.errorhandler(CryptoError)
    def refused(error: Exception) -> tuple[Response, int]:
        if isinstance(error, IssuanceRecordUnusable | IssuanceUnknown):
            return broken(error)
        name, status = _named(error)
        body: dict[str, object] = {"error": name, "message": str(error)}
        if isinstance(error, FactorWrong):
            body["left"] = error.left
        if isinstance(error, CastOutOfTurn):
            body["next"] = error.expected
            body["current"] = error.current.hex() if error.current is not None else None
        if isinstance(error, BallotRejected):
            body["check"] = error.check
        return jsonify(body), status

    @app.errorhandler(HTTPException)
    def standard(error: HTTPException) -> tuple[Response, int]:
        names = {413: "too-large", 429: "too-often"}
        status = error.code or 500
        return jsonify({"error": names.get(status, "refused"), "message": error.description or ""}), status

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[Response, int]:
        # The kind of the error only: its text may hold what a voter sent.
        _log.error("a request failed: %s", type(error).__name__)
        return jsonify({"error": "broken", "message": "the service could not answer; nothing is lost"}), 500
