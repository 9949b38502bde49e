"""A web host that serves published files, and may lie: by path, by the number of the reading, or by how it answers."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: path, the honest bytes (None where there is no such file), and how often the path was asked for, from 1
Lie = Callable[[str, "bytes | None", int], "Answer | bytes | None"]


@dataclass(frozen=True)
class Answer:
    """`length` is what the header states, when not that of the body."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    stated: bool = True


class Host:
    """Use it in `with`. `asked` counts the readings of each path."""

    def __init__(self, files: Mapping[str, bytes], lie: Lie = lambda path, honest, reading: honest) -> None:
        self.files = dict(files)
        self.lie = lie
        self.asked: Counter[str] = Counter()
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                host.asked[path] += 1
                made = host.lie(path, host.files.get(path), host.asked[path])
                answer = made if isinstance(made, Answer) else Answer(made) if made is not None else Answer(status=404)
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                if answer.stated:
                    self.send_header("Content-Length", str(answer.length or len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Host:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
