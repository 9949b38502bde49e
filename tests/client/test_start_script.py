"""The script that speaks where the others do not run is understood by every browser with scripts."""

from __future__ import annotations

import subprocess

import pytest

from tests.client.conftest import CLIENT, ESBUILD, node_program


def _built(target: str) -> str:
    node = node_program()
    assert node is not None
    arguments = [node, ESBUILD, CLIENT / "start.js", f"--target={target}"]
    return subprocess.run(arguments, capture_output=True, encoding="utf-8", check=True).stdout


@pytest.mark.parametrize("target", ["es5", "chrome5", "safari5"])
def test_the_start_script_needs_nothing_that_came_after_es5(target: str) -> None:
    """esbuild rewrites, or refuses, what the target does not know: here it finds nothing to do."""
    assert _built(target) == _built("esnext")
