"""What goes wrong on the way of a vote: each thing has its words, and nothing is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser.conftest import Site
from tests.browser.steps import cast, choose, enter, read_qr


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
    tracking = re.sub(r"\s", "", page.locator("#tracking").inner_text())
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
    page.locator("#retry-refused").click()
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


@pytest.mark.parametrize("shown", [None, "00" * 1365, "zz", "the ballot itself"])
def test_a_box_that_says_out_of_turn_must_show_the_ballot_that_took_it(
    page: Page, site: Site, shown: str | None
) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")

    def refuse(route: Route) -> None:
        # A ballot that this very device signed proves nothing, although its signature is right.
        current = (route.request.post_data_buffer or b"").hex() if shown == "the ballot itself" else shown
        body = {"error": "out-of-turn", "message": "no", "next": 4, "current": current}
        route.fulfill(status=409, body=json.dumps(body), content_type="application/json")

    page.route("**/box/cast", refuse, times=1)
    page.locator("#cast").click()
    expect(page.locator("#refused-reason")).to_contain_text("shows no such ballot")
    with page.expect_download() as download:
        page.locator("#save-ballot").click()
    assert len(Path(download.value.path()).read_bytes()) == site.office().context().size
    page.locator("#retry-refused").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert json.loads(json.loads(page.evaluate("Object.values(localStorage)[0]"))["pass"])["casts"] == 1


@pytest.mark.parametrize(
    ("name", "words"), [("token-issued", "already given out for this letter"), ("letter-struck", "no longer valid")]
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


def test_a_discarded_ballot_is_no_proof_either(page: Page, site: Site) -> None:
    """A box that refuses a ballot as faulty and shows it later as the one that took the turn contradicts itself."""
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    sent: list[bytes] = []

    def refuse(route: Route) -> None:
        sent.append(route.request.post_data_buffer or b"")
        body: dict[str, object] = {"error": "ballot-rejected", "message": "no", "check": "V19"}
        if len(sent) > 1:
            body = {"error": "out-of-turn", "message": "no", "next": 1, "current": sent[0].hex()}
        route.fulfill(status=422, body=json.dumps(body), content_type="application/json")

    page.route("**/box/cast", refuse, times=2)
    page.locator("#cast").click()
    page.locator("#another").click()
    choose(page, "0")
    page.locator("#cast").click()
    expect(page.locator("#refused-reason")).to_contain_text("shows no such ballot")
    page.locator("#retry-refused").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert sent[0] != sent[1]


def test_a_waiting_ballot_whose_turn_another_device_took_can_be_replaced(
    page: Page, site: Site, chromium: Browser
) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    page.locator("#pass-part summary").click()
    page.locator("#show-pass").click()
    link = read_qr(page, "#pass-qr svg")
    page.locator("#revote").click()
    choose(page, "1")
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    expect(page.locator("#step-unanswered")).to_be_visible()
    other = chromium.new_context().new_page()
    other.on("dialog", lambda dialog: dialog.accept())
    other.goto(link)
    choose(other, "0")
    cast(other)
    other.context.close()
    page.unroute("**/box/cast")
    page.locator("#retry").click()
    expect(page.locator("#refused-reason")).to_contain_text("on another device meanwhile")
    page.locator("#another").click()
    choose(page, "1")
    cast(page)


def test_token_issued_after_a_lost_answer_does_not_destroy_the_pass(page: Page, site: Site) -> None:
    letter = site.letter()
    enter(page, site, letter, "en")
    choose(page, "0")
    lost = lose_once(page, "registrar/1/token")
    page.locator("#cast").click()
    expect(page.locator("#error")).to_contain_text("no connection")
    page.unroute("**/registrar/1/token")
    answer_once(page, "registrar/1/token", 409, error="token-issued", message="no")
    page.locator("#cast").click()
    expect(page.locator("#error")).to_contain_text("already given out")
    # The registrar lied, or was wrong; the pass that its token was given to is still here.
    enter(page, site, letter, "en")
    choose(page, "0")
    cast(page)
    assert lost


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


def test_a_refused_change_does_not_hide_the_vote_before_it(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    tracking = cast(page)
    page.locator("#revote").click()
    choose(page, "1")
    body = json.dumps({"error": "closed", "message": "voting is closed"})
    page.route("**/box/cast", lambda route: route.fulfill(status=403, body=body, content_type="application/json"))
    page.locator("#cast").click()
    expect(page.locator("#refused-reason")).to_contain_text("Voting is closed")
    page.reload()
    page.locator("#earlier").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert re.sub(r"\s", "", page.locator("#tracking").inner_text()) == tracking


def test_a_first_vote_refused_for_too_many_casts_is_not_called_counted(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    answer_once(page, "box/cast", 422, error="ballot-rejected", message="no", check="V20")
    page.locator("#cast").click()
    expect(page.locator("#refused-reason")).to_contain_text("ballot is faulty")


def test_an_answer_in_no_words_we_know_leaves_a_way_on(page: Page, site: Site) -> None:
    for step, path in (("en/vote", "registrar/1/token"), ("en/kiosk", "registrar/1/token")):
        code, born = site.letter()
        page.goto(f"{site.url}{step}")
        page.locator("#code").fill(code)
        page.locator("#factor").fill(born)
        page.locator("#submit-code").click()
        choose(page, "0")
        answer_once(page, path, 418, error="teapot", message="no")
        page.locator("#cast").click()
        page.locator("#retry:visible, #cast:visible").click()
        expect(page.locator("#step-done")).to_be_visible()
        page.goto("about:blank")
