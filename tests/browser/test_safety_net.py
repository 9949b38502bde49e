"""The voter's device is the last safety net: a ballot that its promised batch lacks is not lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from stembus.audit.formats.entry_bodies import Cancel
from stembus.audit.formats.receipt import check_receipt, parse_receipt
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.browser.conftest import Site, fresh
from tests.browser.fake_box import losing, open_batch, seqs, show_log
from tests.browser.steps import answer_once, at_kiosk, cast, choose, enter, kept, kept_ballots, kept_pass

SLOW = 40_000
CANCELLED = {
    "nl": "De stemming is afgelast. Niets van wat is uitgebracht, wordt geteld.",
    "fr": "Le vote a été annulé. Rien de ce qui a été envoyé ne sera compté",
    "en": "The vote was cancelled. Nothing that was cast will be counted",
}
MISSED = "came without your ballot. It was handed in again"


def somebody_else_votes(chromium: Browser, site: Site) -> None:
    """The next batch comes into the log."""
    context = fresh(chromium)
    other = context.new_page()
    before = open_batch(site)
    enter(other, site, site.letter(), "en")
    choose(other, "1")
    cast(other)
    expect(other.locator("#save-receipt")).to_be_visible(timeout=SLOW)
    context.close()
    # Two, if a page that missed its ballot has handed it in meanwhile.
    assert open_batch(site) - before in (1, 2)


def copy_of(site: Site, root: Path, end: Callable[[Rehearsal], object]) -> Path:
    """The published folder as it will be after this end."""
    shutil.copytree(site.root, root)
    rehearsal = Rehearsal(root)
    manifest = rehearsal.office.manifest
    rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds)
    end(rehearsal)
    rehearsal.office.dispose()
    return root / "public"


def cancel(rehearsal: Rehearsal) -> None:
    office = rehearsal.office
    log = office.log()
    log.append([office.officers_sign(Cancel(text=dict.fromkeys(office.manifest.languages, "geen stroom")))])
    log.cosign()


def test_a_ballot_that_its_batch_lacks_is_handed_in_again_until_it_is_found(
    page: Page, site: Site, chromium: Browser
) -> None:
    box = losing(page, site, times=2)
    sent: list[bytes] = []
    page.on("request", lambda r: sent.append(r.post_data_buffer or b"") if r.url.endswith("/box/cast") else None)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    number = cast(page)
    expect(page.locator("#batch-state")).to_contain_text("will be published, at the latest in publication")
    somebody_else_votes(chromium, site)
    expect(page.locator("#batch-state")).to_contain_text(MISSED, timeout=SLOW)
    expect(page.locator("#save-missing")).to_be_visible()
    [ballot] = kept_ballots(page)
    assert (ballot["state"], len(ballot["promises"])) == ("promised", 2)
    page.reload()
    expect(page.locator("#batch-state")).to_contain_text(MISSED)
    somebody_else_votes(chromium, site)
    expect(page.locator("#batch-state")).to_contain_text("later than the ballot box had promised", timeout=SLOW)
    assert len(sent) == 3
    assert len(box.sent) == 2
    assert len(set(sent)) == 1, "the same ballot, byte for byte"
    assert re.sub(r"\s", "", page.locator("#tracking").text_content() or "") == number
    expect(page.locator("#save-missing")).to_be_hidden()
    [ballot] = kept_ballots(page)
    assert (ballot["state"], ballot["raw"]) == ("found", None)
    check_receipt(site.office().manifest, parse_receipt(ballot["place"]["receipt"].encode()), sent[0])
    assert sent[0].hex() not in kept(page)
    page.reload()
    expect(page.locator("#save-receipt")).to_be_visible()
    expect(page.locator("#batch-state")).to_contain_text("later than the ballot box had promised")


def test_a_ballot_that_came_as_promised_is_kept_until_it_is_found_and_not_sent_again(page: Page, site: Site) -> None:
    sent: list[bytes] = []
    page.on("request", lambda r: sent.append(r.post_data_buffer or b"") if r.url.endswith("/box/cast") else None)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    page.route("**/log/checkpoint", lambda route: route.abort())
    cast(page)
    assert sent[0].hex() in kept(page)
    page.unroute("**/log/checkpoint")
    expect(page.locator("#save-receipt")).to_be_visible(timeout=SLOW)
    assert sent[0].hex() not in kept(page)
    expect(page.locator("#batch-state")).not_to_contain_text("later than")
    assert len(sent) == 1


def test_a_closed_tab_is_made_good_by_whoever_opens_the_page_again(
    page: Page, device: BrowserContext, site: Site, chromium: Browser
) -> None:
    box = losing(page, site, times=1)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    page.close()
    somebody_else_votes(chromium, site)
    accepted = site.office().box.accepted()
    other = device.new_page()
    with other.expect_request("**/box/cast", timeout=SLOW) as request:
        other.goto(f"{site.url}nl/vote")
    assert request.value.post_data_buffer == box.sent[0]
    expect(other.locator("#step-code")).to_be_visible()
    for _ in range(20):
        other.wait_for_timeout(500)
        other.reload()
        if kept_ballots(other)[0]["state"] == "found":
            break
    assert kept_ballots(other)[0]["raw"] is None
    assert site.office().box.accepted() == accepted + 1


def test_the_old_promise_is_no_answer_to_a_ballot_that_is_handed_in_again(
    page: Page, site: Site, chromium: Browser
) -> None:
    batch = open_batch(site)
    losing(page, site, times=5, batch=lambda: batch)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    somebody_else_votes(chromium, site)
    expect(page.locator("#batch-state")).to_contain_text("has not taken it again yet", timeout=SLOW)
    [ballot] = kept_ballots(page)
    assert (ballot["state"], len(ballot["promises"])) == ("promised", 1)
    with page.expect_download() as download:
        page.locator("#save-missing").click()
    assert Path(download.value.path()).read_bytes().hex() == ballot["raw"]


def pass_of(page: Page, casts: int) -> bytes:
    """The voting pass of this device, as it was after so many turns."""
    return json.dumps({**kept_pass(page), "casts": casts}).encode()


def vote_with_pass(chromium: Browser, site: Site, voting_pass: bytes) -> None:
    """On another device."""
    context = fresh(chromium)
    home = context.new_page()
    home.goto(f"{site.url}en/vote")
    home.locator("summary", has_text="voting pass from another device").click()
    file = {"name": "pass.json", "mimeType": "application/json", "buffer": voting_pass}
    home.locator("#pass-file").set_input_files(file)  # type: ignore[arg-type]
    choose(home, "1")
    cast(home)
    context.close()


def test_a_lost_ballot_that_a_later_one_replaced_is_not_handed_in_and_not_called_broken(
    page: Page, site: Site, chromium: Browser
) -> None:
    box = losing(page, site, times=9)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    vote_with_pass(chromium, site, pass_of(page, 1))
    expect(page.locator("#batch-state")).to_contain_text("a later vote with the same voting pass is", timeout=SLOW)
    expect(page.locator("#save-missing")).to_be_hidden()
    [ballot] = kept_ballots(page)
    assert (ballot["state"], ballot["raw"]) == ("replaced", None)
    assert len(box.sent) == 1


def test_after_a_cancellation_the_page_says_so_of_a_ballot_that_was_promised(
    page: Page, site: Site, tmp_path: Path
) -> None:
    losing(page, site, times=9)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    show_log(page, copy_of(site, tmp_path / "cancelled", cancel))
    page.reload()
    expect(page.locator("#batch-state")).to_contain_text(CANCELLED["en"], timeout=SLOW)
    assert kept_ballots(page)[0]["raw"] is None


def test_a_missing_ballot_whose_turn_another_device_took_is_said_to_be_replaced(
    page: Page, site: Site, chromium: Browser
) -> None:
    losing(page, site, times=1)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    vote_with_pass(chromium, site, pass_of(page, 0))
    expect(page.locator("#batch-state")).to_contain_text("You have voted on another device", timeout=SLOW)
    assert kept_pass(page)["casts"] == 1


def test_a_promise_is_called_broken_only_when_voting_is_closed_without_the_ballot(
    page: Page, site: Site, chromium: Browser, tmp_path: Path
) -> None:
    losing(page, site, times=99, batch=lambda: 1)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    somebody_else_votes(chromium, site)
    page.reload()
    expect(page.locator("#batch-state")).to_contain_text("has not taken it again yet", timeout=SLOW)
    expect(page.locator("#batch-state")).not_to_contain_text("Voting is over")
    show_log(page, copy_of(site, tmp_path / "closed", Rehearsal.close))
    page.reload()
    expect(page.locator("#batch-state")).to_contain_text("Voting is over, and your ballot is NOT", timeout=SLOW)
    for name in ("#save-promise", "#save-missing"):
        with page.expect_download():
            page.locator(name).click()
    assert kept_ballots(page)[0]["raw"] is not None


def test_a_ballot_without_an_answer_that_is_in_the_log_needs_none(page: Page, site: Site) -> None:
    """The answer was lost, and now the box says that voting is closed."""
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    answers: list[str] = []

    def lose_then_refuse(route: Route) -> None:
        if not answers:
            route.fetch()
            route.abort()
        else:
            body = json.dumps({"error": "closed", "message": "voting is closed"})
            route.fulfill(status=403, body=body, content_type="application/json")
        answers.append(route.request.url)

    page.route("**/box/cast", lose_then_refuse)
    page.locator("#cast").click()
    expect(page.locator("#step-unanswered")).to_be_visible()
    page.wait_for_timeout(3000)
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible(timeout=SLOW)
    expect(page.locator("#batch-state")).to_contain_text("stands in the public list")
    expect(page.locator("#save-promise")).to_be_hidden()
    expect(page.locator("#save-receipt")).to_be_visible()


# The kiosk


def shelf(page: Page) -> list[dict[str, Any]]:
    [(key, text)] = page.evaluate("Object.entries(localStorage)")
    assert key.endswith("/kiosk")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def test_a_kiosk_keeps_ballots_in_the_order_of_their_numbers_and_hands_them_in_again(
    page: Page, site: Site, chromium: Browser
) -> None:
    box = losing(page, site, times=3)
    letters = [site.letter() for _ in range(3)]
    for letter in letters:
        at_kiosk(page, site, letter)
        choose(page, "1")
        cast(page)
        page.locator("#remove").click()
        expect(page.locator("#step-code")).to_be_visible()
    numbers = [one["ballot_id"] for one in shelf(page)]
    assert numbers == sorted(numbers)
    assert {one["raw"] for one in shelf(page)} == {raw.hex() for raw in box.sent}
    assert {name for one in shelf(page) for name in one} == {"ballot_id", "raw", "promises"}
    for code, born in letters:
        assert code.replace("-", "") not in kept(page).replace("-", "")
        assert born not in kept(page)
    assert "token_key" not in kept(page)
    somebody_else_votes(chromium, site)
    again: list[str] = []
    page.on("request", lambda r: again.append((r.post_data_buffer or b"").hex()) if "/box/cast" in r.url else None)
    by_number = [one["raw"] for one in shelf(page)]
    for _ in range(30):
        page.goto(f"{site.url}en/kiosk")
        page.wait_for_timeout(1000)
        if kept(page) == "{}{}":
            break
    assert kept(page) == "{}{}", "all were found, and nothing stays"
    assert again[:3] == by_number
    assert set(again) == set(by_number)


def test_a_kiosk_tells_its_staff_what_is_lost_for_good_and_nothing_before(
    page: Page, site: Site, chromium: Browser, tmp_path: Path
) -> None:
    losing(page, site, times=99, batch=lambda: 1)
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    cast(page)
    somebody_else_votes(chromium, site)
    with page.expect_response("**/box/cast"):
        page.goto(f"{site.url}en/kiosk")
    expect(page.locator("#shelf")).to_be_hidden()
    show_log(page, copy_of(site, tmp_path / "closed", Rehearsal.close))
    page.goto(f"{site.url}en/kiosk")
    expect(page.locator("#shelf")).to_contain_text("missing in the public list (1)", timeout=SLOW)
    assert len(shelf(page)) == 1


def test_a_kiosk_that_can_store_nothing_votes_all_the_same(page: Page, site: Site) -> None:
    page.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('no', 'QuotaExceededError'); };")
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    cast(page)
    assert kept(page) == "{}{}"


# Turns


def refused_once(page: Page, site: Site) -> list[bytes]:
    """A first ballot that the box refuses as faulty; what is sent to the box, from now on."""
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    sent: list[bytes] = []
    page.on("request", lambda r: sent.append(r.post_data_buffer or b"") if r.url.endswith("/box/cast") else None)
    answer_once(page, "box/cast", 422, error="ballot-rejected", message="no", check="V19")
    page.locator("#cast").click()
    return sent


def test_a_refused_ballots_turn_is_never_signed_again(page: Page, site: Site) -> None:
    sent = refused_once(page, site)
    page.locator("#retry-refused").wait_for()
    page.locator("#another").click()
    choose(page, "0")
    cast(page)
    assert seqs(site, sent) == [0, 1]


def test_a_refused_ballot_that_is_tried_again_is_the_same_one_of_the_same_turn(page: Page, site: Site) -> None:
    sent = refused_once(page, site)
    page.locator("#retry-refused").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert len(sent) == 2
    assert sent[0] == sent[1]


@pytest.mark.parametrize("name", ["database-behind", "log-behind"])
def test_a_box_that_must_be_mended_is_asked_again_and_nobody_is_accused(page: Page, site: Site, name: str) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    answer_once(page, "box/cast", 503, error=name, message="the box came back from a backup")
    page.locator("#cast").click()
    expect(page.locator("#step-unanswered")).to_be_visible()
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible()


# A cancellation


@pytest.mark.parametrize("language", list(CANCELLED))
@pytest.mark.parametrize("service", ["registrar/1/check", "registrar/1/token", "box/cast"])
def test_a_cancelled_vote_is_said_to_be_so_and_nothing_more_is_asked_of_the_voter(
    page: Page, site: Site, language: str, service: str
) -> None:
    answer_once(page, service, 403, error="cancelled", message="the referendum was cancelled")
    code, born = site.letter()
    page.goto(f"{site.url}{language}/vote#code={code}")
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    if service != "registrar/1/check":
        choose(page, "0")
        page.locator("#cast").click()
    expect(page.locator("#stop-reason")).to_contain_text(CANCELLED[language])
    expect(page.locator("#again")).to_be_hidden()
    expect(page.locator("#step-refused")).to_be_hidden()


@pytest.mark.parametrize("service", ["registrar/1/token", "box/cast"])
def test_a_kiosk_says_so_too_and_is_free_for_the_next(page: Page, site: Site, service: str) -> None:
    page.clock.install()
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    answer_once(page, service, 403, error="cancelled", message="the referendum was cancelled")
    page.locator("#cast").click()
    expect(page.locator("#stop-reason")).to_contain_text(CANCELLED["en"])
    page.clock.fast_forward(41_000)
    expect(page.locator("#silence")).to_be_visible()


def test_once_voting_is_over_a_ballot_that_is_not_found_is_handed_in_with_its_promise(page: Page, site: Site) -> None:
    """The last batch may have a lower number than the promised one, so nothing says that it lacks the ballot. The box
    takes it again only with its own word for it."""
    losing(page, site, times=1, batch=lambda: open_batch(site) + 1)
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    expect(page.locator("#batch-state")).to_contain_text("will be published, at the latest in publication")
    [ballot] = kept_ballots(page)
    sent: list[bytes] = []

    def closed(route: Route) -> None:
        sent.append(route.request.post_data_buffer or b"")
        body = json.dumps({"error": "closed", "message": "voting is closed"})
        route.fulfill(status=403, body=body, content_type="application/json")

    page.route("**/box/cast", closed)
    with page.expect_response(re.compile(r"/signpost/|/log/tile/entries/")):
        page.reload()
    page.wait_for_load_state("networkidle")
    assert sent == [], "while people vote, its batch is still to come"
    page.add_init_script("const now = Date.now; Date.now = () => now() + 30 * 86_400_000;")
    with page.expect_request("**/box/cast"):
        page.reload()
    expect(page.locator("#batch-state")).to_contain_text("will be published, at the latest in publication")
    [promise] = ballot["promises"]
    assert set(sent) == {bytes.fromhex(ballot["raw"]) + promise.encode()}
