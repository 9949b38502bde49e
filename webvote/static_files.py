"""The files of the pages that are the same for every referendum: scripts, style, icon, compiled translations.

Decides what must be there before pages are served; scripts and translations come from `make client`.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

from stembus.ballot.office.office import NotReady

WEBVOTE = Path(__file__).parent
STATIC = WEBVOTE / "static"
SCRIPTS = ("check", "kiosk", "letter", "mldsa", "start", "track", "trustee", "verify", "vote")
INTERFACE_LANGUAGES = {"nl": "Nederlands", "en": "English", "fr": "Français"}
TRANSLATED = ("fr", "nl")  # English is the language of the sources
CLIENT_FILES = (
    *(f"static/client/{name}.js" for name in SCRIPTS),
    *(f"translations/{language}/LC_MESSAGES/messages.mo" for language in TRANSLATED),
)


def demand_client() -> None:
    """Raises NotReady when scripts or translations are missing: pages without them look alive and take no vote."""
    if missing := [path for path in CLIENT_FILES if not (WEBVOTE / path).is_file()]:
        raise NotReady(
            f"the browser client is not built, {missing[0]} is missing in {WEBVOTE}; in a checkout run: make client; "
            "for another installation: make wheel"
        )


def integrity(name: str) -> str:
    """What a browser holds the file against before it uses it (W3C Subresource Integrity)."""
    path = STATIC / name
    status = path.stat()
    return _integrity(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _integrity(path: Path, _changed: int, _size: int) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode("ascii")


def static_hashes(static: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder of static files, by the path under which it is served."""
    files = [*(static / "client").glob("*.js"), *static.glob("*.css"), *static.glob("*.svg")]
    return {
        f"static/{path.relative_to(static).as_posix()}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
