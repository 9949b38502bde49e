"""The page that checks a whole referendum, in a browser: from a zip file, from an address, and as a saved file."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.scripts.report_text import report_data
from tests.browser.conftest import Site, start_site
from tests.browser.test_access import scrolls_sideways, violations
from tests.conftest import Finished

PATIENCE = 60_000


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = start_site(tmp_path_factory.mktemp("judged"), 8)
    yield site
    site.server.stop()


@pytest.fixture
def bundle(finished: Finished, tmp_path: Path) -> Path:
    return Path(shutil.make_archive(str(tmp_path / "bundle"), "zip", finished.public))


def check(page: Page, site: Site, identity: str, zip_file: Path | None = None, language: str = "en") -> None:
    page.goto(f"{site.url}{language}/verify")
    if zip_file is not None:
        page.locator("#zip").set_input_files(zip_file)
    page.locator("#identity").fill(identity)
    page.locator("#start").click()
    expect(page.locator("#report")).to_be_visible(timeout=PATIENCE)


def saved(page: Page) -> dict[str, object]:
    with page.expect_download() as download:
        page.locator("#save-report").click()
    found: dict[str, object] = json.loads(Path(download.value.path()).read_text())
    return found


def test_a_zip_file_is_checked_and_the_report_is_the_commands(
    page: Page, judged: Site, bundle: Path, finished: Finished
) -> None:
    check(page, judged, finished.referendum.hex(), bundle)
    expect(page.locator("#outcome")).to_contain_text("It is right.")
    expect(page.locator("#questions")).to_contain_text("Rejected: no won.")
    expect(page.locator("#questions li").first).to_contain_text("13")
    expect(page.locator("#questions li").last).to_contain_text("Blank: 0")
    expect(page.locator("#rehearsal")).to_be_visible()
    assert violations(page) == []
    assert not scrolls_sideways(page)
    page.locator("summary").click()
    expect(page.locator("#lines")).to_contain_text("HOLDS")
    found = saved(page)
    ours = json.loads(json.dumps(report_data(verify(FolderPlace(finished.public), finished.referendum))))
    for name in ("outcome", "exit_status", "referendum", "faults", "result", "manifest", "established", "finished"):
        assert found[name] == ours[name], name
    figures = found["figures"]
    assert isinstance(figures, dict)
    assert figures == {name: ours["figures"][name] for name in figures}


def test_one_changed_byte_is_named(page: Page, judged: Site, bundle: Path, finished: Finished, tmp_path: Path) -> None:
    altered = tmp_path / "altered.zip"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(altered, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename.startswith("tile/entries/") and data:
                data = data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]
            new.writestr(member.filename, data)
    check(page, judged, finished.referendum.hex(), altered, "nl")
    expect(page.locator("#outcome")).to_contain_text("Het klopt niet.")
    expect(page.locator("#counts")).to_be_hidden()
    assert saved(page)["outcome"] == "BREACH"


def test_another_referendum_and_no_number_are_told(page: Page, judged: Site, bundle: Path) -> None:
    check(page, judged, "ab" * 32, bundle)
    expect(page.locator("#outcome")).to_contain_text("of another referendum")
    check(page, judged, "", bundle, "fr")
    expect(page.locator("#outcome")).to_contain_text("cohérent")
    page.locator("#identity").fill("not a number")
    page.locator("#start").click()
    expect(page.locator("#identity-error")).to_be_visible()
    expect(page.locator("#report")).to_be_hidden()


def test_a_log_that_is_still_open_is_checked_at_its_address(page: Page, judged: Site) -> None:
    check(page, judged, judged.office().referendum.hex())
    expect(page.locator("#outcome")).to_contain_text("All is in order until now.")


def test_what_cannot_be_read_is_no_accusation(page: Page, judged: Site, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"this is no zip file")
    check(page, judged, "", tmp_path / "no.zip")
    expect(page.locator("#outcome")).to_contain_text("It could not be checked")
    page.locator("#address").fill("http://127.0.0.1:9/log")
    page.locator("#start").click()
    expect(page.locator("#outcome")).to_contain_text("It could not be checked")
    page.goto(f"{judged.url}en/verify")
    page.locator("#address").fill("")
    page.locator("#start").click()
    expect(page.locator("#error")).to_contain_text("Choose a zip file")


PAGE = "<!doctype html><title>Log in</title>"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 200, "content_type": "text/html", "body": PAGE},
        {"status": 206, "body": "part"},
        {"status": 302, "headers": {"location": "http://localhost:9/log/log.vkey"}},
        {"status": 403, "body": ""},
        {"status": 503, "body": ""},
    ],
    ids=["a login page", "a part", "another host", "forbidden", "busy"],
)
def test_an_answer_that_is_no_file_is_no_accusation(page: Page, judged: Site, answer: dict[str, Any]) -> None:
    page.route("**/log/log.vkey", lambda route: route.fulfill(**answer))
    check(page, judged, judged.office().referendum.hex())
    expect(page.locator("#outcome")).to_contain_text("It could not be checked")
    expect(page.locator("#lines")).to_contain_text("log.vkey")


def test_a_log_that_goes_away_meanwhile_is_no_accusation(page: Page, judged: Site) -> None:
    gone: list[str] = []

    def answer(route: Route) -> None:
        if "/log/tile/" in route.request.url:
            gone.append(route.request.url)
        elif gone:
            route.fulfill(status=404, body="")
            return
        route.continue_()

    page.route("**/log/**", answer)
    check(page, judged, judged.office().referendum.hex())
    expect(page.locator("#outcome")).to_contain_text("It could not be checked")
    assert gone


def test_a_file_that_is_missing_or_wrong_at_an_address_is_named_after_a_second_look(page: Page, judged: Site) -> None:
    """Once wrong is the network's, twice is the log's."""
    wrong: list[str] = []

    def answer(route: Route) -> None:
        wrong.append(route.request.url)
        if len(wrong) == 1:
            route.fulfill(status=200, body="another key")
        else:
            route.continue_()

    page.route("**/log/log.vkey", answer)
    check(page, judged, judged.office().referendum.hex())
    expect(page.locator("#outcome")).to_contain_text("All is in order until now.")
    assert len(wrong) == 2
    page.unroute("**/log/log.vkey")
    for bad in ({"status": 200, "body": "another key"}, {"status": 404, "body": ""}, {"status": 410, "body": ""}):
        page.route("**/log/log.vkey", lambda route, *_, bad=bad: route.fulfill(**bad))
        check(page, judged, judged.office().referendum.hex())
        expect(page.locator("#outcome")).to_contain_text("It is wrong.")
        page.unroute("**/log/log.vkey")


def test_what_is_no_address_is_said_before_anything_is_fetched(page: Page, judged: Site) -> None:
    page.goto(f"{judged.url}en/verify")
    page.locator("#address").fill("kortrijk")
    page.locator("#start").click()
    expect(page.locator("#error")).to_contain_text("An address begins with https://")


def test_the_page_works_as_a_saved_file_without_its_website(
    page: Page, judged: Site, bundle: Path, finished: Finished, tmp_path: Path
) -> None:
    page.goto(f"{judged.url}en/verify")
    answer = page.request.get(f"{judged.url}en/verify/save")
    assert "attachment" in answer.headers["content-disposition"]
    (tmp_path / "verify.html").write_bytes(answer.body())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "verify.html").as_uri())
    assert page.locator("#address").input_value() == ""
    page.locator("#zip").set_input_files(bundle)
    page.locator("#identity").fill(finished.referendum.hex())
    page.locator("#start").click()
    expect(page.locator("#outcome")).to_contain_text("It is right.", timeout=PATIENCE)
    assert not [url for url in asked if not url.startswith(("file:", "blob:"))]


def test_a_file_that_is_dropped_on_the_page_is_taken(page: Page, judged: Site, bundle: Path) -> None:
    page.goto(f"{judged.url}en/verify")
    page.evaluate(
        """async (bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], 'bundle.zip'));
          window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer }));
        }""",
        list(bundle.read_bytes()),
    )
    assert page.locator("#address").input_value() == ""
    page.locator("#start").click()
    expect(page.locator("#outcome")).to_contain_text("What is published is consistent", timeout=PATIENCE)
