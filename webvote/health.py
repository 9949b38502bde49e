"""Whether a service lives (`/healthz`) and can do its work (`/readyz`), for a load balancer or a watcher.

Decides what is said: 200 with one word, or 503 with one word for the first thing that is missing (`log`, `database`,
`record`, `scripts`). No detail and no number: whoever asks may be anybody, and needs no sign-in. Neither is counted by
a limit on requests, since only views that say so are. What a service needs is decided by its app, which hands in
`Check`s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flask import Flask, Response

from stembus.ballot.http_refusals import RETRY_SECONDS


@dataclass(frozen=True, slots=True)
class Check:
    """`look` raises when what `name` names cannot be used; what it returns does not matter."""

    name: str
    look: Callable[[], object]

    def holds(self) -> bool:
        try:
            self.look()
        except Exception:  # a check that could not run has failed
            return False
        return True


def failing(checks: Sequence[Check]) -> Iterator[str]:
    return (check.name for check in checks if not check.holds())


def add_health(app: Flask, checks: Sequence[Check]) -> None:
    """`checks` are looked at in their order, at each request."""

    def ready() -> Response:
        word = next(failing(checks), "")
        return _answer(word or "ready", 503 if word else 200)

    app.add_url_rule("/healthz", "healthz", lambda: _answer("alive", 200))
    app.add_url_rule("/readyz", "readyz", ready)


def _answer(word: str, status: int) -> Response:
    answer = Response(word + "\n", status, mimetype="text/plain")
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
