"""What a monitor answers over HTTP: a page, numbers for machines, evidence. Plain WSGI: the base install has no Flask.

    GET /         the state, as it was seen last          GET /evidence/NAME   what proves that something is wrong
    GET /metrics  the same as numbers (Prometheus)        POST /hand-in        a file, if the monitor takes some

Decides statuses and numbers; the page is in `page`. Everything shown was published or handed in; no ballot's number,
address or person is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stembus.audit.monitor.hand_in import FILE_BYTES, HandIn, Taken
from stembus.audit.monitor.page import SCRIPT_SOURCE, page
from stembus.audit.monitor.watch import EVIDENCE, Round
from stembus.audit.monitor.words import TOO_LONG, said

_PROOF = re.compile(r"\A/evidence/([A-Za-z0-9][A-Za-z0-9.-]{0,99})\Z")
PATH = "/hand-in"
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {SCRIPT_SOURCE}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)
_TEXT = "text/plain; charset=utf-8"
_REASONS = {
    Taken.KEPT.value: "OK",
    Taken.LOGGED.value: "Already Reported",
    Taken.NO_SUCH_FILE.value: "Unsupported Media Type",
    Taken.INVALID.value: "Unprocessable Content",
    Taken.NOT_NOW.value: "Service Unavailable",
    Taken.TOO_MANY.value: "Insufficient Storage",
    TOO_LONG: "Content Too Large",
}
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class MonitorApp:
    """`last` gives the last round, None before the first; `now` the time in Unix seconds; `fresh` says for how many
    seconds a round says something about now; without `hand_in`, nothing is taken."""

    def __init__(
        self,
        folder: Path,
        last: Callable[[], Round | None],
        now: Callable[[], float],
        fresh: int,
        hand_in: HandIn | None = None,
    ) -> None:
        self._evidence = folder / EVIDENCE
        self._last = last
        self._now, self._fresh = now, fresh
        self._hand_in = hand_in

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if method == "POST" and path == PATH and self._hand_in is not None:
            status, kind, body = _take(self._hand_in, environ)
        else:
            status, kind, body = self._answer(method, path)
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *_HEADERS])
        return [] if method == "HEAD" else [body]

    def _answer(self, method: str, path: str) -> tuple[str, str, bytes]:
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", _TEXT, b"this is asked with GET\n"
        if path in ("", "/"):
            return (
                "200 OK",
                "text/html; charset=utf-8",
                self._page().encode(errors="replace"),
            )
        if path == "/metrics":
            return (
                "200 OK",
                "text/plain; version=0.0.4; charset=utf-8",
                _metrics(self._last(), self._proofs()).encode(errors="replace"),
            )
        match = _PROOF.match(path)
        if match and match[1] in self._proofs():
            return "200 OK", "application/json", (self._evidence / match[1]).read_bytes()
        return "404 Not Found", _TEXT, b"nothing is here\n"

    def _proofs(self) -> list[str]:
        if not self._evidence.is_dir():
            return []
        return sorted(path.name for path in self._evidence.iterdir() if path.suffix == ".json")

    def _page(self) -> str:
        seen, parties = self._last(), self._hand_in.parties() if self._hand_in is not None else None
        manifest = parties.manifest if parties is not None else seen.report.manifest if seen is not None else None
        late = seen is not None and self._now() - seen.ended > self._fresh
        away = self._hand_in.turned_away if self._hand_in is not None else 0
        return page(seen, self._proofs(), manifest, late, self._hand_in is not None, away)


def _take(hand_in: HandIn, environ: dict[str, Any]) -> tuple[str, str, bytes]:
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()):
        return "411 Length Required", _TEXT, b"a file is sent with its length\n"
    if len(length) > 9 or int(length) > FILE_BYTES:
        status = TOO_LONG
    else:
        try:
            status = hand_in.take(environ["wsgi.input"].read(int(length))).value
        except OSError as error:  # a full disk: for who runs this, not for who asks
            environ["wsgi.errors"].write(f"stembus: error: {type(error).__name__}: nothing can be kept\n")
            status = Taken.NOT_NOW.value
    return f"{status} {_REASONS[status]}", _TEXT, f"{said(status)}\n".encode()


def _metrics(seen: Round | None, proofs: list[str]) -> str:
    lines = [f"stembus_monitor_splits {len(proofs)}"]
    if seen is not None:
        lines.append(f"stembus_monitor_last_look_timestamp_seconds {seen.ended}")
        lines.append(f"stembus_monitor_exit_status {seen.report.exit_status}")
        lines.append(f"stembus_monitor_verified {int(seen.report.log is not None)}")
        lines.append(f"stembus_monitor_alarms {sum(1 for _ in seen.alarms())}")
        if seen.report.log is not None:
            lines.append(f"stembus_monitor_log_entries {seen.report.figures.entries}")
        places = {sight.vantage.address: sight for sight in seen.sights}
        for address, sight in places.items():
            labels = f'place="{_label(address)}",word="{sight.word.name.lower()}"'
            lines.append(f"stembus_monitor_elsewhere{{{labels}}} 1")
        if seen.pages:
            for state, wanted in (("same", False), ("differs", True), ("unread", None)):
                count = sum(page.differs is wanted for page in seen.pages)
                lines.append(f'stembus_monitor_served_files{{state="{state}"}} {count}')
        for text, count in Counter(one.text for one in seen.handed).items():
            lines.append(f'stembus_monitor_promises{{state="{_label(text)}"}} {count}')
        for brought, count in Counter(one.state.name.lower() for one in seen.brought).items():
            lines.append(f'stembus_monitor_ballots{{state="{brought}"}} {count}')
    return "".join(f"{line}\n" for line in lines)


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
