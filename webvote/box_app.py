"""The ballot box on the web: one POST, one promise. No cookie, no address, no time.

Decides how a ballot travels; what is accepted is the box's matter. When batches go into the log is decided
by whoever runs `stembus seal`.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request

from stembus.audit.formats.manifest import Manifest, cast_ballot_bytes
from stembus.audit.formats.receipt import encode_promise
from stembus.ballot.box.ballot_box import BallotBox
from stembus.webvote.csp import NO_PAGE, origin_of
from stembus.webvote.error_answers import answer_errors
from stembus.webvote.security import allow_origin, harden


def create_box_app(box: BallotBox, manifest: Manifest, accepted: Callable[[], None] = lambda: None) -> Flask:
    """`accepted` is called after every stored ballot; a rehearsal seals its batches so."""
    app = Flask("stembus-box", static_folder=None)
    harden(app, NO_PAGE, cast_ballot_bytes(manifest) + 1)
    allow_origin(app, origin_of(manifest.client.url))
    answer_errors(app)

    @app.post("/cast")
    def cast() -> Response:
        promise = box.cast(request.get_data())
        accepted()
        return Response(encode_promise(promise), mimetype="application/json")

    return app
