"""What a browser and a proxy may keep, and what is compressed: the site's answers, and nobody else's."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stembus.webvote.caching import CHECKPOINT, FILE, FULL, PARTIAL, Lifetime, add_caching, log_lifetime, log_type
from stembus.webvote.security import harden
from stembus.webvote.site.app import create_site_app
from stembus.webvote.theme import plain_theme
from tests.conftest import Finished
from tests.webvote.conftest import Served

GZIP = {"Accept-Encoding": "gzip, deflate, br, zstd"}
PAGES = ["/en/", "/nl/result", "/fr/accessibility", "/static/style.css", "/static/client/vote.js", "/batches/2"]
TYPED = ["/en/vote", "/nl/kiosk", "/fr/check", "/en/track", "/en/letter"]


@pytest.fixture(scope="module")
def site(finished: Finished) -> FlaskClient:
    return create_site_app(finished.public, plain_theme("056 11 22 33")).test_client()


@pytest.mark.parametrize(
    ("path", "lifetime", "kind"),
    [
        ("checkpoint", CHECKPOINT, "text/plain"),
        ("tile/0/000", FULL, "application/octet-stream"),
        ("tile/entries/x001/234", FULL, "application/octet-stream"),
        ("tile/0/000.p/255", PARTIAL, "application/octet-stream"),
        ("tile/entries/000.p/1", PARTIAL, "application/octet-stream"),
        ("tile/0/000.p/256", FILE, "application/octet-stream"),
        ("tile/0/0000", FILE, "application/octet-stream"),
        ("checkpoints/70", FILE, "text/plain"),
        ("issuance/1", FILE, "text/plain"),
        ("struck/1", FILE, "text/plain"),
        ("credentials", FILE, "text/plain"),
        ("log.vkey", FILE, "text/plain"),
        ("minutes.pdf", FILE, "application/octet-stream"),
    ],
)
def test_only_full_tiles_and_bundles_never_change(path: str, lifetime: Lifetime, kind: str) -> None:
    assert (log_lifetime(path), log_type(path)) == (lifetime, kind)


def test_a_checkpoint_is_kept_for_seconds_and_a_full_tile_for_ever() -> None:
    assert CHECKPOINT.browser == "public, max-age=0, s-maxage=5"
    assert "immutable" in FULL.browser
    for changing in (CHECKPOINT, FILE, PARTIAL):
        assert "immutable" not in changing.browser


def test_the_logs_files_are_served_so(site: FlaskClient, finished: Finished) -> None:
    files = [path.relative_to(finished.public).as_posix() for path in finished.public.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        with site.get(f"/log/{path}") as answer:
            assert answer.data == (finished.public / path).read_bytes()
            assert answer.headers["Cache-Control"] == log_lifetime(path).browser
            assert answer.mimetype == log_type(path)
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            again = site.get(f"/log/{path}", headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.data) == (304, b"")
            assert again.headers["Cache-Control"] == log_lifetime(path).browser


def test_a_tile_that_is_not_there_yet_is_not_kept_as_missing(site: FlaskClient) -> None:
    for path in ("/log/tile/0/123", "/nl/nowhere", "/static/none.js"):
        answer = site.get(path, headers=GZIP)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
        assert "ETag" not in answer.headers


@pytest.mark.parametrize("encoding", [{}, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("path", PAGES)
def test_a_proxy_keeps_a_page_for_seconds_and_asks_again_by_its_etag(
    site: FlaskClient, path: str, encoding: dict[str, str]
) -> None:
    with site.get(path, headers=encoding) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=0, s-maxage=10"
        assert answer.vary.find("accept-encoding") >= 0
        tag = answer.headers["ETag"]
    with site.get(path, headers={**encoding, "If-None-Match": tag}) as again:
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert "Content-Security-Policy" in again.headers
    with site.get(path, headers={**encoding, "If-None-Match": '"another"'}) as changed:
        assert (changed.status_code, changed.headers["ETag"]) == (200, tag)


@pytest.mark.parametrize("path", TYPED)
def test_no_browser_keeps_a_page_into_which_a_voter_types_but_a_proxy_may(site: FlaskClient, path: str) -> None:
    answer = site.get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["CDN-Cache-Control"] == "public, max-age=10"
    assert answer.headers["X-Accel-Expires"] == "10"
    names = [name for name, _ in answer.headers]
    assert names.index("X-Accel-Expires") < names.index("Cache-Control"), "older versions of nginx obey the first"
    assert site.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_another_state_of_the_referendum_has_another_etag(site: FlaskClient, opened: Finished) -> None:
    before = create_site_app(opened.public, plain_theme("056 11 22 33")).test_client().get("/nl/result")
    assert site.get("/nl/result", headers={"If-None-Match": before.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("path", ["/en/vote", "/en/check/save", "/static/client/vote.js", "/static/style.css"])
def test_pages_and_scripts_are_compressed_for_who_asks(site: FlaskClient, path: str) -> None:
    with site.get(path) as plain, site.get(path, headers=GZIP) as packed:
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert len(packed.data) < 0.6 * len(plain.data)
        assert packed.headers["ETag"] != plain.headers["ETag"], "they are different bytes"


def test_bundles_are_compressed_and_hashes_are_not(site: FlaskClient, finished: Finished) -> None:
    tile = finished.public / "tile"
    bundle, hashes = (
        max((path for path in (tile / level).rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        for level in ("entries", "0")
    )
    assert hashes.stat().st_size > 500
    for path, encoding in ((bundle, "gzip"), (hashes, None)):
        answer = site.get(f"/log/{path.relative_to(finished.public).as_posix()}", headers=GZIP)
        assert answer.headers.get("Content-Encoding") == encoding
        data = gzip.decompress(answer.data) if encoding else answer.data
        assert data == path.read_bytes()


def test_the_downloaded_bundle_is_not_made_anew_for_who_has_it(site: FlaskClient) -> None:
    answer = site.get("/bundle.zip", headers=GZIP)
    assert answer.headers["Cache-Control"] == FILE.browser
    assert "Content-Encoding" not in answer.headers
    again = site.get("/bundle.zip", headers={**GZIP, "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert site.get("/bundle.zip", headers={"If-None-Match": '"another"'}).data == answer.data


def test_registrar_box_and_desk_compress_nothing_and_let_nobody_keep_anything(served: Served) -> None:
    poll = served.poll
    voting_pass, request = poll.ask(0)
    wire = {
        "credential": request.credential.hex(),
        "blinded": request.blinded.hex(),
        "signature": request.signature.hex(),
        "factor": request.factor,
    }
    token = served.client("registrar").post("/token", json=wire, headers=GZIP)
    whole = poll.take(voting_pass, bytes.fromhex(token.json["signature"]))
    desk = served.client("desk")
    form = {"name": "an", "password": "a long password"}
    signed_in = desk.post("/en/sign-in", data=form, headers={**GZIP, "Origin": "http://localhost"})
    answers = [
        token,
        served.client("box").post("/cast", data=poll.ballot(whole), headers=GZIP),
        served.client("box").get("/metrics", headers=GZIP),
        signed_in,
        desk.get("/en/record", headers=GZIP),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 303, 200]
    for answer in answers:
        assert "Content-Encoding" not in answer.headers
        assert "ETag" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
    assert len(answers[4].data) > 500, "long enough to be worth it"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_nobody_keeps_what_watchers_ask(site: FlaskClient, path: str) -> None:
    answer = site.get(path, headers=GZIP)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "ETag" not in answer.headers


def test_an_address_that_nobody_thought_of_is_kept_by_nobody() -> None:
    app = Flask("test")
    harden(app, "default-src 'none'", 10)
    add_caching(app, {"known": Lifetime("public, max-age=1")})
    app.add_url_rule("/known", "known", lambda: "known")
    app.add_url_rule("/new", "new", lambda: "new")
    app.add_url_rule("/known-post", "known-post", lambda: "post", methods=["POST"])
    client = app.test_client()
    kept = [client.get("/known"), client.get("/new"), client.post("/known-post")]
    assert [answer.headers["Cache-Control"] for answer in kept] == ["public, max-age=1", "no-store", "no-store"]


def test_what_the_log_names_by_its_hash_is_served_unchanged_by_compression(site: FlaskClient) -> None:
    from stembus.webvote.static_files import STATIC

    with site.get("/static/client/vote.js", headers=GZIP) as packed:
        assert gzip.decompress(packed.data) == (Path(STATIC) / "client" / "vote.js").read_bytes()
        assert len(packed.data) < 45_000, "CONTRIBUTING.md promises it"
