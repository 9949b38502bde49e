"""Trustees in browsers: key files, ceremony, complaint, drill and count, beside a trustee at the command's steps."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import make_server

from stembus.audit.formats.ceremony import latest_attempt
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import Share
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.crypto.sealed import open_with_passphrase, seal_to, seal_with_passphrase
from stembus.scripts.cli.board import Board
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft, make_party
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import make_election_key
from stembus.webvote.board_app import create_board_app
from tests.browser.conftest import WIDTHS, fresh, leave
from tests.browser.test_access import scrolls_sideways, violations

PASSPHRASE = "kat trein regen vork maan"
SLOW = 60_000
FIRST, BOTH = (
    re.compile(rf"Nog te doen door: {who}\.") for who in ("sleutelhouder 1", "sleutelhouder 1, sleutelhouder 2")
)


class Evening:
    """A town hall with its board; trustee 1 works with Python, others in browsers."""

    def __init__(self, root: Path, chromium: Browser) -> None:
        self.rehearsal = Rehearsal(root / "office")
        self.folder, self._chromium = root, chromium
        self.url = ""
        self._server = None
        self._devices: list[BrowserContext] = []

    def define(self, *in_browsers: int) -> None:
        """Others' keys are made here; those of browsers were handed in as files."""
        office = self.rehearsal.office
        parties = [f"trustee-{k}" for k in (1, 2, 3) if k not in in_browsers] + ["witness-1", "witness-2", "officer-1"]
        for party in [*parties, "officer-2", "registrar-1", "box", "log", "client"]:
            make_party(office, party)
        self.rehearsal.define(demo_draft(20, 1, floor=1, batch_tokens=1))

    def serve(self) -> None:
        office = self.rehearsal.office
        server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        self.url = f"http://127.0.0.1:{server.server_port}/"
        server.app = create_board_app(office.public, office.manifest, office.referendum, self.url, Board(office).take)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._server = server

    def page(self) -> Page:
        device = fresh(self._chromium, viewport={"width": 1280, "height": 900}, accept_downloads=True)
        self._devices.append(device)
        page = device.new_page()
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda told: self.problems.append(told.text) if "Content Security" in told.text else None)
        return page

    def link(self) -> str:
        return f"{self.url}nl/#{self.rehearsal.office.referendum.hex()}"

    def open(self, page: Page, key: Path, passphrase: str = PASSPHRASE) -> None:
        page.goto("about:blank")
        page.goto(self.link())
        page.locator("#key").set_input_files(key)
        page.locator("#passphrase").fill(passphrase)
        page.locator("#open").click()

    def end(self) -> None:
        if self._server is not None:
            self._server.shutdown()
        for device in self._devices:
            leave(device)
        self.rehearsal.office.dispose()


@pytest.fixture
def evening(chromium: Browser, tmp_path: Path) -> Iterator[Evening]:
    made = Evening(tmp_path, chromium)
    yield made
    made.end()


def make_key(evening: Evening, page: Page, number: int, address: str) -> Path:
    """What a trustee does at the first visit; the public part goes to the office."""
    page.goto(address)
    page.locator("#make summary").click()
    page.locator("#number").fill(str(number))
    page.locator("#new-passphrase").fill(PASSPHRASE)
    page.locator("#again-passphrase").fill(PASSPHRASE)
    page.locator("#form-make button").click()
    expect(page.locator("#made")).to_be_visible(timeout=SLOW)
    key = evening.folder / f"stick-{number}" / f"trustee-{number}.key"
    for name, target in (("save-key", key), ("save-public", evening.rehearsal.office.public_keys / f"{key.stem}.json")):
        with page.expect_download() as download:
            page.locator(f"#{name}").click()
        assert download.value.suggested_filename == target.name
        download.value.save_as(target)
    return key


def act(page: Page, heading: str) -> None:
    """Takes the step under this heading; the message has arrived."""
    expect(page.locator("#now")).to_contain_text(heading, timeout=SLOW)
    expect(page.locator("#signs")).to_contain_text("Je ondertekent")
    with page.expect_response("**/entries", timeout=SLOW) as answer:
        page.locator("#act").click()
    assert answer.value.status == 200


