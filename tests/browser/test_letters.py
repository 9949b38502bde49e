"""A vote with a letter as it is printed: the telephone reads the code of the rendered page, and the page takes it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from stembus.scripts.cli.main import main
from stembus.webvote.theme import EXAMPLE
from tests.ballot.eligibility.test_letter_print import scanned, texts
from tests.browser.conftest import Site


def test_a_printed_letter_leads_to_a_vote(page: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    code, born = site.letter()
    with (site.root / "authority" / "codes.csv").open(encoding="utf-8", newline="") as file:
        number = next(row["number"] for row in csv.DictReader(file) if row["code"] == code)
    monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")
    command = ["letters", "one", str(site.root), number, "--theme", str(EXAMPLE)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    data = (Path(site.root) / "letters" / f"one-{number}.pdf").read_bytes()
    link = scanned(data, 0)
    assert link.startswith(site.url)
    assert link.endswith(re.sub(" ", "", texts(data)[1].split("is:")[1].strip())[:64])
    page.goto(link)
    expect(page.locator("#code")).to_have_value(code)
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    page.locator("input[name=q0][value='1']").check()
    page.locator("#submit-ballot").click()
    page.locator("#cast").click()
    expect(page.locator("#step-done")).to_be_visible(timeout=30_000)
