"""The log of any size that `make growth` measures: cut off at any moment it goes on, and it verifies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.scripts.develop import big_log as module
from stembus.scripts.develop.big_log import big_log


class Killed(Exception):
    pass


def test_a_log_that_was_cut_off_anywhere_is_finished_and_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PER_BATCH", 20)
    said: list[str] = []

    def killed(what: str, done: int, of: int) -> None:
        said.append(f"{what} {done} of {of}")
        if said[-1] in ("ballots 1 of 3", "batches 2 of 3"):
            raise Killed

    with ThreadPoolExecutor(1) as executor:
        for _ in range(2):
            with pytest.raises(Killed):
                big_log(tmp_path, 50, executor, killed)
        root = big_log(tmp_path, 50, executor, killed)
        again = big_log(tmp_path, 50, executor, killed)
    assert root == again
    assert "batches 3 of 3" in said
    report = verify(FolderPlace(root / "public"), bytes.fromhex((root / "referendum.id").read_text().strip()))
    assert (report.exit_status, report.figures.ballots) == (0, 50)
