"""The officials' page in a browser: no violation of WCAG on a phone or a desk, and a first step by the mouse alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from stembus.scripts.cli.guide import guide_to
from stembus.scripts.guide.jobs import Jobs
from stembus.scripts.rehearsal.referendum import PASSPHRASE, Rehearsal, demo_draft
from stembus.webvote.guide_app import create_guide_app
from tests.browser.conftest import WIDTHS, fresh, leave
from tests.browser.test_access import scrolls_sideways, violations

KEY = "the-key-in-the-link"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kortrijk"


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> Iterator[str]:
    jobs = Jobs(PASSPHRASE)
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    host = f"127.0.0.1:{server.server_port}"
    server.app = create_guide_app(guide_to(folder, jobs, tmp_path / "scratch"), KEY, host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{host}/"
    server.shutdown()
    jobs.stop_all()


@pytest.mark.parametrize("width", list(WIDTHS))
def test_a_draft_is_made_looked_over_and_previewed(chromium: Browser, url: str, folder: Path, width: str) -> None:
    size = {"width": WIDTHS[width][0], "height": WIDTHS[width][1]}
    context = fresh(chromium, viewport=size)
    page = context.new_page()
    page.goto(f"{url}?key={KEY}")
    assert KEY not in page.url
    expect(page.get_by_role("heading", name="Stap voor stap")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Schrijf een ontwerp").click()
    expect(page.get_by_text("Gedaan.")).to_be_visible(timeout=30_000)
    assert violations(page) == []
    page.get_by_role("link", name="Terug naar de stappen").click()
    assert violations(page) == []
    assert not scrolls_sideways(page)
    rehearsal = Rehearsal(folder)
    rehearsal.keys()
    (folder / "referendum.toml").write_text(demo_draft(20, 1, floor=1, batch_tokens=1), encoding="utf-8")
    rehearsal.office.dispose()
    page.reload()
    page.locator("main a[href$=draft]").click()
    expect(page.locator("p.good")).to_be_visible()
    paper = page.frame_locator("iframe").first
    expect(paper.get_by_text("Wil je elke maand een autovrije zondag")).to_be_visible()
    assert violations(page) == []
    assert not scrolls_sideways(page)
    leave(context)
