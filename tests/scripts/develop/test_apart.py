"""A small run of `make apart`: nine parties, two of them wronged voters, and every kind of complaint."""

from __future__ import annotations

import subprocess
import sys

KINDS = ["promise without entry", "refused ballot", "split log", "receipt", "altered page", "suppressed", "false count"]


def test_parties_apart_hold_a_referendum_and_judge_every_complaint() -> None:
    command = [sys.executable, "-m", "stembus.scripts.develop.apart", "--voters", "16", "--browsers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for kind in KINDS:
        assert f"judged: {kind}" in done.stdout
    assert "monitor 2 finds another history" in done.stdout
    assert "command and browser say HOLDS: 14 ballots counted" in done.stdout
