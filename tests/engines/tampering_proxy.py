"""A host between a browser and the site, which adds one byte to one file."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_NOT_COPIED = ("content-length", "transfer-encoding", "connection", "date", "server")


@contextmanager
def tampering(site: str, path: str) -> Iterator[str]:
    """Serves what `site` serves, but for a byte more in the file at `path`; its own address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with urllib.request.urlopen(site.rstrip("/") + self.path, timeout=30) as answer:
                body = answer.read() + (b"\n" if self.path == path else b"")
                headers = answer.headers
            self.send_response(200)
            for name, value in headers.items():
                if name.lower() not in _NOT_COPIED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
