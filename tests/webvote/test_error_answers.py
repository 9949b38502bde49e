"""A refusal that travels over HTTP is at its other end the refusal that it was."""

from __future__ import annotations

import pytest
from flask import Flask

from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    CastOutOfTurn,
    FactorWrong,
    IssuanceRecordUnusable,
    IssuanceUnknown,
    NotOpen,
)
from stembus.ballot.http_client import ServiceUnreachable, _refusal
from stembus.ballot.http_refusals import REFUSALS
from stembus.webvote.error_answers import answer_errors


def answer(error: Exception) -> tuple[int, bytes]:
    app = Flask("test")
    answer_errors(app)

    @app.get("/")
    def view() -> str:
        raise error

    response = app.test_client().get("/")
    return response.status_code, response.get_data()


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


@pytest.mark.parametrize("error", [IssuanceRecordUnusable("no disk /srv/second"), IssuanceUnknown(17, "is damaged")])
def test_a_registrars_trouble_with_its_record_is_no_verdict_and_tells_no_detail(
    error: BallotError, caplog: pytest.LogCaptureFixture
) -> None:
    status, body = answer(error)
    assert status == 500
    assert b'"broken"' in body
    assert [record.getMessage() for record in caplog.records] == [f"a request failed: {type(error).__name__}"]
    assert not any(detail in body for detail in (b"/srv", b"17", b"disk"))
