"""One small register for the tests of what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ballot.eligibility.registers import row, write_rows


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """Twenty people, one of each name."""
    people = [row(f"19{50 + k}-0{1 + k % 9}-1{k % 10}", k + 1, last_name=f"Name{k:02d}") for k in range(20)]
    return write_rows(tmp_path / "register.csv", people)
