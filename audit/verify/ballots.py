"""Chapter 4, the ballots: each by itself (V16-V19), then as a set (V20), and their sum.

The heavy work is cut into chunks of bytes that any `concurrent.futures.Executor` can take. Decides which
ballots are valid and which count: for each token the highest `seq`, below `max_casts`; of two bodies with
one token and seq the lower id; a repeated ballot id only where it stood first. The ballot box accepts
with `check_ballot`, the same check.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import lru_cache

from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import (
    BallotContext,
    CastBallot,
    check_cast_signature,
    check_token,
    parse_ballot,
    peek,
)
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.formats.lists import Issued, acknowledgement_digest, request_digest
from stembus.audit.formats.manifest import referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.verify.index import Index
from stembus.audit.verify.report import Report
from stembus.crypto.batch import find_invalid, verify_one
from stembus.crypto.elgamal import ZERO, Ciphertext, add_ciphertexts
from stembus.crypto.errors import CryptoError, ProofInvalid, SignatureInvalid
from stembus.crypto.group import IDENTITY, Point
from stembus.crypto.signing import verify_schnorr

CHUNK_BALLOTS = 1024


class BallotRefused(Exception):
    """A ballot fails a check; `check` is its code."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


@lru_cache(maxsize=4)
def context_of(manifest: bytes, election_key: bytes) -> BallotContext:
    """Worker processes build the context once from the two raw entries."""
    body = parse_entry(election_key).body
    assert isinstance(body, ElectionKey)
    return BallotContext.of(parse_manifest(manifest), referendum_id(manifest), election_key, body)


def _check_all_but_proofs(context: BallotContext, raw: bytes) -> CastBallot:
    try:
        ballot = parse_ballot(context, raw)
    except (AuditError, CryptoError) as error:
        raise BallotRefused("V16", str(error)) from None
    try:
        check_token(context, ballot)
    except SignatureInvalid as error:
        raise BallotRefused("V17", str(error)) from None
    try:
        check_cast_signature(context, ballot)
    except CryptoError as error:
        raise BallotRefused("V18", str(error)) from None
    if ballot.seq >= context.max_casts:
        raise BallotRefused("V20", f"cast number {ballot.seq + 1} where {context.max_casts} are allowed")
    return ballot


def check_ballot(context: BallotContext, raw: bytes) -> CastBallot:
    """Everything that can be said of one ballot alone. Raises BallotRefused."""
    ballot = _check_all_but_proofs(context, raw)
    try:
        verify_one(context.joint_key, ballot.proven)
    except ProofInvalid as error:
        raise BallotRefused("V19", str(error)) from None
    return ballot


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """Plain bytes and numbers, so that it crosses process borders."""

    ids: list[tuple[int, bytes]]
    faults: list[tuple[int, str, str]]
    valid: list[tuple[bytes, int, bytes, int]]
    sums: list[tuple[bytes, bytes]]


def check_chunk(manifest: bytes, election_key: bytes, ballots: Sequence[tuple[int, bytes]]) -> ChunkResult:
    """Checks ballots, given with their log positions. Runs in workers."""
    # Nothing here makes cycles; the collector would only walk the whole batch over and over.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _check_chunk(context_of(manifest, election_key), ballots)
    finally:
        if collecting:
            gc.enable()


def _check_chunk(context: BallotContext, ballots: Sequence[tuple[int, bytes]]) -> ChunkResult:
    faults: list[tuple[int, str, str]] = []
    kept: list[tuple[int, CastBallot]] = []
    for position, raw in ballots:
        try:
            kept.append((position, _check_all_but_proofs(context, raw)))
        except BallotRefused as error:
            faults.append((position, error.check, str(error)))
    bad = set(find_invalid(context.joint_key, [ballot.proven for _, ballot in kept]))
    faults += [(kept[i][0], "V19", "a ballot's proofs do not hold") for i in sorted(bad)]
    good = [item for i, item in enumerate(kept) if i not in bad]
    known = {position: ballot.ballot_id for position, ballot in kept}
    sums = [add_ciphertexts(ballot.ciphertexts[i] for _, ballot in good) for i in context.summed]
    return ChunkResult(
        [(position, known.get(position) or peek(context, raw)) for position, raw in ballots],
        faults,
        [(ballot.token_key, ballot.seq, ballot.ballot_id, position) for position, ballot in good],
        [(_pack(total.nonce_point), _pack(total.blinded)) for total in sums],
    )


