"""The help desk on the web: signed-in officers look a voter number up, unlock it, or strike it for paper.

Decides how an officer stays signed in, what a page shows, and what the desk needs to be ready. Actions and their record
are the desk's matter (`ballot.issuance.help_desk`). Belongs into the town hall's own network; knows no code, no name of
a voter, and no vote. Voter numbers travel in the body of a request, never in an address.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, abort, g, redirect, render_template, request, session, url_for
from flask_limiter import Limiter, RateLimitExceeded
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import (
    BallotError,
    Closed,
    CredentialUnknown,
    LetterStruck,
    SecretFileError,
    SignInRefused,
    TokenAlreadyIssued,
)
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.http_refusals import RETRY_SECONDS, UNAVAILABLE_STATUS
from stembus.ballot.issuance.help_desk import Action, HelpDesk, Officer
from stembus.ballot.issuance.letter_state import Standing
from stembus.webvote.error_answers import DATABASE_AWAY
from stembus.webvote.health import Check, add_health
from stembus.webvote.languages import choose_language
from stembus.webvote.logs import report
from stembus.webvote.security import harden, same_origin

IDLE, LONGEST = timedelta(minutes=15), timedelta(hours=10)
SIGN_INS, SIGN_INS_OF_A_SOURCE = "10 per minute", "60 per minute"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PROBLEMS: list[tuple[type[BallotError], str, int]] = [
    (SignInRefused, "sign-in", 403),
    (CredentialUnknown, "unknown", 404),
    (TokenAlreadyIssued, "issued", 409),
    (LetterStruck, "replaced", 409),
    (Closed, "closed", 403),
    (ServiceUnreachable, "registrar-away", 503),
    (SecretFileError, "not-allowed", 500),
]
# Of this service or another one, not of what was asked: whoever runs it reads of it.
TROUBLE = (ServiceUnreachable, SecretFileError)


def create_desk_app(desk: HelpDesk, manifest: Manifest, secret: bytes, path: str = "/", secure: bool = True) -> Flask:
    """`secret` signs the sessions. `path` is where the app is mounted: its cookie goes nowhere else. `secure` keeps the
    cookie to HTTPS; only a rehearsal on this machine does without."""
    app = Flask("stembus-desk", root_path=str(Path(__file__).parent), static_folder="static")
    app.config.update(
        SECRET_KEY=secret,
        SESSION_COOKIE_NAME="stembus_desk",
        SESSION_COOKIE_PATH=path,
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=IDLE,
    )
    harden(app, POLICY, 4 * 1024)
    same_origin(app)
    choose_language(app, manifest)
    _Pages(desk).add_to(app)
    app.add_url_rule("/", "root", _to_start)
    app.register_error_handler(BallotError, _refused)
    app.register_error_handler(RateLimitExceeded, _too_often)
    app.register_error_handler(HTTPException, _standard)
    app.register_error_handler(Exception, _broken)
    for kind in DATABASE_AWAY:
        app.register_error_handler(kind, _away)
    add_health(app, [Check("database", lambda: (desk.enlisted(), desk.letters.halted()))])
    return app


class _Pages:
    """The views; each takes a form, asks the desk once, and shows what it says."""

    def __init__(self, desk: HelpDesk) -> None:
        self._desk = desk

    def add_to(self, app: Flask) -> None:
        # Counted only when refused, by name and source, so that nobody keeps an officer out from elsewhere, neither by
        # that officer's name nor by invented ones. A source is an address; it is in memory for a minute.
        limiter = Limiter(lambda: f"{_source()} {_field('name')}", app=app, storage_uri="memory://")
        one = limiter.limit(SIGN_INS, deduct_when=_was_refused)
        together = limiter.limit(SIGN_INS_OF_A_SOURCE, key_func=_source, deduct_when=_was_refused)
        app.add_url_rule("/<language>/", "start", self.start)
        app.add_url_rule("/<language>/sign-in", "sign_in", one(together(self.sign_in)), methods=["POST"])
        app.add_url_rule("/<language>/sign-out", "sign_out", self.sign_out, methods=["POST"])
        app.add_url_rule("/<language>/record", "record", self.record)
        app.add_url_rule("/<language>/voter", "voter", self.voter, methods=["POST"])

    def _signed_in(self) -> Officer:
        """Raises SignInRefused."""
        if time.time() - session.get("since", 0) > LONGEST.total_seconds():
            raise SignInRefused("please sign in again")
        return self._desk.resume(session.get("officer", ""), session.get("session", ""))

    def start(self) -> str:
        try:
            return _page(self._signed_in())
        except SignInRefused:
            return _page(None)

    def sign_in(self) -> Answer:
        officer = self._desk.sign_in(_field("name"), _field("password"))
        session.clear()
        session.permanent = True
        session.update(officer=officer.name, session=officer.session, since=int(time.time()))
        return redirect(url_for("start"), 303)

    def sign_out(self) -> Answer:
        with suppress(SignInRefused):
            self._desk.sign_out(self._signed_in())
        session.clear()
        return redirect(url_for("start"), 303)

    def record(self) -> str:
        return _page(self._signed_in(), actions=self._desk.actions())

    def voter(self) -> str:
        officer, number, action = self._signed_in(), _field("number"), _field("action")
        g.officer, g.number = officer, number
        if action == "unlock":
            return _page(officer, number=number, standing=self._desk.unlock(officer, number), done=action)
        if action == "strike-confirmed":
            return _page(officer, number=number, standing=self._desk.strike(officer, number), done="strike")
        if action not in ("look", "strike"):
            abort(400)
        return _page(officer, number=number, standing=self._desk.look(officer, number), asking=action)


def _to_start() -> Answer:
    return redirect(url_for("start"))


def _was_refused(response: Response) -> bool:
    return response.status_code == 403


def _refused(error: BallotError) -> tuple[str, int]:
    if isinstance(error, TROUBLE):
        report("request-failed", error)
    name, status = next(((n, s) for kind, n, s in PROBLEMS if isinstance(error, kind)), ("other", 400))
    return _page(g.get("officer"), number=g.get("number", ""), problem=name), status


def _source() -> str:
    return request.remote_addr or ""


def _too_often(error: RateLimitExceeded) -> tuple[str, int]:  # noqa: ARG001
    return _page(None, problem="too-often"), 429


def _standard(error: HTTPException) -> tuple[str, int]:
    # It may only seem to come from elsewhere, behind a proxy that is set wrongly: whoever runs that must read why.
    reason = error.description if error.code == 403 else None
    return render_template("desk_error.html", code=error.code, reason=reason), error.code or 500


def _broken(error: Exception) -> tuple[str, int]:
    report("request-failed", error)
    return render_template("desk_error.html", code=500), 500


def _away(error: Exception) -> tuple[str, int, dict[str, str]]:
    report("database-away", error)
    page = render_template("desk_error.html", code=UNAVAILABLE_STATUS)
    return page, UNAVAILABLE_STATUS, {"Retry-After": str(RETRY_SECONDS)}


def _field(name: str) -> str:
    return request.form.get(name, "").strip()


def _page(
    officer: Officer | None,
    number: str = "",
    standing: Standing | None = None,
    actions: list[Action] | None = None,
    **words: str,
) -> str:
    """`words`: problem, done or asking, as the template knows them."""
    return render_template("desk.html", officer=officer, number=number, standing=standing, actions=actions, **words)
