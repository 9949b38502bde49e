"""A private PostgreSQL server for tests: one for the session, which never waits for the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stembus.scripts.develop.prepare import Unprepared
from stembus.scripts.develop.private_postgres import new_database, private_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    """Runs for the whole session; yields the folder of its socket."""
    try:
        with private_postgres(durable=False) as server:
            yield server.folder
    except Unprepared as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def postgres_url(postgres_server: Path) -> str:
    """The URL of a fresh, empty database."""
    return new_database(postgres_server)
