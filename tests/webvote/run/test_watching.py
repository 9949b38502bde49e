"""The services under gunicorn: what a watcher gets from any worker, and what stands in a service's log afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stembus.scripts.rehearsal.local import make_rehearsal
from tests.browser.conftest import free_port

VISITOR = "secret-of-a-visitor"
SERVICES = ("registrar", "box", "desk", "site")


@dataclass
class Running:
    """Every service with two workers, although somebody asked gunicorn for an access log."""

    root: Path
    ports: dict[str, int]
    logs: dict[str, Path]
    processes: list[subprocess.Popen[bytes]]

    def ask(self, name: str, path: str, data: bytes | None = None) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", data, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def send(self, name: str, line: bytes) -> None:
        """What is no request at all."""
        with socket.create_connection(("127.0.0.1", self.ports[name]), timeout=20) as raw:
            raw.sendall(line)
            while raw.recv(4096):
                pass

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("watched")
    ports = {name: free_port() for name in SERVICES}
    make_rehearsal(root, 60, ports["site"], 6)
    environment = os.environ | {"STEMBUS_DIR": str(root), "STEMBUS_PUBLIC": str(root / "public")}
    environment["STEMBUS_PASSPHRASE"] = "rehearsal"
    found = Running(root, ports, {name: root / f"{name}.log" for name in SERVICES}, [])
    for name, port in ports.items():
        program = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2"]
        program += ["--access-logfile", "-", f"stembus.webvote.run.wsgi:{name}()"]
        with found.logs[name].open("wb") as log:
            found.processes.append(subprocess.Popen(program, env=environment, stdout=log, stderr=subprocess.STDOUT))
    try:
        for name in SERVICES:
            _wait(found, name)
        yield found
    finally:
        found.stop()


def _wait(running: Running, name: str) -> None:
    for _ in range(150):
        try:
            running.ask(name, "/healthz")
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(running.logs[name].read_text())


@pytest.mark.parametrize("name", SERVICES)
def test_every_worker_is_alive_and_ready_and_tells_the_same(running: Running, name: str) -> None:
    assert {running.ask(name, "/healthz") for _ in range(10)} == {(200, "alive\n")}
    assert {running.ask(name, "/readyz") for _ in range(10)} == {(200, "ready\n")}
    if name != "desk":
        assert len({running.ask(name, "/metrics") for _ in range(10)}) == 1


def test_what_goes_wrong_is_logged_by_its_kind_and_hour_alone(running: Running) -> None:
    assert running.ask("site", f"/nl/?{VISITOR}")[0] == 200
    for name in SERVICES:
        running.send(name, b"GET /%s HTTP/9.9\r\n\r\n" % VISITOR.encode())
    public, away = running.root / "public", running.root / "away"
    size = _ballot_bytes(public)
    public.rename(away)
    try:
        assert running.ask("site", "/readyz") == (503, "log\n")
        assert running.ask("box", "/readyz") == (503, "log\n")
        assert running.ask("site", f"/nl/?{VISITOR}")[0] == 503
        status, text = running.ask("box", "/cast", VISITOR.encode().ljust(size, b"x"))
        assert (status, json.loads(text)["error"]) == (500, "broken")
    finally:
        away.rename(public)
    for name in SERVICES:
        assert running.ask(name, "/readyz") == (200, "ready\n")
        lines = running.logs[name].read_text().splitlines()
        # gunicorn's master process, about its workers; and the sentence of a service about its settings.
        own = [line for line in lines if not re.match(r"\[20|stembus: settings", line)]
        found = [json.loads(line) for line in own]
        assert [sorted(line) for line in found] == [["event", "hour", "kind", "level", "service"]] * len(found)
        assert {line["service"] for line in found} == {name}
        assert "gunicorn" in {line["event"] for line in found}, "the request that is none"
        expected = {"site": "log-unreadable", "box": "request-failed"}.get(name, "gunicorn")
        assert expected in {line["event"] for line in found}
        for secret in (VISITOR, "127.0.0.1", "Traceback", '"GET', '"POST'):
            assert secret not in "\n".join(own)
        assert not [line for line in lines if line not in own and (VISITOR in line or "Invalid" in line)]


def _ballot_bytes(public: Path) -> int:
    from stembus.audit.formats.manifest import cast_ballot_bytes
    from stembus.webvote.site.log_summary import SummaryReader

    return cast_ballot_bytes(SummaryReader(public).now().manifest)
