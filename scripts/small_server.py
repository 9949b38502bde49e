"""A small HTTP server for one program that strangers ask: a witness, a monitor's page.

Decides that a request stays in memory, and that neither its size, nor the number of connections, nor slow ones can
stop the others. Leaves TLS, and how often somebody may ask, to a proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from stembus.ballot.office.office import NotReady

_HEADER_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Limits:
    """`longest` is the longest body that is taken, in bytes; after `slow_seconds` a connection without a word is
    closed."""

    longest: int
    threads: int
    connections: int
    slow_seconds: int


class Server(Protocol):
    def run(self) -> None: ...


def demand_server() -> None:
    """Raises NotReady, before anything is asked for, where the library is not installed."""
    try:
        import waitress  # noqa: F401
    except ModuleNotFoundError:
        raise NotReady("serving needs the witness's parts; install them with: pip install 'stembus[witness]'") from None


def listen(app: Callable[..., Any], host: str, port: int, option: str, limits: Limits) -> Server:
    """Ready to run; `option` chooses the port. Raises NotReady where nothing can listen there."""
    import waitress

    try:
        server: Server = waitress.create_server(
            app,
            host=host,
            port=port,
            threads=limits.threads,
            connection_limit=limits.connections,
            channel_timeout=limits.slow_seconds,
            cleanup_interval=min(30, limits.slow_seconds),
            max_request_header_size=_HEADER_BYTES,
            max_request_body_size=limits.longest + 1,
            inbuf_overflow=2 * limits.longest,  # a request stays in memory
            ident="",
        )
    except (ValueError, OSError) as error:
        said = getattr(error, "strerror", None) or error
        raise NotReady(
            f"cannot listen at {host}, port {port}: {said}; if another program does, choose {option}"
        ) from None
    return server
