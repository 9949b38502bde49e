"""What browsers load to vote: scripts, style, colours and logo, and the pages on which voters type something.

Decides which files the log's `client` entry names, and by which paths. The test page as a saved file carries the log up
to its opening, so an entry made after that names it as well. Pages that tell the state of the
referendum (start, result) are not among them: no vote passes through them, and they change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from stembus.webvote.site.app import create_site_app
from stembus.webvote.site.sender import theme_paths
from stembus.webvote.static_files import STATIC, static_hashes
from stembus.webvote.theme import Theme

VOTING_PAGES, SAVED_PAGE = ("vote", "kiosk", "check", "track", "letter"), "check/save"


def served_hashes(public: Path, theme: Theme) -> dict[str, str]:
    """SHA-256 of every file, by its path below the client's address. The pages show the `theme`, so it must be
    the one that they are served with. Raises AuditError for a log that cannot be read."""
    app = create_site_app(public, theme)
    found = static_hashes(STATIC)
    browser = app.test_client()
    paths = theme_paths(theme)
    for language in app.config["STEMBUS_LANGUAGES"]:
        paths += [f"{language}/{page}" for page in (*VOTING_PAGES, SAVED_PAGE)]
    for path in paths:
        with browser.get(f"/{path}") as answer:
            if answer.status_code == 200:
                found[path] = hashlib.sha256(answer.get_data()).hexdigest()
            else:
                assert path.endswith(SAVED_PAGE), path
    return found
