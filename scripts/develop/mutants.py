"""Plants small faults in the core, one at a time, and lists those that no test notices.

Decides which tests judge which file, how long they may take, and what is kept: results in .mutants/, reasons for what
cannot be noticed in .ci/accepted-mutants. Leaves the faults to `mutant_kinds`. The faults are planted in copies of the
tree; the tree itself is only read.

A mutant that was noticed is not judged again while its file stays as it is. One that was not is judged again after any
change of its file or its tests.

    make mutants                               the sample
    make mutants ARGS="--only crypto tally"    what the sample has in these folders or files
    make mutants ARGS="--every --only audit/rules.py"    every mutant there, in the sample or not
    make mutants ARGS="--report"               what is known, without running anything
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

# Loaded here once, so that the processes that run the tests, which are forks of this one, need not load them again.
import coincurve  # noqa: F401
import cryptography.hazmat.primitives.serialization  # noqa: F401
import hypothesis.strategies
import msgspec  # noqa: F401
import nacl.pwhash  # noqa: F401
import pytest
import sqlalchemy.orm  # noqa: F401

from stembus.scripts.develop.mutant_kinds import Mutant, mutants, sample

ROOT = Path(__file__).parents[2]
ROOMS = ("crypto", "audit", "tally")
STORE = ROOT / ".mutants"
ACCEPTED = ROOT / ".ci/accepted-mutants"
MEMORY = 4 << 30
VERIFIER = (
    "tests/audit/verify",
    *(
        f"tests/tampered/test_{name}.py"
        for name in ("forgeries", "hostile_host", "places_that_change", "resilience", "ties")
    ),
)
# The tests of each part. The first line that fits is taken: a file with tests of its own is judged by these alone.
TESTS: dict[str, tuple[str, ...]] = {
    "crypto/": ("tests/crypto",),
    "audit/bounds.py": ("tests/audit/test_bounds.py",),
    "audit/durable.py": ("tests/audit/test_durable.py",),
    "audit/entry_rules.py": ("tests/audit/test_entry_rules.py",),
    "audit/rules.py": ("tests/audit/test_rules.py",),
    "audit/state_machine.py": ("tests/audit/test_state_machine.py",),
    "audit/formats/": ("tests/audit/formats", "tests/tampered/test_forgeries.py"),
    "audit/log/": ("tests/audit/log", "tests/audit/verify/test_stream.py", "tests/tampered/test_hostile_host.py"),
    "audit/verify/checked_log.py": ("tests/audit/verify/test_stream.py",),
    "audit/verify/setup.py": ("tests/audit/verify/test_setup.py",),
    "audit/verify/stream.py": ("tests/audit/verify/test_stream.py", "tests/tampered/test_hostile_host.py"),
    "audit/verify/tally.py": ("tests/audit/verify/test_tally.py",),
    "audit/": VERIFIER,
    "tally/": ("tests/tally",),
}


@cache
def tests_of(path: str) -> tuple[str, ...]:
    """Test files, in the order in which they run: those that import the file come first."""
    named = next(tests for prefix, tests in TESTS.items() if path.startswith(prefix))
    files = [ROOT / name for name in named]
    files = [inner for file in files for inner in (sorted(file.rglob("test_*.py")) if file.is_dir() else [file])]
    module = re.compile(rf"stembus\.{path[:-3].replace('/', '[.]')}\b")
    files.sort(key=lambda file: not module.search(file.read_text(encoding="utf-8")))
    return tuple(file.relative_to(ROOT).as_posix() for file in files)


@cache
def digest(*paths: str) -> str:
    """Of all Python files there."""
    found = hashlib.sha256()
    for path in paths:
        files = sorted((ROOT / path).rglob("*.py")) if (ROOT / path).is_dir() else [ROOT / path]
        for file in files:
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


class Tree:
    """A copy of the tree in which mutants are planted and judged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)

    def run(self, tests: Iterable[str], seconds: float, keep_bytecode: bool = False) -> tuple[str, float]:
        """`survived` when every test passes, else `killed` or, after `seconds` of the processor, `timed out`; and the
        seconds used."""
        process = os.fork()
        if not process:
            with contextlib.suppress(BaseException):
                os._exit(self._run_here(list(tests), int(seconds), keep_bytecode))
            os._exit(1)
        handle = os.pidfd_open(process)
        ended, _, _ = select.select([handle], [], [], 60 + 5 * seconds)
        os.close(handle)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        _, status, used = os.wait4(process, 0)
        if not ended or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
            return "timed out", used.ru_utime
        return "killed" if status else "survived", used.ru_utime

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

    def judge(self, mutant: Mutant, seconds: float) -> str:
        file = self.folder / mutant.path
        for old in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
            old.unlink()
        sound = file.read_bytes()
        file.write_text(mutant.source, encoding="utf-8")
        try:
            return self.run(tests_of(mutant.path), seconds)[0]
        finally:
            file.write_bytes(sound)