def test_two_trustees_in_browsers_and_one_in_python_from_keys_to_a_result(evening: Evening) -> None:
    rehearsal, log = evening.rehearsal, evening.rehearsal.office.log
    # The page stands at the board of an earlier rehearsal: keys come before the definition.
    first = Evening(evening.folder / "earlier", evening._chromium)
    first.define()
    first.serve()
    pages = {2: evening.page(), 3: evening.page()}
    keys = {number: make_key(evening, page, number, f"{first.url}nl/") for number, page in pages.items()}
    first.end()
    public = json.loads((rehearsal.office.public_keys / "trustee-2.json").read_text())
    secret = parse_trustee_key(open_with_passphrase(keys[2].read_bytes(), PASSPHRASE))
    assert public.keys() == {"role", "name", "key"}
    assert secret.announced is None
    for key in keys.values():  # at the price of tests; that a page opens what it sealed itself is seen at the count
        key.write_bytes(seal_with_passphrase(open_with_passphrase(key.read_bytes(), PASSPHRASE), PASSPHRASE))
    evening.define(2, 3)
    evening.serve()
    for number, page in pages.items():
        evening.open(page, keys[number])
        expect(page.locator("#who")).to_have_text(
            f"Je bent sleutelhouder {number} van 3. Met 2 kunnen jullie tellen.", timeout=SLOW
        )

    for step, heading in (("commit", "Stap 1"), ("reveal", "Stap 2"), ("share", "Stap 3"), ("confirm", "Stap 4")):
        for page in pages.values():
            act(page, heading)
        expect(pages[3].locator("#waits")).to_have_text(FIRST, timeout=SLOW)
        expect(pages[3].locator("#act")).to_be_hidden()
        made = getattr(rehearsal.trustee(1), step)()
        log().append(made if isinstance(made, list) else [made])
    prints = {pages[number].locator("#prints").inner_text().split("poging 1")[-1] for number in pages}
    for page in pages.values():
        expect(page.locator("#now")).to_contain_text("Stap 5", timeout=SLOW)
        page.locator("#act").click()
        expect(page.locator("#copy-error")).to_have_text("Kies de tweede kopie van je sleutelbestand.")
        page.locator("#copy").set_input_files(keys[2] if page is pages[3] else keys[3])
        page.locator("#act").click()
        expect(page.locator("#copy-error")).to_contain_text("niet hetzelfde sleutelbestand", timeout=SLOW)
        page.locator("#copy").set_input_files(keys[3] if page is pages[3] else keys[2])
        act(page, "Stap 5")
    assert len(prints) == 1, "both see the same fingerprint"
    expect(pages[3].locator("#waits")).to_have_text(FIRST, timeout=SLOW)
    log().append([rehearsal.trustee(1).drill()])
    log().append([make_election_key(rehearsal.verified())])
    expect(pages[2].locator("#now")).to_contain_text("niets te doen tot de telling", timeout=SLOW)

    write_register(evening.folder / "register.csv", 20, date(2019, 10, 14), 1)
    rehearsal.import_roll(evening.folder / "register.csv")
    rehearsal.credentials()
    rehearsal.open()
    for number, (code, factor) in enumerate(rehearsal.letters(evening.folder / "register.csv")[:5]):
        rehearsal.cast(rehearsal.token(code, factor), [[number % 2]])
        rehearsal.seal()
    rehearsal.close()
    rehearsal.clock.move_to(rehearsal.clock.now() + 10_000)
    for number, page in pages.items():
        evening.open(page, keys[number])
        expect(page.locator("#signs")).to_contain_text("5 stemmen samen", timeout=SLOW)
        with page.expect_download(timeout=SLOW) as download:
            page.locator("#act").click()
        kept = keys[number].with_name("new.key")
        download.value.save_as(kept)
        announced = parse_trustee_key(open_with_passphrase(kept.read_bytes(), PASSPHRASE)).announced
        assert announced is not None
    # One goes on at once, the other with the new file on another day.
    act(pages[2], "stap 2 van 2")
    evening.open(pages[3], keys[3].with_name("new.key"))
    act(pages[3], "stap 2 van 2")
    expect(pages[3].locator("#now")).to_contain_text("Genoeg sleutelhouders", timeout=SLOW)
    assert violations(pages[3]) == []
    rehearsal.result()
    report = verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    assert (report.result.questions[0].total, report.result.trustees) == ([3, 2], [2, 3])
    assert evening.problems == []


@pytest.fixture
def seated(evening: Evening) -> Callable[[], tuple[Page, Path]]:
    """Trustee 3 in a browser, with a key file that the command made."""

    def seat() -> tuple[Page, Path]:
        evening.define()
        evening.serve()
        page, key = evening.page(), evening.rehearsal.office.key_path("trustee-3")
        evening.open(page, key, "rehearsal")
        return page, key

    return seat


