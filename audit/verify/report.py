"""Findings and the verdict: what a check found, whom it concerns, and the exit status that follows.

Decides the list of checks V1..V30 and the meaning of each verdict. The checks themselves are in the other
files of this package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from stembus.audit.formats.entry_bodies import Result
from stembus.crypto.elgamal import Ciphertext

CHECKS: dict[str, str] = {
    "V1": "every file of the bundle is there, within its bound, and no other",
    "V2": "the log is that of the referendum asked for",
    "V3": "the manifest is valid",
    "V4": "the log signed its checkpoints",
    "V5": "entries and tiles hash to the signed root",
    "V6": "the series of checkpoints is complete and consistent",
    "V7": "a quorum of witnesses cosigned",
    "V8": "every entry has its one valid encoding",
    "V9": "the entries stand in a permitted order",
    "V10": "each entry is signed by those who must sign it",
    "V11": "the key ceremony was carried out as prescribed",
    "V12": "the election key is the one all trustees confirmed",
    "V13": "the lists of credentials and spares are those of the log",
    "V14": "voting opened and closed within the stated times",
    "V15": "batches keep order, size and distance",
    "V16": "each ballot has its one valid encoding",
    "V17": "each ballot carries a token that every registrar signed",
    "V18": "each ballot is signed by its token",
    "V19": "each ballot's proofs hold",
    "V20": "each token counts once, by its highest valid cast",
    "V21": "the issuance list is that of the log, each line signed by its credential",
    "V22": "used tokens do not exceed issued ones, nor these the roll",
    "V23": "paper votes are at most the listed voters, who are on the roll and got no token, and keep the floor",
    "V24": "each replaced letter was valid, and its replacement a spare",
    "V25": "trustees announced the tree and the sums that count",
    "V26": "partial decryptions are proven",
    "V27": "the published counts are what the sums decrypt to",
    "V28": "status, participation and outcome follow from the counts",
    "V29": "documents named in the log are those published",
    "V30": "a receipt or promise proves what it claims",
}


class Verdict(Enum):
    """BREACH: the result is not established. STANDS: a rule was broken, and the rules say how the result
    stands all the same. PASSED_OVER: a faulty contribution that the rules replace."""

    BREACH = "breach"
    STANDS = "result stands"
    PASSED_OVER = "passed over"


EXIT_HOLDS, EXIT_FAULT, EXIT_USAGE, EXIT_UNANCHORED, EXIT_UNFINISHED = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding. `where` is a file, `entry N`, or both."""

    check: str
    verdict: Verdict
    where: str
    message: str


@dataclass
class Figures:
    """What the verifier counted by itself."""

    entries: int = 0
    root: bytes = b""
    phase: str = "empty"
    attempts: int = 0
    batches: int = 0
    ballots: int = 0
    excluded: int = 0
    counted: int = 0
    issued: list[int] = field(default_factory=list)
    official_count: int = 0


@dataclass
class Report:
    """The outcome of a verification. `sums` is for trustees: present when the counted set is established."""

    referendum: bytes | None = None
    anchored: bool = False
    rehearsal: bool = False
    simulated_clock: bool = False
    faults: list[Fault] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    sums: tuple[Ciphertext, ...] = ()
    result: Result | None = None
    finished: bool = False

    def add(self, check: str, verdict: Verdict, where: str, message: str) -> None:
        if check not in CHECKS:
            raise ValueError(f"unknown check {check}")
        self.faults.append(Fault(check, verdict, where, message))

    def breach(self, check: str, where: str, message: str) -> None:
        self.add(check, Verdict.BREACH, where, message)

    def stands(self, check: str, where: str, message: str) -> None:
        self.add(check, Verdict.STANDS, where, message)

    def passed_over(self, check: str, where: str, message: str) -> None:
        self.add(check, Verdict.PASSED_OVER, where, message)

    @property
    def established(self) -> bool:
        """Nothing found that takes the ground from under the result."""
        return not any(fault.verdict is Verdict.BREACH for fault in self.faults)

    @property
    def exit_status(self) -> int:
        if any(fault.verdict is not Verdict.PASSED_OVER for fault in self.faults):
            return EXIT_FAULT
        if not self.anchored:
            return EXIT_UNANCHORED
        return EXIT_HOLDS if self.finished else EXIT_UNFINISHED
