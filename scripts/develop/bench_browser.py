"""Lines of `make bench` about the browser: size of the scripts, and a vote on a slow processor and a slow connection.

Needs playwright and Chromium; without them the lines are left out, and that is said.
"""

from __future__ import annotations

import csv
import gzip
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from stembus.ballot.office.services import ServedOffice
from stembus.scripts.develop.prepare import find_chromium
from stembus.scripts.rehearsal.local import make_rehearsal

STATIC = Path(__file__).parents[2] / "webvote" / "static" / "client"
SLOWER = 6
# A telephone at the edge of its network.
KILOBITS, ROUND_TRIP_MS = 400, 150
VOTES = 5
# Presses what a voter presses, as soon as it is there: a driver outside would wait for the slowed page at each step.
VOTER = """addEventListener("DOMContentLoaded", () => {
  const press = (selector) => document.querySelector(selector).click();
  const say = (...moments) => { document.documentElement.dataset.voted = moments.join(" "); };
  let clicked = 0;
  const steps = {
    "step-code": () => { document.querySelector("#factor").value = "BORN"; press("#submit-code"); },
    "step-ballot": () => { press("input[name=q0][value='1']"); press("#submit-ballot"); },
    "step-review": () => { clicked = performance.now(); press("#cast"); },
    "step-done": () => requestAnimationFrame(() => say(clicked, performance.now())),
  };
  const shown = new MutationObserver(() => {
    for (const [step, act] of Object.entries(steps))
      if (!document.getElementById(step).hidden) { delete steps[step]; act(); return; }
  });
  shown.observe(document.getElementById("app"), { subtree: true, attributes: true, attributeFilter: ["hidden"] });
});"""


def bundle_bytes() -> dict[str, int]:
    """Each page's script, gzipped at level 9."""
    return {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in sorted(STATIC.glob("*.js"))}


@dataclass(frozen=True)
class VoteTime:
    """Seconds until the checked promise is on the screen, by the page's own clock: from the letter's link, with
    everything typed at once, and from the click that casts."""

    link: float
    click: float


def vote_times(root: Path) -> list[VoteTime]:
    """Processor and connection throttled, nothing in the browser's cache; by `link`, ascending."""
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
            slow = page.context.new_cdp_session(page)
            slow.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            rate = KILOBITS * 1000 // 8
            slow.send("Network.enable")
            slow.send(
                "Network.emulateNetworkConditions",
                {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": rate, "uploadThroughput": rate},
            )
            page.add_init_script(VOTER.replace("BORN", born))
            page.goto(f"{server.url}nl/vote#code={code}")
            told = page.locator("html[data-voted]")
            told.wait_for(timeout=60_000)
            clicked, ended = (float(moment) for moment in (told.get_attribute("data-voted") or "").split())
            taken.append(VoteTime(ended / 1000, (ended - clicked) / 1000))
            page.context.close()
        browser.close()
    server.stop()
    return sorted(taken, key=lambda one: one.link)
