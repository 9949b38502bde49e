"""A voter's page tells the registrar that the token was used, at home and at a kiosk; nobody waits for it."""

from __future__ import annotations

import json
import time

from playwright.sync_api import Page, expect
from sqlalchemy import select

from stembus.audit.formats.lists import acknowledgement_digest
from stembus.ballot.database import reading
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.issuance.letter_changes import letters
from stembus.crypto.signing import verify_schnorr
from tests.browser.conftest import Site
from tests.browser.steps import at_kiosk, cast, choose, enter


def acknowledged(site: Site, code: str, seconds: float = 10) -> bool:
    """Whether the registrar holds, within so many seconds, a valid word of this letter."""
    office = site.office()
    credential = credential_key(parse_code(code), office.referendum).public
    until = time.monotonic() + seconds
    while True:
        with reading(office.registrar()._engine) as db:
            row = db.execute(select(letters).where(letters.c.credential == credential)).one()
        if row.acknowledgement is not None:
            digest = acknowledgement_digest(office.referendum, 1, bytes(row.request_hash))
            verify_schnorr(credential, digest, bytes(row.acknowledgement))
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


def unsaid(page: Page) -> list[object]:
    """What the one voter's record on this device still has to say."""
    [text] = [text for key, text in page.evaluate("Object.entries(localStorage)") if key.endswith(".unsaid")]
    found: list[object] = json.loads(text)
    return found


def test_a_vote_at_home_is_acknowledged_and_forgotten_on_the_device(page: Page, site: Site) -> None:
    letter = site.letter()
    enter(page, site, letter)
    choose(page, "1")
    assert not acknowledged(site, letter[0], 0.5)
    cast(page)
    assert acknowledged(site, letter[0])
    page.wait_for_function(
        "() => Object.entries(localStorage).some(([key, text]) => key.endsWith('.unsaid') && text === '[null]')"
    )
    assert unsaid(page) == [None]


def test_a_vote_at_a_kiosk_is_acknowledged(page: Page, site: Site) -> None:
    letter = site.letter()
    at_kiosk(page, site, letter)
    choose(page, "0")
    cast(page)
    assert acknowledged(site, letter[0])


def test_a_registrar_that_does_not_hear_is_told_at_the_next_visit_and_keeps_nobody_waiting(
    page: Page, site: Site
) -> None:
    letter = site.letter()
    enter(page, site, letter)
    choose(page, "1")
    page.route("**/acknowledge", lambda route: route.abort())
    cast(page)
    assert not acknowledged(site, letter[0], 1)
    page.unroute("**/acknowledge")
    page.reload()
    expect(page.locator("#step-done")).to_be_visible()
    assert acknowledged(site, letter[0])
