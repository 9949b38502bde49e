"""Voters whose devices vote, and vote again, over the network, whatever happens to the services.

A device keeps its pass, each signed ballot before it is sent, and each promise, in files. Decides that an unanswered
ballot is sent again as it is, that a refusal is counted by its name, and how an acknowledged ballot is handed in again.
The order within a device is the product's own (`ballot.voter.session`). Known hole: the product's device hands a ballot
in again when the log shows its batch without it (`ballot.voter.safety_net`); here it does so right after a recovery.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import parse_ballot
from stembus.audit.formats.receipt import Promise, check_promise, encode_promise, parse_promise
from stembus.audit.verify.setup import Setup
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.errors import BallotError, Closed
from stembus.ballot.voter.remote import RemoteBox, RemoteRegistrar
from stembus.ballot.voter.session import VotingSession
from stembus.crypto.errors import CryptoError


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A ballot whose promise a device holds. `batch` is the one of the newest promise; `seq` counts from 0."""

    device: int
    raw: bytes
    seq: int
    batch: int

    @property
    def cast_hash(self) -> bytes:
        return hashlib.sha256(self.raw).digest()


class _KeepingBox:
    """Keeps every ballot on disk before it is sent."""

    def __init__(self, urls: Sequence[str], folder: Path) -> None:
        self.reach(urls)
        self._folder = folder
        self.asked = 0

    def reach(self, urls: Sequence[str]) -> None:
        self._boxes = [RemoteBox(url) for url in urls]

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
        kept = self._folder / f"{hashlib.sha256(raw).hexdigest()}.ballot"
        if not kept.exists():
            write_durably(kept, raw)
        self.asked += 1
        return self._boxes[self.asked % len(self._boxes)].cast(raw, earlier)


class Device:
    """Used by one thread at a time. Several `boxes` are addresses of one box: they are asked in turn."""

    def __init__(self, number: int, setup: Setup, folder: Path, letter: tuple[str, str], boxes: Sequence[str]) -> None:
        self.number = number
        self.casts = 0
        self._setup = setup
        self._folder = folder
        folder.mkdir(parents=True)
        self._credential, self._factor = credential_key(parse_code(letter[0]), setup.referendum), letter[1]
        self._box = _KeepingBox(boxes, folder)
        registrars = [RemoteRegistrar(registrar.url) for registrar in setup.manifest.registrars]
        self._session = VotingSession(setup, registrars, self._box, folder / "session")

    def use_boxes(self, urls: Sequence[str]) -> None:
        """Several addresses of one box, asked in turn."""
        self._box.reach(urls)

    @property
    def is_done(self) -> bool:
        """Whether this token may cast no more."""
        return self.casts >= self._setup.context.max_casts

    def vote(self) -> None:
        """One cast, or what an earlier one still lacks. Raises what a service refused with."""
        with self._session as session:
            session.take_token(self._credential, self._factor)
            if not session.send_unanswered():
                session.cast(session.prepare([[(self.number + session.casts) % 2]]))
            self._keep(parse_promise(session.promise_file.read_bytes()))
            session.acknowledge()
            self.casts = session.casts

    def _keep(self, promise: Promise) -> None:
        write_durably(self._folder / f"{promise.cast_hash}.promise", encode_promise(promise))

    def promised(self) -> int:
        """How many promises it holds."""
        return sum(1 for _ in self._folder.glob("*.promise"))

    def acknowledged(self) -> list[Acknowledged]:
        """In the order in which they were cast."""
        found = []
        for path in self._folder.glob("*.promise"):
            raw, promise = path.with_suffix(".ballot").read_bytes(), parse_promise(path.read_bytes())
            found.append(Acknowledged(self.number, raw, parse_ballot(self._setup.context, raw).seq, promise.batch))
        return sorted(found, key=lambda ballot: ballot.seq)

    def promise_of(self, ballot: Acknowledged) -> Path:
        """The file."""
        return self._folder / f"{ballot.cast_hash.hex()}.promise"

    def hand_in(self, ballot: Acknowledged) -> None:
        """The same ballot again. Raises what the box refuses with."""
        promise = self._box.cast(ballot.raw)
        check_promise(self._setup.manifest, self._setup.referendum, promise)
        self._keep(promise)

    def second_pass(self, folder: Path) -> None:
        """Asks for a second token with the same letter. Raises TokenAlreadyIssued where all is well."""
        with VotingSession(self._setup, self._session._registrars, self._box, folder) as session:
            session.take_token(self._credential, self._factor)


class Voters:
    """All devices, driven by a few threads. `refusals` counts, by name, what devices were told."""

    def __init__(self, devices: Sequence[Device], threads: int = 3, pause: float = 0.6) -> None:
        self.devices = list(devices)
        self.refusals: Counter[str] = Counter()
        self._pause = pause
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._stopped = threading.Event()
        self._idle = [threading.Event() for _ in range(threads)]
        self._invited = len(self.devices)
        self._closed: set[int] = set()
        self.troubles: list[str] = []
        parts = [self.devices[k::threads] for k in range(threads)]
        self._threads = [
            threading.Thread(target=self._drive, args=(part, idle), daemon=True)
            for part, idle in zip(parts, self._idle, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def invite(self, number: int) -> None:
        """Only the first `number` devices vote from now on."""
        self._invited = number

    def all_have_cast(self) -> bool:
        return all(device.casts for device in self.devices[: self._invited])

    def forget_close(self) -> None:
        """Voting is open again for who was told that it is closed."""
        self._closed.clear()

    def vote(self) -> None:
        self._go.set()

    def rest(self) -> None:
        """Returns when no request is on its way any more."""
        self._go.clear()
        for idle in self._idle:
            idle.wait()

    def stop(self, wait: bool = True) -> None:
        self._stopped.set()
        self._go.set()
        for thread in self._threads if wait else ():
            thread.join()

    def until_closed(self, seconds: float) -> bool:
        """Whether every device that can still cast was told, in time, that voting is closed. Raises ValueError when
        none can."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            casting = {device.number for device in self.devices[: self._invited] if not device.is_done}
            if not casting:
                raise ValueError("every device has cast all that it may; this row needs more letters")
            if casting <= self._closed:
                return True
            time.sleep(0.1)
        return False

    def acknowledged(self) -> list[Acknowledged]:
        return [ballot for device in self.devices for ballot in device.acknowledged()]

    def count(self) -> int:
        return sum(device.promised() for device in self.devices)

    def attempt(self, work: Callable[[], None]) -> bool:
        """Whether it was taken; a refusal is counted."""
        try:
            work()
        except (BallotError, AuditError, CryptoError, OSError) as error:
            with self._lock:
                self.refusals[type(error).__name__] += 1
                if type(error).__name__ not in ("ServiceUnreachable", "Closed"):
                    self.troubles.append(f"{type(error).__name__}: {error}")
            if isinstance(error, Closed):
                return False
            time.sleep(self._pause)
            return False
        return True

    def _drive(self, devices: Sequence[Device], idle: threading.Event) -> None:
        try:
            self._drive_on(devices, idle)
        finally:
            idle.set()

    def _drive_on(self, devices: Sequence[Device], idle: threading.Event) -> None:
        while not self._stopped.is_set():
            for device in devices:
                if not self._go.is_set():
                    idle.set()
                    self._go.wait()
                    idle.clear()
                if self._stopped.is_set():
                    return
                if device.is_done or device.number >= self._invited:
                    time.sleep(self._pause / 10)
                    continue
                before = self.refusals["Closed"]
                if not self.attempt(device.vote) and self.refusals["Closed"] > before:
                    self._closed.add(device.number)
                time.sleep(self._pause)
