"""One handler that turns every refusal of a service into an answer the client can put in plain words.

The body is JSON: `error`, a stable name from `ballot.http_refusals`, and `message`, a sentence in English. What is
not in the table was not refused on purpose: it is answered with `error: broken`, without detail; when a database is
away, with `error: unavailable`, and nothing is lost by asking again.
"""

from __future__ import annotations

from flask import Flask, Response, jsonify
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from stembus.audit.errors import AuditError
from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    CastOutOfTurn,
    DatabaseMissing,
    DatabaseUnreachable,
    FactorWrong,
    IssuanceRecordUnusable,
    IssuanceUnknown,
    LetterDoubted,
)
from stembus.ballot.http_refusals import REFUSALS, RETRY_SECONDS, UNAVAILABLE, UNAVAILABLE_STATUS
from stembus.crypto.errors import CryptoError
from stembus.webvote.logs import report

# The server is gone, refuses connections, or is so busy that no connection became free; or SQLite's file is locked,
# full or gone.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout, DatabaseMissing, DatabaseUnreachable)


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
        if isinstance(error, IssuanceRecordUnusable):
            return broken(error)
        if isinstance(error, IssuanceUnknown):
            report("request-failed", error)
            error = LetterDoubted("nobody can say any more whether this letter had its token, so it gets none")
        name, status = _named(error)
        if status == 500:
            report("request-failed", error)
        body: dict[str, object] = {"error": name, "message": str(error)}
        if isinstance(error, FactorWrong):
            body["left"] = error.left
        if isinstance(error, CastOutOfTurn):
            body["next"] = error.expected
            body["current"] = error.current.hex() if error.current is not None else None
        if isinstance(error, BallotRejected):
            body["check"] = error.check
        return jsonify(body), status

    def unavailable(error: Exception) -> tuple[Response, int, dict[str, str]]:
        report("database-away", error)
        message = "the service cannot use its database now; nothing is lost, try again"
        body = jsonify({"error": UNAVAILABLE, "message": message})
        return body, UNAVAILABLE_STATUS, {"Retry-After": str(RETRY_SECONDS)}

    for kind in DATABASE_AWAY:
        app.register_error_handler(kind, unavailable)

    @app.errorhandler(HTTPException)
    def standard(error: HTTPException) -> tuple[Response, int]:
        names = {413: "too-large", 429: "too-often"}
        status = error.code or 500
        return jsonify({"error": names.get(status, "refused"), "message": error.description or ""}), status

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[Response, int]:
        report("request-failed", error)
        return jsonify({"error": "broken", "message": "the service could not answer; nothing is lost"}), 500
