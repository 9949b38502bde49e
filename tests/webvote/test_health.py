"""Watchers are told in one word whether a service can work; what is missing is named, and nothing else is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import update
from sqlalchemy.engine import make_url

from stembus.ballot.storage import box_state, registrar_state
from stembus.webvote import static_files
from tests.webvote.conftest import SERVICES, Served

WITH_DATABASE = ("registrar", "box", "desk")


@contextmanager
def gone(url: str) -> Iterator[None]:
    """The database ends every connection and takes no new one, as a server that is shut down."""
    address = make_url(url)
    server = f"host={address.query['host']} user=stembus dbname=postgres"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS false'.encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [address.database])
        yield
        admin.execute(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS true'.encode())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_well_says_so_in_one_word_to_anybody(served: Served, name: str) -> None:
    client = served.client(name)
    for path, word in (("/healthz", b"alive\n"), ("/readyz", b"ready\n")):
        answer = client.get(path)
        assert (answer.status_code, answer.data, answer.mimetype) == (200, word, "text/plain")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        assert client.post(path).status_code in (403, 405)


def test_every_service_names_a_database_that_is_gone_and_is_ready_once_it_is_back(
    served_postgres: Served, postgres_url: str
) -> None:
    served = served_postgres
    with gone(postgres_url):
        for name in WITH_DATABASE:
            assert served.get(name, "/readyz") == (503, "database\n")
            assert served.get(name, "/healthz") == (200, "alive\n")
    for name in WITH_DATABASE:
        assert served.get(name, "/readyz") == (200, "ready\n")


def test_no_answer_about_a_database_that_is_gone_tells_more_than_that(
    served_postgres: Served, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = served_postgres
    poll = served.poll
    _, request = poll.ask(0)
    ballot = poll.ballot(poll.token(1))
    wire = {
        "credential": request.credential.hex(),
        "blinded": request.blinded.hex(),
        "signature": request.signature.hex(),
        "factor": request.factor,
    }
    form = {"name": "an", "password": "a long password"}

    def ask() -> list[tuple[int, str]]:
        answers = [
            served.client("registrar").post("/token", json=wire),
            served.client("box").post("/cast", data=ballot),
            served.client("desk").post("/en/sign-in", data=form, headers={"Origin": "http://localhost"}),
        ]
        for answer in answers:
            assert (answer.status_code != 503) == (answer.headers.get("Retry-After") is None)
        return [(answer.status_code, answer.get_data(as_text=True)) for answer in answers]

    with gone(postgres_url):
        answers = ask()
    assert [status for status, _ in answers] == [503, 503, 503]
    for _, text in answers[:2]:
        assert '"error":"unavailable"' in text
        assert "nothing is lost" in text
    told = caplog.text + "".join(text for _, text in answers)
    for secret in ("Traceback", "psycopg", str(make_url(postgres_url).database), "postgres_", "SELECT", request.factor):
        assert secret not in told
    assert "database-away: OperationalError" in caplog.text
    assert [status for status, _ in ask()] == [200, 200, 303]


@pytest.mark.parametrize("name", ["box", "site"])
def test_a_log_folder_that_cannot_be_read_is_named(served: Served, name: str) -> None:
    bring_back = served.hide_log()
    assert served.get(name, "/readyz") == (503, "log\n")
    assert served.get(name, "/healthz") == (200, "alive\n")
    bring_back()
    assert served.get(name, "/readyz") == (200, "ready\n")


def test_an_issuance_record_whose_disk_is_gone_is_named(served: Served) -> None:
    path = served.poll.office.databases.record_path(1)
    away = path.rename(path.with_name("away"))
    assert served.get("registrar", "/readyz") == (503, "record\n")
    assert served.get("registrar", "/healthz") == (200, "alive\n")
    away.rename(path)
    assert served.get("registrar", "/readyz") == (200, "ready\n")


def test_missing_scripts_of_the_pages_are_named(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.get("site", "/readyz") == (200, "ready\n")
    monkeypatch.setattr(static_files, "WEBVOTE", tmp_path)
    assert served.get("site", "/readyz") == (503, "scripts\n")
    assert served.get("site", "/healthz") == (200, "alive\n")


@pytest.mark.parametrize(
    ("halted", "answer"),
    [("behind", (503, "database\n")), ("closed", (200, "ready\n")), ("cancelled", (200, "ready\n"))],
)
def test_a_registrar_that_gives_nothing_out_until_it_is_recovered_is_not_ready(
    served: Served, halted: str, answer: tuple[int, str]
) -> None:
    engine = served.poll.office.databases.open("registrar-1")
    with engine.begin() as db:
        db.execute(update(registrar_state).values(halted=halted))
    engine.dispose()
    assert served.get("registrar", "/readyz") == answer


def test_a_box_whose_database_is_older_than_the_log_is_not_ready(served: Served) -> None:
    poll = served.poll
    for voter in range(3):
        poll.rehearsal.cast(poll.token(voter), [[1]])
    poll.wait(600)
    assert poll.rehearsal.seal() == 1
    assert served.get("box", "/readyz") == (200, "ready\n")
    engine = poll.office.databases.open("box")
    with engine.begin() as db:
        db.execute(update(box_state).values(batch=1, logged=0, header_hash=None, log_size=0, log_root=None))
    engine.dispose()
    assert served.get("box", "/readyz") == (503, "database\n")


@pytest.mark.parametrize("name", SERVICES)
def test_no_limit_counts_a_watcher(served: Served, name: str) -> None:
    client = served.client(name)
    assert {client.get(path).status_code for path in ("/healthz", "/readyz") for _ in range(70)} == {200}
