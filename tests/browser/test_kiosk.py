"""The kiosk: nothing stored, nothing left for the next voter, nothing lost between token and promise."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from stembus.audit.formats.receipt import check_promise, parse_promise
from tests.browser.conftest import Site, fresh
from tests.browser.steps import at_kiosk, cast, choose, lose_once, read_qr
from tests.browser.test_access import violations


def of_a_person(page: Page) -> str:
    """What the kiosk stores, without the signed ballots and their promises (tests/browser/test_safety_net.py)."""
    stored = page.evaluate("[...Object.entries(localStorage), ...Object.entries(sessionStorage)]")
    return " ".join(f"{key}={value}" for key, value in stored if not key.endswith("/kiosk"))


def test_a_kiosk_asks_for_the_token_only_when_the_vote_is_cast_and_keeps_nothing_of_a_person(
    page: Page, site: Site
) -> None:
    letter = site.letter()
    issued = site.office().registrar().issued_count()
    at_kiosk(page, site, letter)
    choose(page, "1")
    assert site.office().registrar().issued_count() == issued
    cast(page)
    assert site.office().registrar().issued_count() == issued + 1
    assert of_a_person(page) == ""
    expect(page.locator("#print")).to_be_visible()
    page.locator("#remove").click()
    expect(page.locator("#step-code")).to_be_visible()
    assert page.locator("#code").input_value() == ""


def test_a_kiosk_prints_the_tracking_code_and_the_signed_promise(page: Page, site: Site) -> None:
    page.add_init_script("window.print = () => { window.printed = true; };")
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    tracking = cast(page)
    promise = parse_promise(read_qr(page, "#promise-qr svg").encode())
    manifest, referendum = site.office().manifest, site.office().referendum
    check_promise(manifest, referendum, promise)
    assert tracking == promise.ballot_id
    expect(page.locator("#publication")).to_have_text(f"Publication {promise.batch}")
    page.emulate_media(media="print")
    expect(page.locator("#promise-qr svg")).to_be_visible()
    expect(page.locator("#tracking")).to_be_visible()
    expect(page.locator("#publication")).to_be_visible()
    expect(page.locator("#print")).to_be_hidden()
    page.emulate_media(media="screen")
    assert violations(page) == []
    page.locator("#print").click()
    assert page.evaluate("window.printed") is True


def test_a_kiosk_is_wiped_after_silence_with_a_warning_before(page: Page, site: Site) -> None:
    page.clock.install()
    at_kiosk(page, site, site.letter())
    page.locator("input[name=q0][value='1']").check()
    page.clock.fast_forward(41_000)
    expect(page.locator("#silence")).to_be_visible()
    assert violations(page) == []
    page.locator("#still-here").click()
    expect(page.locator("#silence")).to_be_hidden()
    page.clock.fast_forward(20_000)
    expect(page.locator("#silence")).to_be_hidden()
    expect(page.locator("input[name=q0][value='1']")).to_be_checked()
    page.clock.fast_forward(21_000)
    expect(page.locator("#silence")).to_be_visible()
    page.clock.fast_forward(21_000)
    expect(page.locator("#step-code")).to_be_visible()
    assert page.locator("#code").input_value() == ""
    assert not page.locator("input[name=q0][value='1']").is_checked()


def test_the_answer_to_the_warning_presses_nothing_underneath(chromium: Browser, site: Site) -> None:
    """A finger, a key, a screen reader's click: each closes the warning and does nothing else."""
    for size in ({"width": 360, "height": 740}, {"width": 1280, "height": 800}):
        context = chromium.new_context(viewport=size, has_touch=True)  # type: ignore[arg-type]
        page = context.new_page()
        page.clock.install()
        at_kiosk(page, site, site.letter())
        page.locator("input[name=q0][value='1']").check()
        page.clock.fast_forward(41_000)
        page.locator("#still-here").tap()
        expect(page.locator("#silence")).to_be_hidden()
        expect(page.locator("input[name=q0][value='1']")).to_be_checked()
        page.locator("#submit-ballot").click()
        expect(page.locator("#step-review h1")).to_be_focused()
        page.locator("#cast").focus()
        for way in ("Enter", "Escape", "click"):
            page.clock.fast_forward(41_000)
            expect(page.locator("#silence")).to_be_visible()
            if way == "click":
                page.evaluate("document.querySelector('#still-here').click()")
            else:
                page.keyboard.press(way)
            expect(page.locator("#silence")).to_be_hidden()
            expect(page.locator("#step-review")).to_be_visible()
            expect(page.locator("#cast"), way).to_be_focused()
        context.close()


