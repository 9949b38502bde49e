"""Bundles to change: a whole referendum of which every key is at hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Finished
from tests.tampered.forge import Forge, load_parts, new_forge


@pytest.fixture(scope="session")
def parts(opened: Finished) -> dict[str, Any]:
    return load_parts(opened.root)


@pytest.fixture
def forge(parts: dict[str, Any]) -> Forge:
    """Two batches of six ballots, counted; nothing is wrong with it yet."""
    return new_forge(parts)
