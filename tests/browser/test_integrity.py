"""A script or style that is not the one whose hash stands in the page is not used; the page says so."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import Site
from tests.browser.steps import unsealed

PAGES = ("vote", "kiosk", "check", "track")


def one_byte_more(route: Route) -> None:
    response = route.fetch()
    route.fulfill(response=response, body=response.body() + b"\n")


@pytest.mark.parametrize("name", PAGES)
def test_a_script_with_one_byte_more_is_not_run(device: BrowserContext, site: Site, name: str) -> None:
    page = device.new_page()
    page.route(f"**/client/{name}.js", one_byte_more)
    page.goto(f"{site.url}en/{name}")
    expect(page.locator("#step-blocked h1")).to_be_focused()
    assert not page.evaluate("document.documentElement.hasAttribute('data-started')")


def test_a_style_with_one_byte_more_is_not_used(page: Page, site: Site) -> None:
    page.route("**/style.css", one_byte_more)
    page.goto(f"{site.url}en/")
    used = page.evaluate("[...document.styleSheets].map(sheet => sheet.href)")
    assert [href.rpartition("/")[2] for href in used] == ["colours.css"]


def test_a_script_without_a_hash_is_not_run(device: BrowserContext, site: Site) -> None:
    """The page's own header asks for hashes (Integrity-Policy), so none can be left out by mistake."""
    page = device.new_page()

    def without(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=re.sub(r' integrity="[^"]*"', "", response.text()))

    page.route(re.compile(r"/vote$"), without)
    page.goto(f"{site.url}en/vote")
    page.wait_for_timeout(500)
    assert not page.evaluate("document.documentElement.hasAttribute('data-started')")


def test_each_page_names_the_hash_of_each_of_its_files(page: Page, site: Site) -> None:
    for name in ("", "vote", "kiosk", "check", "track", "result", "accessibility"):
        page.goto(f"{site.url}nl/{name}")
        named = page.locator("script[src], link[rel=stylesheet]")
        assert named.count() == (4 if name in PAGES else 2)
        for number in range(named.count()):
            assert (named.nth(number).get_attribute("integrity") or "").startswith("sha384-")


def test_whoever_takes_the_hashes_out_of_a_page_serves_another_page_than_the_log_names(
    device: BrowserContext, site: Site
) -> None:
    """Which is why pages are in the log's `client` entry as well as scripts."""
    page = device.new_page()
    unsealed(page)
    page.route("**/client/vote.js", one_byte_more)
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-code")).to_be_visible()
    assert "integrity" not in page.content()
