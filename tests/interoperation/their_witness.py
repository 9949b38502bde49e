"""The witness of the PyPI library `witness-log`, behind HTTP, and a log that the same library writes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from witness_log import WitnessService

from stembus.audit.clock import Clock
from stembus.audit.log.verifier_key import VerifierKey, parse_verifier_key


class TheirWitness:
    """As WSGI."""

    def __init__(self, name: str, state: Path, clock: Clock) -> None:
        WitnessService.create_state(str(state))
        self._service = WitnessService.new(name, secrets.token_bytes(32), str(state))
        self._clock = clock

    @property
    def key(self) -> VerifierKey:
        return parse_verifier_key(self._service.vkey())

    def follow(self, log: VerifierKey) -> None:
        assert self._service.add_log(log.name, str(log))

    def __call__(self, environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        assert environ["PATH_INFO"] == "/add-checkpoint"
        body = environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"])))  # type: ignore[attr-defined]
        status, kind, text = self._service.handle_add_checkpoint_http(body.decode(), self._clock.now())
        answer = text.encode()
        start_response(f"{status} Answered", [("Content-Type", kind), ("Content-Length", str(len(answer)))])
        return [answer]
