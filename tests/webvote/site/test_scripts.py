"""Pages carry the large library of ML-DSA only where a witness signs so, before their own script."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest

from stembus.audit.formats.manifest import MLDSA44
from stembus.webvote.site import app as site_app
from stembus.webvote.site.app import create_site_app, signs_mldsa
from tests.conftest import Finished


@pytest.mark.parametrize("mldsa", [False, True])
@pytest.mark.parametrize("page", ["vote", "kiosk", "check", "track", "letter"])
def test_a_page_names_its_scripts_in_their_order(
    opened: Finished, monkeypatch: pytest.MonkeyPatch, page: str, mldsa: bool
) -> None:
    monkeypatch.setattr(site_app, "signs_mldsa", lambda manifest: mldsa)
    text = create_site_app(opened.public).test_client().get(f"/nl/{page}").get_data(as_text=True)
    tag = r'<script[^>]* src="/static/client/(\w+)\.js"(?: crossorigin)? integrity="sha384-[^"]{64}"></script>'
    scripts = re.findall(tag, text)
    assert scripts == ["start", *(["mldsa"] if mldsa else []), page]
    assert text.count("<script") == len(scripts)


@pytest.mark.parametrize("mldsa", [False, True])
def test_the_saved_page_has_them_inside_and_allows_no_others(
    opened: Finished, monkeypatch: pytest.MonkeyPatch, mldsa: bool
) -> None:
    monkeypatch.setattr(site_app, "signs_mldsa", lambda manifest: mldsa)
    text = create_site_app(opened.public).test_client().get("/nl/check/save").get_data(as_text=True)
    assert text.count('<script type="module">') == 1 + mldsa
    policy = re.search(r"script-src ([^;]*);", unescape(text))
    assert policy is not None
    assert policy[1].count("sha256-") == 1 + mldsa


@pytest.mark.parametrize(("keys", "asked"), [(["00" * 32], False), (["00" * 32, MLDSA44 + "00"], True)])
def test_a_witness_with_such_a_key_asks_for_it(keys: list[str], asked: bool) -> None:
    members = [SimpleNamespace(key=key) for key in keys]
    manifest: Any = SimpleNamespace(witnesses=SimpleNamespace(members=members))
    assert signs_mldsa(manifest) == asked
