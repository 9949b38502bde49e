"""`make load`: how many ballots a ballot box takes in a second, and how long a voter waits for the promise.

    make load                                        saturation, then 30 s at 30 casts a second with sealing
    make load ARGS="--database sqlite"               the same on SQLite
    make load ARGS="--minutes 10 --pace kortrijk"    all 10,080 casts of 9,880 voters within ten minutes

Casts ballots that were made beforehand (kept in .load/) at a box of two workers. At the end every promise is looked up
in the log. Box, database and driver share this machine's processors, so the figures are those of this machine, busy as
it is; the check of a ballot alone is measured beside them, as a measure. Decides what is run and printed. The sealing
asks a registrar in the same folder, and witnesses beside the log: no network is in it.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.errors import AuditError
from stembus.audit.formats.receipt import check_promise, parse_promise
from stembus.audit.verify.ballots import check_ballot
from stembus.ballot.office.services import ServedOffice
from stembus.scripts.develop.load_box import (
    Answer,
    Box,
    LoadFailed,
    cast_all,
    environment,
    family_seconds,
    processor_seconds,
    serve_box,
)
from stembus.scripts.develop.load_material import copy_referendum, make_material, material
from stembus.scripts.develop.prepare import Unprepared
from stembus.scripts.develop.private_postgres import new_database, private_postgres

KORTRIJK = (9_880 + 200) / 600  # casts a second: all voters, and those who vote twice, within ten minutes
CHECKS = 100
PACED_CLIENTS = 64


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock, and of processors: the box's workers, the database's server, this program, and the
    programs that it ran (sealing)."""

    clock: float
    workers: float
    database: float
    driver: float
    sealing: float

    @staticmethod
    def now(box: Box, database: int | None) -> Cost:
        own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return Cost(
            time.perf_counter(),
            processor_seconds(box.workers),
            family_seconds(database) if database is not None else 0.0,
            own.ru_utime + own.ru_stime,
            ended.ru_utime + ended.ru_stime,
        )

    def since(self, start: Cost) -> Cost:
        pairs = ((getattr(self, name), getattr(start, name)) for name in self.__dataclass_fields__)
        return Cost(*(end - begin for end, begin in pairs))


@dataclass
class Sealer:
    """Runs `stembus seal` as a timer would, in a thread."""

    folder: Path
    every: float
    runs: int = 0
    sealed: int = 0
    slowest: float = 0.0
    failed: str = ""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Sealer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self.every):
            self.seal()

    def seal(self) -> None:
        command = [str(Path(sys.executable).with_name("stembus")), "seal", str(self.folder)]
        start = time.perf_counter()
        done = subprocess.run(command, env=environment(self.folder), capture_output=True, text=True, check=False)
        self.runs += 1
        self.slowest = max(self.slowest, time.perf_counter() - start)
        self.sealed += "stands in the log" in done.stdout + done.stderr
        if done.returncode != 0:
            self.failed = done.stderr.strip()


def percentile(seconds: Sequence[float], part: float) -> float:
    """The smallest that `part` of them do not exceed (nearest rank)."""
    return sorted(seconds)[max(0, math.ceil(part * len(seconds)) - 1)]


def lost_promises(office: ServedOffice, ballots: Sequence[bytes], answers: Sequence[Answer]) -> list[str]:
    """What is wrong with each answer that is not the box's promise for its ballot, kept in the log."""
    log, wrong = office.log(), []
    log.refresh()
    reader, hashes = log.reader(), dict[str, int]()
    for number, (first, size) in enumerate(log.batches, 1):
        hashes |= {hashlib.sha256(reader.entry(k)).hexdigest(): number for k in range(first, first + size)}
    for ballot, answer in zip(ballots, answers, strict=True):
        if answer.status != 200:
            wrong.append(f"answered with {answer.status or 'nothing'}: {answer.body[:200].decode(errors='replace')}")
            continue
        try:
            promise = parse_promise(answer.body)
            check_promise(office.manifest, office.referendum, promise)
        except AuditError as error:
            wrong.append(f"no promise of this box: {error}")
            continue
        if promise.cast_hash != hashlib.sha256(ballot).hexdigest():
            wrong.append("the promise is for another ballot")
        elif hashes.get(promise.cast_hash) != promise.batch:
            wrong.append(f"promised for batch {promise.batch}, and in the log in {hashes.get(promise.cast_hash)}")
    return wrong


def show(label: str, value: str) -> None:
    print(f"{label:<46}{value:>16}", flush=True)


