"""A log of one's own, and a witness that follows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import waitress

from stembus.audit.clock import Clock, SimulatedClock
from stembus.audit.log.merkle import Frontier, consistency_proof, hash_root, leaf_hash
from stembus.audit.log.note import Checkpoint, sign_checkpoint
from stembus.audit.log.verifier_key import ED25519, VerifierKey
from stembus.audit.witness.app import WitnessApp
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.witness import Witness
from stembus.crypto.signing import SigningKey

ORIGIN = "log.example.org/1"
START = 1_571_036_400
LOG, OWN = SigningKey.generate(), SigningKey.generate()
KEY = VerifierKey(ORIGIN, ED25519, LOG.public)
NAME = "witness.example.org/1"
Application = Callable[..., object]


def tree(*entries: bytes) -> Checkpoint:
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    return sign_checkpoint(ORIGIN, len(entries), frontier.root(), LOG)


def proof(old: int, entries: Sequence[bytes]) -> list[bytes]:
    return consistency_proof(old, len(entries), lambda a, b: hash_root([leaf_hash(e) for e in entries[a:b]]))


def following(folder: Path, clock: Clock | None = None, name: str = NAME) -> Witness:
    logs = FollowedLogs(folder)
    logs.follow(KEY)
    return Witness(name, [OWN], logs, clock or SimulatedClock(START))


class Answered:
    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes, errors: str) -> None:
        self.status, self.headers, self.body, self.errors = int(status[:3]), dict(headers), body, errors


def ask(app: WitnessApp, method: str, path: str, body: bytes = b"", **more: Any) -> Answered:
    """As a server hands a request over."""
    said: list[Any] = []
    errors = StringIO()
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body),
        "wsgi.errors": errors, **more,
    }  # fmt: skip
    content = b"".join(app(environ, lambda status, headers: said.extend((status, headers))))
    return Answered(said[0], said[1], content, errors.getvalue())


@contextmanager
def served(app: Application) -> Iterator[str]:
    """Its address, on a free port of the loopback."""
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=2)

    def run() -> None:
        with suppress(OSError):  # its sockets are closed under it
            server.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(10)
