"""`stembus status`: where the referendum stands, and what comes next.

Decides what is told of it: never a count for an option before the result. Leaves to each command whether its step may
be taken. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import click

from stembus.audit.state_machine import ALLOWED, Order, Phase
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.office.office import Office
from stembus.ballot.office.officers import waiting
from stembus.scripts.report_text import at_home
from stembus.scripts.shell import DIRECTORY, next_step, open_office, serve_office
from stembus.tally.member import still_to_come


@click.command()
@DIRECTORY
def status(directory: Path) -> None:
    """Say where the referendum stands; never a count for an option before the result. Writes nothing.

    \b
    Example:  stembus status kortrijk
    """
    office = open_office(directory)
    log = office.log()
    order = log.order
    click.echo(f"referendum  {office.referendum.hex()}{'' if office.manifest.binding else '  (rehearsal)'}")
    click.echo(f"phase       {order.phase.value}")
    click.echo(f"log         {log.size} entries, {order.batches} batches, {order.ballots} ballots")
    if not log.is_published():
        click.echo("            the newest step waits for a quorum of witnesses; run its command again")
    for line in _details(directory, office, log):
        click.echo(line)
    if following := what_follows(directory, office, order):
        next_step(following)


def _details(directory: Path, office: Office, log: LogWriter) -> Iterator[str]:
    order = log.order
    if order.phase is Phase.CEREMONY:
        steps = ", ".join(f"{len(done)} {name}" for name, done in _ceremony(order))
        yield f"ceremony    attempt {order.attempt}: {steps} of {order.trustees}"
    if order.phase is Phase.ROLLED:
        again = f"{len(order.drilled_again)} of {order.trustees}"
        yield f"drills      {again} drilled once more, which they may until the opening"
    if order.phase is Phase.OPEN:
        served = serve_office(directory)
        if served.key_path("registrar-1").exists():
            yield f"tokens      {served.registrar().issued_count()} of {office.manifest.eligibility.official_count}"
        yield f"waiting     {served.box.pending()} ballots for the next batch"
    if order.phase is Phase.CLOSED:
        yield from _count(office, log)
    if order.phase in (Phase.CLOSED, Phase.TALLIED) and order.may_sample:
        wanted = office.manifest.sample_size
        yield f"sample      {wanted} people are to be drawn, with dice, and asked: stembus sample {directory} --help"
    yield from _to_sign(office, log)
    if office.purge_record.exists():
        yield f"purge       what was destroyed is not signed in the log yet: stembus purge {directory}"
    if order.paper_stated and office.paper_seed.exists():
        yield f"seed        {office.paper_seed} is still here, and every copy of it is to be destroyed"


def _to_sign(office: Office, log: LogWriter) -> Iterator[str]:
    """What can still be logged once another officer has signed it."""
    drafts = [(path, entry) for path, entry in waiting(office.root) if entry.type in ALLOWED[log.order.phase]]
    kinds = {draft.type for _, draft in drafts}
    logged = [entry.body for _, entry in log.entries() if entry.type in kinds] if drafts else []
    for path, entry in drafts:
        if entry.body in logged:
            continue
        signed = ", ".join(signature.by.replace("/", " ") for signature in entry.signatures)
        yield f"signatures  {path} is signed by {signed}; with all signatures, run its command again"


def _ceremony(order: Order) -> tuple[tuple[str, Collection[int]], ...]:
    """Each step of the current attempt, in order, with the trustees who have done it."""
    sent = [sender for sender, _ in order.shared]
    shared = {sender for sender in sent if sent.count(sender) == order.trustees - 1}
    if order.attempt in order.voided:
        return (("committed", ()),)
    return (
        ("committed", order.committed),
        ("revealed", order.revealed),
        ("shared", shared if order.trustees > 1 else order.revealed),
        ("confirmed", order.confirmed),
        ("drilled", order.drilled),
    )


def _count(office: Office, log: LogWriter) -> Iterator[str]:
    order = log.order
    if (until := _complaints_until(office, log)) is not None:
        over = "are over since" if office.clock.now() >= until else "are heard until"
        yield f"complaints  {over} {at_home(until, office.manifest)}; no trustee announces the count before"
    yield f"tally       {len(order.intents)} intents, {len(order.partials)} decryptions of {order.threshold}"


def _complaints_until(office: Office, log: LogWriter) -> int | None:
    """Unix seconds; None where none are heard, or the count has begun."""
    decided = log.time_at(log.decided) if log.decided else None
    if decided is None or not office.manifest.complaint_seconds or log.order.intents:
        return None
    return decided + office.manifest.complaint_seconds


COMMANDS = {"committed": "commit", "revealed": "reveal", "shared": "share", "confirmed": "confirm", "drilled": "drill"}


def what_follows(directory: Path, office: Office, order: Order) -> str | None:
    """The command that the referendum waits for; None once nothing is left to do."""
    if order.phase is Phase.CEREMONY:
        if order.attempt in order.voided:
            return f"the attempt is void: each trustee runs stembus trustee commit {directory}"
        for name, done in _ceremony(order):
            if waiting := still_to_come(order.trustees, done):
                return f"{waiting}: stembus trustee {COMMANDS[name]} {directory} --number N"
        if order.agreed:
            return (
                f"the election key is still to be logged, by any trustee: stembus trustee drill {directory} --number N"
            )
        return f"stembus trustee again {directory}: the trustees confirmed different keys"
    if order.phase is Phase.CLOSED:
        if order.paper_due and not order.paper_stated:
            return f"people were struck for paper: say how they voted, stembus paper {directory} --help"
        if (until := _complaints_until(office, office.log())) is not None and office.clock.now() < until:
            heard = f"complaints are heard until {at_home(until, office.manifest)}"
            return f"{heard}; after that: stembus trustee intent {directory} --number N"
        if len(order.intents) < order.threshold:
            return f"{order.threshold - len(order.intents)} more: stembus trustee intent {directory} --number N"
        if len(order.partials) < order.threshold:
            return f"{order.threshold - len(order.partials)} more: stembus trustee decrypt {directory} --number N"
        return f"stembus tally {directory}"
    return {
        Phase.KEYED: f"stembus roll import {directory} REGISTER.csv",
        Phase.ROLLED: f"stembus open {directory}, from {office.manifest.opens}",
        Phase.OPEN: f"every minute: stembus seal {directory}; from {office.manifest.closes}: stembus close {directory}",
        Phase.TALLIED: f"stembus publish {directory}",
    }.get(order.phase)
