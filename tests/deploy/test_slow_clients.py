"""Clients that never finish a request hold nobody else up: not through the proxy, and not at the services alone."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.deploy.city import City

HALF_HEAD = b"POST /cast HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
# `cast` of the ballot box, `token` of the registrar; short enough to be read there.
HALF_BODIES = [
    f"POST /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200\r\n\r\nhalf of it".encode()
    for path in ("cast", "token")
]


@contextmanager
def hanging(
    city: City, port: int, secured: bool, each: int, halves: tuple[bytes, ...] = (HALF_HEAD, *HALF_BODIES)
) -> Iterator[None]:
    """`each` clients with half a head, and twice as many with half a body, all open until the end."""
    context = ssl.create_default_context(cafile=str(city.certificate))
    with ExitStack() as stack:
        connections = []
        for _ in halves * each:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            if secured:
                connection = stack.enter_context(context.wrap_socket(connection, server_hostname="127.0.0.1"))
            connections.append(connection)
        # At one moment: the proxy gives each fifteen seconds, and handshakes on a busy machine may take longer.
        for connection, said in zip(connections, halves * each, strict=True):
            connection.sendall(said)
        yield


def test_the_proxy_keeps_slow_clients_from_the_ballot_box(city: City, tmp_path: Path) -> None:
    """They are more than the box has threads, and fewer than one address may open."""
    with hanging(city, city.tls["box"], True, 15):
        voted = city.vote(tmp_path / "kept")
    assert voted.returncode == 0, voted.stderr


def test_the_ballot_box_alone_lets_go_of_slow_clients(city: City, tmp_path: Path) -> None:
    """All its threads wait for half a request; the vote waits behind them, for less than the voter's patience."""
    with hanging(city, city.ports["box"], False, 15):
        voted = city.vote(tmp_path / "kept")
    assert voted.returncode == 0, voted.stderr


def test_the_registrar_alone_lets_go_of_slow_clients(city: City, tmp_path: Path) -> None:
    with hanging(city, city.ports["registrar"], False, 15):
        voted = city.vote(tmp_path / "kept")
    assert voted.returncode == 0, voted.stderr


def test_one_address_may_hold_64_requests_open(city: City) -> None:
    with hanging(city, city.tls["registrar"], True, 20, (HALF_BODIES[1],) * 3):
        assert city.get("registrar", "/x")[0] == 404
    for _ in range(4):  # on a busy machine the first of them may be let go before the last one is there
        with hanging(city, city.tls["registrar"], True, 22, (HALF_BODIES[1],) * 3):
            answer = city.get("registrar", "/x")[0]
        if answer == 429:
            break
    assert answer == 429