class Results:
    """What became of each mutant, written to disk after each one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, dict[str, str]] = json.loads(file.read_text()) if file.exists() else {}

    def of(self, mutant: Mutant) -> str | None:
        known = self._known.get(mutant.name)
        if known is None or known["file"] != digest(mutant.path):
            return None
        if known["result"] == "survived" and known["tests"] != digest(*tests_of(mutant.path)):
            return None
        return known["result"]

    def add(self, mutant: Mutant, result: str) -> None:
        tests = digest(*tests_of(mutant.path))
        self._known[mutant.name] = {"result": result, "file": digest(mutant.path), "tests": tests}
        waiting = self._file.with_suffix(".new")
        waiting.write_text(json.dumps(self._known, indent=0))
        waiting.replace(self._file)


def accepted() -> set[str]:
    """The mutants that are known not to matter; the lines above each say why."""
    lines = ACCEPTED.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def part(path: str) -> str:
    return "/".join(path.split("/")[:2]) if path.startswith("audit/") else path.split("/")[0]


def report(chosen: list[Mutant], results: Results, reasons: set[str]) -> None:
    """The survivors, then the figures for each part. Data: to stdout."""
    rows: dict[str, Counter[str]] = {}
    for mutant in chosen:
        result = results.of(mutant) or "not run"
        if result == "survived" and mutant.name in reasons:
            result = "accepted"
        elif result == "survived":
            print(f"{mutant.path}:{mutant.line}: {mutant.name}")
        for row in (part(mutant.path), "in all"):
            rows.setdefault(row, Counter())[result] += 1
    kinds = ("killed", "timed out", "survived", "accepted", "not run")
    print(f"\n{'part':24}{'mutants':>9}" + "".join(f"{kind:>11}" for kind in kinds) + f"{'noticed':>10}")
    for row, counts in sorted(rows.items(), key=lambda item: (item[0] == "in all", item[0])):
        judged = counts.total() - counts["not run"]
        noticed = counts["killed"] + counts["timed out"]
        share = f"{100 * noticed / judged:.1f} %" if judged else "-"
        print(f"{row:24}{counts.total():9}" + "".join(f"{counts[kind]:11}" for kind in kinds) + f"{share:>10}")


def main(arguments: list[str]) -> str | None:
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("--only", nargs="+", default=[], help="folders or files, such as crypto or audit/rules.py")
    parser.add_argument("--every", action="store_true", help="every mutant, not the sample")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    found = list(mutants(ROOT, ROOMS))
    chosen = found if options.every else sample(found)
    if options.only:
        chosen = [m for m in chosen if any(m.path == it or m.path.startswith(f"{it}/") for it in options.only)]
    reasons = accepted()
    if gone := "\n".join(sorted(reasons - {mutant.name for mutant in found})):
        return f"stembus: error: .ci/accepted-mutants names what no longer exists; remove or renew it:\n{gone}"
    STORE.mkdir(exist_ok=True)
    results = Results(STORE / "results.json")
    if not options.report:
        try:
            with _alone():
                todo = [mutant for mutant in chosen if results.of(mutant) is None]
                problem = judge_all(todo, results, options.workers) if todo else None
        except BlockingIOError:
            problem = "stembus: error: mutants are being judged already; wait until that run has ended"
        if problem:
            return problem
    report(chosen, results, reasons)
    return None


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Nobody else judges here meanwhile. Raises BlockingIOError."""
    with (STORE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for old in STORE.glob("tree-*"):
            shutil.rmtree(old)
        yield


def judge_all(todo: list[Mutant], results: Results, workers: int) -> str | None:
    """Judges these in as many copies of the tree as there are workers. The sentence to end with when it cannot."""
    todo = sorted(todo, key=lambda mutant: (mutant.path, mutant.line))
    for mutant in todo:  # What is copied now is what was judged, even if somebody edits it meanwhile.
        digest(mutant.path), digest(*tests_of(mutant.path))
    with ProcessPoolExecutor(workers, get_context("fork"), _start_worker) as pool:
        files = sorted({file for mutant in todo for file in tests_of(mutant.path)})
        used = {}
        for file, (result, seconds) in zip(files, pool.map(_try, files), strict=True):
            if result != "survived":
                return f"stembus: error: {file} fails without any mutant; mend it first"
            used[file] = seconds
        limits = [10 + 2 * sum(used[file] for file in tests_of(mutant.path)) for mutant in todo]
        for number, (mutant, result) in enumerate(zip(todo, pool.map(_judge, todo, limits), strict=True), 1):
            results.add(mutant, result)
            print(f"stembus: {number}/{len(todo)} {result}: {mutant.name}", file=sys.stderr, flush=True)
    return None


_trees: list[Tree] = []


def _start_worker() -> None:
    _trees.append(Tree(STORE / f"tree-{os.getpid()}"))


def _try(file: str) -> tuple[str, float]:
    return _trees[0].run([file], 900, keep_bytecode=True)


def _judge(mutant: Mutant, seconds: float) -> str:
    return _trees[0].judge(mutant, seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
