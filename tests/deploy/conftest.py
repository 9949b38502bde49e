"""Four services behind TLS with PostgreSQL, from the very files of `deploy/`: one city for the session.

What is not as it stands in the files is in `substitutions`: places, ports, names, and how many processes. Where the
tests run as root, each service runs as a user of its own (`confine`).
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.city import City
from tests.postgres import postgres_server

__all__ = ["postgres_server"]


@pytest.fixture(scope="session")
def city(postgres_server: Path) -> Iterator[City]:
    """A referendum that is open, served, with letters that nobody has used."""
    root = Path(tempfile.mkdtemp(prefix="stembus-city-"))
    root.chmod(0o711)
    made = City(root, postgres_server)
    try:
        made.install()
        made.prepare_referendum()
        made.hand_letters_over()
        made.witness_key = made.make_witness((made.office / "public" / "log.vkey").read_text().strip())
        made.start()
        with (made.office / "voters.csv").open(encoding="ascii", newline="") as file:
            made.letters.extend(csv.reader(file))
        yield made
    finally:
        made.stop()
        shutil.rmtree(root)
