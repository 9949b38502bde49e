"""A page that cheats is caught by the number that it must show before it knows who tests.

The cheating pages are built from the client's own sources, with one or two statements replaced.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.conftest import Site, fresh
from tests.browser.steps import at_kiosk, choose, enter, noted, unsealed
from tests.client.conftest import CLIENT, ESBUILD, node_program

Change = tuple[str, str, str]
BOOTH = "page/booth.ts"
PREPARE = "this.prepared = prepareBallot(this.setup.context, session.pass, found);"
OPENED = 'onClick("test", () => this.testBallot());'
NO_TEST_OF = "if (this.prepared === null) return;"

# What each of these pages encrypts is "no" where the voter chose "yes".
WRONG: Change = (
    BOOTH,
    PREPARE,
    "this.prepared = prepareBallot(this.setup.context, session.pass, [[1 - found[0][0]]]);",
)
# As soon as the voter opens the test, the page makes an honest ballot, and shows that one's number.
SWAP_WHEN_OPENED: Change = (
    BOOTH,
    OPENED,
    """byId("test-details").addEventListener("toggle", () => {
      this.prepared = prepareBallot(this.setup.context, this.session.pass, this.choice);
      showNumber(byId("ballot-id"), hex(this.prepared.ballotId));
    });"""
    + OPENED,
)
# The number stays; what is revealed is an honest ballot.
SWAP_WHEN_TESTED: Change = (
    BOOTH,
    NO_TEST_OF,
    f"{NO_TEST_OF} this.prepared = prepareBallot(this.setup.context, this.session.pass, this.choice);",
)
ADMIT: Change = (BOOTH, "choice: this.choice }", "choice: [[1 - this.choice[0][0]]] }")
# An honest ballot for review and test; another one is cast.
CAST_ANOTHER: Change = (
    BOOTH,
    "else await session.cast(prepared);",
    "else await session.cast(prepareBallot(this.setup.context, session.pass, [[1 - this.choice[0][0]]]));",
)
# The last page shows the number that the voter noted, and not the one that the promise names.
REMEMBER: Change = (
    BOOTH,
    "const number = hex(prepared.ballotId);",
    "const number = globalThis.shown = hex(prepared.ballotId);",
)
REPEAT: Change = ("page/ballot-tracking.ts", "ballot.ballot_id);\n  showBatch", "globalThis.shown);\n  showBatch")


@pytest.fixture
def cheat(page: Page, tmp_path: Path) -> Callable[[tuple[Change, ...]], None]:
    """Makes `page` a page of a server that cheats: its script has these changes."""

    def serve(changes: tuple[Change, ...]) -> None:
        node = node_program()
        assert node is not None
        sources = tmp_path / "client"
        for folder in ("core", "page"):
            shutil.copytree(CLIENT / folder, sources / folder)
        (sources / "node_modules").symlink_to(CLIENT / "node_modules")
        for name, honest, cheating in changes:
            text = (sources / name).read_text(encoding="utf-8")
            assert text.count(honest) == 1, (name, honest)
            (sources / name).write_text(text.replace(honest, cheating), encoding="utf-8")
        command = [node, ESBUILD, "page/vote.ts", "--bundle", "--format=esm", "--target=es2022", "--log-level=error"]
        built = subprocess.run(command, cwd=sources, check=True, capture_output=True, text=True)
        unsealed(page)
        page.route("**/client/vote.js", lambda route: route.fulfill(body=built.stdout, content_type="text/javascript"))

    return serve


def opening(page: Page) -> str:
    """The voter opens the test and presses its button: what the page gives away then."""
    page.locator("#test-details summary").click()
    page.locator("#test").click()
    return page.locator("#test-text").text_content() or ""


def second_device(chromium: Browser, site: Site, test: str, number: str) -> tuple[str, str]:
    """(the choice on the ballot, same or different), from the honest test page on a device of its own."""
    with fresh(chromium) as context:
        second = context.new_page()
        second.goto(f"{site.url}en/check#ballot={number}")
        expect(second.locator("#remembered")).to_be_visible()
        second.goto("about:blank")
        second.goto(f"{site.url}en/check{test[test.index('#') :]}")
        expect(second.locator("#comparison")).to_be_visible()
        return second.locator("#chosen dd").inner_text(), second.locator("#comparison").inner_text()


def look_up(chromium: Browser, site: Site, number: str) -> str:
    """What the page that finds ballots says of a number, on a device of its own."""
    with fresh(chromium) as context:
        second = context.new_page()
        second.goto(f"{site.url}en/track#{number}")
        expect(second.locator("#outcome")).not_to_be_empty()
        return second.locator("#outcome").inner_text()


def test_who_notes_the_number_before_the_test_catches_a_page_that_swaps_ballots_when_the_test_is_opened(
    page: Page, site: Site, chromium: Browser, cheat: Callable[[tuple[Change, ...]], None]
) -> None:
    cheat((WRONG, SWAP_WHEN_OPENED))
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    early, shown = noted(page), page.locator("#ballot-id").inner_text()
    page.locator("#test-details summary").click()
    expect(page.locator("#ballot-id")).not_to_have_text(shown)
    late = noted(page)
    page.locator("#test").click()
    test = page.locator("#test-text").text_content() or ""
    # A number that is seen only after the test was opened hides the fraud; the one that everybody sees shows it.
    assert second_device(chromium, site, test, late) == ("Yes", "The number stayed the same.")
    choice, comparison = second_device(chromium, site, test, early)
    assert choice == "Yes"
    assert "DIFFER" in comparison


@pytest.mark.parametrize(
    ("changes", "choice", "comparison"),
    [
        ((), "Yes", "The number stayed the same."),
        ((WRONG, SWAP_WHEN_TESTED), "Yes", "DIFFER"),
        ((WRONG,), "Yes", "DIFFER"),
        ((WRONG, ADMIT), "No", "The number stayed the same."),
    ],
    ids=["honest", "reveals another ballot", "lies about the choice", "admits the other choice"],
)
def test_a_page_that_committed_to_another_choice_cannot_open_it_as_the_voters(
    page: Page,
    site: Site,
    chromium: Browser,
    cheat: Callable[[tuple[Change, ...]], None],
    changes: tuple[Change, ...],
    choice: str,
    comparison: str,
) -> None:
    cheat(changes)
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    number = noted(page)
    found = second_device(chromium, site, opening(page), number)
    assert found[0] == choice
    assert comparison in found[1]


@pytest.mark.parametrize("repeats", [False, True], ids=["plainly", "and repeats the number"])
def test_a_page_that_casts_another_ballot_than_it_showed_is_caught_by_the_log(
    page: Page, site: Site, chromium: Browser, cheat: Callable[[tuple[Change, ...]], None], repeats: bool
) -> None:
    cheat((CAST_ANOTHER, REMEMBER, REPEAT) if repeats else (CAST_ANOTHER,))
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    number = noted(page)
    page.locator("#cast").click()
    expect(page.locator("#step-done")).to_be_visible()
    tracking = re.sub(r"\s", "", page.locator("#tracking").text_content() or "")
    assert (tracking == number) is repeats
    expect(page.locator("#save-receipt")).to_be_visible(timeout=20_000)
    assert "no such ballot in the public list" in look_up(chromium, site, number)
    if not repeats:
        assert "stands in the public list" in look_up(chromium, site, tracking)


def watch(page: Page) -> list[tuple[str, str, int]]:
    """Every request of the page from now on: method, address and how much is sent. The log may grow meanwhile."""
    seen: list[tuple[str, str, int]] = []

    def note(request: Request) -> None:
        address = re.sub(r"\.p/\d+$", "", request.url.partition("#")[0])
        seen.append((request.method, address, len(request.post_data or "")))

    page.on("request", note)
    return seen


def looks(page: Page) -> str:
    """The whole document, without what differs between any two ballots."""
    text = str(page.evaluate("document.documentElement.outerHTML"))
    text = re.sub(r"<span>[0-9a-f]{4}</span>", "<span>....</span>", text)
    return re.sub(r'(<path d=")[^"]+', r"\1", text)


@pytest.mark.parametrize("place", ["home", "kiosk"])
def test_up_to_the_choice_nothing_differs_between_who_tests_and_who_does_not(
    site: Site, chromium: Browser, place: str
) -> None:
    seen = []
    for tests in (False, True):
        with chromium.new_context(viewport={"width": 360, "height": 740}) as context:
            page = context.new_page()
            requests = watch(page)
            if place == "home":
                enter(page, site, site.letter(), "en")
            else:
                at_kiosk(page, site, site.letter())
            choose(page, "1")
            number = noted(page)
            expect(page.locator("#ballot-id")).to_be_visible()
            expect(page.locator("#ballot-qr svg")).to_be_visible()
            seen.append((looks(page), sorted(requests)))
            page.evaluate(
                """() => {
                    const seen = globalThis.changes = [];
                    new MutationObserver((all) => seen.push(...all.map((one) => one.attributeName ?? one.type)))
                        .observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
                }"""
            )
            if tests:
                page.locator("#ballot-id").hover()
                page.locator("#test-details summary").click()
                expect(page.locator("#test")).to_be_visible()
            page.wait_for_timeout(300)
            # Even the opened test changes nothing: the number is out, and there is nothing left to decide.
            assert page.evaluate("globalThis.changes") == (["open"] if tests else [])
            assert noted(page) == number
            assert len(requests) == len(seen[-1][1])
    assert seen[0] == seen[1]
    assert seen[0][0].count("<span>....</span>") == 16


def test_the_number_stands_above_the_first_button_and_is_read_in_groups(page: Page, site: Site) -> None:
    """Whoever reaches the button has passed the number, so no scrolling tells who looks for it."""
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    groups = page.locator("#ballot-id > span").all_inner_texts()
    assert [len(group) for group in groups] == [4] * 16
    boxes = [page.locator(name).bounding_box() for name in ("#chosen", "#ballot-id", "#ballot-qr svg", "#cast")]
    chosen, number, code, button = [box for box in boxes if box is not None]
    assert chosen["y"] + chosen["height"] <= number["y"]
    assert max(number["y"] + number["height"], code["y"] + code["height"]) <= button["y"]
    # On a phone the code stands beside the number, not below it.
    assert code["x"] > number["x"] + number["width"]
    assert code["y"] < number["y"] + number["height"]
