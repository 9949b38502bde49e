"""Dark pages, languages that are written from right to left, words that do not end, and a city's colours."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import WIDTHS, Site, fresh
from tests.browser.steps import cast, choose, enter
from tests.browser.test_access import PATHS, scrolls_sideways, violations

LONG = "Meervoudigepersoonlijkheidsstoornisbehandelcentrumsvergunningsaanvraagformulier"


@pytest.fixture(params=list(WIDTHS))
def dark(request: pytest.FixtureRequest, chromium: Browser) -> Page:
    width, height = WIDTHS[request.param]
    return fresh(chromium, viewport={"width": width, "height": height}, color_scheme="dark").new_page()


@pytest.mark.parametrize("path", PATHS)
def test_no_dark_page_has_a_violation(dark: Page, site: Site, path: str) -> None:
    dark.goto(f"{site.url}{path}")
    if path.endswith(("vote", "kiosk")):
        expect(dark.locator("#step-code")).to_be_visible()
    assert dark.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 23, 29)"
    assert violations(dark) == []
    dark.context.close()


def test_no_step_of_a_vote_in_the_dark_has_a_violation(dark: Page, site: Site) -> None:
    dark.goto(f"{site.url}nl/vote")
    dark.locator("#submit-code").click()
    expect(dark.locator("#code-error")).not_to_be_empty()
    assert violations(dark) == []
    enter(dark, site, site.letter())
    dark.locator("#submit-ballot").click()
    expect(dark.locator("#problems")).to_be_visible()
    assert violations(dark) == []
    choose(dark, "1")
    dark.locator("#test-details summary").click()
    assert violations(dark) == []
    dark.locator("#test").click()
    assert violations(dark) == []
    dark.locator("#test-done").click()
    choose(dark, "1")
    cast(dark)
    expect(dark.locator("#save-receipt")).to_be_visible(timeout=20_000)
    assert violations(dark) == []
    dark.context.close()


def test_a_dark_page_is_printed_dark_on_white(dark: Page, site: Site) -> None:
    dark.goto(f"{site.url}nl/")
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    dark.context.close()


@pytest.mark.parametrize("width", list(WIDTHS))
def test_pages_hold_from_right_to_left(page: Page, site: Site, width: str) -> None:
    page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    page.add_init_script("addEventListener('DOMContentLoaded', () => { document.documentElement.dir = 'rtl'; });")
    enter(page, site, site.letter())
    page.locator("#submit-ballot").click()
    expect(page.locator("#problems")).to_be_visible()
    assert not scrolls_sideways(page)
    box = page.locator(".choice").first.bounding_box()
    sign = page.locator(".choice input").first.bounding_box()
    assert box is not None
    assert sign is not None
    assert sign["x"] > box["x"] + box["width"] / 2, "what is chosen stands where the line begins"
    choose(page, "1")
    # Codes and numbers are read from left to right in every language.
    assert page.locator("#ballot-id").evaluate("element => getComputedStyle(element).direction") == "ltr"
    assert not scrolls_sideways(page)
    cast(page)
    assert not scrolls_sideways(page)
    assert violations(page) == []


@pytest.mark.parametrize("path", PATHS)
def test_a_word_that_does_not_end_breaks_and_pushes_nothing_aside(page: Page, site: Site, path: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{site.url}{path}")
    if path.endswith(("vote", "kiosk")):
        expect(page.locator("#step-code")).to_be_visible()
    page.evaluate(
        """word => { for (const part of document.querySelectorAll("h1, h2, p, li, dd, dt, label, button, a, legend"))
            if (part.children.length === 0 && part.className !== "whole") part.textContent = word; }""",
        LONG,
    )
    assert not scrolls_sideways(page)