@pytest.mark.parametrize("service", ["registrar/1/token", "box/cast"])
def test_a_kiosk_without_an_answer_waits_and_shows_no_choice(page: Page, site: Site, service: str) -> None:
    page.clock.install()
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    page.route(f"**/{service}", lambda route: route.abort())
    page.locator("#cast").click()
    expect(page.locator("#step-unanswered h1")).to_be_focused()
    assert violations(page) == []
    for _ in range(3):
        page.clock.fast_forward(100_000)
    expect(page.locator("#step-unanswered")).to_be_visible()
    expect(page.locator("#silence")).to_be_hidden()
    assert "Yes" not in page.locator("#chosen").inner_text()
    assert not page.locator("input[name=q0][value='1']").is_checked()
    # A key to the vote stands on paper, and not on a screen that others see.
    expect(page.locator("#print-pass")).to_be_visible()
    expect(page.locator("#pass-qr svg")).to_be_hidden()
    page.unroute(f"**/{service}")
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert of_a_person(page) == ""
    page.clock.fast_forward(41_000)
    page.clock.fast_forward(21_000)
    expect(page.locator("#step-code")).to_be_visible()


@pytest.mark.parametrize("service", ["registrar/1/token", "box/cast"])
def test_a_printed_pass_frees_the_kiosk_and_votes_at_home(
    page: Page, site: Site, chromium: Browser, service: str
) -> None:
    page.add_init_script("window.print = () => {};")
    page.clock.install()
    letter = site.letter()
    issued = site.office().registrar().issued_count()
    at_kiosk(page, site, letter)
    choose(page, "1")
    lose_once(page, service)
    page.locator("#cast").click()
    expect(page.locator("#print-pass")).to_be_visible()
    page.emulate_media(media="print")
    link = read_qr(page, "#pass-qr svg")
    page.emulate_media(media="screen")
    page.locator("#print-pass").click()
    # Whether paper came out is for the voter to say; a cancelled print loses nothing.
    page.clock.fast_forward(300_000)
    expect(page.locator("#step-unanswered")).to_be_visible()
    expect(page.locator("#silence")).to_be_hidden()
    page.locator("#printed").click()
    expect(page.locator("#step-code")).to_be_visible()
    assert of_a_person(page) == ""
    home = fresh(chromium).new_page()
    home.on("dialog", lambda dialog: dialog.accept())
    home.goto(link)
    if "token" in service:
        # The token's answer was lost: the same request gets it, for the code of the letter.
        home.locator("#code").fill(letter[0])
        home.locator("#factor").fill(letter[1])
        home.locator("#submit-code").click()
    choose(home, "1")
    if "cast" in service:
        # The box has the ballot of the kiosk, and shows it: this one takes the next turn.
        assert "no connection" not in home.locator("main").inner_text()
    cast(home)
    assert site.office().registrar().issued_count() == issued + 1
    home.context.close()


def test_a_printed_pass_says_what_to_do_with_it(page: Page, site: Site) -> None:
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    expect(page.locator("#print-pass")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator("#pass-qr svg")).to_be_visible()
    text = page.locator("body").inner_text()
    assert "Scan this code at home" in text
    assert "056 00 00 00" in text
    assert "Stop here" not in text
    assert "Yes" not in text


