"""What browsers load to vote: scripts, style, and the pages on which a vote is made, tested and found.

Decides which files the log's `client` entry names, and by which paths. Pages that tell the state of the
referendum (start, result) are not among them: no vote passes through them, and they change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from webvote.site_app import create_site_app
from webvote.static_files import STATIC, static_hashes

VOTING_PAGES = ("vote", "kiosk", "check", "track")


def served_hashes(public: Path, help_line: str) -> dict[str, str]:
    """SHA-256 of every file, by its path below the client's address. `help_line` stands on the pages, so it must be
    the one that they are served with. Raises AuditError for a log that cannot be read."""
    app = create_site_app(public, help_line)
    found = static_hashes(STATIC)
    browser = app.test_client()
    for language in app.config["STEMBUS_LANGUAGES"]:
        for page in VOTING_PAGES:
            path = f"{language}/{page}"
            with browser.get(f"/{path}") as answer:
                assert answer.status_code == 200
                found[path] = hashlib.sha256(answer.get_data()).hexdigest()
    return found