def test_a_faulty_share_leads_to_a_complaint_and_a_new_attempt(
    evening: Evening, seated: Callable[[], tuple[Page, Path]]
) -> None:
    page, _ = seated()
    rehearsal = evening.rehearsal

    def take(step: str, *numbers: int) -> None:
        for number in numbers:
            made = getattr(rehearsal.trustee(number), step)()
            rehearsal.office.log().append(made if isinstance(made, list) else [made])

    take("commit", 1, 2)
    act(page, "Stap 1")
    take("reveal", 1, 2)
    act(page, "Stap 2")
    act(page, "Stap 3")
    take("share", 2)
    attempt = latest_attempt(entry.body for _, _, entry in rehearsal.verified().entries())
    for raw in rehearsal.trustee(1).share():
        body = parse_entry(raw).body
        assert isinstance(body, Share)
        if body.receiver == 3:
            bad = seal_to(bytes.fromhex(attempt.commits[3].receiving_keys[0]), b"\x05" * 32).hex()
            raw = rehearsal.trustee(1)._entry(msgspec.structs.replace(body, sealed=bad))
        rehearsal.office.log().append([raw])
    expect(page.locator("#now")).to_contain_text("Stap 4", timeout=SLOW)
    page.locator("#act").click()
    expect(page.locator("#error")).to_contain_text("Het deel dat sleutelhouder 1 je stuurde, klopt niet", timeout=SLOW)
    expect(page.locator("#act")).to_have_text("Dien klacht in over sleutelhouder 1")
    page.locator("#act").click()
    expect(page.locator("#now")).to_contain_text("Stap 1", timeout=SLOW)
    messages = [
        fault.message for fault in verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum).faults
    ]
    assert messages == ["attempt 1 is void: trustee 1 is at fault"]
    act(page, "Stap 1")
    expect(page.locator("#waits")).to_have_text(BOTH, timeout=SLOW)


def test_a_message_that_does_not_arrive_is_saved_as_a_file(
    evening: Evening, seated: Callable[[], tuple[Page, Path]]
) -> None:
    page, _ = seated()
    expect(page.locator("#now")).to_contain_text("Stap 1", timeout=SLOW)
    page.route("**/entries", lambda route: route.abort())
    page.locator("#act").click()
    expect(page.locator("#by-hand")).to_be_visible(timeout=SLOW)
    with page.expect_download() as download:
        page.locator("#save-message").click()
    saved = evening.folder / "message"
    download.value.save_as(saved)
    for line in saved.read_bytes().splitlines():
        evening.rehearsal.office.log().append([line])
    page.locator("#look").click()
    expect(page.locator("#waits")).to_have_text(BOTH, timeout=SLOW)


def test_what_goes_wrong_at_the_door_is_said_in_words(
    evening: Evening, seated: Callable[[], tuple[Page, Path]]
) -> None:
    page, key = seated()
    expect(page.locator("#now")).to_contain_text("Stap 1", timeout=SLOW)
    evening.open(page, key, "Rehearsal")
    expect(page.locator("#passphrase-error")).to_contain_text(
        "Met deze wachtzin gaat het bestand niet open", timeout=SLOW
    )
    other = evening.folder / "photo.key"
    other.write_bytes(b"\xff\xd8" * 400)
    evening.open(page, other)
    expect(page.locator("#passphrase-error")).to_contain_text("geen sleutelbestand")
    evening.open(page, evening.rehearsal.office.key_path("officer-1"), "rehearsal")
    expect(page.locator("#error")).to_contain_text("geen sleutel van een sleutelhouder", timeout=SLOW)
    page.goto("about:blank")
    page.goto(f"{evening.url}nl/#{'ab' * 32}")
    page.locator("#key").set_input_files(key)
    page.locator("#passphrase").fill("rehearsal")
    page.locator("#open").click()
    expect(page.locator("#error")).to_contain_text("niet dat van het referendum op dit adres", timeout=SLOW)
    page.locator("#identity").fill("1234")
    page.locator("#open").click()
    expect(page.locator("#identity-error")).not_to_be_empty()


@pytest.mark.parametrize("width", list(WIDTHS))
def test_the_page_is_for_everybody(evening: Evening, seated: Callable[[], tuple[Page, Path]], width: str) -> None:
    page, _ = seated()
    page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    expect(page.locator("#now")).to_contain_text("Stap 1", timeout=SLOW)
    assert violations(page) == []
    assert not scrolls_sideways(page)
    for language in ("nl", "en", "fr"):
        page.goto(f"{evening.url}{language}/")
        page.locator("#make summary").click()
        page.locator("#form-make button").click()
        expect(page.locator("#number-error")).not_to_be_empty()
        assert violations(page) == []
        assert not scrolls_sideways(page)


def test_the_saved_page_works_from_a_file(evening: Evening, seated: Callable[[], tuple[Page, Path]]) -> None:
    page, key = seated()
    page.goto(f"{evening.url}nl/")
    with page.expect_download() as download:
        page.locator("a[href$=save]").click()
    kept = evening.folder / "trustees.html"
    download.value.save_as(kept)
    page.goto(kept.as_uri())
    page.locator("#key").set_input_files(key)
    page.locator("#passphrase").fill("rehearsal")
    page.locator("#open").click()
    act(page, "Stap 1")
    expect(page.locator("#waits")).to_have_text(BOTH, timeout=SLOW)
