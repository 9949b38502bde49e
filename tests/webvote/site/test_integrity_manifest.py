"""Extensions and browsers find the logged hashes of the pages in a form of their own."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from stembus.scripts.cli.client import log_client
from stembus.scripts.cli.log_steps import settle
from stembus.webvote.site.app import create_site_app
from stembus.webvote.theme import EXAMPLE, load_theme
from tests.conftest import Finished


def test_every_logged_file_is_named_with_the_hash_of_what_is_served(opened: Finished, tmp_path: Path) -> None:
    rehearsal = opened.rehearsal(tmp_path / "referendum")
    office = rehearsal.office
    rehearsal.clock.move_to(office.manifest.opens_at)
    theme = load_theme(EXAMPLE)
    body, _ = log_client(office, "1", theme)
    settle(office.log())
    client = create_site_app(office.public, theme).test_client()
    manifest = client.get("/integrity.json").json
    assert manifest["bt-server"] == f"{office.manifest.client.url.rstrip('/')}/log/"
    assert len(manifest["hashes"]) == len(body.files)
    assert {"/nl/vote", "/static/client/vote.js", "/theme/colours.css", "/theme/logo.svg"} <= manifest["hashes"].keys()
    for path, expected in manifest["hashes"].items():
        with client.get(path) as answer:
            assert base64.b64encode(hashlib.sha256(answer.get_data()).digest()).decode() == expected, path


def test_before_anything_is_logged_there_is_none(opened: Finished) -> None:
    assert create_site_app(opened.public).test_client().get("/integrity.json").status_code == 404
