"""`make screens`: pictures of the main screens into docs/screens/, from a real rehearsal in a real browser.

Decides which steps are shown. Needs the test extra (playwright) and Debian's chromium.
"""

from __future__ import annotations

import argparse
import csv
import socket
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from ballot.services import ServedOffice
from scripts.cli_serve import make_rehearsal
from webvote.together import Together

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")


class Camera:
    """Numbers the pictures in the order in which a voter sees the screens."""

    def __init__(self, page: Page, out: Path) -> None:
        self._page, self._out, self._count = page, out, 0

    def shoot(self, name: str) -> None:
        self._count += 1
        self._page.screenshot(path=self._out / f"{self._count:02d}-{name}.png", full_page=True)


def walk(page: Page, camera: Camera, url: str, letter: tuple[str, str], referendum: str) -> None:
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
        make_rehearsal(root, 60, port, 12)
        server = Together(lambda: ServedOffice(root, lambda _: "rehearsal"), "056 00 00 00")
        threading.Thread(target=server.serve, daemon=True).start()
        with (root / "voters.csv").open(encoding="ascii", newline="") as file:
            code, born = next(iter(csv.reader(file)))
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        page = browser.new_page(viewport={"width": arguments.width, "height": 740}, device_scale_factor=1)
        referendum = (root / "referendum.id").read_text().strip()
        walk(page, Camera(page, arguments.out), server.url, (code, born), referendum)
        browser.close()
        server.stop()


if __name__ == "__main__":
    main()
