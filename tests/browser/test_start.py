"""A page whose program does not run says so in words; one that is a few years old votes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from stembus.webvote.static_files import STATIC
from tests.browser.conftest import Site
from tests.browser.steps import cast, choose, enter, unsealed

PAGES = ("vote", "kiosk", "check", "track")
# What Chrome 83, Firefox 78 and Safari 14 lack.
LATER = ("Object.hasOwn", "Array.prototype.at", "Element.prototype.replaceChildren", "AbortSignal.timeout")


def changed(page: Page, path: str, code: str) -> None:
    """The script at this path has `code` behind it."""
    unsealed(page)
    script = Path(STATIC, path).read_text(encoding="utf-8") + code
    page.route(f"**/static/{path}", lambda route: route.fulfill(body=script, content_type="text/javascript"))


def test_a_browser_without_what_came_later_casts_a_vote(page: Page, site: Site) -> None:
    page.add_init_script(";".join(f"delete {name}" for name in LATER) + ";delete Navigator.prototype.locks;")
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    cast(page)
    expect(page.locator("#batch-state")).to_contain_text("will be published")


@pytest.mark.parametrize("name", PAGES)
def test_a_browser_that_does_not_understand_the_script_says_that_it_is_too_old(
    device: BrowserContext, site: Site, name: str
) -> None:
    page = device.new_page()  # its script error is what is wanted
    changed(page, f"client/{name}.js", "\nlet x = ??;")
    page.goto(f"{site.url}en/{name}")
    expect(page.locator("#step-old h1")).to_be_focused()
    expect(page.locator("#step-old")).to_contain_text("056 00 00 00")
    assert page.locator("#app > :visible").count() == 1


def test_a_browser_without_modules_says_that_it_is_too_old(page: Page, site: Site) -> None:
    unsealed(page)
    page.route("**/client/vote.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(f"{site.url}nl/vote")
    expect(page.locator("#step-old h1")).to_be_focused()


def test_a_browser_without_cryptography_says_that_it_is_too_old(page: Page, site: Site) -> None:
    page.add_init_script("delete Crypto.prototype.subtle;")
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-old h1")).to_be_focused()


@pytest.mark.parametrize("name", PAGES)
def test_a_script_that_is_kept_away_is_named(page: Page, site: Site, name: str) -> None:
    page.route(f"**/client/{name}.js", lambda route: route.abort())
    page.goto(f"{site.url}en/{name}")
    expect(page.locator("#step-blocked h1")).to_be_focused()
    assert page.locator("#app > :visible").count() == 1


def test_where_no_script_arrives_at_all_the_page_itself_says_so_in_the_end(page: Page, site: Site) -> None:
    page.route("**/*.js", lambda route: route.abort())
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-busy")).to_be_visible()
    assert page.locator(".late").evaluate("element => getComputedStyle(element).visibility") == "hidden"
    expect(page.locator(".late")).to_be_visible(timeout=30_000)
    expect(page.locator(".late")).to_contain_text("056 00 00 00")


@pytest.mark.parametrize("code", ["throw new Error('planted')", "Promise.reject(new Error('planted'))"])
def test_a_failure_that_nobody_caught_is_said_and_the_step_stays(device: BrowserContext, site: Site, code: str) -> None:
    page = device.new_page()
    changed(page, "client/vote.js", f"\nsetTimeout(() => {{ {code} }}, 2000);")
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}")
    expect(page.locator("#error")).to_contain_text("that is our fault", timeout=10_000)
    expect(page.locator("#step-code")).to_be_visible()


def test_a_failure_of_somebody_elses_script_is_not_told_as_ours(device: BrowserContext, site: Site) -> None:
    page = device.new_page()
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-code")).to_be_visible()
    page.evaluate("setTimeout(() => { throw new Error('of an extension') })")
    page.evaluate("Promise.reject(new Error('of an extension')) && 0")
    page.wait_for_timeout(500)
    expect(page.locator("#error")).to_be_hidden()


def test_a_field_that_is_wrong_has_a_border_that_says_so(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote")
    page.locator("#submit-code").click()
    colour = "element => getComputedStyle(element).borderTopColor"
    red = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--red').trim()")
    assert red == "#a3171f"
    for field in ("#code", "#factor"):
        assert page.locator(field).evaluate(colour) == "rgb(163, 23, 31)"
