"""What changes while somebody is on the page: the voting ends or is cancelled, and a voter takes another language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Site
from tests.browser.steps import at_kiosk, cast, choose, enter

STEPS = ("code", "ballot", "review")


def bring_to(page: Page, site: Site, step: str) -> None:
    if step == "code":
        page.goto(f"{site.url}en/vote")
        expect(page.locator("#step-code")).to_be_visible()
        return
    enter(page, site, site.letter(), "en")
    if step == "review":
        choose(page, "1")


def say(page: Page, hours: float, status: int = 200, **headers: str) -> None:
    """From now on the site answers the page's look with this time, and these headers."""
    then = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)

    def answer(route: Route) -> None:
        if route.request.method == "HEAD":
            route.fulfill(status=status, headers={"date": then, **headers})
        else:
            route.fallback()

    page.route("**/vote", answer)


@pytest.mark.parametrize("step", STEPS)
def test_the_end_of_the_voting_is_noticed_and_not_before(page: Page, site: Site, step: str) -> None:
    page.clock.install()
    bring_to(page, site, step)
    say(page, 23)
    page.clock.run_for(61_000)
    expect(page.locator(f"#step-{step}")).to_be_visible()
    say(page, 25)
    page.clock.run_for(61_000)
    expect(page.locator("#stop-reason")).to_contain_text("Voting is closed")
    expect(page.locator("#other-places")).to_be_hidden()


@pytest.mark.parametrize("step", STEPS)
def test_a_vote_that_is_cancelled_is_noticed(page: Page, site: Site, step: str) -> None:
    page.clock.install()
    bring_to(page, site, step)
    say(page, 0, 302, location="/en/")
    page.clock.run_for(61_000)
    expect(page.locator("#stop-reason")).to_contain_text("cancelled")


def test_who_has_voted_is_not_stopped_by_the_end(page: Page, site: Site) -> None:
    page.clock.install()
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    cast(page)
    say(page, 25)
    page.clock.run_for(61_000)
    expect(page.locator("#step-done")).to_be_visible()


def test_a_site_that_does_not_answer_stops_nobody(page: Page, site: Site) -> None:
    page.clock.install()
    bring_to(page, site, "ballot")
    page.route("**/vote", lambda route: route.abort())
    page.clock.run_for(200_000)
    expect(page.locator("#step-ballot")).to_be_visible()


def test_another_language_keeps_what_was_typed_and_chosen(page: Page, site: Site) -> None:
    code, born = site.letter()
    page.goto(f"{site.url}nl/vote#code={code}")
    page.locator("#factor").fill(born)
    page.locator("[data-language-link][lang='fr']").click()
    expect(page.locator("#step-code h1")).to_have_text("Votre code")
    assert page.locator("html").get_attribute("lang") == "fr"
    expect(page.locator(".translation")).to_be_visible()
    assert page.locator("#code").input_value() == code
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot h1")).to_have_text("Votre bulletin de vote")
    page.locator("input[name=q0][value='1']").check()
    page.locator("[data-language-link][lang='en']").click()
    expect(page.locator("#step-ballot h1")).to_have_text("Your ballot paper")
    expect(page.locator("input[name=q0][value='1']")).to_be_checked()
    page.locator("#submit-ballot").click()
    expect(page.locator("#step-review")).to_be_visible()
    number = page.locator("#ballot-id").inner_text()
    page.locator("[data-language-link][lang='nl']").click()
    expect(page.locator("#chosen dd")).to_have_text("Ja")
    assert page.locator("#ballot-id").inner_text() == number
    assert page.title().startswith("Kijk je keuze na - ")
    assert page.url.endswith("/nl/vote")
    expect(page.locator(".translation")).to_be_hidden()
    expect(page.locator("[data-language-link][aria-current]")).to_have_text("Nederlands")
    cast(page)
    expect(page.locator("#step-done h1")).to_have_text("Je stem is uitgebracht")


def test_a_language_that_does_not_arrive_changes_nothing(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "nl")
    page.locator("input[name=q0][value='1']").check()
    page.route("**/fr/vote", lambda route: route.abort())
    page.locator("[data-language-link][lang='fr']").click()
    expect(page.locator("#error")).to_contain_text("geen verbinding")
    expect(page.locator("input[name=q0][value='1']")).to_be_checked()


def test_a_kiosk_speaks_another_language_on_the_ballot_and_on_the_review(page: Page, site: Site) -> None:
    at_kiosk(page, site, site.letter())
    page.locator("[data-language-link][lang='fr']").click()
    expect(page.locator("#step-ballot h1")).to_have_text("Votre bulletin de vote")
    choose(page, "1")
    page.locator("[data-language-link][lang='nl']").click()
    expect(page.locator("#step-review h1")).to_have_text("Kijk je keuze na")
    cast(page)
    expect(page.locator("[data-language-link]").first).to_be_hidden()


@pytest.mark.parametrize("step", STEPS)
def test_a_kiosk_can_be_stopped_and_wiped_on_every_step(page: Page, site: Site, step: str) -> None:
    if step == "code":
        page.goto(f"{site.url}en/kiosk")
        page.locator("#code").fill("0123")
    else:
        at_kiosk(page, site, site.letter())
    if step == "review":
        choose(page, "1")
    page.evaluate("window.before = true")
    page.locator("#stop-now").click()
    page.wait_for_function("window.before === undefined")
    expect(page.locator("#step-code")).to_be_visible()
    assert page.locator("#code").input_value() == ""
    assert page.locator("input:checked").count() == 0
