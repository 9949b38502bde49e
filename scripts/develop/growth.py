"""How the work grows with the number of voters: verifying, opening a log, casting. `make growth ARGS="10000 100000"`.

Makes each log once, in .growth, and goes on where it was cut off. A million ballots take about an hour on two
processors, and two gigabytes. Every figure is the median of several runs, each in a process of its own that does
nothing else, and is told as a multiple of the first column's; a tenth more or less is noise.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import create_engine, insert

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.storage import ballots
from stembus.scripts.develop.big_log import big_log
from stembus.scripts.develop.load_material import Material, copy_referendum, make_material, material
from stembus.scripts.rehearsal.referendum import Rehearsal

CASTS = 200
_LEAST = 100
_ROWS_AT_ONCE = 10_000


class GrowthFailed(Exception):
    """A log of this size does not verify."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds, and by how much the process grew at most, in MiB."""

    seconds: float
    memory: float


def _measured(work: Callable[[], object]) -> Cost:
    before, start = _status("VmRSS"), time.process_time()
    work()
    return Cost(time.process_time() - start, _status("VmHWM") - before)


def _status(field: str) -> float:
    """In MiB. What getrusage calls the most is inherited from whoever started the process."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[field].split()[0]) / 1024


def verify_cost(folder: Path) -> Cost:
    place, referendum = FolderPlace(folder / "public"), (folder / "referendum.id").read_text().strip()

    def work() -> None:
        if (status := verify(place, bytes.fromhex(referendum)).exit_status) != 0:
            raise GrowthFailed(f"{folder} does not verify: exit status {status}")

    return _measured(work)


def open_cost(folder: Path) -> Cost:
    """What every start of a service or command costs that reads the log."""
    office = Rehearsal(folder).office
    return _measured(office.log)


def cast_cost(found: Material, stored: int) -> Cost:
    """A cast, in a ballot box that holds so many ballots; their rows are of random bytes, as ids and tokens are."""
    with tempfile.TemporaryDirectory(prefix="stembus-growth-") as work:
        office = copy_referendum(found.folder, Path(work) / "referendum", "")
        _fill(office, stored)
        box = office.box
        box.cast(found.ballots[CASTS])  # the first one loads what all need
        cost = _measured(lambda: [box.cast(raw) for raw in found.ballots[:CASTS]])
        office.dispose()
    return Cost(cost.seconds / CASTS, cost.memory)


def _fill(office: ServedOffice, number: int) -> None:
    width = office.box.context.size
    engine = create_engine(f"sqlite:///{office.root / 'box' / 'box.db'}")
    with engine.begin() as db:
        for first in range(0, number, _ROWS_AT_ONCE):
            rows = [_row(width) for _ in range(min(_ROWS_AT_ONCE, number - first))]
            db.execute(insert(ballots), rows)
    engine.dispose()


def _row(width: int) -> dict[str, object]:
    ballot_id, token, cast_hash, raw = (secrets.token_bytes(size) for size in (32, 32, 32, width))
    return {"ballot_id": ballot_id, "token": token, "seq": 0, "cast_hash": cast_hash, "batch": 0, "cast_ballot": raw}


def alone(work: Callable[..., Cost], *given: object) -> Cost:
    """In a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(work, *given).result()


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "public").rglob("*") if path.is_file())


def _show(label: str, values: Sequence[str]) -> None:
    print(f"{label:<44}" + "".join(f"{value:>16}" for value in values), flush=True)


def _table(label: str, costs: Sequence[Cost], unit: float, name: str) -> None:
    _show(f"{label}: processor time, {name}", [f"{cost.seconds * unit:.2f}" for cost in costs])
    _show("  times the first column", [f"{cost.seconds / costs[0].seconds:.1f}" for cost in costs])
    _show("  memory on top of the program, MiB", [f"{cost.memory:.0f}" for cost in costs])


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(cost.seconds for cost in costs), statistics.median(cost.memory for cost in costs))


def run(sizes: Sequence[int], folder: Path, repeat: int) -> None:
    """Raises GrowthFailed."""

    def told(what: str, done: int, of: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{what} {done} of {of}   ", end="\n" if done == of else "", file=sys.stderr, flush=True)

    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as executor:
        logs = [big_log(folder, size, executor, told) for size in sizes]
    found = material(folder / "casts", CASTS + 1) or make_material(folder / "casts", CASTS + 1)
    _show("voters, each with one ballot", [f"{size:,}" for size in sizes])
    published = [_bytes(log) for log in logs]
    _show("  times the first column", [f"{size / sizes[0]:.1f}" for size in sizes])
    _show("published, MB", [f"{size / 1e6:.1f}" for size in published])
    _show("  times the first column", [f"{size / published[0]:.1f}" for size in published])
    kinds: list[tuple[str, float, str, Callable[[int], Cost]]] = [
        ("stembus verify, one process", 1, "s", lambda k: alone(verify_cost, logs[k])),
        ("a service's start: reading the log", 1, "s", lambda k: alone(open_cost, logs[k])),
        ("a cast with so many stored", 1000, "ms", lambda k: alone(cast_cost, found, sizes[k])),
    ]
    for label, unit, name, measure in kinds:
        print(f"measuring: {label} ...", file=sys.stderr, flush=True)
        # In turn, so that a machine that slows down does so for all.
        rounds = [[measure(k) for k in range(len(sizes))] for _ in range(repeat)]
        _table(label, [_median([costs[k] for costs in rounds]) for k in range(len(sizes))], unit, name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make growth", description="How the work grows; see the top of the file.")
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000], help="numbers of voters, 100 or more")
    parser.add_argument("--folder", type=Path, default=Path(".growth"), help="where the logs are kept")
    parser.add_argument("--repeat", type=int, default=3, help="how often each figure is taken")
    arguments = parser.parse_args()
    if min(arguments.sizes) < _LEAST or arguments.repeat < 1:
        parser.error(f"sizes are {_LEAST} or more, and each figure is taken once or more")
    try:
        run(arguments.sizes, arguments.folder, arguments.repeat)
    except GrowthFailed as error:
        sys.exit(f"stembus: error: {error}")


if __name__ == "__main__":
    main()
