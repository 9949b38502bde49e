"""The paper ballots after one header: each by itself, all as a set, and their sums (V23).

The log writer asks this before it signs, and the verifier again. Memory stays flat. Decides what is wrong with them;
leaves whether so few, or so many, may be there at all to `entry_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import PaperBallots
from stembus.audit.formats.paper_ballot import PaperBallot, parse_paper_ballot
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.crypto.batch import find_invalid
from stembus.crypto.elgamal import ZERO, Ciphertext, add_ciphertexts
from stembus.crypto.errors import CryptoError

_CHUNK = 256


@dataclass
class PaperReading:
    """Is fed the entries in log order, by their index in the log."""

    context: BallotContext
    header: PaperBallots
    frontier: Frontier = field(default_factory=Frontier)
    sums: list[Ciphertext] = field(default_factory=list)
    _last: bytes = b""
    _sorted: bool = True
    _waiting: list[tuple[int, PaperBallot]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sums = [ZERO] * len(self.context.summed)

    def take(self, index: int, raw: bytes) -> Iterator[tuple[int, str]]:
        """What is wrong with it, or with ballots before it, each with its index."""
        self.frontier.append(leaf_hash(raw))
        try:
            ballot = parse_paper_ballot(self.context, raw)
        except (AuditError, CryptoError) as error:
            yield index, f"no paper ballot: {error}"
            return
        self._sorted &= self._last < ballot.ballot_id
        self._last = ballot.ballot_id
        self._waiting.append((index, ballot))
        if len(self._waiting) >= _CHUNK:
            yield from self._check()

    def finish(self) -> Iterator[tuple[int | None, str]]:
        """What is wrong with those that were not judged yet, or (None) with all of them together."""
        yield from self._check()
        if self.frontier.size == self.header.ballots and self.frontier.root().hex() != self.header.root:
            yield None, "the paper ballots are not those whose root two officers signed"
        if not self._sorted:
            yield None, "the paper ballots are not sorted by id, each once"
        # Else the online votes alone would have the same decryptions as all votes together.
        if any(total.has_identity for total in self.sums):
            yield None, "a sum of the paper ballots is the identity: they hide nothing"

    def _check(self) -> Iterator[tuple[int, str]]:
        waiting, self._waiting = self._waiting, []
        bad = set(find_invalid(self.context.joint_key, [ballot.proven for _, ballot in waiting]))
        for number in sorted(bad):
            yield waiting[number][0], "a paper ballot's proofs do not hold"
        good = [ballot.ciphertexts for number, (_, ballot) in enumerate(waiting) if number not in bad]
        for k, place in enumerate(self.context.summed):
            self.sums[k] = add_ciphertexts([self.sums[k], *(ciphertexts[place] for ciphertexts in good)])
