"""The help desk's pages without a browser: sessions, forged forms, headers, silence."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from stembus.ballot.errors import SecretFileError
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.issuance.help_desk import HelpDesk
from stembus.ballot.issuance.letter_state import Letters, Standing
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.webvote.desk_app import create_desk_app
from tests.conftest import Finished

PASSWORD = "a long password"
ORIGIN = "http://localhost"


class Desk:
    def __init__(self, rehearsal: Rehearsal) -> None:
        self.office = rehearsal.office
        self.office.desk().enlist("an", PASSWORD)
        self.app = create_desk_app(self.office.desk(), self.office.manifest, b"s" * 32, secure=False)
        self.client: FlaskClient = self.app.test_client()
        self.numbers = [
            line.partition(",")[0]
            for line in (self.office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
        ]

    def post(self, path: str, origin: str | None = ORIGIN, source: str = "127.0.0.1", **form: str) -> TestResponse:
        headers = {} if origin is None else {"Origin": origin}
        return self.client.post(f"/en/{path}", data=form, headers=headers, environ_base={"REMOTE_ADDR": source})

    def sign_in(self) -> None:
        assert self.post("sign-in", name="an", password=PASSWORD).status_code == 303


@pytest.fixture
def desk(opened: Finished, tmp_path: Path) -> Iterator[Desk]:
    rehearsal = opened.rehearsal(tmp_path / "desk")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    yield Desk(rehearsal)
    rehearsal.office.dispose()


def test_a_proxy_that_hides_https_is_named_and_a_stranger_is_not(desk: Desk) -> None:
    """Nobody could sign in, and nobody would know why."""
    https = desk.post("sign-in", ORIGIN.replace("http:", "https:"), name="an", password=PASSWORD)
    assert https.status_code == 403
    assert "X-Forwarded-Proto: https" in https.get_data(as_text=True)
    for origin in ("https://evil.example", None):
        stranger = desk.post("sign-in", origin, name="an", password=PASSWORD)
        assert stranger.status_code == 403
        assert "X-Forwarded-Proto" not in stranger.get_data(as_text=True)
    desk.sign_in()


def test_nobody_acts_without_signing_in(desk: Desk) -> None:
    for action in ("look", "unlock", "strike-confirmed"):
        answer = desk.post("voter", number=desk.numbers[0], action=action)
        assert answer.status_code == 403
        assert "Sign in again" in answer.get_data(as_text=True)
    assert desk.client.get("/en/record").status_code == 403
    assert [a.action for a in desk.office.desk().actions()] == ["enlist"]
    assert desk.office.letters().standing(desk.numbers[0]).state == "ready"


def test_an_officer_looks_unlocks_and_strikes(desk: Desk) -> None:
    desk.sign_in()
    number = desk.numbers[0]
    assert "No ballot paper yet" in desk.post("voter", number=number, action="look").get_data(as_text=True)
    assert "cannot be undone" in desk.post("voter", number=number, action="strike").get_data(as_text=True)
    assert desk.office.letters().standing(number).state == "ready"
    answer = desk.post("voter", number=f" {number} ", action="strike-confirmed")
    assert "can now vote on paper" in answer.get_data(as_text=True)
    assert desk.office.letters().standing(number).state == "struck"
    record = desk.client.get("/en/record").get_data(as_text=True)
    assert re.findall(r"<td>(looked up|struck|unlocked)</td>", record) == ["struck", "looked up", "looked up"]
    assert desk.post("voter", number="12", action="look").status_code == 404
    assert desk.post("voter", number=number, action="destroy").status_code == 400


def test_a_voter_with_a_token_is_shown_and_cannot_be_struck(desk: Desk, opened: Finished) -> None:
    rehearsal = Rehearsal(desk.office.root, office=desk.office)
    rehearsal.token(*opened.letters[0])
    number = next(n for n in desk.numbers if desk.office.letters().standing(n).state == "issued")
    desk.sign_in()
    text = desk.post("voter", number=number, action="look").get_data(as_text=True)
    assert "Has an online ballot paper" in text
    assert "strike" not in text
    answer = desk.post("voter", number=number, action="strike-confirmed")
    assert answer.status_code == 409
    assert "can only vote online" in answer.get_data(as_text=True)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost.evil.example"])
def test_a_form_of_another_page_does_nothing(desk: Desk, origin: str | None) -> None:
    desk.sign_in()
    answer = desk.post("voter", origin, number=desk.numbers[0], action="strike-confirmed")
    assert answer.status_code == 403
    assert desk.office.letters().standing(desk.numbers[0]).state == "ready"


def test_the_cookie_is_kept_to_the_desk_and_from_scripts(desk: Desk) -> None:
    app = create_desk_app(desk.office.desk(), desk.office.manifest, b"s" * 32, "/desk")
    answer = app.test_client().post(
        "/en/sign-in", data={"name": "an", "password": PASSWORD}, headers={"Origin": ORIGIN}
    )
    cookie = answer.headers["Set-Cookie"]
    for part in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/desk"):
        assert part in cookie
    assert desk.client.get("/en/").headers.get("Set-Cookie") is None


def test_signing_out_and_a_forged_session_end_at_the_door(desk: Desk) -> None:
    desk.sign_in()
    assert desk.post("sign-out").status_code == 303
    assert desk.client.get("/en/record").status_code == 403
    forger = create_desk_app(desk.office.desk(), desk.office.manifest, b"t" * 32, secure=False).test_client()
    forger.post("/en/sign-in", data={"name": "an", "password": PASSWORD}, headers={"Origin": ORIGIN})
    stolen = forger.get_cookie("stembus_desk")
    assert stolen is not None
    desk.client.set_cookie("stembus_desk", stolen.value)
    assert desk.client.get("/en/record").status_code == 403


def test_a_copied_cookie_ends_with_signing_out(desk: Desk) -> None:
    desk.sign_in()
    cookie = desk.client.get_cookie("stembus_desk")
    assert cookie is not None
    desk.post("sign-out")
    thief = desk.app.test_client()
    thief.set_cookie("stembus_desk", cookie.value)
    assert thief.get("/en/record").status_code == 403


def test_a_session_ends_after_a_working_day(desk: Desk) -> None:
    desk.sign_in()
    for hours, status in ((9, 200), (11, 403)):
        with desk.client.session_transaction() as session:
            session["since"] = int(time.time()) - hours * 3600
        assert desk.client.get("/en/record").status_code == status


def test_what_breaks_says_no_more_than_that_it_broke(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sign_in()
    number = desk.numbers[0]
    standing = Letters.standing
    calls: list[str] = []

    def fails_after_the_strike(self: Letters, voter: str) -> Standing:
        calls.append(voter)
        raise OperationalError("SELECT", {"number": voter}, Exception(f"disk full at {voter}"))

    monkeypatch.setattr(Letters, "standing", fails_after_the_strike)
    answer = desk.post("voter", number=number, action="strike-confirmed")
    monkeypatch.setattr(Letters, "standing", standing)
    assert calls == [number]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "Look the number up again" in answer.get_data(as_text=True)
    assert desk.office.letters().standing(number).state == "struck"
    assert "OperationalError" in caplog.text
    assert number not in caplog.text


def test_what_breaks_otherwise_is_no_more_talkative(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sign_in()
    number = desk.numbers[0]

    def fails(self: Letters, voter: str) -> Standing:
        raise LookupError(f"nothing at {voter}")

    monkeypatch.setattr(Letters, "standing", fails)
    answer = desk.post("voter", number=number, action="look")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (500, None)
    assert "request-failed: LookupError" in caplog.text
    assert number not in caplog.text


def test_passwords_cannot_be_tried_fast_and_others_still_sign_in(desk: Desk) -> None:
    statuses = [desk.post("sign-in", name="an", password="wrong wrong wrong").status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    desk.office.desk().enlist("bo", PASSWORD)
    assert desk.post("sign-in", name="bo", password=PASSWORD).status_code == 303


def test_nobody_keeps_an_officer_out_from_elsewhere(desk: Desk) -> None:
    """Neither by that officer's name nor by invented ones."""
    desk.office.desk().enlist("bo", PASSWORD)
    for name in ["bo"] * 12 + [f"invented-{number}" for number in range(60)]:
        refused = desk.post("sign-in", name=name, password="wrong wrong wrong", source="10.0.0.9")
        assert refused.status_code in (403, 429)
    assert refused.status_code == 429
    assert desk.post("sign-in", name="bo", password=PASSWORD, source="10.0.0.9").status_code == 429
    assert desk.post("sign-in", name="bo", password=PASSWORD, source="10.0.0.8").status_code == 303


