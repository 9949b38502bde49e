"""A server needs its client: which files that are, and what is said when one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.client import BUILD, load_build
from stembus.webvote import static_files
from stembus.webvote.languages import INTERFACE_LANGUAGES
from stembus.webvote.static_files import CLIENT_FILES, SCRIPTS, TRANSLATED, demand_client

ROOT = Path(__file__).parents[2]


def test_the_files_are_those_that_are_built() -> None:
    assert sorted((*load_build(ROOT / BUILD).PAGES, "start")) == list(SCRIPTS)
    assert sorted(INTERFACE_LANGUAGES) == sorted([*TRANSLATED, "en"])
    demand_client()


@pytest.mark.parametrize("missing", CLIENT_FILES)
def test_each_missing_file_is_named(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_files, "WEBVOTE", tmp_path)
    for path in CLIENT_FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    demand_client()
    (tmp_path / missing).unlink()
    with pytest.raises(NotReady, match=missing) as error:
        demand_client()
    assert "make client" in str(error.value)
    assert "\n" not in str(error.value)
