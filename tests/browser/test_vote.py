"""A voter's way through the pages, as a voter goes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import Site


def enter(page: Page, site: Site, letter: tuple[str, str], language: str = "nl") -> None:
    """Follows the letter's link and gives the second factor."""
    code, born = letter
    page.goto(f"{site.url}{language}/vote#code={code}&id={site.office().referendum.hex()}")
    expect(page.locator("#code")).to_have_value(code)
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def choose(page: Page, option: str) -> None:
    page.locator(f"input[name=q0][value='{option}']").check()
    page.locator("#submit-ballot").click()
    expect(page.locator("#step-review")).to_be_visible()


def cast(page: Page) -> str:
    """Casts, and returns the tracking code."""
    page.locator("#cast").click()
    expect(page.locator("#step-done")).to_be_visible()
    return re.sub(r"\s", "", page.locator("#tracking").inner_text())


@pytest.mark.parametrize("language", ["nl", "en", "fr"])
def test_a_voter_votes_and_finds_the_ballot_in_the_log(page: Page, site: Site, language: str) -> None:
    enter(page, site, site.letter(), language)
    assert page.evaluate("location.hash") == ""
    choose(page, "1")
    tracking = cast(page)
    expect(page.locator("#save-receipt")).to_be_visible(timeout=20_000)
    page.goto(f"{site.url}{language}/track")
    page.locator("#tracking").fill(tracking)
    page.locator("#form-track button").click()
    expect(page.locator("#save-receipt")).to_be_visible()
    assert page.locator("#error").is_hidden()


def test_a_promise_and_a_receipt_from_the_browser_hold_for_the_verifier(page: Page, site: Site, tmp_path: Path) -> None:
    from audit.place import FolderPlace
    from audit.verify import verify
    from audit.verify.kept import check_kept

    enter(page, site, site.letter())
    choose(page, "0")
    cast(page)
    kept = []
    for button in ("#save-promise", "#save-receipt"):
        with page.expect_download(timeout=20_000) as download:
            page.locator(button).click(timeout=20_000)
        kept.append(Path(download.value.path()).read_bytes())
    place = FolderPlace(site.root / "public")
    report = verify(place, site.office().referendum)
    check_kept(place, report, kept[0], kept[1])
    assert report.faults == []


def test_a_typing_error_is_told_from_an_unknown_code(page: Page, site: Site) -> None:
    code, born = site.letters[-1]
    page.goto(f"{site.url}en/vote")
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    page.locator("#code").fill(wrong)
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    expect(page.locator("#code-error")).to_contain_text("typing error")
    page.locator("#code").fill("0123-4567-89AB-CDEF-GHJK-XYC7")
    page.locator("#submit-code").click()
    expect(page.locator("#error")).to_contain_text("no such letter")


def test_a_code_is_read_forgivingly(page: Page, site: Site) -> None:
    code, born = site.letter()
    page.goto(f"{site.url}en/vote")
    page.locator("#code").fill(" " + code.lower().replace("0", "o").replace("1", "l").replace("-", " "))
    year, month, day = born.split("-")
    page.locator("#factor").fill(f"{int(day)}/{int(month)}/{year}")
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def test_a_wrong_second_factor_says_how_many_tries_are_left(page: Page, site: Site) -> None:
    code, _ = site.letter()
    page.goto(f"{site.url}en/vote#code={code}")
    page.locator("#factor").fill("1/2/1903")
    page.locator("#submit-code").click()
    expect(page.locator("#factor-error")).to_contain_text("9")


def test_a_letter_used_on_another_device_is_explained(page: Page, site: Site, chromium) -> None:  # type: ignore[no-untyped-def]
    letter = site.letter()
    enter(page, site, letter, "en")
    other = chromium.new_context().new_page()
    other.goto(f"{site.url}en/vote#code={letter[0]}")
    other.locator("#factor").fill(letter[1])
    other.locator("#submit-code").click()
    expect(other.locator("#error")).to_contain_text("already has its ballot paper")
    other.context.close()


