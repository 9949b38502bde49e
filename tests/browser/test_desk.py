"""The help desk in a browser: an officer's day, and the same rules of access as for voters."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import WIDTHS, Site
from tests.browser.steps import enter
from tests.browser.test_access import scrolls_sideways, violations

PASSWORD = "a long password"


@pytest.mark.parametrize("width", list(WIDTHS))
def test_an_officer_helps_three_voters(page: Page, site: Site, width: str) -> None:
    office = site.office()
    office.desk().enlist("an.peeters", PASSWORD)
    page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    page.goto(f"{site.url}desk/")
    assert violations(page) == []
    page.locator("#name").fill("an.peeters")
    page.locator("#password").fill("not the password")
    page.locator("form[action$='sign-in'] button").click()
    expect(page.locator(".error")).to_be_visible()
    assert violations(page) == []
    page.locator("#name").fill("an.peeters")
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#number")).to_be_visible()

    lines = (office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    ready = [n for n in (line.partition(",")[0] for line in lines) if office.letters().standing(n).state == "ready"]
    page.locator("#number").fill(ready[0])
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_have_text("Nog geen stembiljet")
    page.locator("button[value='strike']").click()
    assert violations(page) == []
    page.locator("button[value='strike-confirmed']").click()
    expect(page.locator(".outcome")).to_contain_text("stemt op papier")
    assert not scrolls_sideways(page)
    page.locator("#number").fill("99")
    page.keyboard.press("Enter")
    expect(page.locator(".error")).to_be_visible()
    page.locator("a[href$='record']").click()
    expect(page.locator("table")).to_contain_text(ready[0])
    assert violations(page) == []
    assert not scrolls_sideways(page)
    assert "99" not in urlsplit(page.url)._replace(netloc="").geturl()
    page.locator("form[action$='sign-out'] button").click()
    expect(page.locator("#password")).to_be_visible()


def test_ten_wrong_dates_are_unlocked_by_telephone(page: Page, site: Site) -> None:
    office = site.office()
    office.desk().enlist("bo", PASSWORD)
    code, born = site.letter()
    page.goto(f"{site.url}en/vote#code={code}")
    for tries in range(9, -1, -1):
        page.locator("#factor").fill(f"{tries + 1}/2/1903")
        page.locator("#submit-code").click()
        expect(page.locator("#factor-error")).to_contain_text(f"Tries left: {tries}.")
    page.locator("#submit-code").click()
    expect(page.locator("#error")).to_contain_text("can unlock your letter")
    lines = (office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    numbers = [line.partition(",")[0] for line in lines]
    locked = next(number for number in numbers if office.letters().standing(number).tries_left == 0)
    desk = page.context.new_page()
    desk.goto(f"{site.url}desk/en/")
    desk.locator("#name").fill("bo")
    desk.locator("#password").fill(PASSWORD)
    desk.keyboard.press("Enter")
    desk.locator("#number").fill(locked)
    desk.keyboard.press("Enter")
    desk.locator("button[value='unlock']").click()
    expect(desk.locator(".good")).to_contain_text("ten new tries")
    enter(page, site, (code, born), "en")
    # The desk's cookie goes to the desk alone.
    assert [cookie.get("path") for cookie in page.context.cookies()] == ["/desk"]
