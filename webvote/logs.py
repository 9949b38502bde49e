"""What a service writes to its log: one line of JSON for each failure, and nothing of who or what caused it.

    {"level": "error", "service": "box", "event": "database-away", "kind": "OperationalError", "hour": "2026-10-14T09Z"}

Decides the fields and that no other text gets out: neither an error's message, which may hold what was sent, nor a
traceback, nor what libraries say (gunicorn names the address of a request that it cannot read, and the address and path
of one that failed). A line says the hour; when a voter was served, no line is written at all. What gunicorn's master
process says of its workers stays as it is, and so do the sentences with which a service refuses to start.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_log = logging.getLogger("stembus")


def report(event: str, error: BaseException, level: int = logging.ERROR) -> None:
    """`event` in kebab case. Of the error only its kind is told."""
    kind = type(error).__name__
    _log.log(level, "%s: %s", event, kind, extra={"stembus_event": event, "stembus_kind": kind})


class JsonLines(logging.Formatter):
    """Formats no message: only what `report` was told, and of others' records where they come from."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        raised = record.exc_info[0] if record.exc_info else None
        fields = {
            "level": record.levelname.lower(),
            "service": self._service,
            "event": getattr(record, "stembus_event", record.name.partition(".")[0]),
            "kind": getattr(record, "stembus_kind", raised.__name__ if raised else None),
            "hour": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%HZ"),
        }
        return json.dumps(fields)


def log_as(service: str) -> None:
    """From now on this process logs so, to stderr; called once, in a worker, after the app is made. gunicorn's access
    log, which has an address and a second for each request, is off unless somebody asks for it; it stays off then."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(JsonLines(service))
    logging.getLogger().addHandler(handler)
    server = logging.getLogger("gunicorn.error")
    server.handlers, server.propagate = [], True
    logging.getLogger("gunicorn.access").disabled = True
