"""The public pages: start, vote, test a ballot, track, result; and the published log as static files.

Knows the published folder and nothing else: no key, no database, no voter. The language is part of the
address, so it is the voter's click that chooses it. Everything that touches a vote happens in the browser.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from flask import Flask, Response, abort, g, redirect, render_template, request, url_for
from flask_babel import Babel, format_datetime, format_decimal
from werkzeug.exceptions import HTTPException
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as Answer

from audit.errors import AuditError
from audit.manifest import Manifest
from webvote.published import Published, read_published
from webvote.result import charts
from webvote.security import harden, origin_of, page_policy

INTERFACE_LANGUAGES = {"nl": "Nederlands", "en": "English", "fr": "Français"}
_ZONE = "Europe/Brussels"
_IMMUTABLE = re.compile(r"\Atile/(?:[0-9]|entries)/(?:x[0-9]{3}/)*[0-9]{3}\Z")


def create_site_app(public: Path, help_line: str = "") -> Flask:
    """`public` is the published folder; `help_line` is shown to voters (telephone, opening hours)."""
    manifest = read_published(public).manifest
    app = Flask("webvote", root_path=str(Path(__file__).parent), static_folder="static")
    app.config.update(BABEL_DEFAULT_TIMEZONE=_ZONE, BABEL_TRANSLATION_DIRECTORIES="translations")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    services = [registrar.url for registrar in manifest.registrars] + [manifest.box.url]
    harden(app, page_policy([origin_of(url) for url in services]), 16 * 1024)
    Babel(app, locale_selector=lambda: g.get("language", "nl"))
    languages = [code for code in manifest.languages if code in INTERFACE_LANGUAGES] or ["en"]
    _add_pages(app, public, manifest, languages, help_line)
    _add_log(app, public)
    return app


def _add_pages(app: Flask, public: Path, manifest: Manifest, languages: list[str], help_line: str) -> None:
    @app.url_value_preprocessor
    def choose_language(endpoint: str | None, values: dict[str, str] | None) -> None:  # noqa: ARG001
        language = (values or {}).get("language")
        if language is not None and language not in languages:
            abort(404)
        g.language = language or languages[0]

    @app.context_processor
    def common() -> dict[str, object]:
        published = read_published(public)
        return {
            "published": published,
            "manifest": manifest,
            "language": g.language,
            # A referendum whose languages the pages do not speak is shown in its own first one.
            "texts": g.language if g.language in manifest.languages else manifest.languages[0],
            "languages": {code: INTERFACE_LANGUAGES[code] for code in languages},
            "translated": g.language != manifest.languages[0],
            "rehearsal": not manifest.binding,
            "help_line": help_line,
            "moment": _moment,
            "decimal": lambda number: format_decimal(number, "0.0"),
        }

    @app.get("/")
    def root() -> Answer:
        return redirect(url_for("start", language=languages[0]))

    pages = {"start": "", "vote": "vote", "check": "check", "track": "track", "accessibility": "accessibility"}
    for name, path in pages.items():
        app.add_url_rule(f"/<language>/{path}", name, _page(name))

    @app.get("/<language>/kiosk")
    def kiosk(language: str) -> str:  # noqa: ARG001
        return render_template("vote.html", kiosk=True)

    @app.get("/<language>/result")
    def result(language: str) -> str:  # noqa: ARG001
        published: Published = read_published(public)
        return render_template("result.html", charts=charts(published, g.language))

    @app.errorhandler(AuditError)
    def unreadable(error: AuditError) -> tuple[str, int]:  # noqa: ARG001 - the next request finds the log whole
        return "The public log is being written. Reload the page in a moment.", 503

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        if "language" not in g:
            g.language = languages[0]
        return render_template("error.html", code=error.code), error.code or 500


def _page(name: str):  # type: ignore[no-untyped-def]
    def view(language: str) -> str:  # noqa: ARG001
        return render_template(f"{name}.html")

    view.__name__ = name
    return view


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
