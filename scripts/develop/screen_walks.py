"""The walks of `make screens`: every step of a voter, and every way in which one goes wrong, in a real browser.

Decides which steps are shown, and how each failure is brought about. Leaves browser, site and files to `screens`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Route

AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NOWHERE = "0123-4567-89AB-CDEF-GHJK-MNPQ"


class Camera:
    """Numbers the pictures in the order in which a voter sees the screens. With `axe`, the script of axe-core, each
    screen is examined too; `violations` are the sentences of what was found."""

    def __init__(self, out: Path, axe: str = "") -> None:
        self._out, self._axe, self._count = out, axe, 0
        self.violations: list[str] = []
        out.mkdir(parents=True, exist_ok=True)

    def shoot(self, page: Page, name: str, examined: bool = True) -> None:
        self._count += 1
        path = self._out / f"{self._count:02d}-{name}.png"
        page.screenshot(path=path, full_page=True)
        if self._axe and examined:
            page.evaluate(self._axe)
            found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", AXE_RULES)
            self.violations += [f"{path}: {one['id']}: {one['help']}" for one in found["violations"]]


@dataclass
class Scene:
    """One language, width and colour scheme; a `letter` is a code and a date of birth."""

    browser: Browser
    camera: Camera
    url: str
    referendum: str
    language: str
    letters: Iterator[list[str]]
    options: dict[str, object] = field(default_factory=dict)

    @contextmanager
    def device(self, **more: object) -> Iterator[Page]:
        """A page of a device with nothing on it."""
        context: BrowserContext = self.browser.new_context(**{**self.options, **more})  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page
        context.close()

    def path(self, name: str) -> str:
        return f"{self.url}{self.language}/{name}"

    def shoot(self, page: Page, name: str) -> None:
        self.camera.shoot(page, name)


def enter(scene: Scene, page: Page, letter: list[str]) -> None:
    code, born = letter
    page.goto(f"{scene.path('vote')}#code={code}&id={scene.referendum}")
    page.locator("#step-code").wait_for()
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    page.locator("#step-ballot").wait_for()


def review(page: Page, option: str = "1") -> None:
    page.locator(f"input[name=q0][value='{option}']").check()
    page.locator("#submit-ballot").click()
    page.locator("#step-review").wait_for()


def vote(scene: Scene) -> None:
    """A whole vote, with a test on the way."""
    with scene.device() as page:
        page.goto(scene.path(""))
        scene.shoot(page, "start")
        code, born = next(scene.letters)
        page.goto(f"{scene.path('vote')}#code={code}&id={scene.referendum}")
        page.locator("#step-code").wait_for()
        scene.shoot(page, "code")
        page.locator("#factor").fill(born)
        page.locator("#submit-code").click()
        page.locator("#step-ballot").wait_for()
        page.locator("input[value='1']").check()
        scene.shoot(page, "ballot")
        page.locator("#submit-ballot").click()
        page.locator("#step-review").wait_for()
        scene.shoot(page, "review")
        page.locator("#test-details").evaluate("part => { part.open = true; }")  # already, for who is invited
        scene.shoot(page, "before-a-test")
        number = re.sub(r"\s", "", page.locator("#ballot-id").inner_text())
        page.locator("#test").click()
        test = page.locator("#test-text").text_content() or ""
        scene.shoot(page, "test")
        page.locator("#test-done").click()
        page.locator("#submit-ballot").click()
        page.locator("#cast").click()
        page.locator("#step-done").wait_for()
        scene.shoot(page, "done")
        page.locator("#checking summary").click()
        page.locator("#save-receipt").wait_for()
        scene.shoot(page, "check-for-yourself")
        tracking = page.locator("#tracking").inner_text()
        page.locator("#pass-part summary").click()
        page.locator("#show-pass").click()
        page.locator("#pass-qr svg").wait_for()
        scene.shoot(page, "another-device")
        page.locator("details:has(#remove) summary").click()
        page.locator("#remove").click()
        page.locator("#step-removed").wait_for()
        scene.shoot(page, "removed")
    second_device(scene, number, test)
    with scene.device() as page:
        page.goto(scene.path("track"))
        page.locator("#tracking").fill(tracking)
        page.locator("#form-track button").click()
        page.locator("#save-receipt").wait_for()
        scene.shoot(page, "track")


def second_device(scene: Scene, number: str, test: str) -> None:
    with scene.device() as page:
        fragment = test[test.index("#") :]
        page.goto(f"{scene.path('check')}#ballot={number}")
        page.locator("#remembered").wait_for()
        scene.shoot(page, "number-remembered")
        page.goto(f"{scene.path('check')}?{fragment}")
        page.locator("#outcome").wait_for()
        scene.shoot(page, "test-on-a-second-device")
        page.locator("#report-held").click()
        page.locator("#reported:not(:empty)").wait_for()
        scene.shoot(page, "test-reported")
    with scene.device() as page:
        page.goto(f"{scene.path('check')}#ballot={'0' * 64}")
        page.locator("#remembered").wait_for()
        page.goto(f"{scene.path('check')}?{fragment}")
        page.locator("#cheated").wait_for()
        scene.shoot(page, "device-that-cheated")


def told(scene: Scene) -> None:
    """Pages to read."""
    with scene.device() as page:
        for name in ("help", "easy", "privacy", "accessibility", "result", "letter", "nothing-here"):
            page.goto(scene.path(name))
            scene.shoot(page, f"page-{name}")


def kiosk(scene: Scene) -> None:
    """A ballot box that does not answer, and one that does."""
    with scene.device() as page:
        code, born = next(scene.letters)
        page.goto(scene.path("kiosk"))
        page.locator("#step-code").wait_for()
        scene.shoot(page, "kiosk-code")
        page.locator("#code").fill(code)
        page.locator("#factor").fill(born)
        page.locator("#submit-code").click()
        page.locator("#step-ballot").wait_for()
        page.locator("input[value='0']").check()
        scene.shoot(page, "kiosk-ballot")
        page.locator("#submit-ballot").click()
        page.route("**/box/cast", lambda route: route.abort())
        page.locator("#cast").click()
        page.locator("#step-unanswered").wait_for()
        scene.shoot(page, "kiosk-unanswered")
        page.unroute("**/box/cast")
        page.locator("#retry").click()
        page.locator("#promise-qr svg").wait_for()
        scene.shoot(page, "kiosk-done")


def mistakes(scene: Scene) -> None:
    """What a voter types wrong."""
    with scene.device() as page:
        code, born = next(scene.letters)
        page.goto(scene.path("vote"))
        page.locator("#step-code").wait_for()
        for name, typed, factor in (
            ("nothing-typed", "", ""),
            ("code-too-short", code[:12], "31/02/1980"),
            ("code-mistyped", code[:-1] + ("A" if code[-1] != "A" else "B"), born),
            ("wrong-birth-date", code, "01/01/1901"),
        ):
            page.locator("#code").fill(typed)
            page.locator("#factor").fill(factor)
            page.locator("#submit-code").click()
            page.locator("[aria-invalid=true]").first.wait_for()
            page.locator("#submit-code:not([aria-disabled=true])").wait_for()
            scene.shoot(page, name)
        page.locator("#factor").fill(born)
        page.locator("#submit-code").click()
        page.locator("#step-ballot").wait_for()
        page.locator("#submit-ballot").click()
        page.locator("#problems").wait_for()
        scene.shoot(page, "nothing-chosen")


# What a service refuses with, before anything was sent: at the check of a letter.
REFUSED_LETTERS = (
    ("letter-used", "token-issued", 409), ("letter-struck", "letter-struck", 403),
    ("letter-in-doubt", "letter-doubted", 403), ("letter-locked", "factor-locked", 403),
    ("voting-closed", "closed", 403), ("voting-cancelled", "cancelled", 403), ("too-often", "too-often", 429),
)  # fmt: skip


def answer(status: int, **body: object) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body=json.dumps(body), content_type="application/json")


def refusals(scene: Scene) -> None:
    """What registrar and box refuse."""
    code, born = next(scene.letters)
    for name, error, status in REFUSED_LETTERS:
        with scene.device() as page:
            page.route("**/check", answer(status, error=error, message=error))
            page.goto(f"{scene.url}{scene.language}/vote#code={code}&id={scene.referendum}")
            page.locator("#step-code").wait_for()
            page.locator("#factor").fill(born)
            page.locator("#submit-code").click()
            page.locator("#error:visible, #step-stop:visible").first.wait_for()
            scene.shoot(page, name)
    with scene.device() as page:
        enter(scene, page, next(scene.letters))
        review(page)
        page.route("**/box/cast", lambda route: route.abort())
        page.locator("#cast").click()
        page.locator("#step-unanswered").wait_for()
        scene.shoot(page, "not-confirmed-yet")
        page.unroute("**/box/cast")
        page.route("**/box/cast", answer(422, error="ballot-rejected", message="no", check="V19"))
        page.locator("#retry").click()
        page.locator("#step-refused").wait_for()
        scene.shoot(page, "ballot-refused")


def broken(scene: Scene) -> None:
    """A device, or a connection, on which the page does not work."""
    with scene.device(java_script_enabled=False) as page:
        page.goto(scene.path("vote"))
        scene.camera.shoot(page, "no-javascript", examined=False)  # nothing runs in it
    with scene.device() as page:
        page.add_init_script("delete Crypto.prototype.subtle;")
        page.goto(scene.path("vote"))
        page.locator("#step-old").wait_for()
        scene.shoot(page, "browser-too-old")
    with scene.device() as page:
        page.route("**/client/vote.js", lambda route: route.abort())
        page.goto(scene.path("vote"))
        page.locator("#step-blocked").wait_for()
        scene.shoot(page, "script-blocked")
    with scene.device() as page:
        page.add_init_script("Storage.prototype.setItem = () => { throw new Error('refused') };")
        page.goto(scene.path("vote"))
        page.locator("#step-stop").wait_for()
        scene.shoot(page, "storage-refused")
    with scene.device() as page:
        page.route("**/log/**", lambda route: route.abort())
        page.goto(scene.path("vote"))
        page.locator("#step-stop").wait_for()
        scene.shoot(page, "no-connection")
    with scene.device() as page:
        page.goto(f"{scene.path('vote')}#code={NOWHERE}&id={'0' * 64}")
        page.locator("#step-stop").wait_for()
        scene.shoot(page, "another-referendum")


MAIN = (vote, kiosk)
ALL = (vote, kiosk, mistakes, refusals, broken, told)
