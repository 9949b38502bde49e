"""Worker processes of a command end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_WORKING = """
import time, os
from stembus.scripts.published import workers
if __name__ == "__main__":
    with workers(2) as executor:
        print(*{executor.submit(os.getpid).result() for _ in range(20)}, flush=True)
        executor.submit(time.sleep, 600)
        executor.submit(time.sleep, 600)
        time.sleep(600)
"""


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_of_a_killed_command_end(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "working.py"
    script.write_text(_WORKING)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        started = [int(word) for word in command.stdout.readline().split()]
        assert started
        assert all(_runs(process) for process in started)
        os.kill(command.pid, how)
        for _ in range(100):
            if not any(_runs(process) for process in started):
                break
            time.sleep(0.1)
        left = [process for process in started if _runs(process)]
        for process in left:
            os.kill(process, signal.SIGKILL)
        assert left == []
