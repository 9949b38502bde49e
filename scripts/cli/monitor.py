"""The command that watches a referendum while people vote, and the one that judges what it kept.

Decides how often is looked, what is said, and exit status. What is seen is decided in `audit.monitor`.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import click

from stembus.audit.errors import CannotRead, RecordInvalid
from stembus.audit.log.snapshot import folder_name
from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.split_log import SPLIT_BYTES, check_split, parse_split
from stembus.audit.monitor.vantage import Vantage
from stembus.audit.monitor.watch import PROMISES, Round, watch
from stembus.audit.verify.outcome import EXIT_USAGE
from stembus.audit.verify.report import Report, Verdict
from stembus.ballot.office.office import NotReady
from stembus.scripts.escape import shown
from stembus.scripts.published import referendum_id, verified
from stembus.scripts.shell import say

_COPIES = "copies"


class Watching:
    """Looks again and again; `last` is what was seen last, and when."""

    def __init__(self, address: str, referendum: bytes, folder: Path, vantages: list[Vantage], workers: int) -> None:
        self._address, self._referendum, self._folder = address, referendum, folder
        self._vantages = vantages
        self._workers = workers
        self._verified = _newest(folder / _COPIES)
        self.last: tuple[Round, int] | None = None

    def look(self) -> Round:
        copies = self._folder / _COPIES
        try:
            with verified(self._address, self._referendum, self._workers, copies) as report:
                seen = watch(report, self._vantages, self._folder)
                head = report.log.head if report.log is not None else None
            if head is not None:
                _forget_earlier(copies, folder_name(head))
                self._verified = folder_name(head)
            elif report.has(Verdict.BREACH):
                seen = self._compare_with_kept(seen)
        except CannotRead as error:
            seen = Round(Report(anchored=True))
            seen.report.unchecked("place", str(error))
        self.last = seen, int(time.time())
        return seen

    def _compare_with_kept(self, seen: Round) -> Round:
        """What is wrong with the log that is shown now may be that another one was shown before: both are signed."""
        kept = self._folder / _COPIES / self._verified
        if not self._verified or not kept.is_dir():
            return seen
        with verified(str(kept), self._referendum, self._workers) as report:
            before = watch(report, [Vantage(self._address), *self._vantages], self._folder)
        return replace(seen, sights=before.sights)


def _forget_earlier(copies: Path, newest: str) -> None:
    """The newest copy continues all before it."""
    for folder in copies.glob("*-*"):
        if folder.is_dir() and folder.name < newest:
            shutil.rmtree(folder, ignore_errors=True)


def _newest(copies: Path) -> str:
    """The copy that was verified last time; empty for none."""
    found = sorted(path.name for path in copies.glob("*-*") if path.is_dir())
    return found[-1] if found else ""


@click.command()
@click.argument("address", metavar="URL")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--keep", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Its folder.")
@click.option("--also", multiple=True, metavar="URL", help="Another address that shows the log; may be repeated.")
@click.option("--witness", multiple=True, metavar="URL", help="A witness's address; may be repeated.")
@click.option("--every", type=click.IntRange(10), default=60, show_default=True, help="Seconds between two looks.")
@click.option("--listen", type=click.IntRange(1, 65_535), metavar="PORT", help="Show a page at this port of 127.0.0.1.")
@click.option("--once", is_flag=True, help="Look once, and end with the exit status of stembus verify.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
def monitor(
    address: str,
    referendum: str,
    folder: Path,
    also: tuple[str, ...],
    witness: tuple[str, ...],
    every: int,
    listen: int | None,
    once: bool,
    workers: int,
) -> None:
    """Watch a referendum: verify its log whenever it grows, compare what is shown elsewhere, keep what proves a fraud.

    \b
    URL is the published log. Its folder keeps a copy, so only what is new is fetched. Promises
    that voters hand in as files lie in KEEP/promises; each is looked for at every look. Signed
    heads that contradict each other are kept in KEEP/evidence, as files for: stembus judge
    Example:  stembus monitor https://vote.example.org/log --referendum ID --keep watch --listen 8770
    """
    identity = referendum_id(referendum)
    vantages = [Vantage(place) for place in also] + [Vantage(place, witness=True) for place in witness]
    (folder / PROMISES).mkdir(parents=True, exist_ok=True)
    watching = Watching(address, identity, folder, vantages, workers)
    if listen is not None and not once:
        _show(folder, watching, listen)
    told = ""
    while True:
        seen = watching.look()
        words = _words(seen)
        if words != told or once:
            click.echo(words)
        told = words
        if once:
            sys.exit(1 if list(seen.splits()) else seen.report.exit_status)
        time.sleep(every)


def _show(folder: Path, watching: Watching, port: int) -> None:
    try:
        import waitress
    except ModuleNotFoundError:
        raise NotReady("the page needs waitress; install it with: pip install 'stembus[witness]'") from None
    app = MonitorApp(folder, lambda: watching.last)
    server = waitress.create_server(app, host="127.0.0.1", port=port, threads=2, ident="")
    threading.Thread(target=server.run, daemon=True).start()
    say(f"the page is at http://127.0.0.1:{port}/")


def _words(seen: Round) -> str:
    figures = seen.report.figures
    lines = [f"{seen.report.outcome.word}: {figures.entries} entries, {figures.ballots} ballots"]
    lines += [f"  LOOK: {alarm}" for alarm in seen.alarms()]
    lines += [f"  {sight.vantage.address}: {sight.word.value}" for sight in seen.sights]
    lines += [f"  promise {handed.name}: {handed.text}" for handed in seen.handed]
    return "\n".join(shown(line) for line in lines)


@click.command()
@click.argument(
    "files", metavar="FILE", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
def judge(files: tuple[Path, ...]) -> None:
    """Say what each FILE of a monitor's evidence proves, from its bytes alone.

    \b
    Exit status: 0 each proves what it says, 2 one of them proves nothing.
    Example:  stembus judge watch/evidence/*.json
    """
    void = False
    for path in files:
        with path.open("rb") as file:
            data = file.read(SPLIT_BYTES + 1)
        try:
            if len(data) > SPLIT_BYTES:
                raise RecordInvalid(f"it is longer than {SPLIT_BYTES} bytes")
            key, smaller, larger = check_split(parse_split(data))
        except RecordInvalid as error:
            void = True
            click.echo(shown(f"{path}: proves nothing: {error}"))
            continue
        click.echo(shown(f"{path}: the key of {key.name} signed two histories"))
        say(f"one of {smaller.size} entries and one of {larger.size}, which does not continue it; the key: {key}")
        say("if this is the log of the manifest, no result may rest on it: whoever has its key showed people different")
        say("logs. Keep the file and publish it; each witness shows which of the two it has cosigned")
    if void:
        sys.exit(EXIT_USAGE)
