"""A log that was verified, and what the verification found in it.

Trustees, the combination of their work, voters' evidence and comparisons of a site take this and never a place:
whatever they read has been checked. Only the engine makes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from stembus.audit.errors import AuditError
from stembus.audit.formats.entries import Entry, parse_entry
from stembus.audit.formats.entry_bodies import TallyIntent
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.note import Checkpoint
from stembus.audit.rules import Paper
from stembus.audit.state_machine import Phase
from stembus.audit.verify.checked_log import CheckedLog
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.group import Point


class LogNotVerified(AuditError):
    """The published log did not verify, so nothing may rest on it."""


class _Seal:
    """What only the engine holds."""


ENGINE: Final = _Seal()


@dataclass(frozen=True)
class TallyState:
    """What the trustees are to count, and what of their work is valid. `decided` is the size of the tree that is
    counted, 0 until close and paper votes stand in the log, and `decided_at` when a quorum had seen that tree, in Unix
    seconds; `paper` what was stated of paper votes; `intents` those for
    that tree, in log order; `partials` the proven decryptions, by trustee, in the order of the sums."""

    decided: int = 0
    paper: Paper | None = None
    intents: tuple[TallyIntent, ...] = ()
    partials: Mapping[int, Sequence[Point]] = field(default_factory=dict)
    decided_at: int | None = None


@dataclass(frozen=True)
class VerifiedLog:
    """`sums` are the sums that count, empty before the close or without a ballot; `counted` their number of tokens."""

    seal: _Seal
    referendum: bytes
    manifest_raw: bytes
    manifest: Manifest
    head: Checkpoint
    tree: CheckedLog
    phase: Phase
    sums: Sequence[Ciphertext]
    counted: int
    tally: TallyState

    def __post_init__(self) -> None:
        if self.seal is not ENGINE:
            raise TypeError("only a verification makes a verified log")

    def entries(self) -> Iterator[tuple[int, bytes, Entry]]:
        """(index, raw, entry) of all entries but the manifest and ballots. Raises CannotRead."""
        for index, raw in self.tree.all():
            if index and raw[:1] == b"{":
                yield index, raw, parse_entry(raw)
