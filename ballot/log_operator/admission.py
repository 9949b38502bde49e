"""What may be appended to a log: its contents, by the rules that the verifier asks too.

Walks along with the log, entry by entry. Decides that an entry is well formed, signed by those who must, in its turn,
and says nothing that the verifier would find wrong: what stands in the log can never be taken back. Leaves writing to
`log_writer`, and ballots to the box, which checks them when they are cast.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.entry_rules import (
    batch_problem,
    client_problem,
    counts_problem,
    excess_problem,
    issuance_problem,
    open_problem,
    paper_ballots_problem,
    paper_problem,
    present_problem,
    purge_problem,
    roll_problem,
    struck_voters,
    texts_problem,
)
from stembus.audit.errors import AuditError
from stembus.audit.formats.canonical import encode
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.ceremony import Attempt
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.entry_bodies import (
    Abandon,
    Batch,
    Body,
    Cancel,
    Client,
    Close,
    Commit,
    Complaint,
    Confirm,
    Drill,
    ElectionKey,
    Incident,
    Minutes,
    Open,
    PaperBallots,
    PaperResult,
    Purge,
    Reveal,
    Roll,
    TallyIntent,
)
from stembus.audit.formats.manifest import Manifest, Texts
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import check_entry_size, checkpoint_path
from stembus.audit.rules import healing_end
from stembus.audit.state_machine import Order, Phase
from stembus.audit.verify.ceremony import (
    commit_problem,
    confirm_problem,
    drill_problem,
    expected_key,
    guilty,
    reveal_problems,
)
from stembus.audit.verify.paper_ballots import PaperReading
from stembus.ballot.errors import EntryRefused, TooEarly
from stembus.ballot.log_operator.cosigning import time_of

Now = Callable[[], int]


class Admission:
    """What the log holds so far: `order`, in `batches` (index of the first ballot, number of ballots) of each, in
    `issued` how many tokens each registrar last stated, and in `decided` the size of the tree that is counted, or 0."""

    def __init__(self, folder: Path, manifest: Manifest, referendum: bytes, now: Now) -> None:
        self.order = Order()
        self.order.start(manifest)
        self.batches: list[tuple[int, int]] = []
        self.decided = 0
        self._folder = folder
        self._manifest = manifest
        self._referendum = referendum
        self._now = now
        self._attempt = Attempt(0)
        # Until the opening: the tree, and its root where the ciphertext of the next drills was fixed.
        self._frontier = Frontier()
        self._frontier.append(leaf_hash(encode(manifest)))
        self._drill_root = b""
        # Of the entries that are appended now, the one whose size needs a checkpoint: nothing may stand behind it.
        self._last_of_step = ""
        self._election_key: bytes | None = None
        self._paper: PaperReading | None = None
        self.issued = [0] * len(manifest.registrars)
        self._last_incident: Texts | None = None
        self._documents: set[str] = set()

    def take(self, index: int, raw: bytes) -> None:
        """An entry that stands in the log. Raises OrderInvalid where it may not stand."""
        if raw[:1] != b"{":
            self.order.admit_ballot()
            return
        entry = parse_entry(raw)
        self._grow(raw)
        self.order.admit(entry.type, entry.body)
        self._note(index, raw, entry.body)

    def _grow(self, raw: bytes) -> None:
        if self.order.phase in (Phase.CEREMONY, Phase.KEYED, Phase.ROLLED):
            self._frontier.append(leaf_hash(raw))

    def begin(self) -> None:
        """A new step: what is admitted from here on is appended together."""
        self._last_of_step = ""

    def admit(self, index: int, raw: bytes) -> None:
        """An entry that is to be appended. Raises RecordInvalid, SignatureInvalid, OrderInvalid, TooEarly or
        EntryRefused; then this object is of no more use."""
        check_entry_size(raw)
        if self._last_of_step:
            raise EntryRefused(f"{self._last_of_step} ends a step of its own; append what follows after it")
        if raw[:1] != b"{":
            self.order.admit_ballot()
            if self._paper is not None:
                self._admit_paper(index, raw, self._paper)
            if not self.order.awaiting:
                self._last_of_step = "the last ballot under a header"
            return
        entry = parse_entry(raw)
        check_signatures(self._manifest, self._referendum, entry)
        self._grow(raw)
        self.order.admit(entry.type, entry.body)
        if isinstance(entry.body, Open | Close | PaperResult | Abandon):
            self._last_of_step = f"the entry {entry.type}"
        if isinstance(entry.body, TallyIntent) and len(self.order.intents) == 1 and self._manifest.complaint_seconds:
            self._last_of_step = "the first intent"
        if problem := self._problem(entry.body):
            raise EntryRefused(f"the log does not take this entry {entry.type}: {problem}; nothing was added")
        self._note(index, raw, entry.body)
        if isinstance(entry.body, PaperBallots):
            self._paper = PaperReading(self._context(), entry.body)

    def _context(self) -> BallotContext:
        assert self._election_key is not None  # nothing is closed without one
        body = parse_entry(self._election_key).body
        assert isinstance(body, ElectionKey)
        return BallotContext.of(self._manifest, self._referendum, self._election_key, body)

    def demand_whole(self) -> None:
        """Ballots come with their header. Raises EntryRefused."""
        if self.order.awaiting:
            raise EntryRefused(
                f"{self.order.awaiting} ballots that their header announces are missing; nothing was added"
            )

    def _admit_paper(self, index: int, raw: bytes, reading: PaperReading) -> None:
        """Raises EntryRefused."""
        problems = list(reading.take(index, raw))
        if not self.order.awaiting:
            self._paper = None
            problems += [(index, problem) for _, problem in reading.finish()]
        for _, problem in problems:
            raise EntryRefused(f"the log does not take these paper ballots: {problem}; nothing was added")

    def _problem(self, body: Body) -> str | None:
        self._demand_time(body)
        match body:
            case Commit():
                return commit_problem(self.order.trustees, body)
            case Reveal() | Confirm() | Complaint() | Drill() | ElectionKey():
                return self._ceremony_problem(body)
            case Roll():
                return roll_problem(self._manifest, body)
            case Client():
                return client_problem(body)
            case Open():
                return open_problem(self._election_key, body)
            case Batch():
                return batch_problem(body) or counts_problem(self._manifest, self._referendum, body, self.issued)
            case Incident():
                return texts_problem(self._manifest, body.text, self._last_incident)
            case Cancel() | Abandon():
                return texts_problem(self._manifest, body.text)
            case Close():
                problem = issuance_problem(self._manifest, self._referendum, body)
                return problem or excess_problem(self._manifest, body)
            case PaperResult():
                return paper_problem(self._manifest, body, self._struck())
            case PaperBallots():
                return paper_ballots_problem(self._manifest, body.ballots, self._struck())
            case Minutes():
                return present_problem(FolderPlace(self._folder), body, self._documents)
            case Purge():
                return purge_problem(body)
            case _:
                return None

    def _struck(self) -> int:
        return struck_voters(FolderPlace(self._folder), self._manifest)

    def _ceremony_problem(self, body: Reveal | Confirm | Complaint | Drill | ElectionKey) -> str | None:
        """Of a message of the current attempt, as the order has found it to be."""
        attempt = self._attempt
        if isinstance(body, Reveal):
            threshold = self._manifest.trustees.threshold
            problems = reveal_problems(self._referendum, threshold, attempt.commits[body.trustee], body)
            return f"trustee {body.trustee} {problems[0]}" if problems else None
        if isinstance(body, Complaint):
            trustee, how = guilty(attempt, body)
            return f"trustee {trustee}, who complains, {how}" if trustee == body.accuser else None
        expected = expected_key(self._referendum, self.order.trustees, attempt)
        if isinstance(body, Confirm):
            return confirm_problem(expected, body)
        if isinstance(body, Drill):
            return drill_problem(self._referendum, expected, self._drill_root, body)
        return None if body == expected else "it is not the key that the trustees' messages make"

    def _demand_time(self, body: Body) -> None:
        """A log that opens or closes outside the manifest's times is void for ever."""
        manifest = self._manifest
        if isinstance(body, Open) and not manifest.opens_at <= self._now() < manifest.closes_at:
            raise TooEarly(f"voting opens at {manifest.opens} and closes at {manifest.closes}; nothing was added")
        if isinstance(body, Close) and self._now() < manifest.closes_at + manifest.grace_seconds:
            raise TooEarly(f"ballots are accepted until {manifest.closes} and the grace after it; nothing was added")
        if isinstance(body, Close) and self._now() < self._healing_end():
            raise TooEarly("ballots that the log lacks can still be handed in again; nothing was added")
        complaints = manifest.complaint_seconds
        if isinstance(body, TallyIntent) and complaints and self._now() < self._counted_since() + complaints:
            hours = complaints / 3600
            raise TooEarly(f"people have {hours:g} hours to complain before anything is counted; nothing was added")
        if isinstance(body, Abandon) and self._now() < self._counted_since() + complaints + bounds.ABANDON_SECONDS:
            days = (complaints + bounds.ABANDON_SECONDS) / 86_400
            raise TooEarly(
                f"trustees have time to count until {days:g} days after the close or the paper votes; nothing was added"
            )

    def _healing_end(self) -> int:
        return healing_end(self._manifest, [self._time_at(sum(batch)) for batch in self.batches[-2:]])

    def _time_at(self, size: int) -> int | None:
        """When a quorum had seen the log of this size, as it is published; None where that is not known."""
        try:
            data = FolderPlace(self._folder).read(checkpoint_path(size), bounds.CHECKPOINT_BYTES)
            return time_of(parse_checkpoint(data), self._manifest)
        except AuditError:
            return None

    def _counted_since(self) -> int:
        """When a quorum had seen the tree that is counted."""
        if (time := self._time_at(self.decided)) is None:
            raise TooEarly("no quorum of witnesses has seen yet what is to be counted; nothing was added")
        return time

    def _note(self, index: int, raw: bytes, body: Body) -> None:
        """Remembers what later entries are compared with."""
        if isinstance(body, Commit) and body.attempt != self._attempt.number:
            self._attempt = Attempt(body.attempt)
        self._attempt.take(body)
        if isinstance(body, Confirm | Roll):
            self._drill_root = self._frontier.root()
        if isinstance(body, ElectionKey):
            self._election_key = raw
        elif isinstance(body, Batch):
            self.batches.append((index + 1, body.size))
            if not counts_problem(self._manifest, self._referendum, body, self.issued):
                self.issued = [statement.count for statement in body.issued]
        elif isinstance(body, Close):
            self.decided = 0 if body.struck else index + 1
        elif isinstance(body, PaperResult):
            self.decided = index + 1
        elif isinstance(body, PaperBallots):
            self.decided = index + 1 + body.ballots
        elif isinstance(body, Incident):
            self._last_incident = body.text
        elif isinstance(body, Minutes):
            self._documents.add(body.name)
