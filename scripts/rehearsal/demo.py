"""`stembus demo`: the Kortrijk referendum of October 2019, replayed with real cryptography.

A made-up register, the real code paths and files on disk, a simulated week. Decides only who votes what;
everything else is what an official, a voter or a trustee would run.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stembus.audit.log.bundle import bundle_of
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import Report, verify
from stembus.scripts.escape import shown
from stembus.scripts.published import workers
from stembus.scripts.rehearsal.budget_day import budget_choice, with_budget
from stembus.scripts.report_text import print_result
from stembus.scripts.shell import fail, program, progress, say, server_parts

NO_SHARE = 5632 / 9880
REVOTES_SHARE = 200 / 9880
MINIMUM_SHARE = 2000 / 9880

if TYPE_CHECKING:
    from stembus.scripts.rehearsal.crowd import VoterPlan
    from stembus.scripts.rehearsal.referendum import Rehearsal

Row = tuple[str, float, str]


class Phases:
    """Times each phase and remembers what came out."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[Callable[[str], None]]:
        outcome = ""

        def done(text: str) -> None:
            nonlocal outcome
            outcome = text

        say(f"{name} ...")
        start = time.perf_counter()
        yield done
        self.rows.append((name, time.perf_counter() - start, outcome))

    def table(self) -> str:
        lines = [f"{'phase':<24}{'seconds':>8}  what came out"]
        lines += [f"{name:<24}{seconds:>8.1f}  {outcome}" for name, seconds, outcome in self.rows]
        lines.append(f"{'in all':<24}{sum(row[1] for row in self.rows):>8.1f}")
        return "\n".join(lines)


