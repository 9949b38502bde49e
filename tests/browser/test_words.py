"""What a voter is told when something did not go as expected, and how a code looks while it is typed."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Site, fresh
from tests.browser.steps import cast, choose, enter, kept_pass


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("abcd", "ABCD"),
        ("abcde", "ABCD-E"),
        ("abcd efgh", "ABCD-EFGH"),
        ("\u201cabcd\u2013efgh.\u201d", "ABCD-EFGH"),
        ("0123456789abcdefghjkmnpq", "0123-4567-89AB-CDEF-GHJK-MNPQ"),
    ],
)
def test_a_code_stands_in_groups_while_it_is_typed(page: Page, site: Site, typed: str, shown: str) -> None:
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-code")).to_be_visible()
    page.locator("#code").press_sequentially(typed)
    assert page.locator("#code").input_value() == shown
    page.locator("#code").fill("")
    page.locator("#code").evaluate(
        "(field, text) => { field.focus(); document.execCommand('insertText', false, text); }", typed
    )
    assert page.locator("#code").input_value() == shown


def test_nothing_jumps_while_a_code_is_corrected(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote")
    expect(page.locator("#step-code")).to_be_visible()
    code = page.locator("#code")
    code.press_sequentially("0123456x89")
    assert code.input_value() == "0123-456X-89"
    for _ in range(3):
        code.press("ArrowLeft")
    code.press("Backspace")
    assert code.input_value() == "0123-456-89"
    code.press("7")
    assert code.input_value() == "0123-4567-89"
    assert code.evaluate("field => field.selectionStart") == 9
    for _ in range(12):
        code.press("End")
        code.press("Backspace")
    assert code.input_value() == ""


@pytest.mark.parametrize(("status", "words"), [(None, "no connection"), (503, "could not answer")])
def test_a_vote_that_is_not_confirmed_says_why_when_and_until_when(
    page: Page, site: Site, status: int | None, words: str
) -> None:
    def fail(route: Route) -> None:
        if status is None:
            route.abort()
        else:
            body = json.dumps({"error": "broken", "message": "no"})
            route.fulfill(status=status, body=body, content_type="application/json")

    enter(page, site, site.letter(), "en")
    choose(page, "1")
    page.route("**/box/cast", fail)
    page.locator("#cast").click()
    step = page.locator("#step-unanswered")
    expect(step).to_contain_text(words)
    expect(step).to_contain_text(re.compile(r"The last try was at \d\d:\d\d"))
    expect(step).to_contain_text("kept on this device, also when you close this page. You can try until")
    # It is as it says: another visit begins with the same ballot.
    page.reload()
    expect(step).to_contain_text(words)
    page.unroute("**/box/cast")
    page.locator("#retry").click()
    expect(page.locator("#step-done")).to_be_visible()


def test_a_used_letter_says_first_that_a_finished_vote_counts(page: Page, site: Site, chromium: Browser) -> None:
    letter = site.letter()
    enter(page, site, letter, "en")
    choose(page, "1")
    cast(page)
    context = fresh(chromium)
    other = context.new_page()
    other.goto(f"{site.url}en/vote#code={letter[0]}")
    other.locator("#factor").fill(letter[1])
    other.locator("#submit-code").click()
    expect(other.locator("#error")).to_have_text(
        re.compile("^This letter was used already. If you saw there that your")
    )
    context.close()


def test_a_used_pass_says_that_an_earlier_vote_counts_and_names_no_token(
    page: Page, site: Site, chromium: Browser
) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    page.locator("#cast").click()
    page.locator("#pass-part summary").click()
    with page.expect_download() as download:
        page.locator("#save-pass").click()
    token = kept_pass(page)["token_key"]
    context = fresh(chromium)
    other = context.new_page()
    other.goto(f"{site.url}en/vote")
    other.locator("details:has(#pass-file) summary").click()
    other.locator("#pass-file").set_input_files(download.value.path())
    expect(other.locator("#earlier-elsewhere")).to_be_visible()
    expect(other.locator("[data-earlier]").first).to_be_hidden()
    keys = other.evaluate("Object.keys(localStorage)")
    site_token = other.evaluate("Object.values(localStorage).join()")
    assert token in site_token
    referendum = site.office().referendum.hex()
    assert [key for key in keys if re.fullmatch(f"stembus/{referendum}/[0-9a-f]{{64}}", key)]
    assert all(public_of(token) not in key for key in keys)
    choose(other, "0")
    cast(other)
    other.goto("about:blank")
    other.goto(f"{site.url}en/vote")
    expect(other.locator("#step-done")).to_be_visible()
    context.close()


def public_of(token: str) -> str:
    from stembus.crypto.signing import SchnorrKey

    return SchnorrKey(bytes.fromhex(token)).public.hex()


def test_after_the_last_cast_the_page_says_how_many_there_were(page: Page, site: Site) -> None:
    most = site.office().manifest.max_casts
    enter(page, site, site.letter(), "en")
    for number in range(most):
        choose(page, str(number % 2))
        cast(page)
        if number < most - 1:
            page.locator("#revote").click()
    expect(page.locator("#revote")).to_be_hidden()
    expect(page.locator("#revote-over")).to_contain_text(f"You have voted {most} times, and more is not possible")


def test_a_link_that_only_names_a_referendum_changes_nothing(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/vote#id={'0' * 64}")
    expect(page.locator("#step-code")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('stembus/letter')") is None


def test_a_pass_whose_casts_are_used_up_elsewhere_is_told_calmly(page: Page, site: Site, chromium: Browser) -> None:
    most = site.office().manifest.max_casts
    enter(page, site, site.letter(), "en")
    choose(page, "0")
    cast(page)
    page.locator("#pass-part summary").click()
    with page.expect_download() as download:
        page.locator("#save-pass").click()
    for number in range(most - 1):
        page.locator("#revote").click()
        choose(page, str(number % 2))
        cast(page)
    expect(page.locator("#pass-part")).to_be_hidden()
    context = fresh(chromium)
    other = context.new_page()
    other.goto(f"{site.url}en/vote")
    other.locator("details:has(#pass-file) summary").click()
    other.locator("#pass-file").set_input_files(download.value.path())
    choose(other, "1")
    other.locator("#cast").click()
    expect(other.locator("#stop-reason")).to_contain_text("more is not possible. Your last vote counts.")
    expect(other.locator("#again")).to_be_hidden()
    expect(other.locator("#step-refused")).to_be_hidden()
    context.close()