def test_a_retry_after_printing_is_guarded_again(page: Page, site: Site) -> None:
    page.add_init_script("window.print = () => {};")
    page.clock.install()
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    page.locator("#print-pass").click()
    page.locator("#retry").click()
    expect(page.locator("#step-unanswered")).to_be_visible()
    expect(page.locator("#printed-part")).to_be_hidden()
    page.clock.fast_forward(300_000)
    expect(page.locator("#step-unanswered")).to_be_visible()


def test_a_kiosk_leaves_no_birth_date_for_the_next_voter_and_opens_no_other_page(page: Page, site: Site) -> None:
    at_kiosk(page, site, site.letter())
    assert page.locator("#factor").get_attribute("autocomplete") == "off"
    assert page.locator("#factor").get_attribute("name") is None
    choose(page, "1")
    page.locator("#test-details summary").click()
    page.locator("#test").click()
    expect(page.locator("#test-qr svg")).to_be_visible()
    assert page.locator("a:visible:not(.skip)").count() == 0


def test_a_voter_may_give_up_at_a_kiosk(page: Page, site: Site) -> None:
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    page.locator("details:has(#give-up) summary").click()
    page.locator("#give-up").click()
    expect(page.locator("#step-code")).to_be_visible()


def test_a_wrong_factor_at_a_kiosk_is_told_at_once(page: Page, site: Site) -> None:
    code, _ = site.letter()
    page.goto(f"{site.url}en/kiosk")
    page.locator("#code").fill(code)
    page.locator("#factor").fill("1/2/1903")
    page.locator("#submit-code").click()
    expect(page.locator("#factor-error")).to_contain_text("9")


def test_a_letter_struck_meanwhile_frees_the_kiosk(page: Page, site: Site) -> None:
    page.clock.install()
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    body = json.dumps({"error": "letter-struck", "message": "no"})
    page.route("**/token", lambda route: route.fulfill(status=403, body=body, content_type="application/json"))
    page.locator("#cast").click()
    expect(page.locator("#error")).to_contain_text("no longer valid")
    expect(page.locator("#step-code")).to_be_visible()
    page.clock.fast_forward(41_000)
    expect(page.locator("#silence")).to_be_visible()


def test_the_way_back_after_a_wipe_shows_nothing_of_the_voter_before(page: Page, site: Site) -> None:
    page.clock.install()
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    page.locator("#back").click()
    page.clock.fast_forward(41_000)
    page.clock.fast_forward(21_000)
    expect(page.locator("#step-code")).to_be_visible()
    for _ in range(2):
        page.go_back()
        if page.url != "about:blank":
            expect(page.locator("#step-code")).to_be_visible()
            assert page.locator("#code").input_value() == ""
            assert not page.locator("input[name=q0][value='1']").is_checked()


def test_nobody_leaves_a_kiosk_by_accident_between_token_and_promise(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    expect(page.locator("#step-unanswered")).to_be_visible()
    assert page.locator("header a").all() == [] or not page.locator("header a").first.is_visible()
    page.evaluate("location.reload()")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(page.locator("#step-unanswered")).to_be_visible()
    page.unroute("**/box/cast")
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible()


def test_a_kiosk_waits_longer_for_somebody_who_tests(page: Page, site: Site) -> None:
    """Who tests is busy with another device; evidence of a failed test must not be wiped at once."""
    page.clock.install()
    at_kiosk(page, site, site.letter())
    choose(page, "1")
    page.locator("#test-details summary").click()
    page.clock.run_for(200_000)
    expect(page.locator("#silence")).to_be_hidden()
    expect(page.locator("#step-review")).to_be_visible()
    page.locator("#test").click()
    page.clock.run_for(270_000)
    expect(page.locator("#silence")).to_be_hidden()
    page.clock.run_for(15_000)
    expect(page.locator("#silence")).to_be_visible()
    page.locator("#still-here").click()
    page.locator("#test-done").click()
    page.clock.run_for(45_000)
    expect(page.locator("#silence")).to_be_visible()
