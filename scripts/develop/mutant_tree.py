"""A copy of the tree in which one mutant at a time is planted and judged, in a process with bounded time and memory.

Decides how the tests are run. Leaves which tests judge which mutant, and what is kept, to `mutants`.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# Loaded here once, so that the processes that run the tests, which are forks of this one, need not load them again.
import coincurve  # noqa: F401
import cryptography.hazmat.primitives.serialization  # noqa: F401
import hypothesis.strategies
import msgspec  # noqa: F401
import nacl.pwhash  # noqa: F401
import pytest
import sqlalchemy.orm  # noqa: F401

from stembus.scripts.develop.mutant_kinds import Mutant

MEMORY = 4 << 30


class Seconds(NamedTuple):
    processor: float
    wall: float


class Tree:
    """A copy of the tree in which mutants are planted and judged."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True
        )
        for name in listed.stdout.splitlines():
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, folder / name)

    def run(self, tests: Iterable[str], limit: Seconds, keep_bytecode: bool = False) -> tuple[str, Seconds]:
        """`survived` when every test passes, else `killed` or, beyond the limit, `late`; and what was used."""
        begun, process = time.monotonic(), os.fork()
        if not process:
            with contextlib.suppress(BaseException):
                os._exit(self._run_here(list(tests), int(limit.processor), keep_bytecode))
            os._exit(1)
        handle = os.pidfd_open(process)
        ended, _, _ = select.select([handle], [], [], limit.wall)
        os.close(handle)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        _, status, used = os.wait4(process, 0)
        taken = Seconds(used.ru_utime, time.monotonic() - begun)
        if not ended or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
            return "late", taken
        return "killed" if status else "survived", taken

    def _run_here(self, tests: list[str], seconds: int, keep_bytecode: bool) -> int:
        """In a process of its own, which may use so much of the processor, however busy that is, and of memory."""
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        os.chdir(self.folder)
        os.environ["PYTHONPATH"] = str(self.folder)
        sys.path.insert(0, str(self.folder))
        sys.dont_write_bytecode = not keep_bytecode
        for name in [name for name in sys.modules if re.match(r"(stembus|tests)\b", name)]:
            del sys.modules[name]
        # A failing example is enough; the smallest one would take minutes to find.
        phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
        hypothesis.settings.register_profile("one", derandomize=True, database=None, deadline=None, phases=phases)
        hypothesis.settings.load_profile("one")
        quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *quiet, *tests]))

    def judge(self, mutant: Mutant, tests: Iterable[str], limit: Seconds) -> str:
        file = self.folder / mutant.path
        for old in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
            old.unlink()
        sound = file.read_bytes()
        file.write_text(mutant.source, encoding="utf-8")
        try:
            return self.run(tests, limit)[0]
        finally:
            file.write_bytes(sound)
