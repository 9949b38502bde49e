"""The log as cheats would write it: the host with the people of a quorum of witnesses, on copies of all they have.

Decides what they copy. What they then sign passes for the log, for whoever sees nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stembus.audit.clock import RealClock, SimulatedClock
from stembus.audit.formats.entry_bodies import Body
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.witness import Witness
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.office.office import Office
from stembus.ballot.office.party_key import PartyKey
from stembus.ballot.office.secret_file import read_secret_file
from stembus.crypto.signing import SigningKey
from stembus.scripts.develop.apart.party import NotApart
from stembus.scripts.develop.apart.referendum import QUORUM, Referendum
from stembus.scripts.rehearsal.referendum import PASSPHRASE

_AHEAD = 5  # seconds, so that no clock is behind what a witness signed last


class AnotherLog:
    """A copy, which goes on by itself. `folder` is new; `later` is how many seconds its clocks are ahead."""

    def __init__(self, referendum: Referendum, folder: Path, later: int = 0) -> None:
        self.public = folder / "public"
        shutil.copytree(referendum.public, self.public)
        (folder / "log").mkdir()
        self._office = Office(referendum.host.folder, lambda _: PASSPHRASE)
        clock = SimulatedClock(RealClock().now() + referendum.ahead + later + _AHEAD)
        witnesses = []
        for number in range(1, QUORUM + 1):
            own = referendum.parties[f"witness-{number}"].folder
            shutil.copytree(own / "logs", folder / f"seen-{number}")
            secret = msgspec.json.decode(read_secret_file(own / "witness.key", PASSPHRASE), type=PartyKey)
            name = (own / "witness.name").read_text().strip()
            seen = FollowedLogs(folder / f"seen-{number}")
            witnesses.append(Witness(name, [SigningKey(bytes.fromhex(secret.seed))], seen, clock))
        key = self._office.signing_key("log")
        self.writer = LogWriter(self.public, key, folder / "log" / "lock", witnesses, clock.now)

    def officers_say(self, body: Body) -> None:
        """Two of them sign it."""
        self.take([self._office.officers_sign(body)])

    def take(self, entries: Sequence[bytes]) -> None:
        self.writer.append(list(entries))
        if self.writer.head().size != self.writer.size:
            raise NotApart("the witnesses' own keys did not cosign the other log")
