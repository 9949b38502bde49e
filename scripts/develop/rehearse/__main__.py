"""`make rehearsal`: runs it all, and prints a line for each thing that was done. Exit status 0 when everything held.

ARGS="--people 2000 --voters 60" makes it short.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from stembus.scripts.develop.apart.party import NotApart
from stembus.scripts.develop.apart.whole_run import BROWSER, conclude, sealing
from stembus.scripts.develop.faults.processes import ServiceRefused
from stembus.scripts.develop.prepare import find_chromium
from stembus.scripts.develop.rehearse import ending, setting_up
from stembus.scripts.develop.rehearse.city import IN_BROWSERS, City
from stembus.scripts.develop.rehearse.trustee_pages import TrusteePage
from stembus.scripts.develop.rehearse.voting import LOST, ON_PAPER, Voters

AT_KIOSK = 5


def rehearse(city: City, browser: Browser, asked: argparse.Namespace) -> None:
    """Raises NotApart, or ServiceRefused, where something does not go as it should."""
    register = city.root / "bevolking.csv"
    setting_up.write_population(register, asked.people)
    pages = [TrusteePage(browser, number, city.root) for number in IN_BROWSERS]
    setting_up.define(city, pages, asked.people)
    city.say(f"defined: {city.identity}")
    city.start_board()
    setting_up.ceremony(city, pages)
    city.stop("board")
    letters = setting_up.letters(city, register)
    city.start_services()
    city.together("open", city.folder, "--yes")
    city.say("voting is open")
    voters = Voters(city, browser, letters)
    with sealing(lambda: city.run("seal", city.folder), 2):
        voters.in_browsers(asked.browsers)
        voters.in_browsers(AT_KIOSK, "kiosk")
        voters.by_command(asked.voters - asked.browsers - AT_KIOSK - ON_PAPER - LOST)
    voters.lose_letters()
    voters.strike()
    city.run("incident", city.folder, "--text", "nl=De website was tien minuten onbereikbaar.")
    ending.close(city)
    city.stop("registrar", "box")
    ending.paper(city)
    ending.draw(city)
    city.start_board()
    ending.count(city, pages)
    city.stop("board")
    minutes = ending.write_down(city)
    ending.purge(city)
    counted = [online + paper for online, paper in zip(voters.counts, ending.PAPER_COUNTS, strict=True)]
    ending.judge(city, browser, minutes, counted)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make rehearsal")
    parser.add_argument("--people", type=int, default=62_000, help="in the register")
    parser.add_argument("--voters", type=int, default=300)
    parser.add_argument("--browsers", type=int, default=20, help="of them")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    asked = parser.parse_args(arguments)
    root, begun = Path(tempfile.mkdtemp(prefix="stembus-rehearsal-")), time.monotonic()
    city = City(root, lambda text: print(f"{time.monotonic() - begun:5.0f} s  {text}", flush=True))
    held = False
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=find_chromium(), args=BROWSER)
            try:
                rehearse(city, browser, asked)
                held = True
            finally:
                browser.close()
    except (NotApart, ServiceRefused, Error) as error:
        print(f"stembus: error: {error}", file=sys.stderr)
    finally:
        city.stop()
    return conclude(root, held, asked.keep)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
