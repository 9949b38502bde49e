"""People vote: in browsers, at a kiosk, and with the command line's device. Some lose their letter, some come to paper.

Decides who votes how. The devices are those of `faults`; nothing goes wrong with the services here.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.sync_api import Browser

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import Setup, load_setup
from stembus.ballot.errors import BallotError
from stembus.scripts.develop.apart.party import NotApart
from stembus.scripts.develop.faults.voters import Device
from stembus.scripts.develop.rehearse.city import City
from stembus.scripts.develop.rehearse.setting_up import Letters

STRUCK, ON_PAPER, LOST = 12, 7, 2
_PATIENCE_MS, _TRIES, _AT_ONCE = 60_000, 20, 4


class Voters:
    """`letters` are given out one after the other; `counts` is what went online, by option."""

    def __init__(self, city: City, browser: Browser, letters: Letters) -> None:
        self._city, self._browser, self._letters = city, browser, letters
        self._setup: Setup = load_setup(FolderPlace(city.public), bytes.fromhex(city.identity))
        self._next = 0
        self.counts = [0, 0]

    def voter(self) -> tuple[str, str, str]:
        """Voter number, code, date of birth of somebody who has done nothing yet."""
        self._next += 1
        return self._letters.codes[self._next - 1]

    def in_browsers(self, number: int, path: str = "vote") -> None:
        for k in range(number):
            _, code, born = self.voter()
            self._in_browser(code, born, k % 2, path)
        self._city.say(f"{number} people voted {'at the kiosk' if path == 'kiosk' else 'in a browser'}")

    def _in_browser(self, code: str, born: str, option: int, path: str) -> None:
        page = self._browser.new_context().new_page()
        page.set_default_timeout(_PATIENCE_MS)
        page.goto(f"{self._city.url('site')}/nl/{path}")
        page.locator("#code").fill(code)
        page.locator("#factor").fill(born)
        page.locator("#submit-code").click()
        page.locator(f"input[name=q0][value='{option}']").check()
        page.locator("#submit-ballot").click()
        page.locator("#cast").click()
        page.locator("#step-done").wait_for()
        page.context.close()
        self.counts[option] += 1

    def by_command(self, number: int) -> None:
        people = [self.voter() for _ in range(number)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._device, range(number), people))
        self._city.say(f"{number} people voted with the command line's device")

    def _device(self, number: int, person: tuple[str, str, str]) -> None:
        _, code, born = person
        folder = self._city.root / "devices" / code
        device = Device(number, self._setup, folder, (code, born), [self._city.url("box")])
        for _ in range(_TRIES):
            try:
                device.vote()
            except BallotError as error:
                last = error
                time.sleep(0.5)
            else:
                self.counts[number % 2] += 1
                return
        raise NotApart(f"a device could not vote: {last}")

    def lose_letters(self) -> None:
        """Each gets a sealed spare one, and votes with that."""
        for k in range(LOST):
            number, _, born = self.voter()
            spare, code = sorted(self._letters.spares.items())[k]
            self._city.together("credentials", "replace", self._city.folder, number, spare)
            self._in_browser(code, born, 1, "vote")
        self._city.say(f"{LOST} letters were lost; their voters voted with spare ones")

    def strike(self) -> None:
        for _ in range(STRUCK):
            number, _, _ = self.voter()
            self._city.run("roll", "strike", self._city.folder, number)
        self._city.say(f"{STRUCK} people asked for a ballot paper, and are struck from the online roll")


def paper_seed(city: City) -> Path:
    return city.folder / "officer-1" / "paper.seed"
