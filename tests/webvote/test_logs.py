"""What a service logs of a failure: its kind and the hour. Provoked in each service, and searched for what must not be
there."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.issuance.help_desk import HelpDesk
from stembus.ballot.issuance.registrar import Registrar
from stembus.webvote.logs import JsonLines, report
from stembus.webvote.site.log_summary import SummaryReader
from tests.webvote.conftest import Served

FIELDS = ["level", "service", "event", "kind", "hour"]
ADDRESS = "198.51.100.23"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What `log_as("box")` would write, of every logger."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines("box"))
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def parsed(written: io.StringIO) -> list[dict[str, str | None]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_has_five_fields_and_the_hour(lines: io.StringIO) -> None:
    report("request-failed", ValueError("a secret"))
    report("batch-not-sealed", OSError("a secret"), logging.WARNING)
    first, second = parsed(lines)
    assert list(first) == FIELDS
    assert [first[name] for name in FIELDS[:4]] == ["error", "box", "request-failed", "ValueError"]
    assert [second[name] for name in FIELDS[:4]] == ["warning", "box", "batch-not-sealed", "OSError"]
    assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\dT[0-2]\dZ", str(first["hour"]))


def test_the_hour_is_that_of_utc_and_is_not_rounded_up() -> None:
    record = logging.LogRecord("stembus", logging.ERROR, "", 0, "", (), None)
    for second, hour in ((3599.9, "1970-01-01T00Z"), (3600.0, "1970-01-01T01Z")):
        record.created = second
        assert json.loads(JsonLines("box").format(record))["hour"] == hour


def test_of_what_a_library_says_only_its_name_and_the_kind_of_error_are_told(lines: io.StringIO) -> None:
    server = logging.getLogger("gunicorn.error.of-this-test")
    server.warning(f"Invalid request from ip={ADDRESS}: bad")
    server.warning("from %s", ADDRESS)
    try:
        raise ConnectionError(f"from {ADDRESS}")
    except ConnectionError:
        server.exception("Error handling request /token?code=secret")
    assert [(line["event"], line["kind"]) for line in parsed(lines)] == [
        ("gunicorn", None),
        ("gunicorn", None),
        ("gunicorn", "ConnectionError"),
    ]
    assert ADDRESS not in lines.getvalue()
    assert "secret" not in lines.getvalue()


def test_no_failure_in_any_service_tells_who_when_or_what(
    served: Served, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = served.poll
    _, request = poll.ask(0)
    ballot = poll.ballot(poll.token(1))
    number, (code, born) = poll.numbers()[0], poll.letters[0]
    wire = {
        "credential": request.credential.hex(),
        "blinded": request.blinded.hex(),
        "signature": request.signature.hex(),
        "factor": born,
    }
    secrets = [number, code, born, ADDRESS, "127.0.0.1", "a long password", "an.peeters", *wire.values(), ballot.hex()]

    def fails(kind: type[Exception]) -> object:
        def fail(*given: object, **named: object) -> None:
            text = " ".join([*secrets, repr(given), repr(named)])
            raise OperationalError(text, {}, Exception(text)) if kind is OperationalError else kind(text)

        return fail

    def provoke() -> set[int]:
        from_there = {"REMOTE_ADDR": ADDRESS}
        form = {"name": "an.peeters", "password": "a long password", "number": number}
        origin = {"Origin": "http://localhost"}
        answers = [
            served.client("registrar").post("/token", json=wire, environ_base=from_there),
            served.client("box").post("/cast", data=ballot, environ_base=from_there),
            served.client("desk").post("/en/sign-in", data=form, headers=origin, environ_base=from_there),
            served.client("site").get(f"/en/result?{code}", environ_base=from_there),
        ]
        for answer in answers:
            assert "Traceback" not in answer.get_data(as_text=True)
            assert not [secret for secret in secrets if secret in answer.get_data(as_text=True)]
        return {answer.status_code for answer in answers}

    for kind, status in ((OperationalError, {503, 500}), (LookupError, {500}), (OSError, {500, 503})):
        for owner, name in ((Registrar, "issue"), (BallotBox, "cast"), (HelpDesk, "sign_in"), (SummaryReader, "now")):
            monkeypatch.setattr(owner, name, fails(kind))
        assert provoke() <= status

    found = parsed(lines)
    assert len(found) >= 12, "each service said something of each failure"
    assert {line["kind"] for line in found} == {"OperationalError", "LookupError", "OSError"}
    events = {"request-failed", "database-away", "log-unreadable"}
    assert {line["event"] for line in found} == events, "no failure is left to a library"
    for line in found:
        assert list(line) == FIELDS
    text = lines.getvalue()
    assert [secret for secret in secrets if secret in text] == []
    assert not re.search(r"\d:\d\d|Traceback|File |\d+\.\d+\.\d+\.\d+", text)


def test_who_is_served_leaves_no_line(served: Served, lines: io.StringIO) -> None:
    poll = served.poll
    assert served.client("box").post("/cast", data=poll.ballot(poll.token(0))).status_code == 200
    assert served.client("box").post("/cast", data=b"no ballot").status_code == 422
    assert served.client("registrar").post("/token", data=b"nothing").status_code == 400
    assert served.get("site", "/en/vote")[0] == 200
    assert lines.getvalue() == ""
