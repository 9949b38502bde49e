"""The connections of a PostgreSQL database: a server that vanished is noticed, and one that came back is found."""

from __future__ import annotations

import pytest

from stembus.ballot.database import _engine


@pytest.mark.parametrize(("asked", "seconds"), [("", "5"), ("&connect_timeout=2", "2")])
def test_a_server_that_says_nothing_is_not_awaited(postgres_url: str, asked: str, seconds: str) -> None:
    engine = _engine(postgres_url + asked)
    with engine.connect() as db:
        parameters = db.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    engine.dispose()
    assert parameters["connect_timeout"] == seconds
    assert parameters["tcp_user_timeout"] == "10000"


def test_a_connection_that_the_server_ended_is_replaced_before_it_is_used(postgres_url: str) -> None:
    engine, other = _engine(postgres_url), _engine(postgres_url)
    with engine.connect() as db:
        process = db.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with other.connect() as db:
        db.exec_driver_sql(f"SELECT pg_terminate_backend({process}, 5000)")
    with engine.connect() as db:
        assert db.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != process
    engine.dispose()
    other.dispose()
