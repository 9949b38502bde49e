"""`make screens`: pictures of the pages, from a real rehearsal in a real browser.

Without more, the main screens in Dutch into docs/screens/; with --all every step and failure, in each language, at the
width of a phone and of a desk, light and dark, into .screens, each examined by axe-core. Decides sites and files; the
walks are in `screen_walks`. Needs the test extra (playwright) and Chromium.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from stembus.ballot.office.services import ServedOffice
from stembus.scripts.develop.prepare import find_chromium
from stembus.scripts.develop.screen_walks import ALL, MAIN, Camera, Scene
from stembus.scripts.rehearsal.local import make_rehearsal
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.webvote.run.single_process import Together
from stembus.webvote.theme import EXAMPLE, load_theme

FLAGS = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")
LANGUAGES, WIDTHS, SCHEMES = ("nl", "fr", "en"), (360, 1280), ("light", "dark")
LETTERS = 120
AXE = Path("webvote/client/node_modules/axe-core/axe.min.js")


@contextmanager
def serving(root: Path, letters: int) -> Iterator[Together]:
    """A rehearsal in `root`, sent by an example of a city."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    make_rehearsal(root, 60, port, letters)
    server = Together(lambda: ServedOffice(root, lambda _: "rehearsal"), load_theme(EXAMPLE))
    threading.Thread(target=server.serve, daemon=True).start()
    try:
        yield server
    finally:
        server.stop()


def letters_of(root: Path) -> list[list[str]]:
    with (root / "voters.csv").open(encoding="ascii", newline="") as file:
        return list(csv.reader(file))


def call_help_desk(scene: Scene, office: ServedOffice) -> None:
    """An officer is about to strike a voter."""
    office.desk().enlist("an.peeters", "a long password")
    with scene.device() as page:
        page.goto(f"{scene.url}desk/{scene.language}/")
        page.locator("#name").fill("an.peeters")
        page.locator("#password").fill("a long password")
        page.keyboard.press("Enter")
        lines = (office.folder("authority") / "enrolment.csv").read_text(encoding="ascii").splitlines()[1:]
        numbers = (line.partition(",")[0] for line in lines)
        page.locator("#number").fill(next(n for n in numbers if office.letters().standing(n).state == "ready"))
        page.keyboard.press("Enter")
        page.locator("button[value='strike']").click()
        page.locator("button[value='strike-confirmed']").wait_for()
        scene.shoot(page, "help-desk")


def count(root: Path, letters: list[list[str]]) -> None:
    """Some more vote; then the referendum's own clock says that the day is over."""
    rehearsal = Rehearsal(root, start=int(time.time()))
    for number, (code, born) in enumerate(letters):
        rehearsal.cast(rehearsal.token(code, born), [[int(number % 5 < 2)]])
    rehearsal.close()
    rehearsal.tally()


def scenes(browser: Browser, out: Path, server: Together, root: Path, languages: Sequence[str]) -> Iterator[Scene]:
    letters = iter(letters_of(root)[: LETTERS - 20])
    referendum = (root / "referendum.id").read_text().strip()
    everything = bool(languages)
    kinds = list(itertools.product(languages, WIDTHS, SCHEMES)) or [("nl", 360, "light")]
    for language, width, scheme in kinds:
        folder = out / f"{language}-{width}-{scheme}" if everything else out
        options = {"viewport": {"width": width, "height": 740}, "color_scheme": scheme, "accept_downloads": True}
        camera = Camera(folder, AXE.read_text(encoding="utf-8") if everything else "")
        yield Scene(browser, camera, server.url, referendum, language, letters, options)


def shoot_result(scene: Scene, page: Page) -> None:
    page.goto(scene.path("result"))
    scene.shoot(page, "result")
    page.goto(scene.path(""))
    scene.shoot(page, "start-after-the-count")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make screens")
    parser.add_argument("--all", action="store_true", help="every step and failure, into .screens")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="of --all; all of them without it")
    parser.add_argument("--out", type=Path, help="another folder")
    arguments = parser.parse_args()
    out = arguments.out or Path(".screens" if arguments.all else "docs/screens")
    languages = (arguments.language or LANGUAGES) if arguments.all else ()
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        root = Path(folder)
        browser = driver.chromium.launch(executable_path=find_chromium(), args=[f"--{flag}" for flag in FLAGS])
        with serving(root, LETTERS) as server:
            shown = list(scenes(browser, out, server, root, languages))
            for number, scene in enumerate(shown):
                for walk in ALL if arguments.all else MAIN:
                    walk(scene)
                if number == 0:
                    call_help_desk(scene, ServedOffice(root, lambda _: "rehearsal"))
            count(root, letters_of(root)[LETTERS - 20 :])
            for scene in shown:
                with scene.device() as page:
                    shoot_result(scene, page)
        browser.close()
    violations = [violation for scene in shown for violation in scene.camera.violations]
    sys.exit("\n".join(violations) or 0)


if __name__ == "__main__":
    main()
