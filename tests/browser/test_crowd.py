"""A hundred people vote in their browsers; then the referendum is closed, counted and verified."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.browser.conftest import start_site

VOTERS = 100


def test_a_hundred_browser_voters_are_counted_and_verified(chromium: Browser, tmp_path: Path) -> None:
    site = start_site(tmp_path / "crowd", VOTERS)
    expected = [0, 0]
    try:
        for number in range(VOTERS):
            code, born = site.letter()
            choice = str(int(number % 5 < 2)) if number % 20 else "blank"
            context = chromium.new_context(viewport={"width": 360, "height": 740})
            page = context.new_page()
            page.goto(f"{site.url}nl/vote#code={code}")
            page.locator("#factor").fill(born)
            page.locator("#submit-code").click()
            page.locator(f"input[name=q0][value='{choice}']").check()
            page.locator("#submit-ballot").click()
            page.locator("#cast").click()
            expect(page.locator("#step-done")).to_be_visible(timeout=15_000)
            context.close()
            if choice != "blank":
                expected[int(choice)] += 1
    finally:
        site.server.stop()
    # The referendum is open for a day; its own clock, not the test's, says that the day is over.
    rehearsal = Rehearsal(site.root, start=int(time.time()))
    rehearsal.close()
    rehearsal.tally()
    report = verify(FolderPlace(site.root / "public"), rehearsal.office.referendum)
    assert report.exit_status == 0, report.faults
    assert report.result is not None
    assert report.result.participants == VOTERS
    assert report.result.questions[0].total == expected
