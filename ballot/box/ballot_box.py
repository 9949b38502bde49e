"""The ballot box: accepts ballots and promises them.

Decides acceptance (with the audit's own check of a ballot) and turn (above the token's last cast). Stores first,
answers after; keeps every ballot until the close is published. Takes nothing while its database and the log do not
belong together (`position`). Leaves to `sealing` how ballots come into the log. Never sees a vote or a person; does not
know the registrar, whose signed counts are handed in.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, select
from sqlalchemy.exc import IntegrityError

from stembus.audit.clock import Clock
from stembus.audit.errors import AuditError
from stembus.audit.formats.cast_ballot import BallotContext, CastBallot
from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.receipt import Promise, Receipt, check_promise, make_promise, make_receipt, parse_promise
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.ballot.box.kept import Kept
from stembus.ballot.box.position import Bond, Position, Stage, position
from stembus.ballot.box.sealing import Sealing, Statements
from stembus.ballot.box.stored import (
    ALL,
    count_ballots,
    every,
    newest,
    store,
    store_newest,
    table_of,
    with_id,
)
from stembus.ballot.database import reading
from stembus.ballot.errors import BallotError, BallotRejected, Cancelled, CastOutOfTurn, Closed, NotOpenYet
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.crypto.signing import SigningKey

_ID_TAKEN = "another ballot with this id is here already"


class BallotBox:
    """One referendum's box: database, promise key, and the log it feeds. Raises DatabaseBehind or LogBehindDatabase
    when these two do not belong together."""

    def __init__(
        self, engine: Engine, manifest: Manifest, context: BallotContext, key: SigningKey, log: LogWriter, clock: Clock
    ) -> None:
        self._engine = engine
        self._manifest = manifest
        self.context = context
        self._key = key
        self._log = log
        self._clock = clock
        self._bond = Bond(log)
        self._sealing = Sealing(engine, manifest, context, key, log, clock, self._bond)
        self._kept = Kept(engine, log)
        self.demand_together()

    def cast(self, raw: bytes, earlier: bytes = b"") -> Promise:
        """Checks, stores, promises. The same ballot again gets the same promise, as long as that can be kept. With an
        `earlier` promise of this box, a ballot that the log lacks is also taken after the voting, while it heals.
        Raises NotOpen, BallotRejected or CastOutOfTurn; then nothing was stored. Raises DatabaseBehind or
        LogBehindDatabase while the box can promise nothing."""
        promise = self._parse(raw, earlier)
        self._log.refresh()
        try:
            return self._accept(raw)
        except BallotRejected:
            raise  # such a ballot was never stored
        except BallotError:
            # Asked only now, because nearly every ballot is a new one. Whoever lost an answer gets it again, also when
            # nothing new is taken any more.
            if (known := self._known(raw)) is not None:
                return known
            if promise is not None and (again := self._heal_once(raw, promise)) is not None:
                return again
            raise

    def _parse(self, raw: bytes, earlier: bytes) -> Promise | None:
        """The earlier promise, if there is one. Raises BallotRejected unless that is a ballot's size, and what stands
        behind it reads as a promise: bytes that nobody reads are no part of a ballot."""
        size = len(raw) + len(earlier)
        try:
            if len(raw) == self.context.size:
                return parse_promise(earlier) if earlier else None
        except AuditError:
            pass
        raise BallotRejected("V16", f"a ballot of this referendum is {self.context.size} bytes, not {size}")

    def _heal_once(self, raw: bytes, promise: Promise) -> Promise | None:
        """The same ballot from several pages at a time is taken once, and all get its promise."""
        try:
            return self._heal(raw, promise)
        except (CastOutOfTurn, IntegrityError):
            if (known := self._known(raw)) is not None:
                return known
            raise

    def _heal(self, raw: bytes, promise: Promise) -> Promise | None:
        """Takes a promised ballot again, for the last batch of all; None where it may not be. Raises BallotRejected,
        CastOutOfTurn."""
        try:
            check_promise(self._manifest, self.context.referendum, promise)
        except AuditError:
            return None
        if promise.cast_hash != hashlib.sha256(raw).hexdigest() or self._log.order.phase.value != "open":
            return None
        ballot = self._checked(raw)
        if any(self._logged(ballot.ballot_id, batch) for batch in range(1, self._log.order.batches + 1)):
            return None
        with self._engine.begin() as db:
            state = position(db, "shared")
            self._bond.demand(state)
            if state.stage is not Stage.HEALING or state.logged < state.sealed:
                return None
            return self._promise(ballot.cast_hash, ballot.ballot_id, self._place(db, ballot, state))

    def _checked(self, raw: bytes) -> CastBallot:
        try:
            return check_ballot(self.context, raw)
        except BallotRefused as error:
            raise BallotRejected(error.check, str(error)) from None

    def _accept(self, raw: bytes) -> Promise:
        """Takes a ballot as a new one. Raises as `cast` does, also for one that was promised before."""
        self._demand_open()
        ballot = self._checked(raw)
        return self._promise(ballot.cast_hash, ballot.ballot_id, self._store(ballot))

    def demand_open(self) -> None:
        """Raises NotOpenYet, Closed or Cancelled while nobody can vote."""
        self._log.refresh()
        self._demand_open()

    def _demand_open(self) -> None:
        now, phase = self._clock.now(), self._log.order.phase.value
        if phase == "cancelled":
            raise Cancelled("this referendum is cancelled; no ballot is taken any more")
        if now < self._manifest.opens_at:
            raise NotOpenYet(f"voting is not open yet; it opens at {self._manifest.opens}")
        if phase in ("closed", "tallied", "abandoned"):
            raise Closed("voting is closed")
        if phase != "open":
            raise NotOpenYet("voting is not open yet; the officers have not opened it")
        if now >= self._manifest.closes_at + self._manifest.grace_seconds:
            raise Closed("voting is closed")

    def _promise(self, cast_hash: bytes, ballot_id: bytes, batch: int) -> Promise:
        return make_promise(self.context.referendum, cast_hash, ballot_id, batch, self._key)

    def _known(self, raw: bytes) -> Promise | None:
        """The promise that was made for this ballot; None when none was, or when its batch stands without it."""
        with reading(self._engine) as db:
            cast_hash = hashlib.sha256(raw).digest()
            ballot_id = self.context.ballot_id(raw[1 : 1 + self.context.body_bytes])
            row = with_id(db, ballot_id)
        if row is None or row.cast_hash != cast_hash or self._is_missing(row.ballot_id, row.cast_hash, row.batch):
            return None
        return self._promise(cast_hash, ballot_id, row.batch)

    def _is_missing(self, ballot_id: bytes, cast_hash: bytes, batch: int) -> bool:
        if batch > self._log.order.batches:
            return False
        logged = self._logged(ballot_id, batch)
        return logged is None or hashlib.sha256(logged).digest() != cast_hash

    def _store(self, ballot: CastBallot) -> int:
        try:
            return self._insert(ballot)
        except IntegrityError:
            pass  # another cast of this token was faster by a moment: now it is seen
        try:
            return self._insert(ballot)
        except IntegrityError:
            raise CastOutOfTurn(_ID_TAKEN) from None

    def _insert(self, ballot: CastBallot) -> int:
        """Stores a ballot whose turn it is, and returns its batch. Raises CastOutOfTurn, with the token's current
        ballot: the token's own signature on it shows the voter's device that the turn was taken."""
        with self._engine.begin() as db:
            # Shared with other casts, exclusive against sealing: no ballot slips behind a sealed batch.
            state = position(db, "shared")
            self._bond.demand(state)
            if state.stage is not Stage.CASTS:
                raise Closed("voting is closed")
            return self._place(db, ballot, state)

    def _place(self, db: Connection, ballot: CastBallot, state: Position) -> int:
        """Into the open batch, whose number it returns, if it is the token's turn. Raises CastOutOfTurn."""
        if store_newest(db, ballot, state.batch):
            return state.batch
        last = newest(db, ballot.token_key)
        if last.cast_hash == ballot.cast_hash and self._withdraw(db, ballot, last.batch, state):
            store(db, ballot, state.batch)
            return state.batch
        if ballot.seq > last.seq:
            # The same body, signed for another turn. In the log it would be excluded (V20).
            same = with_id(db, ballot.ballot_id)
            raise CastOutOfTurn(_ID_TAKEN, None if same is None else self._stored(same))
        raise CastOutOfTurn(
            f"cast number {ballot.seq + 1} is not above {last.seq + 1}", self._stored(last), last.seq + 1
        )

    def _stored(self, row: Row[Any]) -> bytes | None:
        return bytes(row.cast_ballot) if row.cast_ballot else self._logged(bytes(row.ballot_id), row.batch)

    def _withdraw(self, db: Connection, ballot: CastBallot, old: int, state: Position) -> bool:
        """Takes a ballot out of the batch it was promised for, if that was published without it: it is handed in
        again."""
        if not self._is_missing(ballot.ballot_id, ballot.cast_hash, old):
            return False
        table = table_of(old, state.logged)
        return db.execute(delete(table).where(table.c.ballot_id == ballot.ballot_id)).rowcount == 1

    def _logged(self, ballot_id: bytes, batch: int) -> bytes | None:
        """The ballot of that id in the log's batch. Batches are sorted by ballot id, so few entries are read."""
        if not 1 <= batch <= self._log.order.batches:
            return None
        first, size = self._log.batches[batch - 1]
        reader, width = self._log.reader(), self.context.body_bytes
        found = bisect_left(
            range(first, first + size), ballot_id, key=lambda k: self.context.ballot_id(reader.entry(k)[1 : 1 + width])
        )
        if found == size:
            return None
        raw = reader.entry(first + found)
        return raw if self.context.ballot_id(raw[1 : 1 + width]) == ballot_id else None

    def demand_together(self) -> None:
        """Raises DatabaseBehind or LogBehindDatabase unless database and log belong together now."""
        self._bond.position(self._engine)

    def pending(self) -> int:
        """Ballots that wait for a batch."""
        self._log.refresh()
        later = every(lambda c: c.batch > self._log.order.batches).subquery()
        with reading(self._engine) as db:
            return db.execute(select(func.count()).select_from(later)).scalar_one()

    def accepted(self) -> int:
        with reading(self._engine) as db:
            return count_ballots(db, *ALL)

    def missing(self) -> int:
        """How many ballots that were promised are not in the log."""
        self._log.refresh()
        return self._kept.missing()

    def seal(self, statements: Statements) -> int | None:
        """Brings the open batch into the log if the rules allow it now; returns its number, or None. Killed anywhere,
        it goes on where it was. Raises what `Sealing.seal` raises."""
        return self._sealing.seal(statements)

    def finish(self, statements: Statements) -> None:
        """After close and grace: takes no more ballots, and brings the last batch in. Raises TooEarly."""
        self._sealing.finish(statements)

    def is_healing(self) -> bool:
        """Whether the last batch of the voting is in, and missing ballots are taken again."""
        with reading(self._engine) as db:
            return position(db).stage is Stage.HEALING

    def end(self, statements: Statements) -> None:
        """Takes no ballot again either, and brings in those that were handed in again."""
        self._sealing.end(statements)

    def forget(self) -> int:
        """Once the close is published: empties each ballot that was read back from the log; returns how many promised
        ones are not there."""
        return self._kept.forget()

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
