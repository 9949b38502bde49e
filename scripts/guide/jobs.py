"""Commands that the officials' page runs: what they print, and how they end.

Decides that a command runs as in a terminal, with nobody to answer it: whatever it would ask is a field or a button of
the page. The passphrase that was typed at the sign-in is in this process's memory and in the command's environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_MOST = 200_000  # characters of output that are kept
_STOP_SECONDS = 10


@dataclass
class Job:
    """`status` is None while it runs."""

    number: int
    words: Sequence[str]
    process: subprocess.Popen[str]
    status: int | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.lines)[-_MOST:]

    def stop(self) -> None:
        if self.status is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGINT)


class Jobs:
    """`passphrase` goes to each command."""

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase
        self._jobs: list[Job] = []
        self._lock = threading.Lock()

    def start(self, words: Sequence[str]) -> Job:
        environment = os.environ | ({"STEMBUS_PASSPHRASE": self._passphrase} if self._passphrase else {})
        command = [sys.executable, "-c", "from stembus.scripts.cli.main import main; main()", *words]
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        with self._lock:
            job = Job(len(self._jobs) + 1, words, process)
            self._jobs.append(job)
        threading.Thread(target=self._follow, args=[job], daemon=True).start()
        return job

    @staticmethod
    def _follow(job: Job) -> None:
        with job.process:
            assert job.process.stdout is not None
            for line in job.process.stdout:
                job.lines.append(line)
        job.status = job.process.returncode

    def job(self, number: int) -> Job | None:
        return self._jobs[number - 1] if 1 <= number <= len(self._jobs) else None

    def running(self, name: str) -> Job | None:
        """The newest that runs this command."""
        return next((job for job in reversed(self._jobs) if job.words[0] == name and job.status is None), None)

    def stop_all(self) -> None:
        for job in self._jobs:
            job.stop()
        for job in self._jobs:
            with suppress(subprocess.TimeoutExpired):
                job.process.wait(_STOP_SECONDS)
