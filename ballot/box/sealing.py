"""Batches: how stored ballots come into the log.

A batch is sealed first, in the database alone: from then on casts go into the next one. It is held back until that one
has a crowd of its own; so the last batch, into which goes what came after it, has one too. Then the registrars are
asked for their counts, the header is written beside it, the batch is appended, and it is noted that the log has it.
Killed or refused between any two of these, the next `seal` goes on there; casts never wait for a registrar or a
witness. When it is noted, its ballots are written anew in key order (`stored`), which casts wait for: a moment for an
ordinary batch.

Decides when a batch may be sealed and released, that it is sorted, and that its counts can be true. Leaves to
`ballot_box` what is accepted, and to the log what may be appended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, select, update

from stembus.audit.clock import Clock
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Batch, IssuedCount
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.tiles import checkpoint_path
from stembus.ballot.box.position import Bond, Position, Stage, position
from stembus.ballot.box.stored import (
    count_ballots,
    count_new_tokens,
    count_tokens,
    move_waiting,
    publish,
    waiting,
)
from stembus.ballot.database import reading
from stembus.ballot.errors import (
    TAKE_A_COPY,
    CountsContradict,
    DatabaseBehind,
    HeadMoved,
    LogDamaged,
    TooEarly,
    WitnessesMissing,
)
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.resting_order import shed_wal
from stembus.ballot.storage import ballots, box_state
from stembus.crypto.signing import SigningKey

_TRIES = 10
# Every registrar's signed count for a batch; beside its number, what the log says of each registrar so far.
Statements = Callable[[int, Sequence[int]], Sequence[IssuedCount]]


class Sealing:
    """Of one box's database, for its log."""

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        context: BallotContext,
        key: SigningKey,
        log: LogWriter,
        clock: Clock,
        bond: Bond,
    ) -> None:
        self._engine = engine
        self._manifest = manifest
        self._context = context
        self._key = key
        self._log = log
        self._clock = clock
        self._bond = bond

    def seal(self, statements: Statements) -> int | None:
        """The number of the batch that was brought into the log now, or None. Raises CountsContradict for counts that
        cannot be true, DatabaseBehind or LogBehindDatabase, TableInUse, what `statements` and `LogWriter.append`
        raise."""
        self._log.refresh()
        if self._log.order.phase.value == "cancelled":
            return None  # what waits is never counted
        number = self._go_on(statements) if self._is_released() else None
        full = self._full()
        if full is not None and self._freeze(full) and number is None and self._is_released():
            number = self._go_on(statements)
        shed_wal(self._engine)
        return number

    def finish(self, statements: Statements) -> None:
        """Ends the casts, and brings the last batch in. Raises TooEarly, and what `seal` raises."""
        if self._clock.now() < self._manifest.closes_at + self._manifest.grace_seconds:
            raise TooEarly(f"ballots are accepted until {self._manifest.closes} and the grace after it")
        self._go_to(Stage.HEALING, self._end_casts, statements)

    def end(self, statements: Statements) -> None:
        """Once `finish` is done: takes no ballot again any more, and brings those in that were. Raises what `seal`
        raises."""
        self._go_to(Stage.ENDED, self._end_healing, statements)

    def _go_to(self, stage: Stage, step: Callable[[], None], statements: Statements) -> None:
        while not self._has_reached(stage):
            step()
            self._go_on(statements)
        shed_wal(self._engine)

    def _has_reached(self, stage: Stage) -> bool:
        self._log.refresh()
        with reading(self._engine) as db:
            state = position(db)
        return state.stage >= stage and state.logged == state.sealed

    def _freeze(self, number: int) -> bool:
        """Seals the open batch if it is the one of that number, no other sealed one is left, and it is not empty."""
        with self._engine.begin() as db:
            state = position(db, "exclusive")
            may = state.stage is Stage.CASTS and state.batch == number and state.logged == state.sealed
            if not may or not count_ballots(db, waiting(number)):
                return False
            db.execute(update(box_state).values(batch=number + 1, header=None))
        return True

    def _end_casts(self) -> None:
        """None is promised after this step, and none before it is left out. What is open goes into the batch that is
        held back, unless that is on its way into the log already; if none is left, it is sealed."""
        self._log.refresh()
        with self._engine.begin() as db:
            state = position(db, "exclusive")
            if state.stage >= Stage.HEALING:
                return
            stage = Stage.HEALING if self._manifest.batching.healing_seconds else Stage.ENDED
            held = state.logged < state.sealed
            if not held:
                self._seal_open(db, state)
            elif state.header is None and self._log.order.batches < state.sealed:
                move_waiting(db, state.batch, state.sealed)
            else:
                stage = Stage.ENDING
            db.execute(update(box_state).values(stage=stage))

    def _end_healing(self) -> None:
        with self._engine.begin() as db:
            state = position(db, "exclusive")
            if state.stage is Stage.HEALING and state.logged == state.sealed:
                self._seal_open(db, state)
                db.execute(update(box_state).values(stage=Stage.ENDED))

    def _seal_open(self, db: Connection, state: Position) -> None:
        if count_ballots(db, waiting(state.batch)):
            db.execute(update(box_state).values(batch=state.batch + 1, header=None))

    def _full(self) -> int | None:
        """The number of the open batch, if it has its crowd and is the next to be sealed. It only grows until it is."""
        if self._is_quiet():
            return None
        with reading(self._engine) as db:
            state = position(db)
            if state.logged < state.sealed:
                return None
            tokens = db.execute(count_new_tokens(state.batch)).scalar_one()
        is_time = self._holds_back or self._is_time()
        return state.batch if tokens >= self._manifest.batching.minimum_tokens and is_time else None

    @property
    def _holds_back(self) -> bool:
        """A crowd of one is none, and nothing waits for it."""
        return self._manifest.batching.minimum_tokens > 1

    def _is_quiet(self) -> bool:
        """The last batch goes in with the close. Released here by a clock that is ahead, it would not be the last."""
        return self._clock.now() >= self._manifest.closes_at - self._manifest.batching.quiet_seconds

    def _is_released(self) -> bool:
        """Whether a sealed batch goes into the log now: it is on its way there, or the open one has its crowd and the
        rules allow the time."""
        state = self._bond.position(self._engine)
        if state.logged == state.sealed:
            return False
        if state.header is not None or self._log.order.batches >= state.sealed or state.stage:
            return True
        if self._is_quiet() or not self._is_time():
            return False
        if not self._holds_back:
            return True
        with reading(self._engine) as db:
            tokens = db.execute(count_new_tokens(state.batch)).scalar_one()
        return int(tokens) >= self._manifest.batching.minimum_tokens

    def _is_time(self) -> bool:
        """Whether the last batch in the log is long enough ago. Raises LogDamaged."""
        end = self._log.batch_end
        if end and self._log.time_at(end) is None:
            self._log.cosign()
        last = self._log.time_at(end) if end else 0
        if last is None and self._log.head().size >= end:
            raise LogDamaged(
                f"{checkpoint_path(end)} is missing in the published folder, though the head came after it: without it "
                f"nobody can tell when the next batch may come; bring it back, or {TAKE_A_COPY}"
            )
        return last is not None and self._clock.now() - last >= self._manifest.batching.minimum_seconds

    def _go_on(self, statements: Statements) -> int | None:
        """Brings a sealed batch into the log, unless it is there, and notes it."""
        state = self._bond.position(self._engine)
        if state.logged == state.sealed:
            return None
        number = state.sealed
        if self._log.order.batches < number:
            header = state.header or self._header(number, statements)
            with reading(self._engine) as db:
                sealed = waiting(number)
                rows = db.execute(select(sealed.c.cast_ballot).order_by(sealed.c.ballot_id)).scalars().all()
            self._append(number, [header, *(bytes(raw) for raw in rows)])
        self._note(number)
        return number

    def _append(self, number: int, entries: Sequence[bytes]) -> None:
        for _ in range(_TRIES):
            self._log.refresh()  # it may have grown while the registrars were asked
            if self._log.order.batches >= number:
                return
            try:
                self._log.append(entries, expected_size=self._log.size)
            except HeadMoved:
                continue  # another entry came first, or another sealer brought this very batch in
            return
        raise HeadMoved(f"other processes append all the time; batch {number} is kept, try again")

    def _header(self, number: int, statements: Statements) -> bytes:
        """Signed and kept: whoever goes on with this batch appends the same one."""
        for _ in range(_TRIES):
            size, header = self._signed_header(number, statements)
            with self._engine.begin() as db:
                position(db, "exclusive")
                if count_ballots(db, waiting(number)) == size:
                    # Another sealer may have been faster: the first header stays.
                    mine = (box_state.c.batch == number + 1) & box_state.c.header.is_(None)
                    db.execute(update(box_state).where(mine).values(header=header))
                    return position(db).header or header
                # The casts ended meanwhile, and what was open came to this batch.
        raise CountsContradict(f"batch {number} changes while its counts are asked for; nothing is lost, try again")

    def _signed_header(self, number: int, statements: Statements) -> tuple[int, bytes]:
        """The size of a sealed batch, and its header for that size."""
        counts = list(statements(number, self._log.issued))
        with reading(self._engine) as db:
            used = db.execute(count_tokens(ballots, waiting(number))).scalar_one()
            size = count_ballots(db, waiting(number))
        for registrar, (stated, logged) in enumerate(zip(counts, self._log.issued, strict=True), 1):
            if stated.count < max(used, logged):
                raise CountsContradict(
                    f"registrar {registrar} states {stated.count} tokens, but {used} are used in the ballot box and "
                    f"the log says {logged}; batch {number} waits until this is explained; nothing is lost"
                )
        body = Batch(number=number, size=size, issued=counts)
        return size, encode_entry(body, [sign_entry(self._context.referendum, body, "box", self._key)])

    def _note(self, number: int) -> None:
        """That batch `number` is published: its ballots go to the published ones, and nothing stays of the order in
        which they came. Raises WitnessesMissing while it is not, and TableInUse: the next `seal` goes on."""
        if not self._log.cosign():
            missing = f"batch {number} is kept and waits for a quorum of witnesses; try again"
            raise WitnessesMissing(missing + self._log.why())
        first, size = self._log.batches[number - 1]
        header = hashlib.sha256(self._log.reader().entry(first - 1)).digest()
        end = first + size
        with self._engine.begin() as db:
            state = position(db, "exclusive")
            if state.logged >= number:
                return
            root = self._log.reader().subtree(0, end)
            noted = {"logged": number, "header": None, "header_hash": header, "log_size": end, "log_root": root}
            db.execute(update(box_state).values(noted))
            if (moved := publish(db, number)) < size:
                # Not even ballots that were handed in again can be fewer. A copy could be that was made meanwhile.
                raise DatabaseBehind(
                    f"the log's batch {number} holds {size} ballots, and the ballot box's database {moved} of them: it "
                    "came back from a copy that is not whole; bring back a whole one, or run: stembus box recover DIR"
                )
