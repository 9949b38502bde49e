"""The start page offers a vote only while one can be cast; a cancelled referendum asks nobody for a code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from stembus.audit.formats.entry_bodies import Cancel
from stembus.ballot.office.office import Office
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.webvote.site import app as site_app
from stembus.webvote.site.app import create_site_app
from tests.conftest import Finished, prepare

BUTTON = 'href="/nl/vote">Stem nu'


def client(public: Path) -> FlaskClient:
    return create_site_app(public).test_client()


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Open, on the real clock."""
    rehearsal, _ = prepare(tmp_path, clock="real")
    yield rehearsal.office
    rehearsal.office.dispose()


def test_before_the_opening_the_page_says_when_it_is(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path)
    rehearsal.keys()
    rehearsal.define(demo_draft(10, 1, floor=1, batch_tokens=1))
    page = client(rehearsal.office.public).get("/nl/").get_data(as_text=True)
    assert BUTTON not in page
    assert "Je kan nog niet stemmen. Dat kan vanaf" in page
    rehearsal.office.dispose()


@pytest.mark.parametrize(("seconds", "offered"), [(-1, True), (0, False), (1, False)])
def test_a_vote_is_offered_until_the_closing_time(
    real: Office, monkeypatch: pytest.MonkeyPatch, seconds: int, offered: bool
) -> None:
    monkeypatch.setattr(site_app.time, "time", lambda: real.manifest.closes_at + seconds)
    assert (BUTTON in client(real.public).get("/nl/").get_data(as_text=True)) == offered


def test_on_a_simulated_clock_the_log_alone_says_whether_voting_is_open(opened: Finished) -> None:
    assert BUTTON in client(opened.public).get("/nl/").get_data(as_text=True)


@pytest.mark.parametrize("page", ["vote", "kiosk"])
def test_a_cancelled_referendum_asks_nobody_for_a_code(opened: Finished, tmp_path: Path, page: str) -> None:
    rehearsal = opened.rehearsal(tmp_path / "copy")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 3600)
    assert client(rehearsal.office.public).get(f"/nl/{page}").status_code == 200
    rehearsal.office.log().append([rehearsal.office.officers_sign(Cancel(text={"nl": "Er is geen stroom."}))])
    assert rehearsal.office.log().cosign()
    answer = client(rehearsal.office.public).get(f"/nl/{page}")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/nl/")
    told = client(rehearsal.office.public).get("/nl/").get_data(as_text=True)
    assert "Er is geen stroom." in told
    assert BUTTON not in told
    rehearsal.office.dispose()
