"""`make screens`: pictures of the main screens into docs/screens/, from a real rehearsal in a real browser.

Decides which steps are shown. Needs the test extra (playwright) and Chromium.
"""

from __future__ import annotations

import argparse
import csv
import socket
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from stembus.ballot.office.services import ServedOffice
from stembus.scripts.develop.prepare import find_chromium
from stembus.scripts.rehearsal.local import make_rehearsal
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.webvote.run.single_process import Together

FLAGS = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")


class Camera:
    """Numbers the pictures in the order in which a voter sees the screens."""

    def __init__(self, page: Page, out: Path) -> None:
        self._page, self._out, self._count = page, out, 0

    def shoot(self, name: str) -> None:
        self._count += 1
        self._page.screenshot(path=self._out / f"{self._count:02d}-{name}.png", full_page=True)


def walk(page: Page, camera: Camera, url: str, letter: list[str], referendum: str) -> None:
    """A whole vote, with a test on the way."""
    code, born = letter
    page.goto(f"{url}nl/")
    camera.shoot("start")
    page.goto(f"{url}nl/vote#code={code}&id={referendum}")
    page.locator("#step-code").wait_for()
    camera.shoot("code")
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    page.locator("#step-ballot").wait_for()
    page.locator("input[value='1']").check()
    camera.shoot("ballot")
    page.locator("#submit-ballot").click()
    page.locator("#step-review").wait_for()
    camera.shoot("review")
    page.locator("#test-details summary").click()
    camera.shoot("before-a-test")
    page.locator("#test").click()
    link = page.locator("#test-link").get_attribute("href") or ""
    camera.shoot("test")
    page.locator("#test-done").click()
    page.locator("#submit-ballot").click()
    page.locator("#cast").click()
    page.locator("#save-receipt").wait_for()
    camera.shoot("done")
    tracking = page.locator("#track-link").get_attribute("href") or ""
    page.goto(link)
    page.locator("#outcome").wait_for()
    camera.shoot("test-on-a-second-device")
    page.goto(url + tracking.lstrip("/"))
    page.locator("#save-receipt").wait_for()
    camera.shoot("track")
    page.goto(f"{url}nl/result")
    camera.shoot("before-the-result")


def stand_at_kiosk(page: Page, camera: Camera, url: str, letter: list[str]) -> None:
    """A ballot box that does not answer, and one that does."""
    code, born = letter
    page.goto(f"{url}nl/kiosk")
    page.locator("#code").fill(code)
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    page.locator("input[value='0']").check()
    camera.shoot("kiosk-ballot")
    page.locator("#submit-ballot").click()
    page.route("**/box/cast", lambda route: route.abort())
    page.locator("#cast").click()
    page.locator("#step-unanswered").wait_for()
    camera.shoot("kiosk-unanswered")
    page.unroute("**/box/cast")
    page.locator("#retry").click()
    page.locator("#promise-qr svg").wait_for()
    camera.shoot("kiosk-done")


def call_help_desk(page: Page, camera: Camera, url: str, office: ServedOffice) -> None:
    """An officer is about to strike a voter."""
    office.desk().enlist("an.peeters", "a long password")
    page.goto(f"{url}desk/nl/")
    page.locator("#name").fill("an.peeters")
    page.locator("#password").fill("a long password")
    page.keyboard.press("Enter")
    lines = (office.folder("authority") / "enrolment.csv").read_text(encoding="ascii").splitlines()[1:]
    numbers = (line.partition(",")[0] for line in lines)
    page.locator("#number").fill(next(n for n in numbers if office.letters().standing(n).state == "ready"))
    page.keyboard.press("Enter")
    page.locator("button[value='strike']").click()
    page.locator("button[value='strike-confirmed']").wait_for()
    camera.shoot("help-desk")


def see_result(page: Page, camera: Camera, url: str, root: Path, letters: list[list[str]]) -> None:
    """Some more vote; then the referendum's own clock says that the day is over."""
    rehearsal = Rehearsal(root, start=int(time.time()))
    for number, (code, born) in enumerate(letters):
        rehearsal.cast(rehearsal.token(code, born), [[int(number % 5 < 2)]])
    rehearsal.close()
    rehearsal.tally()
    page.goto(f"{url}nl/result")
    camera.shoot("result")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make screens")
    parser.add_argument("--out", type=Path, default=Path("docs/screens"))
    parser.add_argument("--width", type=int, default=360)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        root = Path(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        make_rehearsal(root, 60, port, 24)
        server = Together(lambda: ServedOffice(root, lambda _: "rehearsal"), "056 00 00 00")
        threading.Thread(target=server.serve, daemon=True).start()
        with (root / "voters.csv").open(encoding="ascii", newline="") as file:
            letters = list(csv.reader(file))
        browser = driver.chromium.launch(executable_path=find_chromium(), args=[f"--{flag}" for flag in FLAGS])
        page = browser.new_page(viewport={"width": arguments.width, "height": 740}, device_scale_factor=1)
        referendum = (root / "referendum.id").read_text().strip()
        camera = Camera(page, arguments.out)
        walk(page, camera, server.url, letters[0], referendum)
        stand_at_kiosk(page, camera, server.url, letters[1])
        call_help_desk(page, camera, server.url, ServedOffice(root, lambda _: "rehearsal"))
        see_result(page, camera, server.url, root, letters[3:])
        browser.close()
        server.stop()


if __name__ == "__main__":
    main()
