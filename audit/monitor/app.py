"""What a monitor shows: a calm page for people, and numbers for machines. Plain WSGI, as the base install has no Flask.

    GET /         the state, as it was seen last          GET /evidence/NAME   what proves that something is wrong
    GET /metrics  the same as numbers (Prometheus)        POST /hand-in        a file, if the monitor takes some

Decides words and numbers. Everything shown was published or handed in; no ballot's number, address or person is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from stembus.audit.monitor.hand_in import FILE_BYTES, HandIn, Taken
from stembus.audit.monitor.hand_in_page import PATH, SCRIPT_SOURCE, TOO_LONG, hand_in_part, said
from stembus.audit.monitor.vantage import Word
from stembus.audit.monitor.watch import EVIDENCE, Brought, Handed, Round

_PROOF = re.compile(r"\A/evidence/([A-Za-z0-9][A-Za-z0-9.-]{0,99})\Z")
_STYLE = "body{font:1rem/1.5 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}li{margin:.3rem 0}"
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
_SILENCE = (Word.SILENT, Word.MISSING)
_REASONS = {
    Taken.KEPT.value: "OK",
    Taken.KNOWN.value: "Already Reported",
    Taken.FOREIGN.value: "Unprocessable Content",
    Taken.TOO_MANY.value: "Too Many Requests",
    Taken.NOT_NOW.value: "Service Unavailable",
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
                self._page(self._last(), self._proofs()).encode(errors="replace"),
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

    def _page(self, seen: Round | None, proofs: list[str]) -> str:
        parts = [f"<style>{_STYLE}</style>", "<h1>Monitor of a referendum</h1>"]
        if seen is None:
            parts.append("<p>Nothing was seen yet; the first look is under way.</p>")
            return _whole(parts)
        report, figures = seen.report, seen.report.figures
        alarms, doubts = list(seen.alarms()), list(seen.doubts())
        if self._now() - seen.ended > self._fresh:
            doubts.append("the last look is long ago: see that the monitor runs")
        if seen.sights and all(sight.word in _SILENCE for sight in seen.sights):
            doubts.append("no other place shows the log, so nothing could be compared")
        if report.manifest is not None:
            parts.append(f"<p>{escape(report.manifest.title[report.manifest.languages[0]])}</p>")
        parts.append(f"<h2>{_heading(bool(alarms or proofs), bool(doubts))}</h2>")
        parts += _list(escape(text) for text in (*alarms, *doubts))
        parts += _list(f'<a href="/evidence/{name}">{name}</a>: the log\'s key signed two histories' for name in proofs)
        parts.append(f"<p>{escape(report.outcome.word)}: {escape(report.outcome.sentence)}</p>")
        if report.log is not None:
            parts.append(f"<p>Entries {figures.entries}, ballots {figures.ballots}.</p>")
        parts.append(f"<p>Last look: {_utc(seen.ended)}.</p>")
        if seen.sights:
            parts.append("<h2>The log elsewhere</h2>")
            parts += _list(escape(f"{one.vantage.address}: {one.word.value}{_size(one.size)}") for one in seen.sights)
        if seen.pages:
            same = sum(page.differs is False for page in seen.pages)
            parts.append("<h2>What voters are served</h2>")
            parts.append(f"<p>{same} of {len(seen.pages)} files are those that the log names.</p>")
        if seen.handed:
            parts.append("<h2>Promises that were handed in</h2>")
            parts += _list(escape(f"{text}: {count}") for text, count in _counted(seen.handed).items())
        if seen.brought:
            parts.append("<h2>Ballots that were handed in, for the ballot box</h2>")
            parts += _list(escape(f"{text}: {count}") for text, count in _counted(seen.brought).items())
        if seen.decrypted:
            parts.append(f"<h2>Decryptions that were handed in</h2><p>{escape(seen.decrypted)}.</p>")
        if self._hand_in is not None and report.manifest is not None:
            parts += hand_in_part(report.manifest.languages)
        return _whole(parts)


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


def _heading(alarmed: bool, doubtful: bool) -> str:
    if alarmed:
        return "Look at this"
    return "It is not known now how this stands" if doubtful else "All that was seen is in order"


def _size(size: int | None) -> str:
    return "" if size is None else f" ({size} entries)"


def _counted(items: Sequence[Handed | Brought]) -> Counter[str]:
    return Counter(item.text if isinstance(item, Handed) else item.state.value for item in items)


def _list(items: Iterable[str]) -> Iterator[str]:
    found = [f"<li>{item}</li>" for item in items]
    return iter(["<ul>", *found, "</ul>"] if found else [])


def _whole(parts: Iterable[str]) -> str:
    head = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Monitor</title></head><body>'
    return f"{head}{''.join(parts)}</body></html>\n"


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


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
        for text, count in _counted(seen.handed).items():
            lines.append(f'stembus_monitor_promises{{state="{_label(text)}"}} {count}')
        for brought, count in Counter(one.state.name.lower() for one in seen.brought).items():
            lines.append(f'stembus_monitor_ballots{{state="{brought}"}} {count}')
    return "".join(f"{line}\n" for line in lines)


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
