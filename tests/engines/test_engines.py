"""A vote in each engine, and in browsers of 2020 and 2021; an older one is told that it is too old."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stembus.scripts.develop.prepare import find_firefox
from tests.browser.conftest import Site
from tests.client.conftest import node_program
from tests.engines.tampering_proxy import tampering
from tests.engines.webkit import Step, webkit

Taking = Callable[[str, list[Step]], list[str]]


def _taken(packages: Path, engine: str, scratch: Path, url: str, steps: list[Step]) -> dict[str, Any]:
    node = node_program()
    assert node is not None
    wanted = {"engine": engine, "program": str(find_firefox()), "scratch": str(scratch), "url": url, "steps": steps}
    arguments = [node, str(packages / "browser.mjs"), json.dumps(wanted)]
    done = subprocess.run(arguments, capture_output=True, encoding="utf-8", timeout=300, check=False)
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    assert "read" in answer, (answer, done.stderr)
    return answer


def _voting(born: str, option: int) -> list[Step]:
    return [
        ("see", "#step-code"), ("type", "#factor", born), ("click", "#submit-code"),
        ("click", f"input[name=q0][value='{option}']"), ("click", "#submit-ballot"),
        ("see", "#step-review"), ("read", "#ballot-id"), ("click", "#cast"),
        ("click", "#checking summary"), ("read", "#tracking"),
    ]  # fmt: skip


def _votes(site: Site, take: Taking) -> None:
    """A vote is cast with a letter's link; the box has one more, with the number that the voter saw before."""
    accepted = site.office().box.accepted()
    code, born = site.letter()
    noted, tracking = take(f"{site.url}en/vote#code={code}&id={site.office().referendum.hex()}", _voting(born, 1))
    assert re.fullmatch("[0-9a-f]{64}", re.sub(r"\s", "", noted))
    assert noted == tracking
    assert site.office().box.accepted() == accepted + 1


@pytest.mark.parametrize(
    ("engine", "version"), [("firefox", "firefox/"), ("chromium-92", "Chrome/92."), ("chromium-83", "Chrome/83.")]
)
def test_a_vote_is_cast(site: Site, packages: Path, tmp_path: Path, engine: str, version: str) -> None:
    def take(url: str, steps: list[Step]) -> list[str]:
        answer = _taken(packages, engine, tmp_path, url, steps)
        assert version in answer["version"]
        return [str(text) for text in answer["read"]]

    _votes(site, take)


def test_a_vote_is_cast_in_webkit(site: Site, tmp_path: Path) -> None:
    with webkit(tmp_path) as browser:

        def take(url: str, steps: list[Step]) -> list[str]:
            browser.open(url)
            return [text for step in steps for text in browser.take(step)]

        _votes(site, take)


@pytest.mark.parametrize("engine", ["firefox", "chromium-92"])
def test_one_changed_byte_of_the_script_is_refused(site: Site, packages: Path, tmp_path: Path, engine: str) -> None:
    """And the same host without that byte is a page like any other."""
    script = "/static/client/vote.js"
    refused: list[Step] = [("see", "#step-blocked"), ("read", "#step-blocked h1")]
    with tampering(site.url, script) as url:
        assert _taken(packages, engine, tmp_path, f"{url}nl/vote", refused)["read"] == [
            "Een deel van deze pagina is niet aangekomen"
        ]
    with tampering(site.url, "/nowhere") as url:
        read = _taken(packages, engine, tmp_path, f"{url}nl/vote", [("see", "#step-code"), ("read", "#step-code h1")])
        assert read["read"] == ["Je code"]


@pytest.mark.parametrize("page", ["vote", "kiosk", "check", "track"])
def test_a_browser_of_2019_is_told_that_it_is_too_old(site: Site, packages: Path, tmp_path: Path, page: str) -> None:
    steps = [("see", "#step-old"), ("read", "#step-old h1"), ("read", "#step-old")]
    answer = _taken(packages, "chromium-79", tmp_path, f"{site.url}nl/{page}", steps)
    assert "Chrome/79." in answer["version"]
    assert answer["read"][0] == "Deze browser is te oud"
    assert "056 00 00 00" in answer["read"][1]
