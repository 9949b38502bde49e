"""`make faults`: every row on its databases, one after another, and a line for each.

Decides what is run and the exit status: 0 when every row holds, 1 when one does not, 2 for wrong arguments. Folders of
rows that failed stay, and are named.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stembus.scripts.develop.faults.ending import Outcome, RowFailed, demand_said, take_over
from stembus.scripts.develop.faults.faulty_machine import may_mount
from stembus.scripts.develop.faults.poll import Poll
from stembus.scripts.develop.faults.processes import ServiceRefused
from stembus.scripts.develop.faults.rows import POSTGRESQL, ROWS, SHORT_ROWS, SQLITE, Row
from stembus.scripts.develop.faults.stores import PostgresServer
from stembus.scripts.develop.prepare import Unprepared

SHORT_SIZE = 0.05


def run_row(row: Row, server: PostgresServer | None, seed: int, size: float, folder: Path) -> Outcome:
    """Makes a referendum, lets it all happen, and counts. Never raises for what the product does."""
    database = POSTGRESQL if server else SQLITE
    outcome, begun = Outcome(row.name, database), time.monotonic()
    poll = Poll(folder, server, random.Random(f"{seed} {row.name} {database}"), row.letters, size)
    try:
        poll.open()
        row.run(poll, outcome)
    except (RowFailed, ServiceRefused) as error:
        outcome.problems.append(f"{type(error).__name__}: {error}")
    except Exception:
        outcome.problems.append(f"the suite itself broke: {traceback.format_exc()}")
    finally:
        poll.stop()
    take_over(poll, outcome)
    demand_said(outcome, *row.said)
    outcome.seconds = time.monotonic() - begun
    (folder / "messages").write_text("\n".join([*outcome.messages, *poll.tracebacks]))
    return outcome


def run(asked: argparse.Namespace) -> list[Outcome]:
    """Prints each row's lines when it is over."""
    databases = [SQLITE, POSTGRESQL] if asked.database == "both" else [asked.database]
    outcomes = []
    for database in databases:
        names = [asked.row] if asked.row else SHORT_ROWS[database] if asked.short else [row.name for row in ROWS]
        rows = [row for row in ROWS if row.name in names and database in row.databases]
        if not rows:
            continue
        server = PostgresServer() if database == POSTGRESQL else None
        try:
            for row in rows:
                if row.mounts and not may_mount():
                    print(f"----  {row.name:<24} {database:<10} not run: only root can mount a small disk", flush=True)
                    continue
                folder = Path(tempfile.mkdtemp(prefix=f"stembus-faults-{row.name}-"))
                outcome = run_row(row, server, asked.seed, SHORT_SIZE if asked.short else asked.size, folder)
                print("\n".join(outcome.lines()), flush=True)
                if outcome.holds and not asked.keep:
                    shutil.rmtree(folder, ignore_errors=True)
                else:
                    print(f"      kept: {folder} (its file `messages` has every refusal)", flush=True)
                outcomes.append(outcome)
        finally:
            if server is not None:
                server.stop()
    return outcomes


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--short", action="store_true", help="a few rows, with few kills")
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL, "both"], default="both")
    parser.add_argument("--row", choices=[row.name for row in ROWS], help="this row alone")
    parser.add_argument("--seed", type=int, default=1, help="of every random moment")
    parser.add_argument("--keep", action="store_true", help="keep every row's folder")
    parser.add_argument("--size", type=float, default=1.0, help="how long rows go on; 1 makes at least 300 kills")
    asked = parser.parse_args(arguments)
    try:
        outcomes = run(asked)
    except Unprepared as error:
        print(f"stembus: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stembus: error: stopped; the rows so far are printed", file=sys.stderr)
        return 130
    killed: Counter[str] = Counter()
    for outcome in outcomes:
        killed += outcome.kills
    failed = [outcome for outcome in outcomes if not outcome.holds]
    counted = [outcome.count for outcome in outcomes if outcome.count]
    print(
        f"{len(outcomes)} rows, {len(failed)} failed; {killed.total()} kills; acknowledged "
        f"{sum(found.acknowledged for found in counted)}, lost {sum(found.lost for found in counted)}, "
        f"twice {sum(found.twice for found in counted)}; seed {asked.seed}"
    )
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
