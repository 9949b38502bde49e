"""Real Chromium against the real apps: one rehearsal a session, served on a free port of the loopback."""

from __future__ import annotations

import csv
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from stembus.ballot.office.services import ServedOffice
from stembus.scripts.develop.prepare import find_chromium
from stembus.scripts.rehearsal.local import make_rehearsal
from stembus.webvote.run.single_process import Together
from stembus.webvote.theme import plain_theme

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
# Of a voter who opens, on the last page, what is there to be checked.
CURIOUS = "addEventListener('DOMContentLoaded', () => document.getElementById('checking')?.setAttribute('open', ''))"
WIDTHS = {"phone": (360, 740), "desk": (1280, 800)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Site:
    """A served rehearsal, and the letters that nobody has used yet."""

    root: Path
    server: Together
    letters: list[list[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    def letter(self) -> tuple[str, str]:
        """(code, birth date) of a voter who has not voted."""
        code, born = self.letters.pop()
        return code, born

    def office(self) -> ServedOffice:
        return open_office(self.root)


def open_office(root: Path) -> ServedOffice:
    return ServedOffice(root, lambda _: "rehearsal")


def start_site(
    root: Path, letters: int, change: Callable[[str], str] = lambda draft: draft, registrars: int = 1
) -> Site:
    make_rehearsal(root, 60 * 24, free_port(), letters, change=change, registrars=registrars)
    # An invitation that comes to one in twenty would make one test in twenty another one.
    server = Together(lambda: open_office(root), plain_theme("056 00 00 00", invite_to_test=0))
    server.listen()
    threading.Thread(target=server.serve, daemon=True).start()
    with (root / "voters.csv").open(encoding="ascii", newline="") as file:
        return Site(root, server, list(csv.reader(file)))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    served = start_site(tmp_path_factory.mktemp("site"), 200)
    yield served
    served.server.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        pytest.fail("there is no Chromium here; make test says how to get it", pytrace=False)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


def fresh(chromium: Browser, **options: Any) -> BrowserContext:
    """A device with nothing on it, of a voter who looks at everything."""
    context = chromium.new_context(**options)
    context.add_init_script(CURIOUS)
    return context


def leave(context: BrowserContext) -> None:
    """Closes it. An answer that a test altered on its way may still be on it; nobody waits for that any more."""
    for page in context.pages:
        page.unroute_all(behavior="ignoreErrors")
    context.close()


@pytest.fixture
def device(chromium: Browser) -> Iterator[BrowserContext]:
    """A phone with nothing on it. A script error or a refused resource fails the test that caused it."""
    context = fresh(chromium, viewport={"width": 360, "height": 740}, accept_downloads=True)
    yield context
    leave(context)


@pytest.fixture
def page(device: BrowserContext) -> Iterator[Page]:
    opened = device.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
    yield opened
    assert problems == []
