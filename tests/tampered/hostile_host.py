"""A small web host that serves a published folder and may lie: by path, by the n-th read of it, by the n-th head.

It holds no key; it only decides which bytes go out, and how badly. A lie that says nothing leaves the honest answer.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stembus.audit.log.tiles import encode_bundle, parse_bundle, parse_tile_path

PORTAL = b"<!DOCTYPE html>\n<title>Welcome</title><p>Please log in to use this network."


@dataclass(frozen=True)
class Asked:
    """`nth` counts the reads of this path, `head` those of the checkpoint, both from 1."""

    path: str
    nth: int
    head: int


@dataclass(frozen=True)
class Answer:
    """`framing` is how the end is told: by `length`, in `chunks`, or by `nothing` but the end of the line. What is
    sent ends after `cut` bytes; `endless` goes on with zeros. `pause` seconds pass before the first byte."""

    body: bytes = b""
    status: int = 200
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    framing: str = "length"
    cut: int | None = None
    endless: bool = False
    pause: float = 0.0


Lie = Callable[[Asked, Answer], Answer | None]


@dataclass
class HostileHost:
    """The folder or the files, and what was asked for so far."""

    public: Path | Mapping[str, bytes]
    lie: Lie | None = None
    log: list[Asked] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str) -> Answer:
        with self.lock:
            self.reads[path] += 1
            asked = Asked(path, self.reads[path], self.reads["checkpoint"])
            self.log.append(asked)
            data = self._published(path)
            honest = Answer(b"nothing here", 404) if data is None else Answer(data)
            return (self.lie and self.lie(asked, honest)) or honest

    def _published(self, path: str) -> bytes | None:
        if isinstance(self.public, Path):
            file = self.public / path
            return file.read_bytes() if file.is_file() else None
        return self.public.get(path)

    def forget(self) -> None:
        """Counting starts anew."""
        with self.lock:
            self.reads.clear()
            self.log.clear()

    def paths(self) -> list[str]:
        return [asked.path for asked in self.log]


def _handler(host: HostileHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            answer = host.answer(self.path.lstrip("/"))
            self.close_connection = True
            try:
                time.sleep(answer.pause)
                self._send(answer)
            except OSError:
                pass  # the reader has left

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status, answer.reason)
            self.send_header("Connection", "close")
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.framing == "length" and not answer.endless:
                self.send_header("Content-Length", str(len(answer.body)))
            if answer.framing == "chunks" or answer.endless:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._send_body(answer)

        def _send_body(self, answer: Answer) -> None:
            body = answer.body[: answer.cut]
            if answer.framing == "chunks" or answer.endless:
                while body:
                    self.wfile.write(b"%x\r\n" % len(body) + body + b"\r\n")
                    body = bytes(64 * 1024) if answer.endless else b""
                if answer.cut is None:
                    self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(body)

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def hosting(public: Path | Mapping[str, bytes], lie: Lie | None = None) -> Iterator[HostileHost]:
    host = HostileHost(public, lie)
    with _Server(("127.0.0.1", 0), _handler(host)) as server:
        host.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()


# Lies to put together


def on(path: str, answer: Answer | Callable[[Answer], Answer], reads: Callable[[Asked], bool] = lambda _: True) -> Lie:
    """Lies about what begins with `path`, at those reads."""

    def lie(asked: Asked, honest: Answer) -> Answer | None:
        if not asked.path.startswith(path) or not reads(asked):
            return None
        return answer(honest) if callable(answer) else answer

    return lie


def first(asked: Asked) -> bool:
    return asked.nth == 1


def later(asked: Asked) -> bool:
    """Not the first time: neither of the path, nor after another head was asked for."""
    return asked.nth > 1 or asked.head > 1


def flipped(honest: Answer) -> Answer:
    """One bit in the middle."""
    body = bytearray(honest.body)
    if body:
        body[len(body) // 2] ^= 1
    return replace(honest, body=bytes(body))


def with_entries(change: Callable[[list[bytes]], Sequence[bytes]]) -> Callable[[Asked, Answer], Answer | None]:
    """The bundle with other entries; to be used as a lie about entry bundles."""

    def lie(asked: Asked, honest: Answer) -> Answer | None:
        tile = parse_tile_path(asked.path)
        if tile is None or tile[0] != "entries" or honest.status != 200:
            return None
        return replace(honest, body=encode_bundle(change(parse_bundle(honest.body, tile[2]))))

    return lie


def when(reads: Callable[[Asked], bool], lie: Lie) -> Lie:
    return lambda asked, honest: lie(asked, honest) if reads(asked) else None
