"""The public pages: start, vote, test a ballot, track, result; and the published log as static files.

Knows the published folder and nothing else: no key, no database, no voter. Everything that touches a vote happens in
the browser.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from pathlib import Path

from flask import Flask, Response, abort, g, jsonify, redirect, render_template, request, url_for
from flask_babel import format_datetime, format_decimal
from werkzeug.exceptions import HTTPException
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as Answer

from stembus.audit.errors import AuditError
from stembus.audit.formats.manifest import Manifest
from stembus.webvote.csp import origin_of, voting_policy
from stembus.webvote.languages import choose_language
from stembus.webvote.security import harden
from stembus.webvote.site.log_summary import Follower
from stembus.webvote.site.offline_page import saved_parts
from stembus.webvote.site.result import WIDTH, charts
from stembus.webvote.site.zip_download import stream_bundle

PAGES = {
    "start": "", "vote": "vote", "kiosk": "kiosk", "check": "check", "track": "track", "accessibility": "accessibility",
}  # fmt: skip
_TELEPHONE = re.compile(r"\+?[0-9][0-9 ./-]{5,18}[0-9]")
_IMMUTABLE = re.compile(r"\Atile/(?:[0-9]|entries)/(?:x[0-9]{3}/)*[0-9]{3}\Z")


def create_site_app(public: Path, help_line: str = "") -> Flask:
    """`public` is the published folder; `help_line` is shown to voters (telephone, opening hours)."""
    follower = Follower(public)
    manifest = follower.now().manifest
    app = Flask("webvote", root_path=str(Path(__file__).parents[1]), static_folder="static")
    harden(app, voting_policy(manifest), 16 * 1024)
    choose_language(app, manifest)
    _add_common(app, follower, manifest, help_line)
    _add_pages(app, public, follower)
    _add_log(app, public)
    return app


def _add_common(app: Flask, follower: Follower, manifest: Manifest, help_line: str) -> None:
    """What every template may use."""
    number = _TELEPHONE.match(help_line)

    @app.context_processor
    def common() -> dict[str, object]:
        return {
            "published": follower.now(),
            "manifest": manifest,
            "help_line": help_line,
            "help_number": number[0] if number else "",
            "help_rest": help_line[number.end() :] if number else help_line,
            "grouped": lambda text: " ".join(re.findall(".{1,8}", text)),
            "moment": _moment,
            "decimal": lambda number: format_decimal(number, "0.0"),
            # The address that the manifest names, whatever the request calls this host.
            "public_url": lambda endpoint, **values: origin_of(manifest.client.url) + url_for(endpoint, **values),
        }

    @app.errorhandler(AuditError)
    def unreadable(error: AuditError) -> tuple[str, int]:  # noqa: ARG001 - the next request finds the log whole
        return "The public log is being written. Reload the page in a moment.", 503

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        return render_template("error.html", code=error.code), error.code or 500


def _add_pages(app: Flask, public: Path, follower: Follower) -> None:
    @app.get("/")
    def root() -> Answer:
        return redirect(url_for("start"))

    for name, path in PAGES.items():
        app.add_url_rule(f"/<language>/{path}", name, partial(render_template, f"{name}.html"))

    @app.get("/<language>/result")
    def result() -> str:
        return render_template("result.html", charts=charts(follower.now(), g.language), width=WIDTH)

    @app.get("/<language>/check/save")
    def saved_check() -> Response:
        published = follower.now()
        if not published.opening:
            abort(404)
        page = render_template("saved_check.html", **saved_parts(public, published.opening))
        name = f"stembus-test-{g.language}.html"
        return Response(page, mimetype="text/html", headers={"Content-Disposition": f"attachment; filename={name}"})

    @app.get("/bundle.zip")
    def bundle() -> Response:
        """Everything that decides the result, once there is one."""
        if follower.now().phase not in ("tallied", "cancelled"):
            abort(404)
        headers = {"Content-Disposition": f"attachment; filename=stembus-{follower.now().referendum[:16]}.zip"}
        return Response(stream_bundle(public), mimetype="application/zip", headers=headers)

    @app.get("/batches/<int:number>")
    def signpost(number: int) -> Response:
        """Where this batch, or the last one before it, stands: a help, which the client checks against the log."""
        batches = follower.now().batches
        return jsonify(batches[:number][-1:])


def _moment(text: str) -> str:
    """An ISO time of the manifest, as people read it."""
    return str(format_datetime(datetime.fromisoformat(text), "EEEE d MMMM y, HH:mm"))


def _add_log(app: Flask, public: Path) -> None:
    @app.get("/log/<path:name>")
    def log(name: str) -> Response:
        path = safe_join(str(public.resolve()), name)
        if path is None or not Path(path).is_file():
            abort(404)
        # Read whole: the files are small, and an open file would outlive a voter who walks away.
        response = Response(Path(path).read_bytes(), mimetype="application/octet-stream")
        response.add_etag()
        response.make_conditional(request)
        if _IMMUTABLE.match(name):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    @app.after_request
    def assets(response: Response) -> Response:
        if request.endpoint == "static":
            response.headers["Cache-Control"] = "no-cache"
        return response
