"""The trustees' board: their page, the published log, and a place where their messages arrive.

    GET  /LANGUAGE/        the trustees' page, and /LANGUAGE/save for the same as a file
    GET  /log/PATH         the published files
    POST /entries          signed entries of one trustee, one a line

For the evenings of ceremony and count, before any other service runs and after. Decides how a message travels; what the
log takes is the log's matter. No cookie, no address, no time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import Babel
from werkzeug.wrappers import Response as Answer

from stembus.audit.bounds import TRUSTEES
from stembus.audit.errors import AuditError
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import RequestInvalid
from stembus.crypto.errors import CryptoError
from stembus.webvote.csp import NO_PAGE
from stembus.webvote.error_answers import answer_errors
from stembus.webvote.languages import choose_language
from stembus.webvote.log_files import log_file
from stembus.webvote.one_file_page import one_file_parts
from stembus.webvote.security import harden

# A share is the longest of what comes in numbers, a decryption of many options the longest by itself.
LONGEST = max(TRUSTEES * 1024, 65_535)


def create_board_app(
    public: Path, manifest: Manifest, referendum: bytes, url: str, take: Callable[[Sequence[bytes]], bool]
) -> Flask:
    """`url` is where people reach it. `take` appends the entries, and says whether a quorum of witnesses has seen them.
    It raises BallotError, AuditError or CryptoError where the log does not take them."""
    app = Flask("stembus-board", root_path=str(Path(__file__).parent), static_folder=None)
    harden(app, NO_PAGE, LONGEST)
    choose_language(app, manifest)
    answer_errors(app)

    @app.after_request
    def share(response: Response) -> Response:
        # The page may be a file on a stick. There is no cookie here, and an entry is worth what its signature is.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    @app.get("/")
    def to_page() -> Answer:
        return redirect(url_for("page"))

    @app.get("/<language>/", endpoint="page")
    def page() -> Response:
        return _page(url, referendum, saved=False)

    @app.get("/<language>/save", endpoint="save")
    def save() -> Response:
        response = _page(url, referendum, saved=True)
        response.headers["Content-Disposition"] = f"attachment; filename=stembus-trustee-{referendum.hex()[:8]}.html"
        return response

    @app.get("/log/<path:name>")
    def log(name: str) -> Response:
        return log_file(public, name)

    @app.post("/entries")
    def entries() -> Response:
        lines = request.get_data().split(b"\n")
        if not 1 <= len(lines) <= TRUSTEES or not all(line[:1] == b"{" for line in lines):
            raise RequestInvalid("send a trustee's signed entries, one a line")
        try:
            seen = take(lines)
        except (AuditError, CryptoError) as error:
            raise RequestInvalid(str(error)) from None
        return jsonify({"seen": seen})

    return app


def page_file(language: str) -> str:
    """The page of no referendum, as a file: for keys that are made before one is defined."""
    app = Flask("stembus-board", root_path=str(Path(__file__).parent), static_folder=None)
    app.config.update(BABEL_TRANSLATION_DIRECTORIES="translations")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=lambda: language)
    with app.test_request_context():
        known = {"board": "", "referendum_id": "", "saved": True, "language": language, "manifest": None}
        return render_template("trustee.html", **known, **one_file_parts("trustee"))


def _page(url: str, referendum: bytes, saved: bool) -> Response:
    parts = one_file_parts("trustee")
    page = render_template("trustee.html", board=url, referendum_id=referendum.hex(), saved=saved, **parts)
    policy = f"{parts['policy']}; frame-ancestors 'none'"
    return Response(page, mimetype="text/html", headers={"Content-Security-Policy": policy})
