"""The officials' page: each step of a referendum, who must act, what is missing, and buttons that run the commands.

On the official's own machine alone. Decides that nobody acts without the link that the command printed, that a step
which cannot be undone is asked twice, and what a page shows. Which steps there are, and by which command each is taken,
is decided in `scripts/guide`.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, g, redirect, render_template, request, session, url_for
from flask_babel import format_datetime, format_decimal
from werkzeug.exceptions import HTTPException
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response as Answer

from stembus.audit.errors import AuditError
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import BallotError
from stembus.webvote.languages import speak
from stembus.webvote.logs import report
from stembus.webvote.security import harden, same_origin
from stembus.webvote.static_files import INTERFACE_LANGUAGES

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
UPLOAD_BYTES = 256 * 1024 * 1024  # a register of a large city


@dataclass(frozen=True)
class Guide:
    """What the page asks for. `steps` looks; `draft` is the manifest that the draft would make, `text` the draft itself
    and `save` writes it; `run` starts an action that is offered, with what was typed and files with their names, and
    returns the job's number; `job` finds one. They raise BallotError or AuditError with a sentence."""

    name: str
    steps: Callable[[], list[Any]]
    draft: Callable[[], Manifest]
    text: Callable[[], str]
    save: Callable[[str], None]
    run: Callable[[Any, dict[str, str], dict[str, tuple[str, bytes]]], int]
    job: Callable[[int], Any]


def create_guide_app(guide: Guide, key: str, host: str) -> Flask:
    """`key` is what the link holds, `host` the only name under which this page answers."""
    app = Flask("stembus-guide", root_path=str(Path(__file__).parent), static_folder="static")
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME="stembus_guide",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
    )
    harden(app, POLICY, UPLOAD_BYTES)
    app.after_request(_framed_by_itself)
    same_origin(app)
    speak(app, list(INTERFACE_LANGUAGES))

    @app.before_request
    def only_here() -> None:
        # Another site's name that leads to this machine is not answered.
        if request.host != host:
            abort(403, "this page answers at its own address alone")
        if request.endpoint not in ("sign_in", "static") and not session.get("in"):
            abort(403, "open the link that the command printed")

    app.context_processor(lambda: {"office": guide.name})
    _Pages(guide, key).add_to(app)
    for kind in (BallotError, AuditError, OSError):
        app.register_error_handler(kind, _refused)
    app.register_error_handler(HTTPException, _standard)
    app.register_error_handler(Exception, _broken)
    return app


def _framed_by_itself(response: Response) -> Response:
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


class _Pages:
    def __init__(self, guide: Guide, key: str) -> None:
        self._guide, self._key = guide, key

    def add_to(self, app: Flask) -> None:
        app.add_url_rule("/", "sign_in", self.sign_in)
        app.add_url_rule("/<language>/", "start", self.start)
        app.add_url_rule("/<language>/run", "run", self.run, methods=["POST"])
        app.add_url_rule("/<language>/job/<int:number>", "job", self.job)
        app.add_url_rule("/<language>/job/<int:number>/stop", "stop", self.stop, methods=["POST"])
        app.add_url_rule("/<language>/draft", "draft", self.draft, methods=["GET", "POST"])
        app.add_url_rule("/<language>/preview/<texts>", "preview", self.preview)

    def sign_in(self) -> Answer:
        """The key in the link is worth one browser; it does not stay in its address."""
        if not session.get("in"):
            if not hmac.compare_digest(request.args.get("key", ""), self._key):
                abort(403, "open the link that the command printed")
            session["in"] = True
        return redirect(url_for("start", language="nl"))

    def start(self) -> str:
        return render_template("guide.html", steps=self._guide.steps(), shown=_shown)

    def run(self) -> Answer | str:
        step, action, steps = request.form.get("step", ""), request.form.get("action", ""), self._guide.steps()
        typed = {k: v.strip() for k, v in request.form.items() if k not in ("step", "action", "sure")}
        offered = next((a for s in steps if s.name == step for a in s.actions if a.name == action), None)
        if offered is None:
            abort(409, "this step cannot be taken now: look at the steps again")
        if offered.final and request.form.get("sure") != "yes":
            return render_template("guide.html", steps=steps, shown=_shown, unsure=(step, action), typed=typed)
        files = {name: (secure_filename(f.filename), f.read()) for name, f in request.files.items() if f.filename}
        return redirect(url_for("job", number=self._guide.run(offered, typed, files)), 303)

    def job(self, number: int) -> str | tuple[str, int, dict[str, str]]:
        found = self._guide.job(number)
        if found is None:
            abort(404)
        page = render_template("guide_job.html", job=found)
        return page if found.status is not None else (page, 200, {"Refresh": "2"})

    def stop(self, number: int) -> Answer:
        found = self._guide.job(number)
        if found is None:
            abort(404)
        found.stop()
        return redirect(url_for("job", number=number), 303)

    def draft(self) -> Answer | str:
        if request.method == "POST":
            self._guide.save(request.form.get("text", "").replace("\r\n", "\n"))
        text, manifest, problem = self._guide.text(), None, ""
        try:
            manifest = self._guide.draft()
        except (BallotError, AuditError) as error:
            problem = str(error)
        return render_template("guide_draft.html", text=text, manifest=manifest, problem=problem)

    def preview(self, texts: str) -> str:
        """The ballot paper as voters will see it."""
        manifest = self._guide.draft()
        if texts not in manifest.languages:
            abort(404)
        return render_template(
            "guide_preview.html", manifest=manifest, texts=texts, amount=format_decimal, moment=_moment
        )


def _shown(action: Any, office: str) -> str:
    """The command beside a button, with dots for what is typed."""
    return " ".join(re.sub(r"\{\w+\}", "…", word.replace("{dir}", office)) for word in action.words)


def _moment(text: str) -> str:
    from datetime import datetime

    return str(format_datetime(datetime.fromisoformat(text), "EEEE d MMMM y, HH:mm"))


def _refused(error: Exception) -> tuple[str, int]:
    return render_template("guide_error.html", problem=str(error)), 400


def _standard(error: HTTPException) -> tuple[str, int]:
    g.setdefault("language", "nl")
    return render_template("guide_error.html", problem=error.description or ""), error.code or 500


def _broken(error: Exception) -> tuple[str, int]:
    report("request-failed", error)
    return render_template(
        "guide_error.html", problem="That did not work. Nothing is lost: look at the steps again."
    ), 500
