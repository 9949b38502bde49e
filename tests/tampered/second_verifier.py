"""The verifier in TypeScript as a program, and that it says the same of a bundle as the one in Python."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from stembus.audit.log.source import MemoryPlace
from stembus.audit.verify.report import Report
from tests.client.conftest import CLIENT, ESBUILD

Finding = tuple[str, str, str]


class SecondVerifier:
    """One process for all bundles; each is handed over as a zip file in `folder`."""

    def __init__(self, node: str, folder: Path) -> None:
        program = folder / "verify.mjs"
        bundle = ["--bundle", "--format=esm", "--platform=node", "--log-level=error", f"--outfile={program}"]
        subprocess.run([node, ESBUILD, CLIENT / "tools" / "verify-cli.ts", *bundle], cwd=CLIENT, check=True)
        self._zip = folder / "bundle.zip"
        self._process = subprocess.Popen(
            [node, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def judge(self, place: MemoryPlace, referendum: bytes | None) -> Any:
        """Its report."""
        with zipfile.ZipFile(self._zip, "w") as packed:
            for name, data in place.files.items():
                packed.writestr(name, data)
        return self.ask(self._zip, referendum)

    def ask(self, path: Path, referendum: bytes | None) -> Any:
        request = {"zip": str(path), "referendum": None if referendum is None else referendum.hex()}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def assert_both_say_the_same(found: Any, report: Report) -> None:
    """The same outcome, and the same set of check, verdict and place; and the same figures."""
    ours = {(fault.check, fault.verdict.value, fault.where) for fault in report.faults}
    theirs = {(fault["check"], fault["verdict"], fault["where"]) for fault in found["faults"]}
    told = [(fault.check, fault.verdict.value, fault.where, fault.message) for fault in report.faults]
    assert theirs == ours, (told, found["faults"])
    assert found["status"] == report.exit_status, (told, found["faults"])
    kinds = {f"{check} {verdict.value}": number for (check, verdict), number in report.kinds.items()}
    assert found["kinds"] == kinds
    names = ("entries", "time", "phase", "attempts", "batches", "ballots", "excluded", "counted", "acknowledged")
    for name in (*names, "struck", "dice", "issued"):
        assert found["figures"][name] == getattr(report.figures, name), name
    assert found["figures"]["struckWithPart"] == report.figures.struck_with_part
    assert found["figures"]["onEveryList"] == report.figures.on_every_list
    assert found["figures"]["drilledAgain"] == report.figures.drilled_again
    assert found["figures"]["root"] == report.figures.root.hex()
