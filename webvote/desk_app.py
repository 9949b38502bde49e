"""The help desk on the web: signed-in officers look a voter number up, unlock it, or strike it for paper.

Decides how an officer stays signed in, and what a page shows. Actions and their record are the desk's matter
(`ballot.issuance.help_desk`). Belongs into the town hall's own network; knows no code, no name of a voter, and no
vote. Voter numbers travel in the body of a request, never in an address.
"""

from __future__ import annotations

import logging
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
    SignInRefused,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance.help_desk import Action, HelpDesk, Officer
from stembus.ballot.issuance.letter_state import Standing
from stembus.webvote.languages import choose_language
from stembus.webvote.security import harden, same_origin

IDLE, LONGEST = timedelta(minutes=15), timedelta(hours=10)
SIGN_INS, ALL_SIGN_INS = "10 per minute", "60 per minute"
_log = logging.getLogger("stembus")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PROBLEMS: list[tuple[type[BallotError], str, int]] = [
    (SignInRefused, "sign-in", 403),
    (CredentialUnknown, "unknown", 404),
    (TokenAlreadyIssued, "issued", 409),
    (LetterStruck, "replaced", 409),
    (Closed, "closed", 403),
]


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
    _add_views(app, desk)
    return app


def _add_views(app: Flask, desk: HelpDesk) -> None:
    # Counted by name and only when refused. Who floods a name keeps that officer out for a minute; hence the town
    # hall's own network.
    limiter = Limiter(lambda: _field("name"), app=app, storage_uri="memory://")

    def signed_in() -> Officer:
        if time.time() - session.get("since", 0) > LONGEST.total_seconds():
            raise SignInRefused("please sign in again")
        return desk.resume(session.get("officer", ""), session.get("session", ""))

    @app.get("/")
    def root() -> Answer:
        return redirect(url_for("start"))

    @app.get("/<language>/")
    def start() -> str:
        try:
            return _page(signed_in())
        except SignInRefused:
            return _page(None)

    @app.post("/<language>/sign-in")
    @limiter.limit(SIGN_INS, deduct_when=lambda response: response.status_code == 403)
    @limiter.limit(ALL_SIGN_INS, key_func=lambda: "all", deduct_when=lambda response: response.status_code == 403)
    def sign_in() -> Answer:
        officer = desk.sign_in(_field("name"), _field("password"))
        session.clear()
        session.permanent = True
        session.update(officer=officer.name, session=officer.session, since=int(time.time()))
        return redirect(url_for("start"), 303)

    @app.post("/<language>/sign-out")
    def sign_out() -> Answer:
        with suppress(SignInRefused):
            desk.sign_out(signed_in())
        session.clear()
        return redirect(url_for("start"), 303)

    @app.get("/<language>/record")
    def record() -> str:
        return _page(signed_in(), actions=desk.actions())

    @app.post("/<language>/voter")
    def voter() -> str:
        officer, number, action = signed_in(), _field("number"), _field("action")
        g.officer, g.number = officer, number
        if action == "unlock":
            return _page(officer, number=number, standing=desk.unlock(officer, number), done=action)
        if action == "strike-confirmed":
            return _page(officer, number=number, standing=desk.strike(officer, number), done="strike")
        if action not in ("look", "strike"):
            abort(400)
        return _page(officer, number=number, standing=desk.look(officer, number), asking=action)

    @app.errorhandler(BallotError)
    def refused(error: BallotError) -> tuple[str, int]:
        name, status = next(((n, s) for kind, n, s in PROBLEMS if isinstance(error, kind)), ("other", 400))
        return _page(g.get("officer"), number=g.get("number", ""), problem=name), status

    @app.errorhandler(RateLimitExceeded)
    def too_often(error: RateLimitExceeded) -> tuple[str, int]:  # noqa: ARG001
        return _page(None, problem="too-often"), 429

    app.register_error_handler(Exception, _broken)

    @app.errorhandler(HTTPException)
    def standard(error: HTTPException) -> tuple[str, int] | Response:
        return render_template("desk_error.html", code=error.code), error.code or 500


def _broken(error: Exception) -> tuple[str, int]:
    # The kind of the error only: its text may hold a voter number.
    _log.error("the help desk failed: %s", type(error).__name__)
    return render_template("desk_error.html", code=500), 500


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
