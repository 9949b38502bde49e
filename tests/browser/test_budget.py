"""A citizens' budget in the browser: the running total, too much chosen, thirty voters, and the result."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from stembus.audit.log.source import FolderPlace
from stembus.audit.rules import funded
from stembus.audit.verify import verify
from stembus.scripts.rehearsal.budget_day import BUDGET, PROJECTS, budget_choice, with_budget
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.browser.conftest import Site, start_site
from tests.browser.steps import cast, enter
from tests.browser.test_access import scrolls_sideways, violations

VOTERS = 30


@pytest.fixture(scope="module")
def budget(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    served = start_site(tmp_path_factory.mktemp("budget"), 12, with_budget)
    yield served
    served.server.stop()


def tick(page: Page, options: Sequence[object]) -> None:
    for option in options or ["blank"]:
        page.locator(f"input[name=q0][value='{option}']").check()


def cost(options: Sequence[int]) -> int:
    return sum(PROJECTS[option][1] for option in options)


def test_the_ballot_paper_says_what_is_left_and_refuses_too_much_in_words(page: Page, budget: Site) -> None:
    enter(page, budget, budget.letter(), "nl")
    left = page.locator("#budget-left-0")
    expect(left).to_have_text("Nog 100.000 euro over van 100.000 euro.")
    expect(page.locator("label.choice").first).to_contain_text("12.500 euro")
    tick(page, [7, 19])
    expect(left).to_have_text("Nog 12.500 euro over van 100.000 euro.")
    tick(page, [0])
    expect(left).to_have_text("Nog 0 euro over van 100.000 euro.")
    # Nobody is kept from choosing more and reading on; the button says what is wrong.
    tick(page, [17])
    expect(left).to_have_text(re.compile("^1.250 euro te veel"))
    assert "over" in (left.get_attribute("class") or "")
    page.locator("#submit-ballot").click()
    expect(page.locator("#question-error-0")).to_have_text("1.250 euro te veel. Je mag 100.000 euro besteden.")
    # The words stand where the button was pressed; they lead to the question, where they stand as well.
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#problems-list a")).to_have_text("1.250 euro te veel. Je mag 100.000 euro besteden.")
    expect(page.locator("#problems-list a")).to_be_in_viewport()
    page.locator("#problems-list a").click()
    expect(page.locator("#question-error-0")).to_be_in_viewport()
    expect(page.locator("#step-review")).to_be_hidden()
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert violations(page) == []
        assert not scrolls_sideways(page)
    # What was said of an earlier choice does not outlast it.
    page.locator("input[name=q0][value='17']").uncheck()
    expect(page.locator("#question-error-0")).to_be_empty()
    expect(left).to_have_text("Nog 0 euro over van 100.000 euro.")
    # Blank and a project exclude each other.
    page.locator("input[name=q0][value='blank']").check()
    expect(left).to_have_text("Nog 100.000 euro over van 100.000 euro.")
    tick(page, [7, 19, 0])
    expect(page.locator("input[name=q0][value='blank']")).not_to_be_checked()
    expect(left).to_have_text("Nog 0 euro over van 100.000 euro.")
    page.locator("#submit-ballot").click()
    expect(page.locator("#step-review")).to_be_visible()
    assert page.locator("#chosen dd").all_inner_texts() == [
        "Bomen op het plein, 12.500 euro", "Skatepark, 48.000 euro", "Waterspeelplek, 39.500 euro",
        "Samen 100.000 euro. Nog 0 euro over van 100.000 euro.",
    ]  # fmt: skip
    assert violations(page) == []
    cast(page)


def test_the_running_total_is_announced_and_follows_the_keyboard(page: Page, budget: Site) -> None:
    enter(page, budget, budget.letter(), "en")
    assert page.get_by_role("status").filter(has_text="100,000 euro left of 100,000 euro.").count() == 1
    page.locator("input[name=q0]").first.focus()
    page.keyboard.press("Space")
    expect(page.locator("#budget-left-0")).to_have_text("87,500 euro left of 100,000 euro.")
    page.keyboard.press("Space")
    expect(page.locator("#budget-left-0")).to_have_text("100,000 euro left of 100,000 euro.")


def test_nothing_that_has_the_focus_is_behind_the_running_total(page: Page, budget: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 600})
    enter(page, budget, budget.letter(), "nl")
    page.locator("input[name=q0]").first.focus()
    hidden = """() => {
        const [own, bar] = [document.activeElement, document.getElementById("budget-left-0")];
        const [a, b] = [own.getBoundingClientRect(), bar.getBoundingClientRect()];
        const behind = a.bottom > b.top && a.top < b.bottom;
        return behind || a.bottom > innerHeight || a.top < 0 ? JSON.stringify([own.value, a, b, innerHeight]) : "";
    }"""
    for key in ["Tab"] * len(PROJECTS) + ["Shift+Tab"] * len(PROJECTS):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.name") == "q0"
        assert page.evaluate(hidden) == ""


def test_the_start_page_says_beforehand_how_projects_get_their_money_and_nothing_of_yes_or_no(
    page: Page, budget: Site
) -> None:
    page.goto(f"{budget.url}en/")
    told = page.locator("main").inner_text()
    assert "The project with most votes is paid first" in told
    assert "A project without a vote gets nothing." in told
    assert "between yes and no" not in told


def test_a_test_of_a_budget_ballot_says_projects_and_costs(page: Page, budget: Site, chromium: Browser) -> None:
    enter(page, budget, budget.letter(), "en")
    tick(page, [3, 12])
    page.locator("#submit-ballot").click()
    page.locator("#test-details summary").click()
    number = re.sub(r"\s", "", page.locator("#ballot-id").inner_text())
    page.locator("#test").click()
    second = chromium.new_context().new_page()
    second.goto(page.locator("#test-text").text_content() or "")
    expect(second.locator("#outcome")).to_be_visible()
    assert second.locator("#chosen dd").all_inner_texts() == [
        "Buurtbieb, 4,200 euro", "Zebrapaden in kleur, 5,400 euro",
        "Together 9,600 euro. 90,400 euro left of 100,000 euro.",
    ]  # fmt: skip
    assert re.sub(r"\s", "", second.locator("#ballot-id").inner_text()) == number
    second.context.close()


def test_thirty_browsers_spend_a_budget_and_the_result_is_verified_and_shown(
    chromium: Browser, tmp_path: Path, page: Page
) -> None:
    site = start_site(tmp_path / "crowd", VOTERS, with_budget)
    chance, expected = random.Random(1), [0] * len(PROJECTS)
    try:
        for _ in range(VOTERS):
            chosen = budget_choice(chance)
            context = chromium.new_context(viewport={"width": 360, "height": 740})
            tab = context.new_page()
            enter(tab, site, site.letter())
            tick(tab, chosen)
            tab.locator("#submit-ballot").click()
            tab.locator("#cast").click()
            expect(tab.locator("#step-done")).to_be_visible(timeout=30_000)
            context.close()
            for option in chosen:
                expected[option] += 1
        rehearsal = Rehearsal(site.root, start=int(time.time()))
        rehearsal.close()
        rehearsal.tally()
        report = verify(FolderPlace(site.root / "public"), rehearsal.office.referendum)
        assert report.exit_status == 0, report.faults
        assert report.result is not None
        assert report.manifest is not None
        [counted] = report.result.questions
        assert counted.total == expected
        assert counted.funded == funded(report.manifest.questions[0], expected)
        assert cost(counted.funded or []) <= BUDGET
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{site.url}nl/result")
            spent = f"{cost(counted.funded or []):,}".replace(",", ".")
            expect(page.locator(".outcome")).to_contain_text(f"voor {spent} van 100.000 euro")
            assert page.locator(".chart strong").count() == len(counted.funded or [])
            assert violations(page) == []
            assert not scrolls_sideways(page)
    finally:
        site.server.stop()