def show_run(title: str, answers: Sequence[Answer], cost: Cost, check: float, database: bool, rate: float) -> None:
    casts, seconds = len(answers), [answer.seconds for answer in answers]
    show(title, f"{casts} casts")
    show("  casts a second" + (f", asked for {rate:.1f}" if rate else ""), f"{casts / cost.clock:.1f}")
    show("  a worker's processor time", f"{cost.workers / casts * 1000:.2f} ms a cast")
    show("  the same, by the check of a ballot alone", f"{cost.workers / casts / check:.2f}")
    if database:
        show("  the database's processor time", f"{cost.database / casts * 1000:.2f} ms a cast")
    show("  the driver's processor time", f"{cost.driver / casts * 1000:.2f} ms a cast")
    if cost.sealing:
        show("  sealing's processor time", f"{cost.sealing / casts * 1000:.2f} ms a cast")
    for part in (0.5, 0.95, 0.99):
        show(f"  latency p{part * 100:.0f}", f"{percentile(seconds, part) * 1000:.0f} ms")


def measure_check(office: ServedOffice, ballots: Sequence[bytes]) -> float:
    """Seconds of processor time that the check of one ballot takes by itself."""
    context = office.context()
    start = time.process_time()
    for ballot in ballots:
        check_ballot(context, ballot)
    return (time.process_time() - start) / len(ballots)


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 1 if a promise was not kept. Raises LoadFailed or Unprepared."""
    rate = KORTRIJK if arguments.pace == "kortrijk" else float(arguments.pace)
    saturating = 0 if arguments.minutes else arguments.ballots
    paced = round(rate * (arguments.minutes * 60 or arguments.seconds))
    found = material(arguments.cache, saturating + paced)
    if found is None:
        print(f"making {saturating + paced} ballots, for this time and the next ...", flush=True)
        found = make_material(arguments.cache, saturating + paced)
    ballots, postgres = found.ballots, arguments.database == "postgresql"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stembus-load-", dir=arguments.work)))
        server = stack.enter_context(private_postgres(durable=True)) if postgres else None
        url = new_database(server.folder) if server is not None else ""
        office = copy_referendum(found.folder, folder / "referendum", url)
        check = measure_check(office, ballots[:CHECKS])
        box = stack.enter_context(serve_box(office.root, arguments.workers))
        show("processors", str(os.cpu_count()))
        show("load average before", f"{os.getloadavg()[0]:.1f}")
        show("workers, database", f"{arguments.workers}, {arguments.database}")
        show("the check of a ballot alone", f"{check * 1000:.2f} ms")
        number = server.process if server is not None else None
        answers: list[Answer] = []
        if saturating:
            start = Cost.now(box, number)
            answers += cast_all(box.port, ballots[:saturating], arguments.clients, None)
            cost = Cost.now(box, number).since(start)
            show_run(f"saturation, {arguments.clients} clients", answers, cost, check, postgres, 0)
        start = Cost.now(box, number)
        with Sealer(office.root, arguments.seal_every) as sealer:
            slower = cast_all(box.port, ballots[saturating:], PACED_CLIENTS, rate)
            cost = Cost.now(box, number).since(start)
        show_run(f"paced, sealing every {arguments.seal_every:g} s", slower, cost, check, postgres, rate)
        answers += slower
        sealer.seal()
        show("sealings, batches sealed, slowest", f"{sealer.runs}, {sealer.sealed}, {sealer.slowest:.1f} s")
        wrong = lost_promises(office, ballots, answers)
        office.dispose()
    show("promises kept in the log", f"{len(answers) - len(wrong)} of {len(answers)}")
    for text in wrong[:5]:
        print(f"stembus: error: {text}", file=sys.stderr)
    if sealer.failed:
        raise LoadFailed(f"a sealing failed: {sealer.failed}")
    return 1 if wrong else 0


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description="Load on a ballot box; see the top of the file.")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=16, help="that cast one after the other, in saturation")
    parser.add_argument("--ballots", type=int, default=1500, help="cast in saturation; 0 leaves it out")
    parser.add_argument("--pace", default="30", help="casts a second, or kortrijk")
    parser.add_argument("--seconds", type=float, default=30, help="of the paced run")
    parser.add_argument("--minutes", type=float, default=0, help="of a paced run alone, without saturation")
    parser.add_argument("--seal-every", type=float, help="seconds; 10, with --minutes 60 as in a city")
    parser.add_argument("--cache", type=Path, default=Path(".load"), help="where ballots are kept")
    parser.add_argument("--work", type=Path, default=None, help="on which disk the box works; by default /tmp")
    arguments = parser.parse_args(words)
    arguments.seal_every = arguments.seal_every or (60 if arguments.minutes else 10)
    return arguments


def main() -> None:
    try:
        status = run(parse_arguments(sys.argv[1:]))
    except (LoadFailed, Unprepared) as error:
        sys.exit(f"stembus: error: {error}")
    sys.exit(status)


if __name__ == "__main__":
    main()