def _pack(point: Point) -> bytes:
    """A partial sum may vanish: a voter who casts r and then -r must not stop the count."""
    return b"" if point.is_identity else point.to_bytes()


def _unpack(data: bytes) -> Point:
    return Point.from_bytes(data) if data else IDENTITY


def check_issued_chunk(referendum: bytes, registrar: int, lines: Sequence[Issued]) -> list[bytes]:
    """The credentials that did not sign their request, or not that their token was used. Runs in workers."""
    bad = []
    for line in lines:
        try:
            verify_schnorr(line.credential, request_digest(referendum, registrar, line.request_hash), line.signature)
            if line.acknowledgement:
                digest = acknowledgement_digest(referendum, registrar, line.request_hash)
                verify_schnorr(line.credential, digest, line.acknowledgement)
        except CryptoError:
            bad.append(line.credential)
    return bad


class BallotChecker:
    """Collects ballots into chunks, checks them here or in an executor, and keeps results in log order."""

    def __init__(
        self, manifest: bytes, election_key: bytes, index: Index, report: Report, executor: Executor | None
    ) -> None:
        self._source = (manifest, election_key)
        self.context = context_of(manifest, election_key)
        self._index = index
        self._report = report
        self._executor = executor
        self._chunk: list[tuple[int, bytes]] = []
        self._batch_of: dict[int, int] = {}
        self._waiting: deque[tuple[dict[int, int], Future[ChunkResult]]] = deque()
        self._sums: list[Ciphertext] = [ZERO] * len(self.context.summed)
        self._previous: tuple[int, bytes] = (0, b"")
        self.valid = 0

    def add(self, position: int, batch: int, raw: bytes) -> None:
        self._chunk.append((position, raw))
        self._batch_of[position] = batch
        if len(self._chunk) >= CHUNK_BALLOTS:
            self._submit()

    def _submit(self) -> None:
        if not self._chunk:
            return
        arguments, batches = (*self._source, self._chunk), self._batch_of
        self._chunk, self._batch_of = [], {}
        if self._executor is None:
            self._take(batches, check_chunk(*arguments))
            return
        self._waiting.append((batches, self._executor.submit(check_chunk, *arguments)))
        if len(self._waiting) > 4:
            self._take_oldest()

    def _take_oldest(self) -> None:
        batches, future = self._waiting.popleft()
        self._take(batches, future.result())

    def _take(self, batches: dict[int, int], result: ChunkResult) -> None:
        for position, ballot_id in result.ids:
            batch = batches[position]
            if self._previous[0] == batch and ballot_id < self._previous[1]:
                self._report.stands("V15", f"entry {position}", f"batch {batch} is not sorted by ballot id")
            self._previous = (batch, ballot_id)
        for position, check, message in result.faults:
            self._report.stands(check, f"entry {position}", f"ballot excluded: {message}")
            self._report.figures.excluded += 1
        self._index.add_ballots((*row, batches[row[3]]) for row in result.valid)
        self.valid += len(result.valid)
        parts = [Ciphertext(_unpack(nonce), _unpack(blinded)) for nonce, blinded in result.sums]
        self._sums = [a + b for a, b in zip(self._sums, parts, strict=True)]

    def finish(self) -> None:
        """Waits for all chunks, then applies the rules about the set (V20)."""
        self._submit()
        while self._waiting:
            self._take_oldest()

    def settle(self) -> list[int]:
        """Excludes repeated ids and clashes; returns the positions of all valid ballots that do not count."""
        repeated = self._index.repeated_ids()
        for position, earlier in repeated:
            self._exclude(position, f"its ballot id stands at entry {earlier} already")
        self._index.remove_ballots(position for position, _ in repeated)
        clashes = self._index.clashes()
        for position, winner in clashes:
            self._exclude(position, f"the same token and cast number as entry {winner}, whose id is lower")
        self._index.remove_ballots(position for position, _ in clashes)
        outside = [position for position, _ in (*repeated, *clashes)]
        return sorted({*outside, *self._index.superseded()})

    def _exclude(self, position: int, why: str) -> None:
        self._report.stands("V20", f"entry {position}", f"ballot excluded: {why}")
        self._report.figures.excluded += 1

    def sums(self, not_counted: Iterator[bytes]) -> tuple[Ciphertext, ...]:
        """The sum of everything valid, less the valid ballots that do not count."""
        totals = list(self._sums)
        for raw in not_counted:
            held = parse_ballot(self.context, raw).ciphertexts
            totals = [total - held[place] for total, place in zip(totals, self.context.summed, strict=True)]
        return tuple(totals)
