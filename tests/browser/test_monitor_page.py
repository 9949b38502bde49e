"""A voter hands a refused ballot to a monitor: the page, by its real command, and what the next look says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.browser.conftest import Site, free_port


@pytest.fixture
def monitor(site: Site, tmp_path: Path) -> Iterator[str]:
    """Its address."""
    port, command = free_port(), [str(Path(sys.executable).with_name("stembus")), "monitor", f"{site.url}log"]
    command += ["--referendum", site.office().referendum.hex(), "--keep", str(tmp_path / "watch"), "--every", "10"]
    command += ["--listen", str(port), "--hand-in"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=os.environ) as process:
        yield f"http://127.0.0.1:{port}/"
        process.terminate()


def reload_until(page: Page, text: str) -> None:
    end = time.monotonic() + 90
    while text not in page.content():
        assert time.monotonic() < end, page.inner_text("body")
        time.sleep(0.5)
        page.reload()


def test_a_voter_hands_in_a_ballot_that_was_refused(page: Page, site: Site, monitor: str, tmp_path: Path) -> None:
    rehearsal = Rehearsal(site.root, start=int(time.time()))
    context, voting_pass = rehearsal.office.context(), rehearsal.token(*site.letter())
    ballot, wrong = tmp_path / "stembus-ballot.bin", tmp_path / "photo.jpg"
    ballot.write_bytes(sign_ballot(context, voting_pass, prepare(context, voting_pass, [[1]]), 0))
    wrong.write_bytes(b"\xff\xd8" * 400)
    for attempt in range(100):
        try:
            page.goto(monitor)
            break
        except Exception:
            assert attempt < 99
            time.sleep(0.3)
    reload_until(page, "<form")
    dutch = page.locator("section[lang=nl]")
    dutch.locator("button").click()
    expect(dutch.locator("output")).to_have_text("kies eerst een bestand.")
    for file, answer in ((wrong, "photo.jpg: dit is niet het juiste bestand"), (ballot, "ballot.bin: aangekomen")):
        dutch.locator("input").set_input_files(file)
        dutch.locator("button").click()
        expect(dutch.locator("output")).to_contain_text(answer)
    reload_until(page, "door de stembus aangenomen en beloofd: 1")
    reload_until(page, "staat in het openbare logboek: 1")
    assert list((tmp_path / "watch" / "ballots").iterdir()) == [], "it stands in the log"
    dutch.locator("input").set_input_files(ballot)
    dutch.locator("button").click()
    expect(dutch.locator("output")).to_contain_text("staat al in het openbare logboek")
