"""Plants small faults in the core, one at a time, and lists those that no test notices.

Decides which tests judge which file, how long they may take, and what is kept: results in .ci/judged-mutants, reasons
for what cannot be noticed in .ci/accepted-mutants. Leaves the faults to `mutant_kinds`, and how they are planted, in
copies of the tree, to `mutant_tree`.

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
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from stembus.scripts.develop.mutant_kinds import Mutant, mutants, sample
from stembus.scripts.develop.mutant_tree import Seconds, Tree

ROOT = Path(__file__).parents[2]
ROOMS = ("crypto", "audit", "tally")
STORE = ROOT / ".mutants"
JUDGED = ROOT / ".ci/judged-mutants"
ACCEPTED = ROOT / ".ci/accepted-mutants"
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


class Results:
    """What became of each mutant, written to disk after each one: a line each, with what it was judged by."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self._known: dict[str, tuple[str, str, str]] = {}
        for result, source, tests, name in (line.split(" ", 3) for line in lines):
            self._known[name] = (result, source, tests)

    def of(self, mutant: Mutant) -> str | None:
        result, source, tests = self._known.get(mutant.name, ("", "", ""))
        if source != digest(mutant.path) or (result == "survived" and tests != digest(*tests_of(mutant.path))):
            return None
        return result

    def add(self, mutant: Mutant, result: str) -> None:
        self._known[mutant.name] = (result, digest(mutant.path), digest(*tests_of(mutant.path)))
        waiting = self._file.with_suffix(".new")
        rows = (f"{' '.join(known)} {name}\n" for name, known in self._known.items())
        waiting.write_text("".join(sorted(rows, key=lambda row: row.split(" ", 3)[3])), encoding="utf-8")
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
    kinds = ("killed", "late", "survived", "accepted", "not run")
    print(f"\n{'part':24}{'mutants':>9}" + "".join(f"{kind:>11}" for kind in kinds) + f"{'noticed':>10}")
    for row, counts in sorted(rows.items(), key=lambda item: (item[0] == "in all", item[0])):
        judged = counts.total() - counts["not run"]
        noticed = counts["killed"] + counts["late"]
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
    results = Results(JUDGED)
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
        limits = [_limit([used[file] for file in tests_of(mutant.path)]) for mutant in todo]
        for number, (mutant, result) in enumerate(zip(todo, pool.map(_judge, todo, limits), strict=True), 1):
            results.add(mutant, result)
            print(f"stembus: {number}/{len(todo)} {result}: {mutant.name}", file=sys.stderr, flush=True)
    return None


_trees: list[Tree] = []


def _start_worker() -> None:
    _trees.append(Tree(ROOT, STORE / f"tree-{os.getpid()}"))


def _try(file: str) -> tuple[str, Seconds]:
    return _trees[0].run([file], Seconds(900, 3600), keep_bytecode=True)


def _limit(used: list[Seconds]) -> Seconds:
    """Tests that wait for a host which never answers use no processor; so both are bounded, with room for other work
    on the machine."""
    return Seconds(10 + 2 * sum(file.processor for file in used), 60 + 4 * sum(file.wall for file in used))


def _judge(mutant: Mutant, limit: Seconds) -> str:
    return _trees[0].judge(mutant, tests_of(mutant.path), limit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
