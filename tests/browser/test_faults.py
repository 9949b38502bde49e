"""No network, lost answers, crashes: each has its words, and nothing is lost."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import Site
from tests.browser.steps import answer_once, cast, choose, enter, lose_once


@pytest.mark.parametrize("service", ["registrar/1/token", "box/cast"])
@pytest.mark.parametrize("after", ["again", "reload"])
def test_a_lost_answer_costs_nothing(page: Page, site: Site, service: str, after: str) -> None:
    lost = lose_once(page, service)
    office = site.office()
    issued, accepted = office.registrar().issued_count(), office.box.accepted()
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    page.locator("#cast").click()
    if "token" in service:
        expect(page.locator("#error")).to_contain_text("no connection")
    else:
        # Whether the vote arrived is not known, and the page does not say that it did not.
        expect(page.locator("#step-unanswered h1")).to_be_focused()
        assert "evidence" not in page.locator("main").inner_text()
    if after == "reload":
        page.reload()
        if "token" in service:
            # The choice was never kept, so it is made again; the token is the one that was given.
            choose(page, "0")
            page.locator("#cast").click()
    else:
        page.locator("#cast" if "token" in service else "#retry").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert lost
    assert office.registrar().issued_count() == issued + 1
    assert office.box.accepted() == accepted + 1


def test_a_lost_answer_about_the_letter_is_asked_again(page: Page, site: Site) -> None:
    code, born = site.letter()
    assert lose_once(page, "registrar/1/check") == []
    page.goto(f"{site.url}en/vote#code={code}")
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    expect(page.locator("#error")).to_contain_text("no connection")
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def test_a_crashed_tab_goes_on_with_the_code_and_the_same_token(page: Page, device: BrowserContext, site: Site) -> None:
    letter = site.letter()
    issued = site.office().registrar().issued_count()
    lost = lose_once(page, "registrar/1/token")
    enter(page, site, letter)
    choose(page, "0")
    page.locator("#cast").click()
    expect(page.locator("#error")).not_to_be_empty()
    page.close()  # the tab's own memory is gone, the device's is not
    other = device.new_page()
    enter(other, site, letter)
    choose(other, "1")
    cast(other)
    assert lost
    assert site.office().registrar().issued_count() == issued + 1


def test_without_a_network_every_step_says_so_and_goes_on_later(page: Page, device: BrowserContext, site: Site) -> None:
    code, born = site.letter()
    page.goto(f"{site.url}en/vote#code={code}")
    page.locator("#factor").fill(born)
    device.set_offline(True)
    page.locator("#submit-code").click()
    expect(page.locator("#error")).to_contain_text("no connection")
    device.set_offline(False)
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()
    device.set_offline(True)
    choose(page, "1")
    page.locator("#cast").click()
    expect(page.locator("#error")).to_contain_text("no connection")
    # Nothing is signed yet, so the ballot may still be tested or changed.
    expect(page.locator("#test-details")).to_be_visible()
    device.set_offline(False)
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    # It may have arrived: what may be counted is neither tested nor changed any more.
    expect(page.locator("#step-unanswered")).to_be_visible()
    page.reload()
    expect(page.locator("#step-unanswered")).to_be_visible()
    page.unroute("**/box/cast")
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible()
    tracking = re.sub(r"\s", "", page.locator("#tracking").text_content() or "")
    page.goto(f"{site.url}en/track")
    page.locator("#tracking").fill(tracking)
    device.set_offline(True)
    page.locator("#form-track button").click()
    expect(page.locator("#error")).to_contain_text("no connection")
    device.set_offline(False)
    page.locator("#form-track button").click()
    expect(page.locator("#outcome")).not_to_be_empty()


def test_a_browser_that_keeps_nothing_is_told_before_anything_is_asked(page: Page, site: Site) -> None:
    page.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('no', 'QuotaExceededError'); };")
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}")
    expect(page.locator("#stop-reason")).to_contain_text("refuses to keep anything")


def test_the_screen_tells_a_closed_referendum(page: Page, site: Site) -> None:
    body = json.dumps({"error": "closed", "message": "voting is closed"})
    page.route("**/check", lambda route: route.fulfill(status=403, body=body, content_type="application/json"))
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}")
    page.locator("#factor").fill("1/1/1980")
    page.locator("#submit-code").click()
    expect(page.locator("#stop-reason")).to_contain_text("Voting is closed")


@pytest.mark.parametrize("page_name", ["vote", "kiosk"])
@pytest.mark.parametrize(("hours", "over"), [(23, False), (25, True)])
def test_nobody_is_asked_for_a_code_once_the_sites_own_clock_says_that_voting_is_over(
    page: Page, site: Site, page_name: str, hours: int, over: bool
) -> None:
    """Voting is open for a day from the start of the tests."""
    then = datetime.now(UTC) + timedelta(hours=hours)

    def later(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, headers={**response.headers, "date": format_datetime(then, usegmt=True)})

    page.route("**/log/checkpoint", later)
    page.goto(f"{site.url}en/{page_name}")
    if over:
        expect(page.locator("#stop-reason")).to_contain_text("Voting is closed. It closed on")
        expect(page.locator("#step-code")).to_be_hidden()
    else:
        expect(page.locator("#step-code")).to_contain_text("You can vote until")


def test_a_wrong_clock_of_the_device_keeps_nobody_from_voting(page: Page, site: Site) -> None:
    page.clock.install(time=datetime.now(UTC) + timedelta(days=30))
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-code")).to_be_visible()


def test_a_reload_does_not_forget_which_referendum_the_letter_named(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}&id={'0' * 64}")
    expect(page.locator("#stop-reason")).to_contain_text("belongs to another referendum")
    expect(page.locator("#again")).to_be_hidden()
    page.reload()
    expect(page.locator("#stop-reason")).to_contain_text("belongs to another referendum")


def test_voting_that_is_not_open_yet_says_when_it_opens(page: Page, site: Site) -> None:
    answer = {"error": "not-open-yet", "message": "voting opens later"}
    answer_once(page, "registrar/1/check", 403, **answer)
    code, born = site.letter()
    page.goto(f"{site.url}en/vote#code={code}")
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    expect(page.locator("#stop-reason")).to_contain_text("not open yet. It opens on")
    page.locator("#again").click()
    expect(page.locator("#step-code")).to_be_visible()


def test_a_device_whose_memory_was_emptied_asks_for_the_code_again(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    page.evaluate("localStorage.clear()")
    page.locator("#cast").click()
    expect(page.locator("#step-code")).to_be_visible()
    expect(page.locator("#error")).to_contain_text("no longer has your ballot paper")


def test_the_way_back_while_a_vote_is_sent_changes_nothing(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    held: list[Route] = []
    page.route("**/registrar/1/token", lambda route: held.append(route))
    with page.expect_request("**/registrar/1/token"):
        page.locator("#cast").click()
    expect(page.locator("#step-sending h1")).to_be_focused()
    page.go_back()
    expect(page.locator("#step-sending")).to_be_visible()
    expect(page.locator("#step-ballot")).to_be_hidden()
    held[0].continue_()
    expect(page.locator("#step-done")).to_be_visible()


def test_the_way_back_while_a_vote_is_sent_in_vain_leads_to_a_whole_page(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    held: list[Route] = []
    page.route("**/registrar/1/token", lambda route: held.append(route))
    with page.expect_request("**/registrar/1/token"):
        page.locator("#cast").click()
    expect(page.locator("#step-sending")).to_be_visible()
    page.go_back()
    held[0].abort()
    expect(page.locator("#step-review")).to_be_visible()
    page.locator("#back").click()
    expect(page.locator("#step-ballot")).to_be_visible()
    page.unroute("**/registrar/1/token")
    choose(page, "1")
    cast(page)
