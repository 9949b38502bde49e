"""Several questions on one ballot, and choose up to k of n: from the click to the verified result."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.browser.conftest import Site, start_site
from tests.browser.steps import cast, enter
from tests.browser.test_access import scrolls_sideways, violations

PROJECTS = ["Speelplein", "Fietspad", "Boomgaard", "Podium"]
QUESTIONS = """\
[[questions]]
kind = "choose"
max_choices = 2
[questions.text]
nl = "Welke projecten krijgen geld uit het burgerbudget?"
en = "Which projects get money from the citizens' budget?"
fr = "Quels projets reçoivent de l'argent du budget citoyen ?"
""" + "".join(
    f'[[questions.options]]\ntext = {{ nl = "{name}", en = "{name} (en)", fr = "{name} (fr)" }}\n' for name in PROJECTS
)
THIRD = """\
[[questions]]
kind = "yes-no"
max_choices = 1
accepts = 0
[questions.text]
nl = "Moet de bibliotheek op zondag open?"
en = "Should the library open on Sundays?"
fr = "La bibliothèque doit-elle ouvrir le dimanche ?"
[[questions.options]]
text = { nl = "Ja", en = "Yes", fr = "Oui" }
[[questions.options]]
text = { nl = "Nee", en = "No", fr = "Non" }

"""
# (first question, projects, third question); None is blank
VOTES: list[tuple[int | None, list[int], int | None]] = [
    (1, [0, 2], 0), (0, [2], 1), (None, [], None), (1, [1, 2], 0), (1, [0], None),
]  # fmt: skip


def add_questions(draft: str) -> str:
    return draft.replace("[eligibility]\n", QUESTIONS + THIRD + "[eligibility]\n", 1)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Site]:
    served = start_site(tmp_path / "asked", 12, add_questions)
    yield served
    served.server.stop()


def tick(page: Page, question: int, *options: object) -> None:
    for option in options:
        page.locator(f"input[name=q{question}][value='{option}']").check()


def test_several_questions_are_answered_counted_and_verified(chromium: Browser, asked: Site) -> None:
    for number, (first, projects, third) in enumerate(VOTES):
        context = chromium.new_context(viewport={"width": 360, "height": 740})
        page = context.new_page()
        enter(page, asked, asked.letter(), "en")
        tick(page, 0, "blank" if first is None else first)
        tick(page, 1, *(projects or ["blank"]))
        tick(page, 2, "blank" if third is None else third)
        page.locator("#submit-ballot").click()
        shown = page.locator("#chosen dd").all_inner_texts()
        assert shown == [
            "Blank" if first is None else ["No", "Yes"][first],
            *([f"{PROJECTS[k]} (en)" for k in projects] or ["Blank"]),
            "Blank" if third is None else ["Yes", "No"][third],
        ]
        if number == 0:
            assert violations(page) == []
            assert not scrolls_sideways(page)
        cast(page)
        context.close()
    asked.server.stop()
    rehearsal = Rehearsal(asked.root, start=int(time.time()))
    rehearsal.close()
    rehearsal.tally()
    report = verify(FolderPlace(asked.root / "public"), rehearsal.office.referendum)
    assert report.exit_status == 0, report.faults
    assert report.result is not None
    assert report.result.participants == len(VOTES)
    assert [question.total for question in report.result.questions] == [[1, 3], [2, 1, 3, 0], [2, 1]]


def test_the_result_of_several_questions_is_shown_with_charts_and_tables(page: Page, asked: Site) -> None:
    enter(page, asked, asked.letter(), "en")
    tick(page, 0, 1)
    tick(page, 1, 3)
    tick(page, 2, 0)
    page.locator("#submit-ballot").click()
    cast(page)
    rehearsal = Rehearsal(asked.root, start=int(time.time()))
    rehearsal.close()
    rehearsal.tally()
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{asked.url}nl/result")
        assert page.locator("main h2").all_inner_texts()[:3] == [
            "Wil je elke maand een autovrije zondag in de binnenstad?",
            "Welke projecten krijgen geld uit het burgerbudget?",
            "Moet de bibliotheek op zondag open?",
        ]
        assert page.locator(".chart svg").count() == 2 + 4 + 2
        assert page.locator("table").count() == 3
        assert violations(page) == []
        assert not scrolls_sideways(page)


def test_too_many_options_are_told_and_blank_stands_beside_none(page: Page, asked: Site) -> None:
    enter(page, asked, asked.letter(), "en")
    tick(page, 0, 1)
    tick(page, 1, 0, 1, 2)
    page.locator("#submit-ballot").click()
    expect(page.locator("#question-error-1")).to_have_text("Choose at most 2.")
    expect(page.locator("#question-error-2")).to_have_text("Choose an option, or blank.")
    # The focus is where the words are: above the button that was pressed, with a way to each question.
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#problems")).to_be_in_viewport()
    assert page.title().startswith("Error: ")
    assert page.locator("#problems-list a").all_inner_texts() == [
        "Question 2: Choose at most 2.", "Question 3: Choose an option, or blank.",
    ]  # fmt: skip
    assert violations(page) == []
    page.locator("#problems-list a").first.click()
    expect(page.locator("input[name=q1]").first).to_be_focused()
    assert "#" not in page.url
    page.locator("input[name=q1][value='2']").uncheck()
    expect(page.locator("#question-error-1")).to_be_empty()
    assert page.locator("#problems-list a").all_inner_texts() == ["Question 3: Choose an option, or blank."]
    expect(page.locator("#question-error-2")).to_have_text("Choose an option, or blank.")
    tick(page, 1, "blank")
    assert page.locator("input[name=q1]:checked").count() == 1
    tick(page, 1, 0)
    expect(page.locator("input[name=q1][value='blank']")).not_to_be_checked()
    tick(page, 2, 0)
    expect(page.locator("#problems")).to_be_hidden()
    assert not page.title().startswith("Error: ")
    page.locator("#submit-ballot").click()
    expect(page.locator("#step-review")).to_be_visible()


def test_a_test_of_a_ballot_says_every_answer(page: Page, asked: Site, chromium: Browser) -> None:
    enter(page, asked, asked.letter(), "en")
    tick(page, 0, "blank")
    tick(page, 1, 0, 3)
    tick(page, 2, 1)
    page.locator("#submit-ballot").click()
    page.locator("#test-details summary").click()
    number = re.sub(r"\s", "", page.locator("#ballot-id").inner_text())
    page.locator("#test").click()
    second = chromium.new_context().new_page()
    second.goto(page.locator("#test-text").text_content() or "")
    expect(second.locator("#outcome")).to_be_visible()
    assert second.locator("#chosen dd").all_inner_texts() == ["Blank", "Speelplein (en)", "Podium (en)", "No"]
    assert re.sub(r"\s", "", second.locator("#ballot-id").inner_text()) == number
    second.context.close()
