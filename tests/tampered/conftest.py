"""The second verifier, built once and run in one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.conftest import node_program
from tests.tampered.second_verifier import SecondVerifier


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondVerifier]:
    node = node_program()
    if node is None:
        pytest.fail("there is no Node here; make client brings it", pytrace=False)
    made = SecondVerifier(node, tmp_path_factory.mktemp("second"))
    yield made
    made.end()
