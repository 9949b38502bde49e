"""A vote in a browser where two registrars must sign: one that is away is told, and nothing is used up."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Site, start_site
from tests.browser.steps import cast, choose, enter


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = start_site(tmp_path_factory.mktemp("guarded"), 20, registrars=2)
    yield site
    site.server.stop()


@pytest.fixture
def asked(page: Page) -> list[tuple[str, dict[str, object]]]:
    """What the page asked of registrars, in order."""
    found: list[tuple[str, dict[str, object]]] = []

    def note(request: Request) -> None:
        if "/registrar/" in request.url:
            found.append((request.url.partition("/registrar/")[2], json.loads(request.post_data or "{}")))

    page.on("request", note)
    return found


def issued(site: Site) -> list[int]:
    """How many letters had the signature of each registrar."""
    office = site.office()
    return [office.registrar(k).issued_count() for k in (1, 2)]


def test_the_first_registrar_is_told_the_birth_date_and_signs_last(
    page: Page, guarded: Site, asked: list[tuple[str, dict[str, object]]]
) -> None:
    letter = guarded.letter()
    enter(page, guarded, letter)
    choose(page, "1")
    cast(page)
    ways = [where for where, _ in asked]
    assert ways[:6] == ["1/check", "2/check", "1/check", "2/check", "2/token", "1/token"]
    assert set(ways[6:]) <= {"1/acknowledge", "2/acknowledge"}
    for where, told in asked:
        assert ("factor" in told and told["factor"] == letter[1]) == (where in ("1/check", "1/token"))
        assert ("voucher" in told) == (where in ("2/check", "2/token"))
    assert issued(guarded) == [1, 1]


def test_a_registrar_that_is_away_is_told_and_nothing_is_used_up(page: Page, guarded: Site) -> None:
    code, born = guarded.letter()
    page.route("**/registrar/2/**", lambda route: route.abort())
    page.goto(f"{guarded.url}en/vote#code={code}&id={guarded.office().referendum.hex()}")
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    expect(page.locator("#error")).to_contain_text("One of them does not answer. Nothing is lost")
    page.unroute("**/registrar/2/**")
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()
    choose(page, "1")

    before = issued(guarded)
    page.route("**/registrar/2/**", lambda route: route.abort())
    page.locator("#cast").click()
    expect(page.locator("#error")).to_contain_text("One of them does not answer")
    assert issued(guarded) == before
    page.unroute("**/registrar/2/**")
    cast(page)
    assert issued(guarded) == [count + 1 for count in before]


def test_a_device_that_stops_between_two_signatures_goes_on_with_the_same_token(page: Page, guarded: Site) -> None:
    before = issued(guarded)
    enter(page, guarded, guarded.letter())
    choose(page, "0")
    page.route("**/registrar/1/token", lambda route: route.abort())
    page.locator("#cast").click()
    expect(page.locator("#error")).to_be_visible()
    assert issued(guarded) == [before[0], before[1] + 1]
    page.unroute("**/registrar/1/token")
    page.reload()
    expect(page.locator("#step-ballot")).to_be_visible()
    choose(page, "1")
    cast(page)
    assert issued(guarded) == [count + 1 for count in before]
