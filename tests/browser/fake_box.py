"""A ballot box that promises and loses, and goes by the rule of turns: any `seq` above the token's highest one.

It signs with the real box's key, so a page cannot tell it from the real one. The log is the real one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route

from stembus.audit.formats.cast_ballot import parse_ballot
from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.webvote.site.log_summary import SummaryReader
from tests.browser.conftest import Site


def open_batch(site: Site) -> int:
    """The batch that comes next: a rehearsal's batches have one ballot."""
    return len(SummaryReader(site.root / "public").now().batches) + 1


def promise_for(site: Site, raw: bytes, batch: int) -> bytes:
    office = site.office()
    context = office.context()
    ballot_id = context.ballot_id(raw[1 : 1 + context.body_bytes])
    key = office.signing_key("box")
    return encode_promise(make_promise(office.referendum, hashlib.sha256(raw).digest(), ballot_id, batch, key))


class FakeBox:
    """`batch` says for which batch a ballot is promised; `sent` is what came in."""

    def __init__(self, site: Site, batch: Callable[[], int] | None = None) -> None:
        self._site = site
        self._batch = batch or (lambda: open_batch(site))
        self._highest: dict[bytes, bytes] = {}
        self.sent: list[bytes] = []

    def __call__(self, route: Route) -> None:
        raw = route.request.post_data_buffer or b""
        self.sent.append(raw)
        context = self._site.office().context()
        ballot = parse_ballot(context, raw)
        held = self._highest.get(ballot.token_key)
        if held is not None and held != raw and parse_ballot(context, held).seq >= ballot.seq:
            body = {"error": "out-of-turn", "message": "no", "current": held.hex()}
            route.fulfill(status=409, body=json.dumps(body), content_type="application/json")
            return
        self._highest[ballot.token_key] = raw
        route.fulfill(body=promise_for(self._site, raw, self._batch()), content_type="application/json")


def losing(page: Page, site: Site, times: int, batch: Callable[[], int] | None = None) -> FakeBox:
    """The box promises so many ballots of this page and loses them; then the real one answers."""
    box = FakeBox(site, batch)
    page.route("**/box/cast", box, times=times)
    return box


def seqs(site: Site, ballots: list[bytes]) -> list[int]:
    return [parse_ballot(site.office().context(), raw).seq for raw in ballots]


def show_log(page: Page, public: Path) -> None:
    """From now on the page reads this published folder instead of the site's."""

    def read(route: Route) -> None:
        path = public / route.request.url.split("/log/", 1)[1]
        if path.is_file():
            route.fulfill(body=path.read_bytes(), content_type="application/octet-stream")
        else:
            route.fulfill(status=404)

    page.route("**/log/**", read)
