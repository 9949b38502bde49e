"""Everybody can vote: axe-core at WCAG 2.2 AA on every page and step, keyboard alone, 400 % zoom."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WIDTHS, Site
from tests.browser.steps import cast, choose, enter

AXE = Path(__file__).parents[2] / "webvote" / "client" / "node_modules" / "axe-core" / "axe.min.js"
PATHS = [
    "nl/", "en/vote", "nl/kiosk", "fr/check", "nl/track", "en/result", "fr/accessibility", "nl/none", "nl/help",
    "fr/easy", "en/privacy", "fr/letter",
]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """What axe-core finds, as sentences. Evaluated, because the page's policy lets no foreign script in. What stands in
    the document may not have its style yet."""
    page.wait_for_load_state()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", RULES)
    return [f"{v['id']}: {v['help']} ({v['nodes'][0]['html'][:120]})" for v in found["violations"]]


def scrolls_sideways(page: Page) -> bool:
    page.wait_for_load_state()
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize("path", PATHS)
def test_no_page_has_a_violation(page: Page, site: Site, path: str, width: str) -> None:
    page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    page.goto(f"{site.url}{path}")
    if path.endswith(("vote", "kiosk")):
        expect(page.locator("#step-code")).to_be_visible()
    assert violations(page) == []
    assert not scrolls_sideways(page)


@pytest.mark.parametrize("width", list(WIDTHS))
def test_no_step_of_a_vote_has_a_violation(page: Page, site: Site, width: str) -> None:
    page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    page.goto(f"{site.url}nl/vote")
    page.locator("#submit-code").click()
    expect(page.locator("#code-error")).not_to_be_empty()
    assert violations(page) == []
    enter(page, site, site.letter())
    page.locator("#submit-ballot").click()
    expect(page.locator("[data-question-error='0']")).not_to_be_empty()
    assert violations(page) == []
    choose(page, "1")
    page.locator("#test-details summary").click()
    assert violations(page) == []
    page.locator("#test").click()
    assert violations(page) == []
    page.locator("#test-done").click()
    choose(page, "1")
    cast(page)
    expect(page.locator("#save-receipt")).to_be_visible(timeout=20_000)
    page.locator("#pass-part summary").click()
    page.locator("#show-pass").click()
    assert violations(page) == []
    assert not scrolls_sideways(page)
    page.locator("details:has(#remove) summary").click()
    assert violations(page) == []
    page.locator("#remove").click()
    assert violations(page) == []


def test_a_vote_by_keyboard_alone(page: Page, site: Site) -> None:
    code, born = site.letter()
    page.goto(f"{site.url}en/vote#code={code}")
    expect(page.locator("#step-code h1")).to_be_focused()

    def tab_to(selector: str) -> None:
        for _ in range(30):
            if page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")

    tab_to("#factor")
    page.keyboard.type(born)
    page.keyboard.press("Enter")
    expect(page.locator("#step-ballot h1")).to_be_focused()
    tab_to("input[name=q0]")
    page.keyboard.press("ArrowDown")
    expect(page.locator("input[name=q0][value='1']")).to_be_checked()
    tab_to("#submit-ballot")
    page.keyboard.press("Enter")
    expect(page.locator("#step-review h1")).to_be_focused()
    tab_to("#cast")
    page.keyboard.press("Enter")
    expect(page.locator("#step-done h1")).to_be_focused()


def test_the_pages_hold_at_four_hundred_percent(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 320, "height": 256})
    enter(page, site, site.letter())
    assert not scrolls_sideways(page)
    choose(page, "0")
    page.locator("#test-details summary").click()
    assert not scrolls_sideways(page)
    cast(page)
    assert not scrolls_sideways(page)


def test_what_happens_is_announced(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote")
    assert page.locator("#status").get_attribute("role") == "status"
    assert page.locator("#error").get_attribute("role") == "alert"
    assert page.locator("#batch-state").get_attribute("role") == "status"
    page.locator("#submit-code").click()
    expect(page.locator("#code")).to_have_attribute("aria-invalid", "true")
    described = page.locator("#code").get_attribute("aria-describedby") or ""
    assert page.locator(f"#{described}").inner_text() != ""
