"""The server of rehearsals and trials."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from stembus.webvote.run.single_process import _Silent, closing_itself


class Body:
    """An answer in two pieces, like a file that is being sent; `between` runs before the second."""

    def __init__(self, between: Callable[[], object] = lambda: None) -> None:
        self.closed = threading.Event()
        self._between = between

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        self._between()
        yield b""

    def close(self) -> None:
        self.closed.set()


def sending(body: Body) -> Callable[..., Any]:
    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [("Content-Length", "3")])
        return body

    return app


def test_an_answer_whose_browser_is_gone_is_closed() -> None:
    browser = socket.socket()
    # What is closed so resets the connection.
    browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    body = Body(between=browser.close)
    server = make_server("127.0.0.1", 0, closing_itself(sending(body)), threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        browser.connect(server.server_address[:2])
        browser.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert body.closed.wait(20)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_is_closed_when_it_was_sent_or_is_forgotten(whole: bool) -> None:
    body, said = Body(), []
    answer = iter(closing_itself(sending(body))({}, lambda *status: said.append(status)))
    assert next(answer) == b"one"
    assert said == [("200 OK", [("Content-Length", "3")])]
    assert not body.closed.is_set()
    if whole:
        assert list(answer) == [b""]
    else:
        del answer
    assert body.closed.is_set()
