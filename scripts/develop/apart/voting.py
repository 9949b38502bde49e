"""People who vote: in browsers at the site, and with the command line's device. Some things go wrong meanwhile.

Decides who votes how, and that a device which was told to try again tries again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from playwright.sync_api import Browser

from stembus.audit.errors import AuditError
from stembus.ballot.errors import BallotError
from stembus.crypto.errors import CryptoError
from stembus.scripts.develop.apart.party import NotApart
from stembus.scripts.develop.apart.referendum import Referendum
from stembus.scripts.develop.apart.whole_run import meanwhile
from stembus.scripts.develop.faults.processes import Service
from stembus.scripts.develop.faults.voters import Device

Letter = tuple[str, str]
_TRIES, _PAUSE = 20, 1.0
_AT_ONCE = 4
_PATIENCE_MS = 60_000


class Devices:
    """Each letter's device. `told` counts what they were told, by the error's name."""

    def __init__(self, referendum: Referendum) -> None:
        self._referendum = referendum
        self.told: Counter[str] = Counter()

    def device(self, number: int) -> Device:
        folder = self._referendum.root / "devices" / str(number)
        boxes = [self._referendum.url("box")]
        return Device(number, self._referendum.setup, folder, self._referendum.letters[number], boxes)

    def vote(self, numbers: Sequence[int]) -> None:
        """All of them, some at a time. Raises NotApart where somebody cannot vote."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._vote, numbers))

    def _vote(self, number: int) -> None:
        device = self.device(number)
        for _ in range(_TRIES):
            try:
                device.vote()
            except (BallotError, AuditError, CryptoError) as error:
                self.told[type(error).__name__] += 1
                last = error
                time.sleep(_PAUSE)
            else:
                return
        raise NotApart(f"device {number} could not vote: {last}")


def vote_in_browser(browser: Browser, referendum: Referendum, letter: Letter, option: str) -> int:
    """Returns how often the voter had to press again."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    again = 0
    page.goto(f"{referendum.url('site')}/en/vote#code={letter[0]}&id={referendum.referendum.hex()}")
    page.locator("#factor").fill(letter[1])
    steps = (("#submit-code", "#step-ballot"), ("#submit-ballot", "#step-review"), ("#cast", "#step-done"))
    for button, shown in steps:
        if button == "#submit-ballot":
            page.locator(f"input[name=q0][value='{option}']").check()
        for _ in range(_TRIES):
            page.locator(button).click()
            page.locator(f"{shown}:visible, #error:visible").first.wait_for()
            if page.locator(shown).is_visible():
                break
            again += 1
        else:
            raise NotApart(f"a browser could not go on: {page.locator('#error').inner_text()}")
    context.close()
    return again


@contextmanager
def slow(service: Service, stands: float = 1.5, goes: float = 1.5) -> Iterator[None]:
    """It stands still again and again: connections are taken, and nobody answers."""

    def hinder(ended: threading.Event) -> None:
        while not ended.is_set():
            service.freeze(True)
            ended.wait(stands)
            service.freeze(False)
            ended.wait(goes)

    with meanwhile(hinder):
        yield
