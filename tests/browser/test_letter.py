"""The owner of a letter sees, after the close, whether somebody voted with it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.browser.conftest import Site, start_site
from tests.browser.steps import cast, choose, enter
from tests.browser.test_access import scrolls_sideways, violations


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own, which a test closes."""
    served = start_site(tmp_path_factory.mktemp("ended"), 12)
    yield served
    served.server.stop()


def look(page: Page, code: str) -> None:
    page.locator("#code").fill(code)
    page.locator("#submit-letter").click()


def test_before_the_close_no_code_is_asked_for_and_after_it_each_letter_is_told(page: Page, ended: Site) -> None:
    voted, begun, unused = ended.letter(), ended.letter(), ended.letter()
    page.goto(f"{ended.url}en/letter")
    expect(page.locator("#outcome")).to_contain_text("Voting is not over yet")
    expect(page.locator("#code")).to_be_hidden()
    page.goto(f"{ended.url}en/result")
    expect(page.get_by_text("Did somebody vote with my letter?")).to_have_count(0)
    enter(page, ended, voted, "en")
    choose(page, "1")
    cast(page)
    rehearsal = Rehearsal(ended.root, start=int(time.time()))
    rehearsal.token(*begun)
    rehearsal.close()
    page.goto(f"{ended.url}en/result")
    page.get_by_text("Did somebody vote with my letter?").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(ended.url)))
    for letter, told in ((voted, "Yes."), (begun, "begin a vote"), (unused, "No. The town hall lists no online vote")):
        asked.clear()
        look(page, letter[0])
        expect(page.locator("#outcome")).to_contain_text(told)
        assert {path for path in asked if path.startswith("log/") and "tile" not in path} <= {
            "log/checkpoint", "log/credentials", "log/issuance/1", "log/struck/1", "log/spares",
        } | {path for path in asked if path.startswith("log/checkpoints/")}  # fmt: skip
        assert page.locator("#advice").is_visible() == (letter is not unused)
        assert violations(page) == []
        assert not scrolls_sideways(page)
    look(page, unused[0][:-1])
    expect(page.locator("#code-error")).to_contain_text("24 letters and digits")
    expect(page.locator("#code")).to_be_focused()
    expect(page.locator("#outcome")).to_be_empty()
    page.route("**/log/issuance/1", lambda route: route.fulfill(body="0" * 64 + "\n"))
    page.reload()
    look(page, voted[0])
    expect(page.locator("#error")).to_contain_text("does not match")
    expect(page.locator("#outcome")).to_be_empty()
