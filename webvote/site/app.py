"""The public pages: start, vote, test a ballot, track, result; and the published log as static files.

Knows the published folder and nothing else: no key, no database, no voter. Everything that touches a vote happens in
the browser. Decides addresses, how long each is kept by caches, and what the site needs to be ready; what a page says
comes from `log_summary` and `result`.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flask import Flask, Response, abort, g, jsonify, redirect, render_template, request, url_for
from flask_babel import format_datetime, format_decimal, gettext
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Answer

from stembus.audit.errors import AuditError
from stembus.audit.formats.manifest import MLDSA44, Manifest
from stembus.audit.log.tiles import HEAD
from stembus.ballot.box.device_tests import published_tests, shown_beside
from stembus.webvote.caching import FILE, PAGE, TYPED, add_caching
from stembus.webvote.csp import origin_of, voting_policy
from stembus.webvote.health import Check, add_health
from stembus.webvote.languages import choose_language
from stembus.webvote.log_files import log_file
from stembus.webvote.logs import report
from stembus.webvote.metrics import LogFigures, add_metrics
from stembus.webvote.one_file_page import one_file_parts
from stembus.webvote.security import harden
from stembus.webvote.site.calendar_file import deadline_file
from stembus.webvote.site.integrity_manifest import integrity_manifest
from stembus.webvote.site.log_summary import SummaryReader
from stembus.webvote.site.offline_page import offline_parts
from stembus.webvote.site.result import WIDTH, charts
from stembus.webvote.site.sender import add_sender
from stembus.webvote.site.zip_download import stream_bundle
from stembus.webvote.static_files import demand_client
from stembus.webvote.theme import NO_THEME, Theme

TOLD = ("help", "easy", "privacy", "accessibility")
PAGES = {"start": ""} | {name: name for name in ("vote", "kiosk", "check", "track", "letter", *TOLD)}
_AGAIN_SECONDS = "5"  # a log that is being written is whole again a moment later
_LIFETIMES = {
    **dict.fromkeys(
        ("start", "result", *TOLD, "calendar", "saved_check", "verify", "saved_verify", "signpost", "integrity"), PAGE
    ),
    **dict.fromkeys(("static", "colours", "logo"), PAGE),
    **dict.fromkeys(("vote", "kiosk", "check", "track", "letter"), TYPED),
    "bundle": FILE,
}


def create_site_app(public: Path, theme: Theme = NO_THEME) -> Flask:
    """`public` is the published folder; `theme` is the city that sends the pages."""
    summaries = SummaryReader(public)
    manifest = summaries.now().manifest
    app = Flask("webvote", root_path=str(Path(__file__).parents[1]), static_folder="static")
    harden(app, voting_policy(manifest), 16 * 1024)
    choose_language(app, manifest)
    app.context_processor(partial(_common, summaries, manifest))
    app.register_error_handler(AuditError, _unreadable)
    app.register_error_handler(OSError, _unreadable)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _broken)
    add_caching(app, _LIFETIMES)
    app.add_url_rule("/", "root", _to_start)
    for name, path in PAGES.items():
        app.add_url_rule(f"/<language>/{path}", name, partial(_page, summaries, name))
    for name in filter(None, PAGES.values()):  # as people type it, from a letter
        app.add_url_rule(f"/{name}", f"bare_{name}", partial(_to_page, name))
    _Pages(public, summaries, theme).add_to(app)
    add_sender(app, theme)
    checks = [Check("log", summaries.now), Check("scripts", demand_client)]
    add_health(app, checks)
    add_metrics(app, manifest, checks, partial(_figures, summaries))
    return app


def _page(summaries: SummaryReader, name: str) -> str | Answer:
    """Nobody is asked for a code when the referendum was cancelled: the start page says so."""
    if name in ("vote", "kiosk") and summaries.now().phase == "cancelled":
        return redirect(url_for("start"))
    return render_template(f"{name}.html")


class _Pages:
    """The views that read the published folder."""

    def __init__(self, public: Path, summaries: SummaryReader, theme: Theme) -> None:
        self._public = public
        self._summaries = summaries
        self._theme = theme

    def add_to(self, app: Flask) -> None:
        app.add_url_rule("/<language>/result", "result", self.result)
        app.add_url_rule("/<language>/deadline.ics", "calendar", self.calendar)
        app.add_url_rule("/<language>/check/save", "saved_check", self.offline_check)
        app.add_url_rule("/<language>/verify", "verify", self.verify)
        app.add_url_rule("/<language>/verify/save", "saved_verify", self.saved_verify)
        app.add_url_rule("/integrity.json", "integrity", self.integrity)
        app.add_url_rule("/bundle.zip", "bundle", self.bundle)
        app.add_url_rule("/batches/<int:number>", "signpost", self.signpost)
        app.add_url_rule("/log/<path:name>", "log", self.log)

    def result(self) -> str:
        figures = charts(self._summaries.now(), g.language)
        return render_template(
            "result.html", charts=figures, width=WIDTH, tests=published_tests(shown_beside(self._public))
        )

    def calendar(self) -> Response:
        """The end of the voting, for a calendar."""
        summary = self._summaries.now()
        manifest = summary.manifest
        title = manifest.title.get(g.language, manifest.title[manifest.languages[0]])
        closes = datetime.fromtimestamp(manifest.closes_at, UTC)
        address = _public_url(origin_of(manifest.client.url), "start")
        data = deadline_file(summary.referendum, closes, f"{_until(manifest)} {title}", address)
        return Response(data, mimetype="text/calendar")

    def offline_check(self) -> Response:
        """The page that tests a ballot, as a file to save."""
        summary = self._summaries.now()
        if not summary.opening:
            abort(404)
        parts = offline_parts(self._public, summary.opening, signs_mldsa(summary.manifest), self._theme.style)
        page = render_template("saved_check.html", **parts)
        name = f"stembus-test-{g.language}.html"
        return Response(page, mimetype="text/html", headers={"Content-Disposition": f"attachment; filename={name}"})

    def verify(self) -> Response:
        """The page that checks a whole referendum, with the address of this one's log filled in."""
        manifest = self._summaries.now().manifest
        return _verifier(_public_url(origin_of(manifest.client.url), "log", name=""))

    def saved_verify(self) -> Response:
        """The same as a file to save, of no referendum."""
        name = f"stembus-verify-{g.language}.html"
        response = _verifier("")
        response.headers["Content-Disposition"] = f"attachment; filename={name}"
        return response

    def bundle(self) -> Response:
        """All published files, once there is a result."""
        summary = self._summaries.now()
        if summary.phase not in ("tallied", "cancelled", "abandoned"):
            abort(404)
        # The head says what is in it; the zip itself is only made when somebody has not got it yet.
        tag = hashlib.sha256((self._public / HEAD).read_bytes()).hexdigest()
        if request.if_none_match.contains(tag):
            response = Response(status=304)
        else:
            response = Response(stream_bundle(self._public), mimetype="application/zip")
            name = f"stembus-{summary.referendum[:16]}.zip"
            response.headers["Content-Disposition"] = f"attachment; filename={name}"
        response.set_etag(tag)
        return response

    def integrity(self) -> Response:
        """What the log's last `client` entry names, as browsers and extensions read it."""
        summary = self._summaries.now()
        if summary.client is None:
            abort(404)
        return jsonify(integrity_manifest(summary.manifest, summary.client))

    def signpost(self, number: int) -> Response:
        """Where this batch, or the last one before it, stands: a help, which the client checks against the log."""
        return jsonify(self._summaries.now().batches[:number][-1:])

    def log(self, name: str) -> Response:
        return log_file(self._public, name)


