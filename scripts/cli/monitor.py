"""The command that watches a referendum while people vote.

Decides how often is looked, what is said, and exit status. What is seen is decided in `audit.monitor`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from pathlib import Path

import click

from stembus.audit.log.places import ADDRESSES
from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.hand_in import FILE_BYTES, HandIn
from stembus.audit.monitor.handed import BALLOTS, BROUGHT, DECRYPTIONS, OWN, PROMISES
from stembus.audit.monitor.vantage import Vantage
from stembus.audit.monitor.watch import Relayed, Round
from stembus.scripts.escape import shown
from stembus.scripts.published import referendum_id
from stembus.scripts.shell import say
from stembus.scripts.small_server import Limits, demand_server, listen
from stembus.scripts.watching import Watching

_MARGIN_SECONDS = 300
_LIMITS = Limits(FILE_BYTES, threads=4, connections=500, slow_seconds=10)
_TO_MEND = (Relayed.INVALID, Relayed.UNREADABLE)


@click.command()
@click.argument("address", metavar="URL")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--keep", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Its folder.")
@click.option("--also", multiple=True, metavar="URL", help="Another address that shows the log; may be repeated.")
@click.option("--witness", multiple=True, metavar="URL", help="A witness's address; may be repeated.")
@click.option("--pages", is_flag=True, help="Also fetch what voters are served, and compare it with the log.")
@click.option("--every", type=click.IntRange(10), default=60, show_default=True, help="Seconds between two looks.")
@click.option("--listen", type=click.IntRange(1, 65_535), metavar="PORT", help="Show a page at this port of 127.0.0.1.")
@click.option("--hand-in", is_flag=True, help="Take files there that people hand in: ballots, promises, decryptions.")
@click.option("--once", is_flag=True, help="Look once, and end with the exit status of stembus verify.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
def monitor(
    address: str,
    referendum: str,
    folder: Path,
    also: tuple[str, ...],
    witness: tuple[str, ...],
    pages: bool,
    every: int,
    listen: int | None,
    hand_in: bool,
    once: bool,
    workers: int,
) -> None:
    """Watch a referendum: verify its log again and again, compare what is shown elsewhere, keep what proves a fraud.

    \b
    URL is the published log. Its folder keeps a copy, so only what is new is fetched. Promises
    that voters hand in as files lie in KEEP/promises, and each is looked for at every look;
    ballots that the box refused them lie in KEEP/ballots, are checked, and brought to the box.
    Trustees' decryptions that the log did not take lie in KEEP/decryptions, and are counted. With
    --hand-in people bring all of these by the page at --listen.
    Signed heads that contradict each other are kept in KEEP/evidence, for: stembus judge; so is,
    with --pages, what the site serves to voters in the place of a file that the log names.
    Exit status with --once: as stembus verify, and 1 where another history was seen.
    Example:  stembus monitor https://vote.example.org/log --referendum ID --keep watch --listen 8770
    """
    identity = referendum_id(referendum)
    for place in (address, *also, *witness):
        if not place.startswith(ADDRESSES):
            raise click.UsageError(f"{place} is no address: it begins with https://")
    vantages = [Vantage(place) for place in also] + [Vantage(place, witness=True) for place in witness]
    if hand_in and (listen is None or once):
        raise click.UsageError("--hand-in needs the page: --listen PORT, without --once")
    for name in (PROMISES, BALLOTS, DECRYPTIONS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    watching = Watching(address, identity, folder, vantages, workers, pages, hand_in)
    if listen is not None and not once:
        _show(folder, watching, listen, 3 * every + _MARGIN_SECONDS, hand_in)
    told = ""
    while True:
        seen = watching.look()
        words = _words(seen)
        if words != told or once:
            click.echo(words)
        told = words
        if once:
            sys.exit(1 if any(sight.split for sight in seen.sights) else seen.report.exit_status)
        time.sleep(every)


def _show(folder: Path, watching: Watching, port: int, fresh: int, hand_in: bool) -> None:
    demand_server()
    taking = HandIn(folder, lambda: watching.parties) if hand_in else None
    app = MonitorApp(folder, lambda: watching.last, time.time, fresh, taking)
    server = listen(app, "127.0.0.1", port, "another", _LIMITS)
    threading.Thread(target=server.run, daemon=True).start()
    say(f"the page is at http://127.0.0.1:{port}/")


def _words(seen: Round) -> str:
    figures = seen.report.figures
    lines = [f"{seen.report.outcome.word}: {figures.entries} entries, {figures.ballots} ballots"]
    lines += [f"  LOOK: {alarm}" for alarm in seen.alarms()]
    lines += [f"  not known now: {doubt}" for doubt in seen.doubts()]
    lines += [f"  {sight.vantage.address}: {sight.word.value}" for sight in seen.sights]
    lines += [f"  decryptions: {seen.decrypted}"] if seen.decrypted else []
    # Counted, as a line that names a ballot at the moment of its cast would tell when somebody voted.
    lines += [f"  promises: {text}: {count}" for text, count in Counter(one.text for one in seen.handed).items()]
    lines += [f"  ballots: {text}: {count}" for text, count in Counter(one.state.value for one in seen.brought).items()]
    lines += [
        f"  ballot {one.name}: {one.reason}"
        for one in seen.brought
        if one.state in _TO_MEND and not one.name.startswith((OWN, BROUGHT))
    ]
    return "\n".join(shown(line) for line in lines)
