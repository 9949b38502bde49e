"""A service that answers byte by byte must not hold up the ballot box, an official or a voter for ever."""

from __future__ import annotations

import pytest

from stembus.ballot.http_client import ServiceUnreachable, post
from tests.audit.log.test_slow_host import Serve, serve

__all__ = ["serve"]


@pytest.mark.parametrize("status", [b"200 OK", b"503 Service Unavailable"])
def test_an_answer_that_drips_is_given_up(serve: Serve, status: bytes) -> None:
    url = serve([b"HTTP/1.1 " + status + b"\r\nContent-Length: 100000\r\n\r\n", b"x"])
    with pytest.raises(ServiceUnreachable, match="nothing is lost"):
        post(url, b"{}", "application/json")


def test_headers_that_drip_are_given_up_too(serve: Serve) -> None:
    with pytest.raises(ServiceUnreachable, match="nothing is lost"):
        post(serve([b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"]), b"{}", "application/json")


def test_an_answer_that_comes_whole_is_taken(serve: Serve) -> None:
    assert post(serve([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b""]), b"{}", "application/json") == b"{}"
