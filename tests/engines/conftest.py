"""Browsers of other makers and of earlier years, against the real apps."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    spec = importlib.util.spec_from_file_location("client_build", CLIENT / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    folder = Path(__file__).parent
    build.install_libraries(folder)
    return folder
