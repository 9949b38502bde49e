"""The log's state machine: which entry may follow which.

One `Order` is fed every entry in turn, by the writer before it appends and by the verifier as it reads.
Decides types and numbers only (phases, attempts, batch sizes, doubles); whether contents are true is for
the chapters of `verify`.

    setup:     commit, reveal, share, confirm, complaint, drill ... election-key, roll, client*, drill
    voting:    open, then batches, replace, client, incident
    closed:    close, paper-result or paper-ballots, tally-intent, partial-decryption, sample
    ended:     result, cancel or abandon, then minutes, purge, incident; sample after result
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from typing import Any

from stembus.audit.bounds import TALLY_TRIES
from stembus.audit.errors import OrderInvalid
from stembus.audit.formats.canonical import encode
from stembus.audit.formats.entry_bodies import (
    Batch,
    Body,
    Close,
    Commit,
    Complaint,
    Confirm,
    Drill,
    ElectionKey,
    Incident,
    PaperBallots,
    PartialDecryption,
    Replace,
    Reveal,
    Share,
    TallyIntent,
)
from stembus.audit.formats.manifest import Manifest


class Phase(Enum):
    EMPTY = "empty"
    CEREMONY = "ceremony"
    KEYED = "keyed"
    ROLLED = "rolled"
    OPEN = "open"
    CLOSED = "closed"
    TALLIED = "tallied"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


ALLOWED: dict[Phase, set[str]] = {
    Phase.EMPTY: {"manifest"},
    Phase.CEREMONY: {
        "commit", "reveal", "share", "confirm", "complaint", "drill", "election-key", "incident", "cancel",
    },
    Phase.KEYED: {"roll", "incident", "cancel"},
    Phase.ROLLED: {"client", "open", "replace", "drill", "incident", "cancel"},
    Phase.OPEN: {"batch", "client", "replace", "incident", "close", "cancel"},
    Phase.CLOSED: {
        "paper-result", "paper-ballots", "tally-intent", "partial-decryption", "result", "abandon", "incident",
        "cancel", "sample",
    },
    Phase.TALLIED: {"minutes", "purge", "incident", "sample"},
    Phase.CANCELLED: {"minutes", "purge", "incident"},
    Phase.ABANDONED: {"minutes", "purge", "incident"},
}  # fmt: skip
_NEXT = {
    "election-key": Phase.KEYED,
    "roll": Phase.ROLLED,
    "open": Phase.OPEN,
    "close": Phase.CLOSED,
    "result": Phase.TALLIED,
    "cancel": Phase.CANCELLED,
    "abandon": Phase.ABANDONED,
}


class Order:
    """`admit` raises OrderInvalid and changes nothing when an entry may not stand here."""

    def __init__(self) -> None:
        self.phase = Phase.EMPTY
        self.attempt = 0
        self.voided: set[int] = set()
        self.committed: set[int] = set()
        self.revealed: set[int] = set()
        self.shared: set[tuple[int, int]] = set()
        self.confirmed: set[int] = set()
        self.statements: set[tuple[str, str]] = set()
        # Who has drilled, for the election key and once more before the opening.
        self.drilled: set[int] = set()
        self.drilled_again: set[int] = set()
        self.batches = 0
        self.ballots = 0
        self.awaiting = 0
        self.incidents = 0
        self.may_sample = False
        self.replaced: set[str] = set()
        # Whether anybody was struck for paper, and how they voted was said.
        self.paper_due = False
        self.paper_stated = False
        # What each trustee said, in hashes.
        self.intents: dict[int, set[bytes]] = {}
        self.partials: dict[int, set[bytes]] = {}
        self.trustees = 0
        self.threshold = 0

    def start(self, manifest: Manifest) -> None:
        """Admits entry 0."""
        self._allow("manifest")
        self.trustees = len(manifest.trustees.members)
        self.threshold = manifest.trustees.threshold
        self.may_sample = manifest.sample_size > 0
        self.phase = Phase.CEREMONY

    def admit_ballot(self) -> None:
        """A cast ballot in a batch, or a paper ballot after its header."""
        if not self.awaiting:
            raise OrderInvalid("a ballot outside a batch of the open referendum")
        self.awaiting -= 1
        if not self.on_paper:
            self.ballots += 1

    @property
    def on_paper(self) -> bool:
        """Whether a ballot that may stand here would be a paper ballot."""
        return self.phase is Phase.CLOSED

    def admit(self, kind: str, body: Body) -> None:
        self._allow(kind)
        check = _CHECKS.get(kind)
        if check is not None:
            check(self, body)
        self.phase = _NEXT.get(kind, self.phase)

    def _allow(self, kind: str) -> None:
        if self.awaiting:
            missing = "paper ballots" if self.on_paper else f"ballots of batch {self.batches}"
            raise OrderInvalid(f"an entry {kind} where {self.awaiting} more {missing} must stand")
        if kind not in ALLOWED[self.phase]:
            raise OrderInvalid(f"an entry {kind} in the phase {self.phase.value}")

    def _need(self, holds: bool, problem: str) -> None:
        if not holds:
            raise OrderInvalid(problem)

    @property
    def agreed(self) -> bool:
        """Whether all trustees have confirmed one and the same key and transcript."""
        return self.attempt > 0 and len(self.confirmed) == self.trustees and len(self.statements) == 1

    @property
    def drilled_by_all(self) -> bool:
        return self.agreed and len(self.drilled) == self.trustees

    def _current(self, attempt: int, trustee: int) -> None:
        self._need(1 <= trustee <= self.trustees, f"trustee {trustee} does not exist")
        self._need(attempt == self.attempt, f"attempt {attempt} of the ceremony is not the current one")
        self._need(attempt not in self.voided, f"attempt {attempt} of the ceremony is void")

    def _take_turn(self, done: set[int], trustee: int, what: str) -> None:
        self._need(trustee not in done, f"trustee {trustee} {what} already")
        done.add(trustee)

    def _commit(self, body: Commit) -> None:
        if body.attempt == self.attempt + 1:
            self._need(1 <= body.trustee <= self.trustees, f"trustee {body.trustee} does not exist")
            if self.attempt:
                self.voided.add(self.attempt)
            self.attempt = body.attempt
            self.committed, self.revealed, self.shared = set(), set(), set()
            self.confirmed, self.statements, self.drilled = set(), set(), set()
        self._current(body.attempt, body.trustee)
        self._take_turn(self.committed, body.trustee, "committed")

    def _reveal(self, body: Reveal) -> None:
        self._current(body.attempt, body.trustee)
        self._need(len(self.committed) == self.trustees, "a reveal before all trustees have committed")
        self._take_turn(self.revealed, body.trustee, "revealed")

    def _share(self, body: Share) -> None:
        self._current(body.attempt, body.sender)
        self._need(1 <= body.receiver <= self.trustees and body.receiver != body.sender, "a share for nobody")
        self._need(len(self.revealed) == self.trustees, "a share before all trustees have revealed")
        pair = (body.sender, body.receiver)
        self._need(pair not in self.shared, f"trustee {body.sender} sent its share to {body.receiver} already")
        self.shared.add(pair)

    def _all_shared(self) -> bool:
        return len(self.shared) == self.trustees * (self.trustees - 1)

    def _confirm(self, body: Confirm) -> None:
        self._current(body.attempt, body.trustee)
        self._need(len(self.revealed) == self.trustees and self._all_shared(), "a confirmation before all shares")
        self._take_turn(self.confirmed, body.trustee, "confirmed")
        self.statements.add((body.joint_key, body.transcript))

    def _complaint(self, body: Complaint) -> None:
        self._current(body.attempt, body.accuser)
        self._need((body.accused, body.accuser) in self.shared, "a complaint about a share that was not sent")
        self.voided.add(body.attempt)

    def _drill(self, body: Drill) -> None:
        self._current(body.attempt, body.trustee)
        self._need(self.agreed, "a drill before all trustees have confirmed one and the same key")
        self._take_turn(self.drilled_again if self.phase is Phase.ROLLED else self.drilled, body.trustee, "drilled")

    def _election_key(self, body: ElectionKey) -> None:
        self._need(self.attempt > 0 and self.attempt not in self.voided, "no valid attempt of the ceremony")
        self._need(body.attempt == self.attempt, f"an election key of attempt {body.attempt}, not of the current one")
        self._need(len(self.confirmed) == self.trustees, "an election key without the confirmation of all trustees")
        self._need(self.agreed, "an election key although the trustees confirmed different ones")
        self._need(self.drilled_by_all, "an election key before all trustees have drilled")

    def _batch(self, body: Batch) -> None:
        self._need(body.number == self.batches + 1, f"batch {body.number} where batch {self.batches + 1} must stand")
        self.batches = body.number
        self.awaiting = body.size

    def _replace(self, body: Replace) -> None:
        self._need(body.struck not in self.replaced and body.replacement not in self.replaced, "replaced twice")
        self._need(body.struck != body.replacement, "a letter replaced by itself")
        self.replaced |= {body.struck, body.replacement}

    def _incident(self, body: Incident) -> None:
        self._need(body.number == self.incidents + 1, f"incident {body.number} where {self.incidents + 1} must stand")
        self.incidents = body.number

    def _close(self, body: Close) -> None:
        self._need(
            (body.batches, body.ballots) == (self.batches, self.ballots),
            f"the close states {body.batches} batches and {body.ballots} ballots; the log has {self.batches} and "
            f"{self.ballots}",
        )
        self.paper_due = body.struck

    def _paper_result(self, _: Body) -> None:
        """No intent may stand before it, since they wait for it."""
        self._need(self.paper_due, "paper votes where nobody was struck for paper")
        self._need(not self.paper_stated, "the paper votes stand in the log already")
        self.paper_stated = True

    def _paper_ballots(self, body: PaperBallots) -> None:
        self._paper_result(body)
        self.awaiting = body.ballots

    def _demand_paper(self, _: Body) -> None:
        self._need(self.paper_stated or not self.paper_due, "people were struck for paper, and their votes not logged")

    def _tally_intent(self, body: TallyIntent) -> None:
        self._need(1 <= body.trustee <= self.trustees, f"trustee {body.trustee} does not exist")
        self._demand_paper(body)
        self._take_once(self.intents, body, "an intent")

    def _partial_decryption(self, body: PartialDecryption) -> None:
        self._need(len(self.intents) >= self.threshold, "a decryption before enough trustees stated their intent")
        self._need(body.trustee in self.intents, f"trustee {body.trustee} decrypts without an intent")
        self._take_once(self.partials, body, "a decryption")

    def _take_once(self, taken: dict[int, set[bytes]], body: TallyIntent | PartialDecryption, what: str) -> None:
        """The same again is refused: else whoever repeats an old one uses up its trustee's tries."""
        said, digest = taken.setdefault(body.trustee, set()), hashlib.sha256(encode(body)).digest()
        self._need(digest not in said, f"{what} of trustee {body.trustee} that stands in the log already")
        self._need(len(said) < TALLY_TRIES, f"{what} of trustee {body.trustee}, who stated {TALLY_TRIES} already")
        said.add(digest)

    def _sample(self, _: Body) -> None:
        self._need(self.may_sample, "a sample that the manifest does not ask for, or a second one")
        self.may_sample = False

    def _cancel(self, _: Body) -> None:
        self._need(not self.intents, "a referendum cannot be cancelled once the tally began")


# What a type demands beside the phase; each check takes the body of its own type.
_CHECKS: dict[str, Callable[[Order, Any], None]] = {
    "commit": Order._commit,
    "reveal": Order._reveal,
    "share": Order._share,
    "confirm": Order._confirm,
    "complaint": Order._complaint,
    "drill": Order._drill,
    "election-key": Order._election_key,
    "batch": Order._batch,
    "replace": Order._replace,
    "incident": Order._incident,
    "close": Order._close,
    "paper-result": Order._paper_result,
    "paper-ballots": Order._paper_ballots,
    "tally-intent": Order._tally_intent,
    "partial-decryption": Order._partial_decryption,
    "result": Order._demand_paper,
    "cancel": Order._cancel,
    "abandon": Order._demand_paper,
    "sample": Order._sample,
}
