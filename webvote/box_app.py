"""The ballot box on the web: one POST, one promise; and a POST of who tested a device. No cookie, no address, no time.

Decides how a ballot travels and what the box needs to be ready; what is accepted is the box's matter. When batches go
into the log is decided by whoever runs `stembus seal`.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request
from flask_limiter import Limiter

from stembus.audit.formats.manifest import Manifest, cast_ballot_bytes
from stembus.audit.formats.receipt import PROMISE_BYTES, encode_promise
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.box.device_tests import DeviceTests
from stembus.ballot.errors import RequestInvalid
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.webvote.csp import NO_PAGE, origin_of
from stembus.webvote.error_answers import answer_errors
from stembus.webvote.health import Check, add_health
from stembus.webvote.metrics import PHASES, LogFigures, add_metrics
from stembus.webvote.security import allow_origin, harden

HELD, FAILED = b"held", b"failed"  # what a tester says
REPORTS = "10 per second"  # in each process


def create_box_app(
    box: BallotBox,
    manifest: Manifest,
    log: LogWriter,
    tests: DeviceTests,
    accepted: Callable[[], None] = lambda: None,
) -> Flask:
    """`log` is the one that the box feeds. `accepted` is called after every stored ballot; a rehearsal seals its
    batches so."""
    app = Flask("stembus-box", static_folder=None)
    size = cast_ballot_bytes(manifest)
    harden(app, NO_PAGE, size + PROMISE_BYTES)
    allow_origin(app, origin_of(manifest.client.url))
    answer_errors(app)

    @app.post("/cast")
    def cast() -> Response:
        """A ballot, and behind it, if it is handed in again, the promise that the box gave for it."""
        body = request.get_data()
        promise = box.cast(body[:size], body[size:])
        accepted()
        return Response(encode_promise(promise), mimetype="application/json")

    # One limit for all together: no address is looked at, and a flood of words keeps no ballot waiting.
    limiter = Limiter(lambda: "tested", app=app, storage_uri="memory://", headers_enabled=False)

    @app.post("/tested")
    @limiter.limit(REPORTS)
    def tested() -> Response:
        """A tester says whether the device held. Counted while people vote, and by day alone."""
        if request.get_data() not in (HELD, FAILED):
            raise RequestInvalid(f"say {HELD.decode()} or {FAILED.decode()}")
        box.demand_open()
        tests.report(request.get_data() == HELD)
        return Response(status=204)

    checks = [Check("log", lambda: _figures(log)), Check("database", box.demand_together)]
    add_health(app, checks)
    add_metrics(app, manifest, checks, lambda: _figures(log))
    return app


def _figures(log: LogWriter) -> LogFigures:
    """With what waits for its quorum. Raises AuditError, OSError, or WitnessesMissing before the first head."""
    log.refresh()
    order, head = log.order, log.head()
    phase = order.phase.value if order.phase.value in PHASES else "setup"
    waits = log.size > head.size
    return LogFigures(log.size, order.batches, order.ballots, phase, log.time_at(head.size), waits)
