"""Testing a ballot on a second device: by scanning, by hand, and with a page that was saved before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from stembus.ballot.box.device_tests import published_tests, shown_beside
from tests.browser.conftest import Site
from tests.browser.steps import cast, choose, enter, noted, read_qr, wait_until
from tests.browser.test_access import violations


def squeeze(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_the_codes_on_the_screen_can_be_scanned(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    assert read_qr(page, "#ballot-qr svg") == f"{site.url}en/check#ballot={noted(page)}"
    page.locator("#test-details summary").click()
    page.locator("#test").click()
    assert read_qr(page, "#test-qr svg") == page.locator("#test-text").text_content()
    page.locator("#test-done").click()
    choose(page, "1")
    cast(page)
    page.locator("#pass-part summary").click()
    page.locator("#show-pass").click()
    assert read_qr(page, "#pass-qr svg").startswith(f"{site.url}en/vote#pass=")


@pytest.fixture
def saved(page: Page, site: Site, tmp_path: Path) -> Path:
    """The test page as somebody saved it."""
    page.goto(f"{site.url}en/check")
    with page.expect_download() as download:
        page.locator("a[download]").click()
    file = tmp_path / download.value.suggested_filename
    assert file.name == "stembus-test-en.html"
    download.value.save_as(file)
    return file


def test_a_saved_test_page_works_without_a_network(page: Page, site: Site, saved: Path, chromium: Browser) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    number = page.locator("#ballot-id").inner_text()
    page.locator("#test-details summary").click()
    page.locator("#test").click()
    page.locator("#step-test details summary").click()
    test = page.locator("#test-text").inner_text()
    context = chromium.new_context()
    context.set_offline(True)
    second = context.new_page()
    problems: list[str] = []
    second.on("console", lambda message: problems.append(message.text))
    second.on("request", lambda request: problems.append(request.url) if request.url != saved.as_uri() else None)
    second.goto(saved.as_uri())
    second.locator("#test-code").fill(test)
    second.locator("#expected").fill(number)
    second.locator("#form-check button").click()
    expect(second.locator("#chosen")).to_contain_text("Yes")
    expect(second.locator("#comparison")).to_contain_text("same")
    assert squeeze(second.locator("#ballot-id").inner_text()) == squeeze(number)
    assert violations(second) == []
    second.locator("#test-code").fill(re.sub(r"\.1$", ".0", test))
    second.locator("#expected").fill(number)
    second.locator("#form-check button").click()
    expect(second.locator("#comparison")).to_contain_text("Did you copy each group right?")
    assert problems == []
    context.close()


def test_a_saved_page_whose_log_was_altered_refuses(saved: Path, chromium: Browser) -> None:
    text = saved.read_text(encoding="utf-8")
    found = re.search(r'"checkpoints/\d+": ?"([A-Za-z0-9+/]{40})', text)
    assert found is not None
    saved.write_text(text.replace(found.group(1), found.group(1)[:-8] + "AAAAAAAA"), encoding="utf-8")
    page = chromium.new_context().new_page()
    page.goto(saved.as_uri())
    page.locator("#test-code").fill(f"#test={'00' * 32}.{'11' * 32}.1")
    page.locator("#form-check button").click()
    expect(page.locator("#error")).to_contain_text("does not match the referendum")
    page.context.close()


def test_a_number_that_was_scanned_long_ago_accuses_nobody(page: Page, site: Site) -> None:
    page.clock.install()
    page.goto(f"{site.url}en/check#ballot={'ab' * 32}")
    expect(page.locator("#expected")).not_to_have_value("")
    page.clock.fast_forward(16 * 60_000)
    page.goto("about:blank")
    page.goto(f"{site.url}en/check")
    expect(page.locator("#expected")).to_have_value("")
    assert page.evaluate("JSON.stringify(localStorage)") == "{}"


def test_a_text_that_is_no_test_code_is_told(page: Page, site: Site) -> None:
    for text in ("", "hello", f"#test={'00' * 32}.{'11' * 32}.7", "#test=zz.zz.1"):
        page.goto(f"{site.url}en/check")
        page.locator("#test-code").fill(text)
        page.locator("#form-check button").click()
        expect(page.locator("#error")).to_contain_text("not the test code")


def test_a_test_that_was_handed_over_and_not_opened_does_not_stay_on_the_device(page: Page, site: Site) -> None:
    """It holds the choice: whoever opens the test page by another way, or removes the voting data, removes it too."""
    page.goto(f"{site.url}en/check")
    page.evaluate("localStorage.setItem('stembus/test', '#test=old')")
    page.goto(f"{site.url}en/check#ballot={'0' * 64}")
    expect(page.locator("#expected")).not_to_have_value("")
    assert page.evaluate("localStorage.getItem('stembus/test')") is None
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    cast(page)
    page.evaluate("localStorage.setItem('stembus/test', '#test=old')")
    page.locator("details:has(#remove) summary").click()
    page.locator("#remove").click()
    expect(page.locator("#step-removed")).to_be_visible()
    assert page.evaluate("localStorage.getItem('stembus/test')") is None


def revealed(page: Page, site: Site) -> tuple[str, str]:
    """The number of a ballot for yes, and the fragment with its test."""
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    number = noted(page)
    page.locator("#test-details summary").click()
    page.locator("#test").click()
    test = page.locator("#test-text").text_content() or ""
    return number, test[test.index("#") :]


def counted(site: Site) -> tuple[int, int]:
    office = site.office()
    office.device_tests.publish(over=True)
    days = published_tests(shown_beside(office.public))
    return sum(day.held for day in days), sum(day.failed for day in days)


def test_a_camera_is_enough_to_test_and_one_tap_reports_it(page: Page, site: Site, chromium: Browser) -> None:
    number, test = revealed(page, site)
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    first = context.new_page()
    first.goto(f"{site.url}en/check#ballot={number}")
    expect(first.locator("#remembered")).to_contain_text("remembers the number")
    second = context.new_page()  # a camera opens a new tab
    held, failed = counted(site)
    with second.expect_request("**/box/tested") as reported:
        second.goto(f"{site.url}en/check{test}")
        expect(second.locator("#comparison")).to_have_text("The number stayed the same.")
        expect(second.locator("#chosen")).to_contain_text("Yes")
        expect(second.locator("#form-check")).to_be_hidden()
        assert violations(second) == []
        second.locator("#report-held").click()
    assert reported.value.post_data == "held"
    expect(second.locator("#reported")).to_contain_text("Thank you")
    expect(second.locator("#report")).to_be_hidden()
    expect(second.locator("#cheated")).to_be_hidden()
    wait_until(lambda: counted(site) == (held + 1, failed))
    second.goto(f"{site.url}en/result")
    expect(second.locator("main")).to_contain_text("Tests of devices")
    context.close()


def test_who_finds_a_device_that_cheats_reads_what_to_do(page: Page, site: Site, chromium: Browser) -> None:
    _, test = revealed(page, site)
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    second = context.new_page()
    second.goto(f"{site.url}en/check#ballot={'0' * 64}")
    expect(second.locator("#remembered")).to_be_visible()
    second.goto("about:blank")
    second.goto(f"{site.url}en/check{test}")
    expect(second.locator("#comparison")).to_contain_text("DIFFER")
    expect(second.locator("#cheated")).to_contain_text("Do not vote with the first device")
    expect(second.locator("#cheated")).to_contain_text("056 00 00 00")
    assert violations(second) == []
    held, failed = counted(site)
    second.locator("#report-failed").click()
    expect(second.locator("#reported")).to_contain_text("Thank you")
    expect(second.locator("#cheated")).to_be_visible()
    wait_until(lambda: counted(site) == (held, failed + 1))
    context.close()


def test_a_report_that_does_not_arrive_can_be_sent_again(page: Page, site: Site) -> None:
    _, test = revealed(page, site)
    page.goto(f"{site.url}en/check{test}")
    page.route("**/box/tested", lambda route: route.abort(), times=1)
    page.locator("#report-failed").click()
    expect(page.locator("#reported")).to_contain_text("no connection")
    expect(page.locator("#cheated")).to_be_visible()
    page.locator("#report-failed").click()
    expect(page.locator("#reported")).to_contain_text("Thank you")


@pytest.mark.parametrize(("drawn", "invited"), [(0, True), (20, True), (1, False), (19, False)])
def test_every_twentieth_voter_is_invited_to_test(page: Page, site: Site, drawn: int, invited: bool) -> None:
    page.add_init_script(
        f"""addEventListener('DOMContentLoaded', () => {{ document.getElementById('app').dataset.invite = '20'; }});
        const draw = crypto.getRandomValues.bind(crypto);
        crypto.getRandomValues = a => a instanceof Uint32Array && a.length === 1 ? a.fill({drawn}) : draw(a);"""
    )
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    expect(page.locator("#invited")).to_be_visible(visible=invited)
    assert (page.locator("#test-details").get_attribute("open") is not None) == invited
    if not invited:
        return
    assert violations(page) == []
    page.locator("#test").click()
    page.locator("#test-done").click()
    choose(page, "1")
    expect(page.locator("#invited")).to_be_hidden()
    cast(page)


@pytest.mark.parametrize(
    ("change", "words", "alarm"),
    [
        (lambda number: number, "stayed the same", False),
        (lambda number: " - ".join(re.findall("....", number)) + " - 3", "stayed the same", False),
        (lambda number: number[:30], "Yours has 30", False),
        (lambda number: ("1" if number[0] == "0" else "0") + number[1:], "Did you copy each group right?", False),
    ],
)
def test_a_number_that_was_typed_may_be_mistyped(
    page: Page, site: Site, change: Callable[[str], str], words: str, alarm: bool
) -> None:
    number, test = revealed(page, site)
    page.goto(f"{site.url}en/check{test}")
    expect(page.locator("#outcome")).to_be_visible()
    page.locator("#expected").fill(change(number))
    page.locator("#form-check button").click()
    expect(page.locator("#comparison:visible, #error:visible").first).to_contain_text(words)
    expect(page.locator("#cheated")).to_be_visible(visible=alarm)
    expect(page.locator("#form-check")).to_be_visible(visible="same" not in words)


def test_after_the_first_scan_the_form_waits_behind_a_button(page: Page, site: Site) -> None:
    page.goto(f"{site.url}en/check#ballot={'ab' * 32}")
    expect(page.locator("#remembered")).to_be_visible()
    expect(page.locator("#form-check")).to_be_hidden()
    page.locator("#by-hand").click()
    expect(page.locator("#form-check")).to_be_visible()


def test_numbers_that_differ_are_no_matter_of_opinion(page: Page, site: Site) -> None:
    _, test = revealed(page, site)
    page.goto(f"{site.url}en/check#ballot={'0' * 64}")
    expect(page.locator("#remembered")).to_be_visible()
    page.goto("about:blank")
    page.goto(f"{site.url}en/check{test}")
    for _ in range(2):
        expect(page.locator("#comparison")).to_contain_text("DIFFER")
        expect(page.locator("#cheated")).to_be_visible()
        expect(page.locator("#report-held")).to_be_hidden()
        page.locator("#form-check button").click()  # asked once more, it says the same