def test_every_page_has_a_strict_policy_and_no_script(desk: Desk) -> None:
    desk.sign_in()
    for path in ("/en/", "/nl/record", "/fr/none", "/xx/"):
        answer = desk.client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "script-src" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        text = answer.get_data(as_text=True)
        assert "<script" not in text
        assert 'class="rehearsal"' in text


def test_no_number_and_no_password_stands_in_a_log_or_an_address(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk.sign_in()
    desk.post("voter", number=desk.numbers[0], action="look")
    desk.post("voter", number="<b>12</b>", action="look")
    for secret in (desk.numbers[0], PASSWORD, "127.0.0.1"):
        assert secret not in caplog.text
    text = desk.post("voter", number="<b>12</b>", action="look").get_data(as_text=True)
    assert "<b>12</b>" not in text


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ServiceUnreachable("x"), 503, "Another registrar does not answer. The voter is not struck"),
        (SecretFileError("x"), 500, "may not strike people at the other registrars yet"),
    ],
)
def test_an_officer_is_told_why_nobody_was_struck(desk: Desk, error: Exception, status: int, words: str) -> None:
    def strike(_: str) -> None:
        raise error

    shown = HelpDesk(desk.office._database("desk"), desk.office.letters(), strike)
    app = create_desk_app(shown, desk.office.manifest, b"s" * 32, secure=False)
    desk.client = app.test_client()
    desk.sign_in()
    answer = desk.post("voter", number=desk.numbers[0], action="strike-confirmed")
    assert answer.status_code == status
    assert words in answer.get_data(as_text=True)
    assert desk.office.letters().standing(desk.numbers[0]).state == "ready"
