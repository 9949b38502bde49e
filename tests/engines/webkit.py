"""WebKit, driven over HTTP by its own WebDriver (W3C WebDriver, level 2), on a screen that nobody sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.conftest import free_port

Step = Sequence[str]
_SECONDS = 60
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the standard's name for a reference to an element
_SHOWN = "const e = document.querySelector(arguments[0]); return e !== null && e.getClientRects().length > 0"


def find_browser() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), reverse=True)), None)


class WebKit:
    def __init__(self, address: str) -> None:
        self._address = address
        options = {"binary": str(find_browser()), "args": ["--automation"]}
        session = self._ask("POST", "/session", capabilities={"alwaysMatch": {"webkitgtk:browserOptions": options}})
        self.version = str(session["capabilities"]["browserVersion"])
        self._session = f"/session/{session['sessionId']}"

    def _ask(self, method: str, path: str, **body: object) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        self._ask("POST", f"{self._session}/url", url=url)

    def run(self, script: str, *arguments: object) -> Any:
        return self._ask("POST", f"{self._session}/execute/sync", script=script, args=arguments)

    def take(self, step: Step) -> list[str]:
        """What was read."""
        what, selector, *text = step
        end = time.monotonic() + _SECONDS
        while not self.run(_SHOWN, selector):
            assert time.monotonic() < end, f"{selector} is not shown: {self.run('return document.body.innerText')}"
            time.sleep(0.1)
        found = self._ask("POST", f"{self._session}/element", using="css selector", value=selector)[_ELEMENT]
        if what == "click":
            self._ask("POST", f"{self._session}/element/{found}/click")
        if what == "type":
            self._ask("POST", f"{self._session}/element/{found}/value", text=text[0])
        return [self.run("return document.querySelector(arguments[0]).textContent", selector)] if what == "read" else []

    def end(self) -> None:
        self._ask("DELETE", self._session)


@contextmanager
def webkit(scratch: Path) -> Iterator[WebKit]:
    """A browser that knows nothing yet."""
    screen, port = f":{free_port() % 10_000 + 100}", free_port()
    programs = [shutil.which("Xvfb"), shutil.which("WebKitWebDriver")]
    assert None not in programs
    # Its sandbox needs rights that a test machine's user need not have.
    own = {"DISPLAY": screen, "HOME": str(scratch), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ, **own}}
    display = subprocess.Popen([str(programs[0]), screen, "-screen", "0", "1280x900x24"], **quiet)
    driver = subprocess.Popen([str(programs[1]), f"--port={port}"], **quiet)
    try:
        browser = _connected(f"http://127.0.0.1:{port}")
        try:
            yield browser
        finally:
            browser.end()
    finally:
        for program in (driver, display):
            program.terminate()
            program.wait()


def _connected(address: str) -> WebKit:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return WebKit(address)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None
        except OSError:
            assert time.monotonic() < end, "WebKit's driver does not answer"
            time.sleep(0.2)
