"""The ballots that the box keeps until the close is published, and what the log has of them.

Decides when a ballot may go: once it was read back, whole, from the published log. One that is not there stays: it is
evidence.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, Engine, Table, select, update

from stembus.audit.log.tile_reader import TileReader
from stembus.ballot.box.stored import ALL
from stembus.ballot.database import reading
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.resting_order import shed_wal


class Kept:
    """Of one box's database, for its log."""

    def __init__(self, engine: Engine, log: LogWriter) -> None:
        self._engine = engine
        self._log = log

    def forget(self) -> int:
        """Empties each ballot that was read back, whole, from the published log after the close; the rest stay. Returns
        how many promised ballots stay. Before the close is published, nothing happens."""
        self._log.refresh()
        if self._log.order.phase.value not in ("closed", "tallied", "abandoned") or not self._log.cosign():
            return 0
        logged = self._logged(self._log.published())
        missing = 0
        with self._engine.begin() as db:
            for table, ballot_id, cast_hash in _whole(db):
                if cast_hash in logged:
                    db.execute(update(table).where(table.c.ballot_id == ballot_id).values(cast_ballot=None))
                else:
                    missing += 1
        shed_wal(self._engine)
        return missing

    def missing(self) -> int:
        """How many ballots that the database keeps are not in the log."""
        logged = self._logged(self._log.reader())
        with reading(self._engine) as db:
            return sum(cast_hash not in logged for _, _, cast_hash in _whole(db))

    def _logged(self, reader: TileReader) -> set[bytes]:
        """The hashes of all ballots."""
        return {
            hashlib.sha256(reader.entry(index)).digest()
            for first, size in self._log.batches
            for index in range(first, first + size)
        }


def _whole(db: Connection) -> list[tuple[Table, bytes, bytes]]:
    """Of each ballot that is kept: its table, id and hash."""
    found = []
    for table in ALL:
        key = table.c.ballot_id
        rows = db.execute(select(key, table.c.cast_hash).where(table.c.cast_ballot.is_not(None)).order_by(key))
        found += [(table, bytes(row.ballot_id), bytes(row.cast_hash)) for row in rows]
    return found
