"""`stembus verify --scheduler`: the same report from a cluster of processes, of which some are killed, or all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import free_port
from tests.conftest import Finished

ROOT = Path(__file__).parents[3]
STEMBUS = [sys.executable, "-c", "from stembus.scripts.cli.main import main; main()"]


class Cluster:
    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        self.workers = [self._worker() for _ in range(2)]

    def _worker(self) -> subprocess.Popen[bytes]:
        options = ("--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        return self._start("worker", self.address, *options, "--local-directory", str(self._folder))

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._processes.append(started)
        return started

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.end()


def report(finished: Finished, *more: str) -> tuple[int, dict[str, object], str]:
    command = [*STEMBUS, "verify", str(finished.public), "--referendum", finished.referendum.hex(), "--json", *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_a_cluster_says_the_same_also_when_workers_are_killed(finished: Finished, cluster: Cluster) -> None:
    alone = report(finished, "--workers", "1")
    assert alone[0] == 0
    assert report(finished, "--scheduler", cluster.address)[:2] == alone[:2]
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    assert report(finished, "--scheduler", cluster.address)[:2] == alone[:2]
    os.kill(cluster.workers[1].pid, signal.SIGKILL)
    time.sleep(1)
    status, found, told = report(finished, "--scheduler", cluster.address)
    assert (status, found) == alone[:2]
    assert "done here" in told


def test_an_address_without_a_scheduler_is_told(finished: Finished) -> None:
    for address in ("nonsense://127.0.0.1:9", f"tcp://127.0.0.1:{free_port()}", "tcp://127.0.0.1:99999", "here"):
        status, _, told = report(finished, "--scheduler", address)
        assert status == 2
        assert "no Dask scheduler answers" in told
