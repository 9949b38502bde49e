"""A rehearsal at a local address, open from now on: what `stembus serve --fresh`, screens and browser tests vote in.

Decides its draft: the real clock, batches of one ballot, a floor of one.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft

LETTERS = 40


def draft_from_now(
    now: int, minutes: int, letters: int, base: str, registrars: Sequence[str], box: str, **more: object
) -> str:
    """Of a referendum that opens at `now`, Unix seconds, with the addresses of its site, registrars and box. `more` are
    values of `demo_draft`."""
    opens = datetime.fromtimestamp(now, UTC)
    values: dict[str, object] = {
        "clock": "real",
        "opens": opens.isoformat(),
        "closes": (opens + timedelta(minutes=minutes)).isoformat(),
        "floor": 1,
        "batch_seconds": 0,
        "batch_tokens": 0,  # else a second vote would wait for somebody who votes for the first time
        "quiet_seconds": 0,
        "healing_seconds": 0,
    }
    draft = demo_draft(letters, 1, **(values | more))
    draft = draft.replace('"https://registrar.example.org"', ", ".join(f'"{url}"' for url in registrars))
    draft = draft.replace("https://box.example.org", box).replace("https://vote.example.org", base)
    return draft.replace("grace_seconds = 300", "grace_seconds = 0  ")


def make_rehearsal(
    directory: Path,
    minutes: int,
    port: int,
    letters: int = LETTERS,
    registrar_url: str = "",
    box_url: str = "",
    change: Callable[[str], str] = lambda draft: draft,
    registrars: int = 1,
) -> None:
    """A referendum on the real clock, open from now on: batches of one ballot, floor one. Registrars and box are
    at `port` as well unless the only registrar and the box have addresses of their own; `change` has the last word on
    the draft."""
    now = int(time.time())
    base = "http://127.0.0.1" if port == 80 else f"http://127.0.0.1:{port}"
    urls = [registrar_url] if registrar_url else [f"{base}/registrar/{k}" for k in range(1, registrars + 1)]
    draft = draft_from_now(now, minutes, letters, base, urls, box_url or f"{base}/box")
    directory.mkdir(parents=True, exist_ok=True)
    rehearsal = Rehearsal(directory, start=now)
    rehearsal.keys(registrars=registrars)
    rehearsal.define(change(draft))
    rehearsal.ceremony()
    register = directory / "register.csv"
    write_register(register, letters, date(2019, 10, 14), 1)
    rehearsal.import_roll(register)
    rehearsal.credentials()
    rehearsal.open()
    with (directory / "voters.csv").open("w", encoding="ascii", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rehearsal.letters(register))
    rehearsal.office.dispose()
