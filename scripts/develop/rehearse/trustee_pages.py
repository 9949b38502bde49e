"""Trustees who never open a terminal: what they do at their page, as a person would.

Decides only which buttons are pressed, and in which order.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page

from stembus.scripts.develop.apart.party import NotApart

PASSPHRASE = "kat trein regen vork maan"  # noqa: S105 - of a rehearsal
_PATIENCE_MS = 120_000


class TrusteePage:
    """One trustee's browser. `sticks` are the folders of two sticks."""

    def __init__(self, browser: Browser, number: int, root: Path) -> None:
        self.number = number
        self._browser = browser
        self.sticks = [root / f"stick-{number}-{which}" for which in ("a", "b")]
        for stick in self.sticks:
            stick.mkdir()

    @property
    def key(self) -> Path:
        return self.sticks[0] / f"trustee-{self.number}.key"

    def make_key(self, page_file: Path, public: Path) -> None:
        """From the page as a file, before there is a referendum."""
        page = self._page()
        page.goto(page_file.as_uri())
        page.locator("#make summary").click()
        page.locator("#number").fill(str(self.number))
        for field in ("#new-passphrase", "#again-passphrase"):
            page.locator(field).fill(PASSPHRASE)
        page.locator("#form-make button").click()
        page.locator("#made").wait_for()
        for button, target in (("save-key", self.key), ("save-public", public)):
            with page.expect_download() as download:
                page.locator(f"#{button}").click()
            download.value.save_as(target)
        shutil.copy(self.key, self.sticks[1])
        page.context.close()

    def open(self, link: str, now: float | None = None) -> Page:
        """The key file opened at the board; `now` is the time of the rehearsal, in Unix seconds."""
        page = self._page()
        if now is not None:
            page.clock.install(time=datetime.fromtimestamp(now, UTC))
        page.goto(link)
        page.locator("#key").set_input_files(self.key)
        page.locator("#passphrase").fill(PASSPHRASE)
        page.locator("#open").click()
        page.locator("#part-now").wait_for()
        return page

    def _page(self) -> Page:
        page = self._browser.new_context(accept_downloads=True).new_page()
        page.set_default_timeout(_PATIENCE_MS)
        return page

    def take(self, page: Page, heading: str) -> None:
        """Waits for the step, and takes it. Raises NotApart when it does not arrive."""
        page.locator(f"#now:has-text('{heading}')").wait_for()
        if heading.startswith("Stap 5"):
            page.locator("#copy").set_input_files(self.sticks[1] / self.key.name)
        with page.expect_response("**/entries") as answer:
            page.locator("#act").click()
        if answer.value.status != 200:
            raise NotApart(f"trustee {self.number}, {heading}: {answer.value.text()}")

    def announce(self, page: Page) -> None:
        """The new key file goes on both sticks."""
        page.locator("#now:has-text('stap 1 van 2')").wait_for()
        with page.expect_response("**/entries"), page.expect_download() as download:
            page.locator("#act").click()
        download.value.save_as(self.key)
        shutil.copy(self.key, self.sticks[1])

    def complain(self, page: Page, about: int) -> None:
        page.locator("#now:has-text('Stap 4')").wait_for()
        page.locator("#act").click()
        page.locator(f"#error:has-text('sleutelhouder {about} je stuurde, klopt niet')").wait_for()
        with page.expect_response("**/entries"):
            page.locator("#act").click()

    @staticmethod
    def prints(page: Page) -> list[str]:
        """What is read aloud."""
        return page.locator("#prints dd").all_inner_texts()
