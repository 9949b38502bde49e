"""Browsers of other makers and of earlier years, against the real apps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stembus.scripts.cli.client import load_build
from tests.browser.conftest import Site, start_site
from tests.client.conftest import CLIENT


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    served = start_site(tmp_path_factory.mktemp("engines"), 12)
    yield served
    served.server.stop()


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder with the drivers and the old browsers, fetched by the hashes of package-lock.json."""
    folder = Path(__file__).parent
    load_build(CLIENT / "build.py").install_libraries(folder)
    return folder
