"""What goes wrong on the way of a vote: each thing has its words, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import Site
from tests.browser.steps import cast, choose, enter


def lose_once(page: Page, service: str) -> list[str]:
    """The service does its work, and its first answer gets lost."""
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()
        route.abort()

    page.route(f"**/{service}", lose)
    return lost


@pytest.mark.parametrize("service", ["registrar/1/token", "box/cast"])
@pytest.mark.parametrize("after", ["again", "reload"])
def test_a_lost_answer_costs_nothing(page: Page, site: Site, service: str, after: str) -> None:
    lost = lose_once(page, service)
    office = site.office()
    issued, accepted = office.registrar().issued_count(), office.box.accepted()
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    page.locator("#cast").click()
    expect(page.locator("#error")).to_contain_text("no connection")
    if after == "reload":
        page.reload()
        if "token" in service:
            # The choice was never kept, so it is made again; the token is the one that was given.
            choose(page, "0")
            page.locator("#cast").click()
    else:
        page.locator("#cast").click()
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
    expect(page.locator("#error")).to_contain_text("no connection")
    # It may have arrived: what may be counted cannot be tested any more.
    expect(page.locator("#test-details")).to_be_hidden()
    page.unroute("**/box/cast")
    tracking = cast(page)
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


def test_a_refused_ballot_can_be_saved_as_evidence(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    body = json.dumps({"error": "ballot-rejected", "message": "no", "check": "V19"})
    page.route("**/box/cast", lambda route: route.fulfill(status=422, body=body, content_type="application/json"))
    page.locator("#cast").click()
    expect(page.locator("#step-refused")).to_be_visible()
    with page.expect_download() as download:
        page.locator("#save-ballot").click()
    context = site.office().context()
    assert len(Path(download.value.path()).read_bytes()) == context.size
    page.unroute("**/box/cast")
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible()


def test_a_forged_promise_is_not_taken(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")

    def forge(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(status=200, body=answer.text().replace('"batch":', '"batch":1'), content_type="application/json")

    page.route("**/box/cast", forge)
    page.locator("#cast").click()
    expect(page.locator("#refused-reason")).to_contain_text("wrong answer")


def test_the_screen_tells_a_closed_referendum(page: Page, site: Site) -> None:
    body = json.dumps({"error": "closed", "message": "voting is closed"})
    page.route("**/check", lambda route: route.fulfill(status=403, body=body, content_type="application/json"))
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}")
    page.locator("#factor").fill("1/1/1980")
    page.locator("#submit-code").click()
    expect(page.locator("#stop-reason")).to_contain_text("Voting is closed")


def test_a_page_of_another_referendum_is_refused(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}&id={'0' * 64}")
    expect(page.locator("#stop-reason")).to_contain_text("does not match")


def test_a_reload_does_not_forget_which_referendum_the_letter_named(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}&id={'0' * 64}")
    expect(page.locator("#stop-reason")).to_contain_text("does not match")
    expect(page.locator("#again")).to_be_hidden()
    page.reload()
    expect(page.locator("#stop-reason")).to_contain_text("does not match")


def test_a_box_that_says_closed_while_casting_leaves_evidence(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    body = json.dumps({"error": "closed", "message": "voting is closed"})
    page.route("**/box/cast", lambda route: route.fulfill(status=403, body=body, content_type="application/json"))
    page.locator("#cast").click()
    expect(page.locator("#save-ballot")).to_be_visible()


def answer_once(page: Page, path: str, status: int, **body: object) -> None:
    """The service refuses once, then answers as it does."""
    page.route(
        f"**/{path}",
        lambda route: route.fulfill(status=status, body=json.dumps(body), content_type="application/json"),
        times=1,
    )


def test_after_a_refused_ballot_another_one_can_be_made(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    answer_once(page, "box/cast", 422, error="ballot-rejected", message="no", check="V19")
    page.locator("#cast").click()
    page.locator("#another").click()
    expect(page.locator("#step-ballot")).to_be_visible()
    choose(page, "0")
    cast(page)


def test_a_reload_shows_a_refused_ballot_again(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    body = json.dumps({"error": "ballot-rejected", "message": "no", "check": "V19"})
    page.route("**/box/cast", lambda route: route.fulfill(status=422, body=body, content_type="application/json"))
    page.locator("#cast").click()
    expect(page.locator("#step-refused")).to_be_visible()
    page.reload()
    expect(page.locator("#step-refused")).to_be_visible()
    expect(page.locator("#another")).to_be_visible()


@pytest.mark.parametrize("shown", [None, "00" * 1365, "zz"], ids=["nothing", "another ballot", "no ballot"])
def test_a_box_that_says_out_of_turn_must_show_the_ballot_that_took_it(
    page: Page, site: Site, shown: str | None
) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    answer_once(page, "box/cast", 409, error="out-of-turn", message="no", next=4, current=shown)
    page.locator("#cast").click()
    expect(page.locator("#refused-reason")).to_contain_text("shows no such ballot")
    expect(page.locator("#save-ballot")).to_be_visible()
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert json.loads(json.loads(page.evaluate("Object.values(localStorage)[0]"))["pass"])["casts"] == 1


@pytest.mark.parametrize(
    ("name", "words"), [("token-issued", "already has its ballot paper"), ("letter-struck", "no longer valid")]
)
def test_a_letter_that_loses_its_ballot_paper_before_the_cast_leads_back_to_the_code(
    page: Page, site: Site, name: str, words: str
) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    answer_once(page, "registrar/1/token", 409, error=name, message="no")
    page.locator("#cast").click()
    expect(page.locator("#step-code")).to_be_visible()
    expect(page.locator("#error")).to_contain_text(words)


def test_a_vote_cast_at_the_last_moment_and_too_late_says_so(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    answer_once(page, "registrar/1/token", 403, error="closed", message="voting is closed")
    page.locator("#cast").click()
    expect(page.locator("#stop-reason")).to_contain_text("Voting is closed")


def test_an_old_browser_is_told_what_to_do(page: Page, site: Site) -> None:
    page.add_init_script("delete AbortSignal.timeout;")
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-old h1")).to_be_focused()


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
