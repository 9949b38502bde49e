"""Services under gunicorn and commands, as an administrator's machine runs them, and their violent ends.

Decides how they are started, that a service which ended starts again (as systemd does it), and how a kill is counted.
As root they run without the right to pass over file modes, so that a read-only folder is one. Leaves to the rows who
is killed, and when.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SAID = re.compile(r"stembus: error: (.*)")
_NO_OVERRIDE = "-dac_override,-dac_read_search"
_PAUSE, _START_SECONDS, _COMMAND_SECONDS, _STOP_SECONDS = 0.1, 60, 300, 40


def as_owner(command: Sequence[str]) -> list[str]:
    """Root passes over the modes of files; a service's own user does not."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", f"--bounding-set={_NO_OVERRIDE}", f"--inh-caps={_NO_OVERRIDE}", *command]


def errors_in(text: str) -> list[str]:
    return [found[1] for line in text.splitlines() if (found := _SAID.search(line))]


class ServiceRefused(Exception):
    """A service did not start; the text is what it said."""


@dataclass(frozen=True)
class Ended:
    """How a command ended. `status` is None when it was killed, by a row or because it hung."""

    status: int | None
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The sentence of a refusal, else the last line."""
        lines = self.stderr.strip().splitlines()
        return (errors_in(self.stderr) or lines[-1:] or [""])[0]


def stembus(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from stembus.scripts.cli.main import main; main()", *arguments]


def gunicorn(app: str, port: int, workers: int = 2) -> list[str]:
    """`app` is a function without arguments that makes it: `module:function`."""
    command = [sys.executable, "-m", "gunicorn", "--config", "python:stembus.webvote.run.gunicorn_settings"]
    return [*command, "--bind", f"127.0.0.1:{port}", "--workers", str(workers), f"{app}()"]


def run_stembus(
    environment: Mapping[str, str],
    arguments: Sequence[str],
    kill_after: float | None = None,
    user: Callable[[Sequence[str]], list[str]] = as_owner,
) -> Ended:
    """`stembus ARGUMENTS`. Killed after `kill_after` seconds if it is still there then."""
    started = subprocess.Popen(
        user(stembus(*arguments)),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = started.communicate(timeout=_COMMAND_SECONDS if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        # A killed command leaves the processes that verify for it: they hold its output, and would wait for ever.
        os.killpg(started.pid, signal.SIGKILL)
        out, err = started.communicate()
        return Ended(None, out, err)
    return Ended(started.returncode, out, err)


class Service:
    """A program that answers at a port. While it is wanted, it is started again whenever it has ended."""

    def __init__(self, name: str, port: int, environment: Mapping[str, str], log: Path, command: Sequence[str]) -> None:
        """`command` with all its arguments, and as whom it runs."""
        self.name = name
        self._port = port
        self._environment = dict(environment)
        self._log = log
        self._command = list(command)
        self._master: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        threading.Thread(target=self._supervise, daemon=True).start()

    def start(self) -> None:
        """Raises ServiceRefused with what it said."""
        with self._lock:
            self._launch()
            if not self._answers():
                self._end()
                said = errors_in(self._log.read_text(errors="replace"))
                raise ServiceRefused(said[-1] if said else f"{self.name} does not answer")
            self._wanted.set()

    def stop(self) -> None:
        """As systemd stops it: gently, then not."""
        self._wanted.clear()
        with self._lock:
            if self._master is not None and self._master.poll() is None:
                self._master.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    self._master.wait(_STOP_SECONDS)
            self._end()

    def lose(self) -> None:
        """SIGKILL to all of it, and nobody starts it again."""
        self._wanted.clear()
        with self._lock:
            self._end()

    def is_up(self) -> bool:
        with self._lock:
            return self._master is not None and self._answers()

    def said(self) -> list[str]:
        """Every refusal to start, in order."""
        return errors_in(self._log.read_text(errors="replace")) if self._log.exists() else []

    def workers(self) -> list[int]:
        master = self._master
        if master is None:
            return []
        try:
            listed = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text()
        except OSError:
            return []
        return [int(pid) for pid in listed.split()]

    def kill(self, rng: random.Random) -> bool:
        """SIGKILL to a worker, to the master, or to all at once; False when nobody was there."""
        master, workers = self._master, self.workers()
        if master is None or master.poll() is not None or not workers:
            return False
        victim = rng.choice(["worker"] * 4 + ["master", "all"])
        try:
            if victim == "worker":
                os.kill(rng.choice(workers), signal.SIGKILL)
            elif victim == "master":
                master.kill()
            else:
                os.killpg(master.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def freeze(self, stopped: bool) -> None:
        """SIGSTOP to all of it: the port takes connections, and nobody answers."""
        if self._master is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._master.pid, signal.SIGSTOP if stopped else signal.SIGCONT)

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._master = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _end(self) -> None:
        """What is left of it, such as the workers of a killed master."""
        if self._master is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._master.pid, signal.SIGKILL)
            self._master.wait()

    def _answers(self) -> bool:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._master is not None and self._master.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                asking = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_START_SECONDS)
                asking.request("GET", "/")
                asking.getresponse().read()
                asking.close()
                return True
            time.sleep(_PAUSE)
        return False

    def _supervise(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(_PAUSE)
            with self._lock:
                if self._wanted.is_set() and self._master is not None and self._master.poll() is not None:
                    self._end()
                    time.sleep(_PAUSE)
                    self._launch()
