"""Testing a ballot on a second device: by scanning, by hand, and with a page that was saved before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.steps import cast, choose, enter, noted, read_qr
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
    expect(second.locator("#comparison")).to_contain_text("DIFFER")
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
