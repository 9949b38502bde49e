"""Findings and the verdict: what a check found, whom it concerns, and the outcome that follows.

Decides the list of checks V1..V30 and the meaning of each verdict. The checks themselves are in the other
files of this package, the words for outcomes in `outcome`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from stembus.audit.errors import CannotRead
from stembus.audit.formats.entry_bodies import Result
from stembus.audit.formats.manifest import Manifest
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.verified_log import LogNotVerified, VerifiedLog

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
    "V14": "voting opened and closed within the stated times, and trustees had the time to count",
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
    "V25": "trustees announced the tree that is counted, and its sums",
    "V26": "partial decryptions are proven",
    "V27": "the published counts are what the sums decrypt to",
    "V28": "status, participation and outcome follow from the counts",
    "V29": "documents named in the log are those published",
    "V30": "a receipt or promise proves what it claims",
}


class Verdict(Enum):
    """BREACH: the result is not established. UNCHECKED: something could not be read or run, which says nothing about
    the log. STANDS: a rule was broken, and the rules say how the result stands all the same. NO_EVIDENCE: what a voter
    handed in proves nothing. PASSED_OVER: a faulty contribution that the rules replace."""

    BREACH = "breach"
    UNCHECKED = "could not be checked"
    STANDS = "result stands"
    NO_EVIDENCE = "proves nothing"
    PASSED_OVER = "passed over"


# Of one kind (check and verdict) so many findings are kept; the others are counted.
FAULTS_OF_A_KIND = 10
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding. `where` is a file, `entry N`, or both."""

    check: str
    verdict: Verdict
    where: str
    message: str


@dataclass
class Figures:
    """What the verifier counted by itself. `time` is when a quorum had seen the head, in Unix seconds."""

    entries: int = 0
    root: bytes = b""
    time: int | None = None
    phase: str = "empty"
    attempts: int = 0
    #: trustees who showed their share once more before the opening
    drilled_again: int = 0
    batches: int = 0
    ballots: int = 0
    excluded: int = 0
    counted: int = 0
    issued: list[int] = field(default_factory=list)
    #: voters who asked every registrar for a token, and voters whose device said that it was used
    on_every_list: int = 0
    acknowledged: int = 0
    #: voters who may vote on paper, and those of them for whom a registrar other than the first had signed
    struck: int = 0
    struck_with_part: int = 0
    #: what the dice of the sample showed; empty before it is drawn
    dice: str = ""
    official_count: int = 0

    @property
    def unacknowledged(self) -> int:
        """So many of the counted votes, at most, can the registrars have made for people who did not vote; if the
        ballot box is honest, and the voters' devices too."""
        return max(0, self.counted - self.acknowledged)


@dataclass
class Report:
    """The outcome of a verification. `log` is there when nothing was found that takes the ground from under it."""

    referendum: bytes | None = None
    anchored: bool = False
    manifest: Manifest | None = None
    faults: list[Fault] = field(default_factory=list)
    #: how many findings of each kind there were, those that are not in `faults` included
    kinds: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    #: the checks that were carried out to their end
    done: set[str] = field(default_factory=set)
    figures: Figures = field(default_factory=Figures)
    result: Result | None = None
    finished: bool = False
    cancelled: bool = False
    abandoned: bool = False
    log: VerifiedLog | None = None

    def add(self, check: str, verdict: Verdict, where: str, message: str) -> None:
        if check not in CHECKS:
            raise ValueError(f"unknown check {check}")
        self.kinds[check, verdict] += 1
        if self.kinds[check, verdict] <= FAULTS_OF_A_KIND:
            self.faults.append(Fault(check, verdict, where, message))

    def breach(self, check: str, where: str, message: str) -> None:
        self.add(check, Verdict.BREACH, where, message)

    def unchecked(self, where: str, message: str) -> None:
        self.add("V1", Verdict.UNCHECKED, where, message)

    def stands(self, check: str, where: str, message: str) -> None:
        self.add(check, Verdict.STANDS, where, message)

    def passed_over(self, check: str, where: str, message: str) -> None:
        self.add(check, Verdict.PASSED_OVER, where, message)

    def no_evidence(self, where: str, message: str) -> None:
        self.add("V30", Verdict.NO_EVIDENCE, where, message)

    def has(self, verdict: Verdict) -> bool:
        return any(found is verdict for _, found in self.kinds)

    @property
    def rehearsal(self) -> bool:
        return self.manifest is not None and not self.manifest.binding

    @property
    def simulated_clock(self) -> bool:
        return self.manifest is not None and self.manifest.clock == "simulated"

    @property
    def established(self) -> bool:
        """Nothing found that takes the ground from under the result, and nothing left unread."""
        return not self.has(Verdict.BREACH) and not self.has(Verdict.UNCHECKED)

    @property
    def outcome(self) -> Outcome:
        applies = {
            Outcome.BREACH: self.has(Verdict.BREACH),
            Outcome.UNCHECKED: self.has(Verdict.UNCHECKED),
            Outcome.NO_EVIDENCE: self.has(Verdict.NO_EVIDENCE),
            Outcome.UNANCHORED: not self.anchored,
            Outcome.CANCELLED: self.cancelled,
            Outcome.ABANDONED: self.abandoned,
            Outcome.FAULTS: self.has(Verdict.STANDS),
            Outcome.UNFINISHED: not self.finished,
            Outcome.NOT_COUNTED: self.result is not None and self.result.status != "counted",
            Outcome.ESTABLISHED: self.log is not None,
        }
        # Without a verified log there is no other way to hold: fail closed.
        return next((outcome for outcome in Outcome if applies[outcome]), Outcome.UNCHECKED)

    def demand_log(self) -> VerifiedLog:
        """Raises LogNotVerified, or CannotRead when all that is wrong is that files could not be read."""
        if self.log is not None and self.anchored:
            return self.log
        told = "; ".join(f"{fault.check} {fault.where}: {fault.message}" for fault in self.faults[:_TOLD])
        if self.outcome is Outcome.UNCHECKED:
            raise CannotRead(f"the published log could not be checked: {told}")
        raise LogNotVerified(f"the published log does not verify: {told or 'nobody said which referendum it must be'}")

    @property
    def exit_status(self) -> int:
        return self.outcome.status
