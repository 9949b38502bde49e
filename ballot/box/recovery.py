"""A ballot box whose database came back from an older copy, or was lost: rebuilt from the log.

Decides that every ballot of the log takes its turn again, and that one which only the database has waits for the open
batch, unless a later cast of its token stands in the log. What was promised after the copy was made, for a batch that
is not in the log yet, is in neither: only the voters' devices still have it, and hand it in again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, insert, update

from stembus.audit.formats.cast_ballot import BallotContext, parse_ballot
from stembus.ballot.box.position import Stage, header_hash, position
from stembus.ballot.box.stored import ALL, count_ballots, every, row_of, waiting
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.resting_order import empty
from stembus.ballot.storage import ballots, box_state


@dataclass(frozen=True, slots=True)
class Recovered:
    """`batches` and `ballots` of the log; how many other ballots wait for the next batch; the ids of those that a later
    cast of the same token had replaced. Ballots promised for batch `batches` + 1 may be missing."""

    batches: int
    ballots: int
    waiting: int
    superseded: tuple[bytes, ...]


def recover(engine: Engine, context: BallotContext, log: LogWriter) -> Recovered:
    """In one transaction; done again, it changes nothing. No service may run meanwhile. Raises
    TableInUse."""
    log.refresh()
    batches = log.order.batches
    rows, turns = _logged(context, log)
    with engine.begin() as db:
        position(db, "exclusive")  # a cast that a running service has begun ends before, and is seen
        kept = every(lambda c: c.cast_ballot.is_not(None))
        superseded, left = [], {}
        for row in db.execute(kept.order_by(kept.selected_columns.ballot_id)).all():
            ballot_id, token = bytes(row.ballot_id), bytes(row.token)
            if ballot_id in rows:
                continue
            if row.seq <= turns.get(token, -1):
                superseded.append(ballot_id)
                continue
            left[ballot_id] = {**row._mapping, "batch": batches + 1}
        empty(db, *ALL)
        for table, found in ((ballots, rows), (waiting(batches + 1), left)):
            if found:
                db.execute(insert(table), [found[ballot_id] for ballot_id in sorted(found)])
        end = log.batch_end
        db.execute(
            update(box_state).values(
                batch=batches + 1,
                header=None,
                logged=batches,
                header_hash=header_hash(log, batches),
                log_size=end,
                log_root=log.reader().subtree(0, end) if end else None,
                stage=Stage.CASTS if log.order.phase.value in ("keyed", "rolled", "open") else Stage.ENDED,
            )
        )
    return Recovered(batches, log.order.ballots, len(left), tuple(superseded))


def lacks_ballots(engine: Engine, log: LogWriter) -> bool:
    """Whether the log has a batch that the database has not noted, with more ballots than the database keeps for it: it
    came back from a copy that was made while they went over to the published ones."""
    log.refresh()
    with engine.begin() as db:
        state = position(db, "shared")  # else the batch could be noted between this and the counting
        unnoted = state.logged < state.sealed <= log.order.batches
        return unnoted and count_ballots(db, waiting(state.sealed)) < log.batches[state.sealed - 1][1]


def count_logged_tokens(context: BallotContext, log: LogWriter) -> int:
    """How many tokens have a ballot in the log, as everybody can count them (V22)."""
    return len(_logged(context, log)[1])


def _logged(context: BallotContext, log: LogWriter) -> tuple[dict[bytes, dict[str, object]], dict[bytes, int]]:
    """A row for each ballot of the log, by its id, and the last turn of each token."""
    rows: dict[bytes, dict[str, object]] = {}
    turns: dict[bytes, int] = {}
    taken = set()
    reader = log.reader()
    for batch, (first, size) in enumerate(log.batches, 1):
        for index in range(first, first + size):
            ballot = parse_ballot(context, reader.entry(index))
            turns[ballot.token_key] = max(ballot.seq, turns.get(ballot.token_key, -1))
            if ballot.ballot_id in rows or (ballot.token_key, ballot.seq) in taken:
                continue  # what the log holds twice counts once
            taken.add((ballot.token_key, ballot.seq))
            rows[ballot.ballot_id] = row_of(ballot, batch)
    return rows, turns
