"""What one pass over a log has noted so far, and the chapters that it feeds.

Decides nothing. The engine moves the walk on, `handlers` note what single entries say, `conclusions` draw from it
what only the whole log shows.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field

from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.formats.manifest import Manifest, Texts
from stembus.audit.log.source import Place
from stembus.audit.state_machine import Order
from stembus.audit.verify.ballots import BallotChecker
from stembus.audit.verify.ceremony import CeremonyCheck
from stembus.audit.verify.index import Index
from stembus.audit.verify.paper import PaperCheck
from stembus.audit.verify.report import Report
from stembus.audit.verify.roll import RollCheck
from stembus.audit.verify.stream import LogStream
from stembus.audit.verify.tally import TallyCheck
from stembus.crypto.elgamal import Ciphertext


@dataclass
class Walk:
    """`required` are the sizes whose checkpoint must be there, with what ends there; ballots stand between `starts` and
    `ends`, where the log may not have been signed."""

    source: Place
    stream: LogStream
    manifest_raw: bytes
    manifest: Manifest
    referendum: bytes
    report: Report
    index: Index
    executor: Executor | None
    order: Order = field(default_factory=Order)
    required: dict[int, str] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    batch_ends: list[int] = field(default_factory=list)
    opened: int | None = None
    closed: int | None = None
    abandoned: int | None = None
    election_key: tuple[bytes, ElectionKey] | None = None
    ballots: BallotChecker | None = None
    sums: tuple[Ciphertext, ...] = ()
    documents: set[str] = field(default_factory=set)
    last_incident: Texts | None = None

    def __post_init__(self) -> None:
        self.order.start(self.manifest)
        self.ceremony = CeremonyCheck(self.manifest, self.referendum, self.report)
        self.roll = RollCheck(self.source, self.manifest, self.referendum, self.index, self.report)
        self.paper = PaperCheck(self.source, self.manifest, self.index, self.report)
        self.tally = TallyCheck(self.manifest, self.referendum, self.report)

    def end_batch(self) -> None:
        size = self.stream.frontier.size
        self.ends.append(size)
        self.batch_ends.append(size)
        self.required[size] = f"batch {self.order.batches}"

    def end_paper(self) -> None:
        """The tree that is counted ends with the paper votes."""
        size = self.stream.frontier.size
        self.ends.append(size)
        self.required[size] = "the paper votes"
        self.tally.decided = size
