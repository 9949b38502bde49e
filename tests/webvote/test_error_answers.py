"""A refusal that travels over HTTP is at its other end the refusal that it was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from stembus.audit.errors import CannotRead
from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    CastOutOfTurn,
    DatabaseMissing,
    DatabaseUnreachable,
    FactorWrong,
    IssuanceRecordUnusable,
    IssuanceUnknown,
    NotOpen,
)
from stembus.ballot.http_client import ServiceUnreachable, _refusal
from stembus.ballot.http_refusals import REFUSALS, UNAVAILABLE
from stembus.webvote.error_answers import answer_errors

CLIENT = Path(__file__).parents[2] / "webvote" / "client" / "page" / "messages.ts"


def answer(error: Exception) -> tuple[int, bytes]:
    response = respond(error)
    return response.status_code, response.get_data()


def respond(error: Exception) -> TestResponse:
    app = Flask("test")
    answer_errors(app)

    @app.get("/")
    def view() -> str:
        raise error

    return app.test_client().get("/")


def made(kind: type[BallotError]) -> BallotError:
    if kind is FactorWrong:
        return FactorWrong(3)
    if kind is BallotRejected:
        return BallotRejected("V19", "a proof does not hold")
    if kind is CastOutOfTurn:
        return CastOutOfTurn("not now", b"ballot", 2)
    return kind("a sentence")


@pytest.mark.parametrize(("kind", "name", "status"), REFUSALS, ids=[name for _, name, _ in REFUSALS])
def test_a_refusal_is_read_as_it_was_written(kind: type[BallotError], name: str, status: int) -> None:
    sent = made(kind)
    code, body = answer(sent)
    assert code == status
    assert f'"{name}"'.encode() in body
    received = _refusal("https://box.example.org", body)
    assert type(received) is kind
    assert str(received) == str(sent)
    assert vars(received) == vars(sent)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"error":"other","message":"x"}', b'{"error":"factor-wrong","message":"x"}', b"<html>"],
)
def test_an_answer_in_other_words_is_no_verdict(body: bytes) -> None:
    assert type(_refusal("https://box.example.org", body)) is ServiceUnreachable


def test_a_general_refusal_comes_after_its_special_ones() -> None:
    """The first kind that fits names an answer."""
    kinds = [kind for kind, _, _ in REFUSALS]
    for at, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[at + 1 :])
    assert NotOpen not in kinds


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (IssuanceRecordUnusable("no disk /srv/second"), 500, b'"broken"'),
        (IssuanceUnknown(17, "is damaged"), 403, b'"letter-doubted"'),
    ],
)
def test_a_registrars_trouble_with_its_record_tells_no_detail(
    error: BallotError, status: int, name: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the whole record it is no verdict; who has a letter of which nobody knows learns what to do."""
    answered, body = answer(error)
    assert answered == status
    assert name in body
    assert [record.getMessage() for record in caplog.records] == [f"request-failed: {type(error).__name__}"]
    assert not any(detail in body for detail in (b"/srv", b"17", b"disk"))


AWAY = [
    OperationalError("SELECT secret", {"number": "012345678"}, Exception("at 10.0.0.7")),
    InterfaceError("SELECT secret", {}, Exception("at 10.0.0.7")),
    PoolTimeout("pool of 10.0.0.7"),
    DatabaseMissing("there is no database /srv/secret/box.db"),
    DatabaseUnreachable("the database at 10.0.0.7 does not answer"),
]


@pytest.mark.parametrize("error", AWAY, ids=[type(error).__name__ for error in AWAY])
def test_a_database_that_is_away_is_answered_with_try_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    response = respond(error)
    assert (response.status_code, response.json["error"], response.headers["Retry-After"]) == (503, UNAVAILABLE, "30")
    assert f"database-away: {type(error).__name__}" in caplog.text
    for secret in ("10.0.0.7", "secret", "012345678"):
        assert secret not in response.get_data(as_text=True) + caplog.text
    received = _refusal("https://box.example.org", response.get_data())
    assert type(received) is ServiceUnreachable, "as if it had not answered: the same may be sent again"
    assert "try again" in str(received)


def test_another_error_of_a_database_is_no_reason_to_try_again_and_as_silent() -> None:
    response = respond(DataError("INSERT secret", {}, Exception("value too long")))
    assert (response.status_code, response.json["error"]) == (500, "broken")
    assert response.headers.get("Retry-After") is None
    assert b"secret" not in response.get_data()


@pytest.mark.parametrize(("error", "lines"), [(CannotRead("checkpoint"), 1), (NotOpen("not now"), 0)])
def test_a_service_reports_its_own_trouble_and_no_refusal(
    error: Exception, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    respond(error)
    assert caplog.text.count("request-failed") == len(caplog.records) == lines


def test_the_browsers_client_tries_again_as_well() -> None:
    transient = re.search(r"const TRANSIENT = \[(.*)\];", CLIENT.read_text(encoding="utf-8"))
    assert transient is not None
    assert f'"{UNAVAILABLE}"' in transient[1]
