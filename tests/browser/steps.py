"""What a voter does at the pages, one step at a time."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Site
from tests.client.conftest import CLIENT, ESBUILD, node_program


def unsealed(page: Page) -> None:
    """As of a host that cheats: it takes the hashes of its scripts out of the pages, too."""

    def answer(route: Route) -> None:
        response = route.fetch()
        headers = {name: value for name, value in response.headers.items() if name != "integrity-policy"}
        route.fulfill(response=response, headers=headers, body=re.sub(r' integrity="[^"]*"', "", response.text()))

    page.route(re.compile(r"/(vote|kiosk|check|track)(#.*)?$"), answer)


def enter(page: Page, site: Site, letter: tuple[str, str], language: str = "nl") -> None:
    """Follows the letter's link and gives the second factor."""
    code, born = letter
    page.goto(f"{site.url}{language}/vote#code={code}&id={site.office().referendum.hex()}")
    expect(page.locator("#code")).to_have_value(code)
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def choose(page: Page, option: str) -> None:
    page.locator(f"input[name=q0][value='{option}']").check()
    page.locator("#submit-ballot").click()
    expect(page.locator("#step-review")).to_be_visible()


def noted(page: Page) -> str:
    """The number of the ballot, as a voter notes it from the review, before anything is pressed there."""
    expect(page.locator("#step-review")).to_be_visible()
    return re.sub(r"\s", "", page.locator("#ballot-id").inner_text())


def cast(page: Page) -> str:
    """Casts, and returns the tracking code: the number that the ballot had before."""
    number = noted(page)
    page.locator("#cast").click()
    expect(page.locator("#step-done")).to_be_visible()
    tracking = re.sub(r"\s", "", page.locator("#tracking").text_content() or "")
    assert re.fullmatch("[0-9a-f]{64}", number)
    assert tracking == number
    return tracking


def at_kiosk(page: Page, site: Site, letter: tuple[str, str]) -> None:
    page.goto(f"{site.url}en/kiosk")
    page.locator("#code").fill(letter[0])
    page.locator("#factor").fill(letter[1])
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def kept(page: Page) -> str:
    """Everything the device remembers."""
    return str(page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"))


def kept_ballots(page: Page) -> list[dict[str, Any]]:
    """What the device remembers of the ballots that left it."""
    return [json.loads(text) for key, text in page.evaluate("Object.entries(localStorage)") if key.count("/") == 3]


def kept_pass(page: Page) -> dict[str, Any]:
    """The voting pass of the one voter whom this device remembers."""
    entries = page.evaluate("Object.entries(localStorage)")
    [text] = [text for key, text in entries if re.fullmatch("stembus/[0-9a-f]{64}/[0-9a-f]{64}", key)]
    found: dict[str, Any] = json.loads(json.loads(text)["pass"])
    return found


def read_qr(page: Page, selector: str) -> str:
    """What the QR code of an SVG says: drawn on a canvas, and decoded by another library than the one that made it."""
    expect(page.locator(selector)).to_be_visible()
    page.evaluate(qr_reader())
    return str(
        page.evaluate(
            """selector => {
                const svg = document.querySelector(selector);
                const width = svg.viewBox.baseVal.width, scale = 4;
                const canvas = new OffscreenCanvas(width * scale, width * scale);
                const context = canvas.getContext('2d');
                context.fillStyle = 'white';
                context.fillRect(0, 0, canvas.width, canvas.height);
                context.scale(scale, scale);
                context.fillStyle = 'black';
                context.fill(new Path2D(svg.querySelector('path').getAttribute('d')));
                return qrReader.default(context.getImageData(0, 0, canvas.width, canvas.height), {timeLimit: 5000});
            }""",
            selector,
        )
    )


@lru_cache(maxsize=1)
def qr_reader() -> str:
    """The decoder as one script that sets the global `qrReader`."""
    node = node_program()
    assert node is not None
    command = [node, ESBUILD, "node_modules/qr/decode.js", "--bundle", "--format=iife", "--global-name=qrReader"]
    done = subprocess.run([*command, "--log-level=error"], cwd=CLIENT, check=True, capture_output=True, text=True)
    return done.stdout.replace("var qrReader", "globalThis.qrReader", 1)


def wait_until(happened: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def lose_once(page: Page, service: str) -> list[str]:
    """The service does its work, and its first answer gets lost."""
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()
        route.abort()

    page.route(f"**/{service}", lose)
    return lost


def answer_once(page: Page, path: str, status: int, **body: object) -> None:
    """The service refuses once, then answers as it does."""
    page.route(
        f"**/{path}",
        lambda route: route.fulfill(status=status, body=json.dumps(body), content_type="application/json"),
        times=1,
    )
