"""The ballot box: accepts ballots, promises, and brings them into the log in sorted batches.

Decides acceptance (with the audit's own check of a ballot), turn (exactly one above the token's last cast)
and when a batch may be sealed. Stores first, answers after. Never sees a vote or a person; does not know
the registrar, whose signed counts are handed in.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from stembus.audit.clock import Clock
from stembus.audit.formats.cast_ballot import BallotContext, CastBallot
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Batch, IssuedCount
from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.receipt import Promise, Receipt, make_promise, make_receipt
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.ballot.errors import BallotRejected, CastOutOfTurn, Closed, NotOpenYet, RollInvalid, TooEarly
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.storage import ballots, bind_database, box_state, reading
from stembus.crypto.signing import SigningKey

Statements = Callable[[int], Sequence[IssuedCount]]


class BallotBox:
    """One referendum's box: database, promise key, and the log it feeds."""

    def __init__(
        self, engine: Engine, manifest: Manifest, context: BallotContext, key: SigningKey, log: LogWriter, clock: Clock
    ) -> None:
        self._engine = engine
        self._manifest = manifest
        self.context = context
        self._key = key
        self._log = log
        self._clock = clock
        start: dict[str, object] = {"id": 1, "referendum": context.referendum, "batch": 1}
        if bind_database(engine, box_state, start) != context.referendum:
            raise RollInvalid("this ballot box's database belongs to another referendum; make a new one")

    def cast(self, raw: bytes) -> Promise:
        """Checks, stores, promises. The same ballot again gets the same promise. Raises NotOpen,
        BallotRejected or CastOutOfTurn; then nothing was stored."""
        if len(raw) != self.context.size:
            raise BallotRejected("V16", f"a ballot of this referendum is {self.context.size} bytes, not {len(raw)}")
        known = self._known(raw)
        if known is not None:
            return known
        self._log.refresh()
        now = self._clock.now()
        phase = self._log.order.phase.value
        if now < self._manifest.opens_at:
            raise NotOpenYet(f"voting is not open yet; it opens at {self._manifest.opens}")
        if phase in ("closed", "tallied", "cancelled"):
            raise Closed("voting is closed")
        if phase != "open":
            raise NotOpenYet("voting is not open yet; the officers have not opened it")
        if now >= self._manifest.closes_at + self._manifest.grace_seconds:
            raise Closed("voting is closed")
        try:
            ballot = check_ballot(self.context, raw)
        except BallotRefused as error:
            raise BallotRejected(error.check, str(error)) from None
        try:
            batch = self._store(ballot)
        except CastOutOfTurn:
            # The same ballot may have come in by another way at the same moment.
            if (known := self._known(raw)) is not None:
                return known
            raise
        return self._promise(ballot.cast_hash, ballot.ballot_id, batch)

    def _promise(self, cast_hash: bytes, ballot_id: bytes, batch: int) -> Promise:
        return make_promise(self.context.referendum, cast_hash, ballot_id, batch, self._key)

    def _known(self, raw: bytes) -> Promise | None:
        with reading(self._engine) as db:
            cast_hash = hashlib.sha256(raw).digest()
            ballot_id = self.context.ballot_id(raw[1 : 1 + self.context.body_bytes])
            row = db.execute(select(ballots).where(ballots.c.ballot_id == ballot_id)).one_or_none()
        if row is None or row.cast_hash != cast_hash:
            return None
        return self._promise(cast_hash, ballot_id, row.batch)

    def _store(self, ballot: CastBallot) -> int:
        try:
            return self._insert(ballot)
        except IntegrityError:
            pass  # another cast of this token was faster by a moment: now it is seen
        try:
            return self._insert(ballot)
        except IntegrityError:
            raise CastOutOfTurn("another ballot with this id is here already") from None

    def _insert(self, ballot: CastBallot) -> int:
        """Stores a ballot whose turn it is, and returns its batch. Raises CastOutOfTurn, with the token's current
        ballot: the token's own signature on it shows the voter's device that the turn was taken."""
        with self._engine.begin() as db:
            # Shared with other casts, exclusive against sealing: no ballot slips behind a sealed batch.
            batch = int(db.execute(select(box_state.c.batch).with_for_update(read=True)).scalar_one())
            of_token = ballots.c.token == ballot.token_key
            last = db.execute(select(ballots).where(of_token).order_by(ballots.c.seq.desc()).limit(1)).one_or_none()
            expected = 0 if last is None else last.seq + 1
            if ballot.seq == expected:
                db.execute(
                    insert(ballots).values(
                        ballot_id=ballot.ballot_id,
                        token=ballot.token_key,
                        seq=ballot.seq,
                        cast_hash=ballot.cast_hash,
                        batch=batch,
                        cast_ballot=ballot.raw,
                    )
                )
                return batch
        current = None
        if last is not None:
            current = bytes(last.cast_ballot) if last.cast_ballot else self._logged(bytes(last.ballot_id), last.batch)
        raise CastOutOfTurn(f"cast number {ballot.seq + 1} where {expected + 1} is next", current, expected)

    def _logged(self, ballot_id: bytes, batch: int) -> bytes | None:
        """A ballot that left the database for the log. Batches are sorted by ballot id, so few entries are read."""
        self._log.refresh()
        first, size = self._log.batches[batch - 1]
        reader, width = self._log.reader(), self.context.body_bytes
        found = bisect_left(
            range(first, first + size), ballot_id, key=lambda k: self.context.ballot_id(reader.entry(k)[1 : 1 + width])
        )
        return reader.entry(first + found) if found < size else None

    def pending(self) -> int:
        """Ballots that wait for a batch."""
        with reading(self._engine) as db:
            return db.execute(select(func.count()).where(ballots.c.cast_ballot.is_not(None))).scalar_one()

    def accepted(self) -> int:
        with reading(self._engine) as db:
            return db.execute(select(func.count()).select_from(ballots)).scalar_one()

    def seal(self, statements: Statements) -> int | None:
        """Brings the open batch into the log if the rules allow it now; returns its number, or None.

        `statements(batch)` fetches the registrars' signed counts. Killed anywhere, it goes on where it was:
        a sealed batch is fixed in the database before it is appended, and the log tells what it holds.
        """
        number = self._resume()
        if number is not None:
            return number
        if not self._due():
            return None
        with self._engine.begin() as db:
            number = int(db.execute(select(box_state.c.batch).with_for_update()).scalar_one())
            size = db.execute(select(func.count()).where(ballots.c.batch == number)).scalar_one()
            if not size:
                return None
            body = Batch(number=number, size=size, issued=list(statements(number)))
            header = encode_entry(body, [sign_entry(self.context.referendum, body, "box", self._key)])
            db.execute(update(box_state).values(batch=number + 1, header=header))
        return self._resume()

    def _due(self) -> bool:
        now, rules, closes = self._clock.now(), self._manifest.batching, self._manifest.closes_at
        if now >= closes + self._manifest.grace_seconds:
            return True
        with reading(self._engine) as db:
            state = db.execute(select(box_state)).one()
            tokens = db.execute(
                select(func.count(func.distinct(ballots.c.token))).where(ballots.c.batch == state.batch)
            ).scalar_one()
        end = self._log.batch_end
        if end and self._log.time_at(end) is None:
            self._log.cosign()
        last = self._log.time_at(end) if end else 0
        if last is None or now >= closes - rules.quiet_seconds:
            return False
        return bool(tokens >= rules.minimum_tokens and now - last >= rules.minimum_seconds)

    def _resume(self) -> int | None:
        """Appends a sealed batch that is not in the log yet, and tidies after one that is."""
        self._log.refresh()
        with reading(self._engine) as db:
            state = db.execute(select(box_state)).one()
            if state.header is None:
                return None
            number = state.batch - 1
            if self._log.order.batches < number:
                rows = db.execute(
                    select(ballots.c.cast_ballot).where(ballots.c.batch == number).order_by(ballots.c.ballot_id)
                ).scalars()
                entries = [bytes(state.header), *(bytes(raw) for raw in rows)]
                expected = self._log.size
            else:
                entries = []
        if entries:
            self._log.append(entries, expected_size=expected)
        else:
            self._log.cosign()
        with self._engine.begin() as db:
            db.execute(update(ballots).where(ballots.c.batch == number).values(cast_ballot=None))
            # Another sealer may be further on already: only this batch's header is done.
            db.execute(update(box_state).where(box_state.c.batch == number + 1).values(header=None))
        return int(number)

    def finish(self, statements: Statements) -> None:
        """After close and grace: the last batch. Raises TooEarly."""
        if self._clock.now() < self._manifest.closes_at + self._manifest.grace_seconds:
            raise TooEarly(f"ballots are accepted until {self._manifest.closes} and the grace after it")
        while self.seal(statements) is not None:
            pass

    def receipt(self, ballot_id: bytes, cast_hash: bytes) -> Receipt | None:
        """The final receipt of a logged ballot, for the Python client on the same folder."""
        return find_receipt(self._log, self.context, ballot_id, cast_hash)


def find_receipt(log: LogWriter, context: BallotContext, ballot_id: bytes, cast_hash: bytes) -> Receipt | None:
    """Searches the log for a ballot; None while its batch is not in."""
    head, reader = log.head(), log.published()
    for index in range(reader.size):
        raw = reader.entry(index)
        if raw[:1] != b"{" and hashlib.sha256(raw).digest() == cast_hash:
            if context.ballot_id(raw[1 : 1 + context.body_bytes]) != ballot_id:
                continue
            return make_receipt(index, reader.inclusion(index), head)
    return None
