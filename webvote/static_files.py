"""The files of the pages that are the same for every referendum: scripts, style, icon."""

from __future__ import annotations

import hashlib
from pathlib import Path

STATIC = Path(__file__).parent / "static"


def static_hashes(static: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder of static files, by the path under which it is served."""
    files = [*(static / "client").glob("*.js"), *static.glob("*.css"), *static.glob("*.svg")]
    return {
        f"static/{path.relative_to(static).as_posix()}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
