"""How long caches may keep what the site serves, and what is sent compressed.

Decides, for each address, what a browser keeps and what a proxy or CDN keeps, so that many visitors at once cost the
site few requests. Pages into which voters type are kept by no browser: neither the back button nor the disk of a shared
machine brings one back. Everything else is the same for everybody, carries no secret and no cookie, and repeats nothing
of what a visitor sent, so compressing it tells nobody anything; that is not so at registrar, box and desk, which
compress nothing. Errors are kept by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, request
from flask_compress import Compress

from stembus.audit.bounds import TILE_WIDTH
from stembus.audit.formats.lists import CREDENTIALS, SPARES
from stembus.audit.log.tiles import CHECKPOINTS, HEAD, parse_tile_path


@dataclass(frozen=True, slots=True)
class Lifetime:
    """`browser` is what Cache-Control says. `shared` is said to a proxy or CDN apart, in seconds, where both differ in
    more than a number."""

    browser: str
    shared: int | None = None

    def write(self, response: Response) -> None:
        response.headers.pop("Cache-Control", None)
        if self.shared is not None:
            response.headers["CDN-Cache-Control"] = f"public, max-age={self.shared}"  # RFC 9213
            # nginx, which does not hand it on. Up to its version 1.22 it obeys whichever of these two comes first.
            response.headers["X-Accel-Expires"] = str(self.shared)
        response.headers["Cache-Control"] = self.browser


# A browser asks each time, and a cache between answers it.
PAGE = Lifetime("public, max-age=0, s-maxage=10")
TYPED = Lifetime("no-store", shared=10)
CHECKPOINT = Lifetime("public, max-age=0, s-maxage=5")
FILE = Lifetime("public, max-age=0, s-maxage=60")  # checkpoints by size, lists, the bundle: they hardly change
PARTIAL = Lifetime("public, max-age=60")  # never changes, but goes when it is outgrown
FULL = Lifetime("public, max-age=31536000, immutable")

_TEXTS, _LISTS = (HEAD, "log.vkey", CREDENTIALS, SPARES), ("issuance/", "struck/")
_COMPRESSED = [
    "text/html", "text/plain", "text/css", "text/javascript", "application/javascript", "application/json",
    "image/svg+xml", "application/octet-stream",
]  # fmt: skip


def log_lifetime(path: str) -> Lifetime:
    """Of a file of the published log."""
    if path == HEAD:
        return CHECKPOINT
    tile = parse_tile_path(path)
    if tile is None:
        return FILE
    return FULL if tile[2] == TILE_WIDTH else PARTIAL


def log_type(path: str) -> str:
    """Of a file of the log, as C2SP tlog-tiles names it. Keys and lists are lines of ASCII, a document is anything."""
    is_text = path in _TEXTS or path.startswith((CHECKPOINTS, *_LISTS))
    return "text/plain" if is_text else "application/octet-stream"


def add_caching(app: Flask, lifetimes: Mapping[str, Lifetime]) -> None:
    """`lifetimes` by the endpoint's name; what is not in it is kept by nobody. `log` is known here. To be called after
    `harden`, whose headers say what holds otherwise."""
    # One encoding, so that a cache keeps one copy beside the plain one.
    app.config.update(
        COMPRESS_REGISTER=False,
        COMPRESS_ALGORITHM=["gzip"],
        COMPRESS_STREAMS=False,
        COMPRESS_MIMETYPES=_COMPRESSED,
    )
    compress = Compress(app)

    @app.after_request
    def keep(response: Response) -> Response:
        lifetime = _lifetime(lifetimes)
        if lifetime is None or response.status_code not in (200, 304):
            return response
        lifetime.write(response)
        if response.direct_passthrough:
            # A file of `static`, all of them small. The library would compress it while it is sent, and not close it.
            response.direct_passthrough = False
            response.make_sequence()
        if not response.is_streamed:
            response.add_etag()
            response.make_conditional(request)
        return response if _is_hashes() else compress.after_request(response)


def _lifetime(lifetimes: Mapping[str, Lifetime]) -> Lifetime | None:
    if request.method not in ("GET", "HEAD"):
        return None
    if request.endpoint == "log":
        return log_lifetime(_log_path())
    return lifetimes.get(request.endpoint or "")


def _log_path() -> str:
    return str((request.view_args or {}).get("name", ""))


def _is_hashes() -> bool:
    """Hashes do not get shorter."""
    tile = parse_tile_path(_log_path()) if request.endpoint == "log" else None
    return tile is not None and tile[0] != "entries"
