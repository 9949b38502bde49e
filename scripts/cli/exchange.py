"""What leaves the office and what comes in: the bundle for everybody, and entries that others signed.

Decides that what is handed out is what was verified, and that it is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from stembus.audit.log.bundle import copy_bundle
from stembus.audit.verify import Report, Verdict
from stembus.ballot.office.new_place import demand_new
from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.log_steps import elect, settle
from stembus.scripts.escape import shown
from stembus.scripts.published import verified
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say


@click.command()
@DIRECTORY
@click.option("--to", "target", type=click.Path(path_type=Path), help="Copy the bundle here: a folder, or a .zip.")
def publish(directory: Path, target: Path | None) -> None:
    """Tidy the published folder, verify it, and copy it.

    \b
    Example:  stembus publish kortrijk --to kortrijk-2019.zip
    """
    office = open_office(directory)
    if target is not None:
        demand_new(directory, target)
    log = office.log()
    log.tidy()
    settle(log)
    if target is None:
        report = _demand_sound(office.public, office.referendum)
    else:
        with _copied(office.public, target) as copy:
            report = _demand_sound(copy, office.referendum)
        say(f"copied to {target}")
    word = "with faults, on which no result depends" if report.has(Verdict.STANDS) else "sound"
    click.echo(f"{office.public}: {report.figures.entries} log entries, {word}")
    next_step(f"anyone can run: stembus verify {target or office.public} --referendum {office.referendum.hex()}")


def _demand_sound(bundle: Path, referendum: bytes) -> Report:
    """Raises LogNotVerified."""
    with verified(str(bundle), referendum, number=1) as report:
        for fault in report.faults:
            say(shown(f"{fault.check} {fault.where}: {fault.message}"))
        report.demand_log()
    return report


@contextmanager
def _copied(public: Path, target: Path) -> Iterator[Path]:
    """A copy of the bundle, to be verified; it becomes `target` when the block ends well. The log may grow meanwhile,
    so a look at the published folder would say nothing about the copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as beside:
        made = Path(beside) / "copy"
        copy_bundle(public, made)
        yield made
        if target.suffix == ".zip":
            made = Path(shutil.make_archive(str(made), "zip", made))
        made.rename(target)


@click.command()
@DIRECTORY
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
def submit(directory: Path, files: tuple[Path, ...]) -> None:
    """Append signed entries that others sent, such as a trustee's.

    \b
    Example:  stembus submit kortrijk trustee-2-commit.json
    """
    office = open_office(directory)
    log = office.log()
    reader = log.reader()
    known = {hashlib.sha256(reader.entry(index)).digest() for index in range(log.size)}
    for path in files:
        # A trustee's page saves several entries in one file, a line each.
        entries = path.read_bytes().strip(b"\n").split(b"\n")
        if not all(entry[:1] == b"{" for entry in entries):
            raise NotReady(f"{path} is no signed entry; nothing of it was added")
        new = [entry for entry in entries if hashlib.sha256(entry).digest() not in known]
        if not new:
            say(f"already done: {path} stands in the log")
            continue
        log.append(new)
        say(f"logged: {path}")
    if log.order.phase.value == "ceremony":
        elect(office)
    else:
        settle(log)
