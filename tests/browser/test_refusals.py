"""What registrar and box refuse, rightly or not: the voter goes on, and evidence is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from stembus.audit.formats.receipt import encode_promise, make_promise, parse_promise
from tests.browser.conftest import Site, fresh
from tests.browser.steps import answer_once, cast, choose, enter, kept_pass, lose_once, noted, read_qr


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


def test_a_promise_under_another_number_than_the_voter_saw_is_not_taken(page: Page, site: Site) -> None:
    """The box signed it; but the tracking code would not be the number that was shown before the cast."""
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    office = site.office()

    def rename(route: Route) -> None:
        made = parse_promise(route.fetch().body())
        assert made.ballot_id == number
        cast_hash, key = bytes.fromhex(made.cast_hash), office.signing_key("box")
        other = make_promise(office.referendum, cast_hash, bytes(32), made.batch, key)
        route.fulfill(status=200, body=encode_promise(other), content_type="application/json")

    number = noted(page)
    page.route("**/box/cast", rename, times=1)
    page.locator("#cast").click()
    expect(page.locator("#refused-reason")).to_contain_text("wrong answer")
    page.locator("#retry-refused").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert re.sub(r"\s", "", page.locator("#tracking").text_content() or "") == number


def test_a_page_of_another_referendum_is_refused(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}&id={'0' * 64}")
    expect(page.locator("#stop-reason")).to_contain_text("belongs to another referendum")


def test_a_box_that_says_closed_while_casting_leaves_evidence(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    body = json.dumps({"error": "closed", "message": "voting is closed"})
    page.route("**/box/cast", lambda route: route.fulfill(status=403, body=body, content_type="application/json"))
    page.locator("#cast").click()
    expect(page.locator("#save-ballot")).to_be_visible()


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
    assert kept_pass(page)["casts"] == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("token-issued", "This letter was used already"),
        ("letter-struck", "no longer valid"),
        ("letter-doubted", "so you cannot vote with it"),
    ],
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
    other = fresh(chromium).new_page()
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
    expect(page.locator("#error")).to_contain_text("used already")
    # The registrar lied, or was wrong; the pass that its token was given to is still here.
    enter(page, site, letter, "en")
    choose(page, "0")
    cast(page)
    assert lost


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
    assert re.sub(r"\s", "", page.locator("#tracking").text_content() or "") == tracking


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