@click.command()
@click.option("--voters", type=click.IntRange(1), help="How many vote.  [default: 9880]")
@click.option("--eligible", type=click.IntRange(1), help="How many letters there are.  [default: 62000]")
@click.option("--budget", is_flag=True, help="A citizens' budget of 24 projects instead, usually of 2,000 voters.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("demo"), show_default=True)
def demo(voters: int | None, eligible: int | None, budget: bool, out: Path) -> None:
    """Replay Kortrijk's car-free-Sunday referendum, from register to verified result.

    \b
    Example:  stembus demo --voters 300 --eligible 2000 --out /tmp/small
    """
    voters = voters or (2000 if budget else 9880)
    eligible = eligible or (10_000 if budget else 62_000)
    if voters > eligible:
        raise click.UsageError("there cannot be more voters than eligible people")
    if out.exists() and any(out.iterdir()):
        if not (out / "demo.txt").exists():
            fail(f"{out} is not empty", "choose another folder with --out")
        shutil.rmtree(out)
    server_parts()
    out.mkdir(parents=True, exist_ok=True)
    (out / "demo.txt").write_text("Made by stembus demo. The passphrase of every key here is: rehearsal\n")
    os.environ.setdefault("STEMBUS_PASSPHRASE", "rehearsal")
    with workers(os.cpu_count() or 1) as executor:
        report, table = run_demo(voters, eligible, out, executor, budget)
    click.echo(table)
    click.echo("")
    for fault in report.faults:
        click.echo(shown(f"{fault.check} {fault.where}: {fault.message}"))
    if report.result is None:
        fail("the verification found no result")
    print_result(report)
    click.echo("The week of voting ran on a simulated clock, with a cheap second factor: a rehearsal.")
    identity = (out / "referendum.id").read_text().strip()
    click.echo(f"verify it yourself:  {program()} verify {out / 'public'} --referendum {identity}")
    raise SystemExit(report.exit_status)


def run_demo(
    voters: int, eligible: int, out: Path, executor: Executor | None, budget: bool = False
) -> tuple[Report, str]:
    """The whole way of a vote; returns the verification's report and the table of phases."""
    from stembus.scripts.rehearsal.made_up_register import write_register
    from stembus.scripts.rehearsal.referendum import REFERENCE_DATE, Rehearsal, demo_draft

    phases = Phases()
    rehearsal = Rehearsal(out, executor)
    office = rehearsal.office
    register = out / "register.csv"
    with phases.phase("register") as done:
        write_register(register, eligible, date.fromisoformat(REFERENCE_DATE), max(1, eligible // 1000))
        done(f"{eligible} eligible people, and others")
    with phases.phase("keys and definition") as done:
        rehearsal.keys()
        floor, minimum = min(30, voters), round(voters * MINIMUM_SHARE)
        draft = demo_draft(eligible, minimum, floor=floor, batch_tokens=min(50, max(1, voters // 4)))
        rehearsal.define(with_budget(draft) if budget else draft)
        done(f"referendum {office.referendum.hex()[:16]}...")
    with phases.phase("key ceremony") as done:
        rehearsal.ceremony()
        done("3 trustees, any 2 decrypt")
    with phases.phase("roll import") as done, progress("second factors") as bar:
        reading = rehearsal.import_roll(register, bar)
        done(f"{len(reading.accepted)} accepted, {len(reading.refused)} refused by line and reason")
    with phases.phase("credentials") as done, progress("letters") as bar:
        made = rehearsal.credentials(bar)
        done(f"{made.credentials} letters, {made.spares} spares")
    with phases.phase("voting") as done, progress("votes") as bar:
        rehearsal.open()
        plans = _plans(rehearsal, register, voters, budget)
        casts = _vote(rehearsal, plans, executor, bar)
        done(f"{casts} ballots by {voters} voters in {office.log().order.batches} batches")
    with phases.phase("close") as done:
        rehearsal.close()
        done(f"{office.log().order.ballots} ballots in {office.log().order.batches} batches")
    with phases.phase("tally") as done:
        rehearsal.tally()
        done("2 trustees verified the log, announced, decrypted")
    with phases.phase("publish") as done:
        office.log().tidy()
        done(f"{len(bundle_of(FolderPlace(office.public)).paths) + 1} files in {office.public}")
    with phases.phase("verify") as done, progress("verifying") as bar:
        report = verify(FolderPlace(office.public), office.referendum, executor, bar)
        done("holds" if report.exit_status == 0 else f"{len(report.faults)} faults")
    return report, phases.table()


def _plans(rehearsal: Rehearsal, register: Path, voters: int, budget: bool) -> list[VoterPlan]:
    """5,632 of 9,880 say no; 200 vote twice and change their mind: only the second vote may count. In a budget, people
    choose what they like."""
    from stembus.scripts.rehearsal.crowd import VoterPlan

    chance = random.Random(2019)
    letters = rehearsal.letters(register)
    chance.shuffle(letters)
    no = round(voters * NO_SHARE)
    choices: list[tuple[int, ...]] = [(int(number >= no),) for number in range(voters)]
    chance.shuffle(choices)
    again = set(chance.sample(range(voters), round(voters * REVOTES_SHARE)))
    if budget:
        choices = [budget_choice(chance) for _ in range(voters)]
    first = [budget_choice(chance) if budget else (1 - choice[0],) for choice in choices]
    return [VoterPlan(*letters[k], (first[k], choice) if k in again else (choice,)) for k, choice in enumerate(choices)]


def _vote(
    rehearsal: Rehearsal, plans: Sequence[VoterPlan], executor: Executor | None, bar: Callable[[int, int], None]
) -> int:
    """Everybody asks a token and casts. Time passes evenly over the week; batches go in on the way."""
    from stembus.scripts.rehearsal.crowd import vote_together

    manifest, voters = rehearsal.office.manifest, len(plans)
    week = manifest.closes_at - manifest.batching.quiet_seconds - 1 - manifest.opens_at
    step = max(2, voters // 80)
    casts = 0
    for first in range(0, voters, step):
        part = plans[first : first + step]
        casts += vote_together(rehearsal.office.root, rehearsal.clock.now(), part, executor, os.cpu_count() or 1)
        rehearsal.clock.move_to(manifest.opens_at + week * (first + len(part)) // voters)
        rehearsal.seal()
        bar(first + len(part), voters)
    return casts
