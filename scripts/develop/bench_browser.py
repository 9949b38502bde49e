"""Lines of `make bench` about the browser: size of the scripts, and a vote on a slow processor.

Needs playwright and Chromium; without them the lines are left out, and that is said.
"""

from __future__ import annotations

import csv
import gzip
import socket
import threading
import time
from pathlib import Path

from stembus.ballot.office.services import ServedOffice
from stembus.scripts.develop.prepare import find_chromium
from stembus.scripts.rehearsal.local import make_rehearsal

STATIC = Path(__file__).parents[2] / "webvote" / "static" / "client"
SLOWER = 6
VOTES = 5


def bundle_bytes() -> dict[str, int]:
    """Each page's script, gzipped at level 9."""
    return {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in sorted(STATIC.glob("*.js"))}


def vote_seconds(root: Path) -> list[float]:
    """From the click that locks the choice to the checked promise on the screen, two clicks in all, the processor
    throttled; sorted."""
    from playwright.sync_api import sync_playwright

    from stembus.webvote.run.single_process import Together

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    make_rehearsal(root, 60, port, VOTES)
    server = Together(lambda: ServedOffice(root, lambda _: "rehearsal"))
    threading.Thread(target=server.serve, daemon=True).start()
    with (root / "voters.csv").open(encoding="ascii", newline="") as file:
        letters = list(csv.reader(file))
    taken = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for code, born in letters:
            page = browser.new_context().new_page()
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            page.goto(f"{server.url}nl/vote#code={code}")
            page.locator("#factor").fill(born)
            page.locator("#submit-code").click()
            page.locator("input[name=q0][value='1']").check(timeout=60_000)
            start = time.perf_counter()
            page.locator("#submit-ballot").click()
            page.locator("#step-review").wait_for(timeout=60_000)
            page.locator("#cast").click()
            page.locator("#step-done").wait_for(timeout=60_000)
            taken.append(time.perf_counter() - start)
            page.context.close()
        browser.close()
    server.stop()
    return sorted(taken)
