"""The referendum of `make load`, and its ballots, made beforehand and kept for the next time.

    FOLDER/<number>/referendum/    its folder, open for some months, all tokens given out
    FOLDER/<number>/ballots        as many ballots, one after the other, none of them cast yet
    FOLDER/<number>/ballots.size   the bytes of each; written last, so that what was cut short is made again

Decides its rules: one ballot makes a batch due. Leaves casting to `load`.
"""

from __future__ import annotations

import csv
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from stembus.audit.formats.manifest import cast_ballot_bytes
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.scripts.rehearsal.local import make_rehearsal
from stembus.scripts.rehearsal.referendum import PASSPHRASE, Rehearsal

_DAYS_OPEN = 120
_DAYS_NEEDED = 1
_SLICE = 25


@dataclass(frozen=True)
class Material:
    """`folder` is to be copied; `ballots` are cast ballots of different tokens, each the first of its token."""

    folder: Path
    ballots: Sequence[bytes]


def material(folder: Path, number: int) -> Material | None:
    """The smallest one that was kept, is still open, and has `number` ballots of today's form."""
    kept = sorted(int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit())
    for size in kept:
        place = folder / str(size)
        if size < number or not (place / "ballots.size").exists():
            continue
        manifest = ServedOffice(place / "referendum", lambda _: PASSPHRASE).manifest
        if manifest.closes_at < time.time() + _DAYS_NEEDED * 86_400:
            continue
        width = int((place / "ballots.size").read_text())
        if width != cast_ballot_bytes(manifest):  # made before ballots changed
            continue
        raw = (place / "ballots").read_bytes()
        return Material(place / "referendum", [raw[k * width : (k + 1) * width] for k in range(number)])
    return None


def make_material(folder: Path, number: int) -> Material:
    """Takes about a hundredth of a second for each ballot and processor."""
    place = folder / str(number)
    shutil.rmtree(place, ignore_errors=True)
    root = place / "referendum"
    make_rehearsal(root, _DAYS_OPEN * 24 * 60, 80, number)
    with (root / "voters.csv").open(encoding="ascii", newline="") as file:
        letters = [(code, born) for code, born in csv.reader(file)]
    parts = [letters[k : k + _SLICE] for k in range(0, number, _SLICE)]
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as executor:
        ballots = [raw for made in executor.map(_make_ballots, [root] * len(parts), parts) for raw in made]
    (place / "ballots").write_bytes(b"".join(ballots))
    (place / "ballots.size").write_text(str(len(ballots[0])))
    return Material(root, ballots)


_OPENED: dict[Path, Rehearsal] = {}


def _make_ballots(root: Path, letters: Sequence[tuple[str, str]]) -> list[bytes]:
    """What the voters of these letters do, short of casting."""
    rehearsal = _OPENED.setdefault(root, Rehearsal(root, start=int(time.time())))
    context = rehearsal.office.box.context
    ballots = []
    for number, letter in enumerate(letters):
        voting_pass = rehearsal.token(*letter)
        ballots.append(sign_ballot(context, voting_pass, prepare(context, voting_pass, [[number % 2]]), 0))
    return ballots


def copy_referendum(source: Path, target: Path, box_database: str) -> ServedOffice:
    """A copy with a ballot box that is empty, in the database with this address; "" is SQLite in the folder."""
    shutil.copytree(source, target)
    for path in [target / "box" / "database", *(target / "box").glob("box.db*")]:
        path.unlink()
    if box_database:
        (target / "settings.toml").write_text(f'box_database = "{box_database}"\n')
        (target / "settings.toml").chmod(0o600)
    office = ServedOffice(target, lambda _: PASSPHRASE)
    office.create("box")
    return office