def _verifier(log_url: str) -> Response:
    parts = one_file_parts("verify")
    policy = f"{parts['policy']}; frame-ancestors 'none'"
    page = render_template("verify.html", log_url=log_url, **parts)
    return Response(page, mimetype="text/html", headers={"Content-Security-Policy": policy})


def _common(summaries: SummaryReader, manifest: Manifest) -> dict[str, object]:
    """What every template may use."""
    published = summaries.now()
    return {
        "published": published,
        "voting": _voting(published.phase, manifest),
        "manifest": manifest,
        "mldsa": signs_mldsa(manifest),
        "grouped": _grouped,
        "moment": _moment,
        "decimal": _decimal,
        "amount": format_decimal,
        "public_url": partial(_public_url, origin_of(manifest.client.url)),
    }


def signs_mldsa(manifest: Manifest) -> bool:
    """Whether a witness signs with ML-DSA-44."""
    return any(witness.key.startswith(MLDSA44) for witness in manifest.witnesses.members)


def _voting(phase: str, manifest: Manifest) -> str:
    """Before, open or over: by the log, and once it is open by the clock as well, unless that is simulated."""
    if phase == "setup":
        return "before"
    ended = manifest.clock == "real" and time.time() >= manifest.closes_at
    return "over" if ended or phase != "open" else "open"


def _grouped(text: str) -> str:
    """An id in groups of eight, to be compared by eye."""
    return " ".join(re.findall(".{1,8}", text))


def _moment(text: str) -> str:
    """An ISO time of the manifest, as people read it."""
    return str(format_datetime(datetime.fromisoformat(text), "EEEE d MMMM y, HH:mm"))


def _until(manifest: Manifest) -> str:
    return str(gettext("You can vote until %(moment)s.", moment=_moment(manifest.closes)))


def _decimal(number: float) -> str:
    return str(format_decimal(number, "0.0"))


def _public_url(origin: str, endpoint: str, **values: object) -> str:
    """The address that the manifest names, whatever the request calls this host."""
    return origin + url_for(endpoint, **values)  # type: ignore[arg-type]


def _to_page(name: str) -> Answer:
    return redirect(url_for(name))


def _to_start() -> Answer:
    return redirect(url_for("start"))


def _figures(summaries: SummaryReader) -> LogFigures:
    """Raises AuditError."""
    log = summaries.now()
    return LogFigures(log.size, len(log.batches), log.ballots, log.phase, summaries.head_time())


def _unreadable(error: Exception) -> tuple[str, int, dict[str, str]]:
    report("log-unreadable", error, logging.WARNING)  # as a rule the next request finds it whole
    return "The public log is being written. Reload the page in a moment.", 503, {"Retry-After": _AGAIN_SECONDS}


def _refused(error: HTTPException) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    try:
        return render_template("error.html", code=error.code), error.code or 500
    except (AuditError, OSError) as unreadable:  # the page shows the referendum's state
        return _unreadable(unreadable)
    except Exception as broken:
        return _broken(broken)


def _broken(error: Exception) -> tuple[str, int]:
    report("request-failed", error)
    return "That did not work. Nothing is lost: try again in a moment.", 500
