"""What browsers load to vote: scripts, style, and the pages on which a vote is made, tested and found.

Decides which files the log's `client` entry names, and by which paths. The test page as a saved file carries the log up
to its opening, so an entry made after that names it as well. Pages that tell the state of the
referendum (start, result) are not among them: no vote passes through them, and they change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from stembus.webvote.site.app import create_site_app
from stembus.webvote.static_files import STATIC, static_hashes

VOTING_PAGES, SAVED_PAGE = ("vote", "kiosk", "check", "track"), "check/save"


def served_hashes(public: Path, help_line: str) -> dict[str, str]:
    """SHA-256 of every file, by its path below the client's address. `help_line` stands on the pages, so it must be
    the one that they are served with. Raises AuditError for a log that cannot be read."""
    app = create_site_app(public, help_line)
    found = static_hashes(STATIC)
    browser = app.test_client()
    for language in app.config["STEMBUS_LANGUAGES"]:
        for path in [f"{language}/{page}" for page in (*VOTING_PAGES, SAVED_PAGE)]:
            with browser.get(f"/{path}") as answer:
                if answer.status_code == 200:
                    found[path] = hashlib.sha256(answer.get_data()).hexdigest()
                else:
                    assert path.endswith(SAVED_PAGE), path
    return found
