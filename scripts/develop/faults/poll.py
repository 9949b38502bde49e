"""One small referendum with its services, its voters and its timer, for a row of the fault suite.

Registrar and ballot box run under gunicorn from two folders, as two organisations run them; `stembus seal` runs every
moment; the clock of every process but the voters' can be moved. Decides how the referendum ends: closed, counted and
verified by the commands of an official, each run again until it is done. Leaves to the rows what goes wrong before.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stembus.audit.errors import AuditError
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import load_setup
from stembus.scripts.develop.faults import clock
from stembus.scripts.develop.faults.counting import Logged, read_log
from stembus.scripts.develop.faults.processes import (
    Ended,
    Service,
    ServiceRefused,
    as_owner,
    gunicorn,
    run_stembus,
)
from stembus.scripts.develop.faults.stores import PostgresServer, PostgresStore, SqliteStore, Store
from stembus.scripts.develop.faults.voters import Device, Voters
from stembus.scripts.rehearsal.local import make_rehearsal
from stembus.scripts.rehearsal.referendum import PASSPHRASE

OPEN_MINUTES = 600
_TRIES = 12


class RowFailed(Exception):
    """The product, or the suite itself, did not do what this row expects; the text says what."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _many_casts(draft: str) -> str:
    return draft.replace("max_casts = 5 ", "max_casts = 500 ")


