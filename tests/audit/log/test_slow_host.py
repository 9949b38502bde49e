"""A host that sends a byte now and then keeps every time-out, and must not hold a reader up for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from stembus.audit.errors import CannotRead
from stembus.audit.log import address, hurried_http
from stembus.audit.log.address import Address

Serve = Callable[[list[bytes]], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Answers every request with these pieces, the last of them again and again, a moment after one another."""
    monkeypatch.setattr(hurried_http, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(address, "WAITS", (0.01,))
    server = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def drip(connection: socket.socket, pieces: list[bytes]) -> None:
        with connection:
            try:
                connection.recv(65_536)
                for piece in pieces:
                    connection.sendall(piece)
                while pieces[-1]:
                    time.sleep(0.02)
                    connection.sendall(pieces[-1])
            except OSError:
                pass  # the reader has left

    def start(pieces: list[bytes]) -> str:
        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=drip, args=(connection, pieces)))
                threads[-1].start()

        threads.append(threading.Thread(target=listen))
        threads[-1].start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    for thread in threads:
        thread.join()


OK = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "the status": [b"HTTP/1.1 200 ", b"O"],
    "a header": [OK + b"X: ", b"a"],
    "headers": [OK, b"X: a\r\n"],
    "the size of a chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"],
    "the body": [OK + b"Content-Length: 900\r\n\r\n", b"a"],
}


@pytest.mark.parametrize("what", DRIPS)
def test_what_comes_a_byte_at_a_time_could_not_be_read(serve: Serve, what: str) -> None:
    reader = Address(serve(DRIPS[what]))
    begun = time.monotonic()
    with pytest.raises(CannotRead):
        reader.read("checkpoint", 999)
    assert time.monotonic() - begun < 20


def test_what_comes_whole_in_small_pieces_is_read(serve: Serve) -> None:
    pieces = [OK, b"Content-", b"Length: 4\r\n", b"\r\n", b"da", b"ta", b""]
    assert Address(serve(pieces)).read("checkpoint", 999) == b"data"