def test_a_reload_goes_on_where_the_voter_was(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    page.reload()
    expect(page.locator("#step-ballot")).to_be_visible()
    choose(page, "blank")
    tracking = cast(page)
    page.reload()
    expect(page.locator("#step-done")).to_be_visible()
    assert re.sub(r"\s", "", page.locator("#tracking").inner_text()) == tracking


@pytest.mark.parametrize("service", ["registrar/1/token", "box/cast"])
def test_a_lost_answer_costs_nothing(page: Page, site: Site, service: str) -> None:
    letter = site.letter()
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()
        route.abort()

    page.route(f"**/{service}", lose)
    page.goto(f"{site.url}en/vote#code={letter[0]}")
    page.locator("#factor").fill(letter[1])
    page.locator("#submit-code").click()
    if "token" in service:
        expect(page.locator("#error")).to_contain_text("no connection")
        page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()
    choose(page, "0")
    page.locator("#cast").click()
    if "cast" in service:
        expect(page.locator("#error")).to_contain_text("no connection")
        before = site.office().box.accepted()
        page.reload()
        expect(page.locator("#step-done")).to_be_visible()
        assert site.office().box.accepted() == before
    expect(page.locator("#step-done")).to_be_visible()
    assert lost


def test_a_tested_ballot_says_its_choice_and_is_never_cast(page: Page, device: BrowserContext, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    page.locator("#test-details summary").click()
    shown = re.sub(r"\s", "", page.locator("#ballot-id").inner_text())
    page.locator("#test").click()
    link = page.locator("#test-link").get_attribute("href")
    assert link is not None
    second = device.browser.new_context().new_page()  # type: ignore[union-attr]
    second.goto(f"{site.url}en/check#ballot={shown}")
    second.goto("about:blank")
    second.goto(link)
    expect(second.locator("#chosen")).to_contain_text("Yes")
    expect(second.locator("#comparison")).to_contain_text("same")
    assert re.sub(r"\s", "", second.locator("#ballot-id").inner_text()) == shown
    second.goto("about:blank")
    second.goto(f"{site.url}en/check#ballot={shown}")
    second.goto(re.sub(r"\.1$", ".0", link))
    expect(second.locator("#comparison")).to_contain_text("DIFFER")
    second.context.close()
    page.locator("#test-done").click()
    choose(page, "1")
    assert not cast(page).startswith(shown)


def test_a_voter_changes_the_vote_in_two_tabs(page: Page, device: BrowserContext, site: Site) -> None:
    letter = site.letter()
    enter(page, site, letter)
    other = device.new_page()
    enter(other, site, letter)
    choose(page, "0")
    choose(other, "1")
    assert cast(page) != cast(other)


def test_a_voting_pass_moves_to_another_device(page: Page, site: Site, chromium, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    enter(page, site, site.letter())
    page.locator("#step-ballot details summary").click()
    with page.expect_download() as download:
        page.locator("#save-pass").click()
    file = tmp_path / "pass.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["format"] == "stembus-voting-pass-v1"
    other = chromium.new_context().new_page()
    other.goto(f"{site.url}nl/vote")
    other.locator("#step-code details summary").first.click()
    other.locator("#pass-file").set_input_files(file)
    expect(other.locator("#step-ballot")).to_be_visible()
    choose(other, "1")
    cast(other)
    other.context.close()
    choose(page, "0")
    cast(page)


def test_a_page_of_another_referendum_is_refused(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}&id={'0' * 64}")
    expect(page.locator("#stop-reason")).to_contain_text("does not match")


def test_nothing_that_was_removed_stays_on_the_device(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    choose(page, "0")
    cast(page)
    page.locator("#remove").click()
    expect(page.locator("#step-removed")).to_be_visible()
    assert page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)") == "{}{}"
    assert page.context.cookies() == []


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
    # It may have arrived: what may be counted cannot be tested any more.
    expect(page.locator("#test-details")).to_be_hidden()
    device.set_offline(False)
    tracking = cast(page)
    page.goto(f"{site.url}en/track")
    page.locator("#tracking").fill(tracking)
    device.set_offline(True)
    page.locator("#form-track button").click()
    expect(page.locator("#error")).to_contain_text("no connection")
    device.set_offline(False)
    page.locator("#form-track button").click()
    expect(page.locator("#outcome")).not_to_be_empty()


def test_no_request_says_which_ballot_is_looked_for(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    choose(page, "0")
    tracking = cast(page)
    expect(page.locator("#save-receipt")).to_be_visible(timeout=20_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + (request.post_data or "")))
    page.goto(f"{site.url}nl/track#{tracking}")
    expect(page.locator("#save-receipt")).to_be_visible()
    sent = [url.split("#")[0] for url in asked]
    assert sent
    assert not any(tracking[:12] in url for url in sent)


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
    page.route("**/token", lambda route: route.fulfill(status=403, body=body, content_type="application/json"))
    page.goto(f"{site.url}en/vote#code={site.letters[-1][0]}")
    page.locator("#factor").fill("1/1/1980")
    page.locator("#submit-code").click()
    expect(page.locator("#stop-reason")).to_contain_text("Voting is closed")


def at_kiosk(page: Page, site: Site, letter: tuple[str, str]) -> None:
    page.goto(f"{site.url}en/kiosk")
    page.locator("#code").fill(letter[0])
    page.locator("#factor").fill(letter[1])
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def kept(page: Page) -> str:
    return str(page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"))


def test_a_kiosk_asks_for_the_token_only_when_the_vote_is_cast_and_keeps_nothing(page: Page, site: Site) -> None:
    letter = site.letter()
    issued = site.office().registrar().issued_count()
    at_kiosk(page, site, letter)
    choose(page, "1")
    assert site.office().registrar().issued_count() == issued
    cast(page)
    assert site.office().registrar().issued_count() == issued + 1
    assert kept(page) == "{}{}"
    expect(page.locator("#print")).to_be_visible()
    page.locator("#remove").click()
    expect(page.locator("#step-code")).to_be_visible()
    assert page.locator("#code").input_value() == ""


def test_a_kiosk_is_wiped_after_silence(page: Page, site: Site) -> None:
    page.clock.install()
    at_kiosk(page, site, site.letter())
    page.clock.fast_forward(61_000)
    expect(page.locator("#step-code")).to_be_visible()
    assert page.locator("#code").input_value() == ""


def test_a_kiosk_without_an_answer_of_the_box_waits_and_hands_the_pass_out(page: Page, site: Site) -> None:
    page.clock.install()
    at_kiosk(page, site, site.letter())
    choose(page, "0")
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    expect(page.locator("#kiosk-pass svg")).to_be_visible()
    page.clock.fast_forward(300_000)
    expect(page.locator("#step-review")).to_be_visible()
    page.unroute("**/box/cast")
    cast(page)


def test_a_wrong_factor_at_a_kiosk_leads_back_to_the_code(page: Page, site: Site) -> None:
    code, _ = site.letter()
    at_kiosk(page, site, (code, "1/2/1903"))
    choose(page, "0")
    page.locator("#cast").click()
    expect(page.locator("#step-code")).to_be_visible()
    expect(page.locator("#error")).to_contain_text("9")


def test_two_people_share_a_device(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    choose(page, "0")
    first = cast(page)
    page.locator("#other-done").click()
    expect(page.locator("#step-code")).to_be_visible()
    enter(page, site, site.letter())
    choose(page, "1")
    assert cast(page) != first


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


def test_a_birth_date_can_be_typed_with_digits_alone(page: Page, site: Site) -> None:
    code, born = site.letter()
    year, month, day = born.split("-")
    page.goto(f"{site.url}en/vote#code={code}")
    page.locator("#factor").fill(day + month + year)
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def test_a_pass_from_a_link_is_taken_only_when_the_voter_says_so(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote#pass={'A' * 555}")
    expect(page.locator("#step-code")).to_be_visible()


def test_the_way_back_leads_to_the_ballot_paper_with_the_choice_on_it(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    for way in (page.go_back, page.locator("#back").click):
        choose(page, "1")
        way()
        expect(page.locator("#step-ballot")).to_be_visible()
        expect(page.locator("input[name=q0][value='1']")).to_be_checked()
    choose(page, "0")
    cast(page)
    page.go_back()
    expect(page.locator("#step-done")).to_be_visible()