class Poll:
    """`folder` is empty. `server` is None on SQLite. `size` scales how long rows go on: 1 is the full suite."""

    def __init__(self, folder: Path, server: PostgresServer | None, rng: random.Random, letters: int, size: float):
        self.folder, self.server, self.rng, self.size = folder, server, rng, size
        self.office, self.registrars = folder / "office", folder / "registrar"
        self.clock_file = folder / "clock"
        self.kills: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.messages: list[str] = []
        self.recoveries: list[str] = []
        self.named = 0
        self.seal_kills = 0.0  # the share of seals that are killed
        self.hanging = 0
        self.tracebacks: list[str] = []
        self._seal_seconds = 2.0
        self._timer = threading.Lock()
        self._undo: list[Callable[[], None]] = []
        self._make(letters)

    def _make(self, letters: int) -> None:
        self.set_clock(0)
        self.office.mkdir(parents=True)
        self.box_store = self._store(self.office / "box" / "box.db")
        self.registrar_store = self._store(self.registrars / "registrar-1" / "registrar.db")
        if self.server is not None:
            desk = self._store(self.office / "desk" / "desk.db")
            urls = {"box": self.box_store, "registrar_1": self.registrar_store, "desk": desk}
            text = "".join(f'{name}_database = "{store.url}"\n' for name, store in urls.items())
            self.write_settings(self.office, text)
        site, self.registrar_port, self.box_port = free_port(), free_port(), free_port()
        registrar_url, box_url = (f"http://127.0.0.1:{port}" for port in (self.registrar_port, self.box_port))
        make_rehearsal(self.office, OPEN_MINUTES, site, letters, registrar_url, box_url, _many_casts)
        self.boxes = [box_url]
        self.registrars.mkdir()
        for party in ("registrar-1", "desk"):
            shutil.move(self.office / party, self.registrars / party)
        shutil.copy(self.office / "manifest.json", self.registrars)
        if self.server is not None:
            shutil.copy(self.office / "settings.toml", self.registrars)
        self.referendum = (self.office / "referendum.id").read_text().strip()
        self.setup = load_setup(FolderPlace(self.office / "public"), bytes.fromhex(self.referendum))
        self.registrar = self.service("registrar", self.registrar_port, self.registrars)
        self.box = self.service("box", self.box_port, self.office)
        self._sealing, self._ended = threading.Event(), threading.Event()
        self._sealer = threading.Thread(target=self._seal_on, daemon=True)

    def _store(self, path: Path) -> Store:
        return SqliteStore(path) if self.server is None else PostgresStore(self.server)

    @staticmethod
    def write_settings(folder: Path, text: str) -> None:
        (folder / "settings.toml").write_text(text)
        (folder / "settings.toml").chmod(0o640)

    def environment(self, folder: Path) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith("STEMBUS_")}
        path = os.pathsep.join([str(Path(clock.__path__[0])), *filter(None, [own.get("PYTHONPATH")])])
        return own | {
            "PYTHONPATH": path,
            "FAULTS_CLOCK": str(self.clock_file),
            "STEMBUS_PASSPHRASE": PASSPHRASE,
            "STEMBUS_DIR": str(folder),
        }

    def service(self, name: str, port: int, folder: Path, workers: int = 2) -> Service:
        log = self.folder / f"{name}-{port}.log"
        command = as_owner(gunicorn(f"stembus.webvote.run.wsgi:{name}", port, workers))
        return Service(name, port, self.environment(folder), log, command)

    # While people vote

    def open(self) -> None:
        """Services answer, devices vote, batches are sealed."""
        self.registrar.start()
        self.box.start()
        letters = [tuple(line.split(",")) for line in (self.office / "voters.csv").read_text().splitlines()]
        devices = [
            Device(number, self.setup, self.folder / "devices" / str(number), (code, born), self.boxes)
            for number, (code, born) in enumerate(letters)
        ]
        self.voters = Voters(devices)
        self._sealer.start()
        self.go_on()

    def go_on(self) -> None:
        self._sealing.set()
        self.voters.vote()

    def set_clock(self, seconds: float) -> None:
        """By which every service and command is ahead of the machine."""
        beside = self.clock_file.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.replace(self.clock_file)
        self.ahead = seconds

    def until_more(self, ballots: int, seconds: float = 120) -> None:
        """Waits until so many more are acknowledged. Raises RowFailed."""
        wanted, until = self.voters.count() + ballots, time.monotonic() + seconds
        while self.voters.count() < wanted:
            if time.monotonic() > until:
                told = f"devices were told {dict(self.voters.refusals)}; {self.voters.troubles[-1:]}"
                raise RowFailed(f"in {seconds} s fewer than {ballots} more ballots were promised; {told}")
            time.sleep(0.2)

    def until_all_vote(self, seconds: float = 120) -> None:
        """Waits until every device that is invited has cast. Raises RowFailed."""
        until = time.monotonic() + seconds
        while not self.voters.all_have_cast():
            if time.monotonic() > until:
                raise RowFailed(f"in {seconds} s not everybody could vote; {self.voters.troubles[-1:]}")
            time.sleep(0.2)

    def until_batches(self, more: int, seconds: float = 120) -> None:
        """Waits until so many more batches are published. Raises RowFailed."""
        wanted, until = self.batches() + more, time.monotonic() + seconds
        while self.batches() < wanted:
            if time.monotonic() > until:
                raise RowFailed(f"in {seconds} s fewer than {more} more batches were sealed; {self.messages[-1:]}")
            time.sleep(0.2)

    def batches(self) -> int:
        """Of the published log."""
        while True:
            with suppress(AuditError):  # the head moves while it is read
                return max(self.logged().batch.values(), default=0)

    def command(self, *arguments: str, folder: Path | None = None) -> Ended:
        """A command, once; a refusal is counted."""
        ended = run_stembus(self.environment(folder or self.office), arguments)
        if ended.status is None:
            self.hanging += 1
        if ended.status != 0:
            self.refuse(arguments[0], ended.error or f"killed: it hung\n{ended.stderr}")
        self._note_traceback(ended)
        return ended

    def refuse(self, who: str, said: str) -> None:
        self.refusals[who] += 1
        self.messages.append(f"{who}: {said}")

    def _seal_on(self) -> None:
        while not self._ended.is_set():
            self._sealing.wait(0.2)
            with self._timer:
                if self._sealing.is_set() and not self._ended.is_set():
                    self.seal()
            time.sleep(0.2)

    def seal(self) -> None:
        """One run of the timer; some are killed, at any moment of their life."""
        moment = None
        if self.rng.random() < self.seal_kills:
            moment = self.rng.uniform(0.4, 1.05) * self._seal_seconds
        begun = time.monotonic()
        ended = run_stembus(self.environment(self.office), ["seal", str(self.office)], moment)
        if ended.status is None:
            self.kills["seal"] += moment is not None
            self.hanging += moment is None
        elif ended.status == 0:
            self._seal_seconds = 0.7 * self._seal_seconds + 0.3 * (time.monotonic() - begun)
        else:
            self.refuse("seal", ended.error)
        self._note_traceback(ended)

    def _note_traceback(self, ended: Ended) -> None:
        if "Traceback" in ended.stderr:
            self.tracebacks.append(ended.stderr)

    def pause(self) -> None:
        """Neither casts nor seals, from now on, until `go_on`."""
        self.voters.rest()
        self.rest_timer()

    def rest_timer(self) -> None:
        """Returns when no seal runs any more."""
        self._sealing.clear()
        with self._timer:
            pass

    # At the end

    def logged(self) -> Logged:
        return read_log(self.office / "public", self.setup.context)

    def until_done(self, *arguments: str, kills: int = 0, folder: Path | None = None) -> Ended:
        """A command as an official runs it: again, until it is done. The first `kills` are killed at a random moment.
        Raises RowFailed when it is refused again and again."""
        seconds = 3.0
        for _ in range(kills):
            begun = time.monotonic()
            moment = self.rng.uniform(0.3, 1.0) * seconds
            ended = run_stembus(self.environment(self.office), arguments, moment)
            if ended.status is None:
                self.kills[arguments[0]] += 1
            else:
                seconds = time.monotonic() - begun
        for _ in range(_TRIES):
            ended = self.command(*arguments, folder=folder)
            if ended.status == 0:
                return ended
            time.sleep(1)
        raise RowFailed(f"stembus {arguments[0]} is not done after {_TRIES} tries: {ended.error}")

    def to_close(self, seconds: float = 0) -> None:
        """Moves every clock to `seconds` before the close."""
        self.set_clock(self.setup.manifest.closes_at + self.setup.manifest.grace_seconds - time.time() - seconds)

    def finally_undo(self, undo: Callable[[], None]) -> None:
        """What must be undone when the row is over, however it ends."""
        self._undo.append(undo)

    def stop(self) -> None:
        """Everything, whatever state it is in."""
        self._ended.set()
        if hasattr(self, "voters"):
            self.voters.stop(wait=False)
        for undo in reversed(self._undo):
            with suppress(OSError, ServiceRefused):
                undo()
        for service in (self.box, self.registrar):
            service.freeze(False)
            service.stop()
        if hasattr(self, "voters"):
            self.voters.stop()
            self._sealer.join()
