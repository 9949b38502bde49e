"""The verifier's scratch index: credentials, issuances and valid ballots in a temporary SQLite file.

Uniqueness and membership over millions of rows in flat memory. Decides nothing about validity; knows how
to find doubles and the counted ballot of each token.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType

_SCHEMA = """
CREATE TABLE credential (key BLOB PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE issued (key BLOB, registrar INTEGER, used INTEGER, PRIMARY KEY (key, registrar)) WITHOUT ROWID;
CREATE TABLE struck (key BLOB, registrar INTEGER, PRIMARY KEY (key, registrar)) WITHOUT ROWID;
CREATE TABLE ballot (
    token BLOB NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL, position INTEGER NOT NULL, batch INTEGER NOT NULL,
    PRIMARY KEY (token, seq, id, position)
) WITHOUT ROWID;
"""


class Index:
    """Opens on a private temporary file that SQLite removes by itself."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000;")
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add_credential(self, key: bytes, kind: str) -> bool:
        """False when the key is there already."""
        cursor = self._db.execute("INSERT OR IGNORE INTO credential VALUES (?, ?)", (key, kind))
        return cursor.rowcount == 1

    def credential(self, key: bytes) -> str | None:
        """credential, spare, struck, replacement, or None."""
        row = self._db.execute("SELECT kind FROM credential WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def mark(self, key: bytes, kind: str) -> None:
        self._db.execute("UPDATE credential SET kind = ? WHERE key = ?", (kind, key))

    def add_issued(self, registrar: int, key: bytes, used: bool) -> None:
        """`used`: the credential acknowledged that its token was used."""
        self._db.execute("INSERT OR IGNORE INTO issued VALUES (?, ?, ?)", (key, registrar, used))

    def acknowledged(self) -> int:
        """How many voters acknowledged to any registrar that their token was used."""
        return int(self._db.execute("SELECT COUNT(DISTINCT key) FROM issued WHERE used").fetchone()[0])

    def on_every_list(self, registrars: int) -> int:
        """How many voters asked each of so many registrars for a token."""
        each = "SELECT key FROM issued GROUP BY key HAVING COUNT(*) = ?"
        return int(self._db.execute(f"SELECT COUNT(*) FROM ({each})", (registrars,)).fetchone()[0])  # noqa: S608

    def is_issued(self, registrar: int, key: bytes) -> bool:
        row = self._db.execute("SELECT 1 FROM issued WHERE registrar = ? AND key = ?", (registrar, key)).fetchone()
        return row is not None

    def add_struck(self, registrar: int, key: bytes) -> None:
        self._db.execute("INSERT OR IGNORE INTO struck VALUES (?, ?)", (key, registrar))

    def struck(self, registrars: int) -> tuple[int, int]:
        """How many voters may vote on paper, as `entry_rules.may_vote_on_paper` has it, and for how many of them one of
        so many registrars had signed a token."""
        others = "SELECT registrar FROM {} o WHERE o.key = s.key AND o.registrar > 1"
        spoken = f"{others.format('issued')} UNION {others.format('struck')}"
        asked = f"EXISTS ({others.format('issued')})"
        row = self._db.execute(
            f"SELECT COUNT(*), COALESCE(SUM({asked}), 0) FROM struck s WHERE s.registrar = 1"  # noqa: S608
            f" AND (SELECT COUNT(*) FROM ({spoken})) = ?",
            (registrars - 1,),
        ).fetchone()
        return int(row[0]), int(row[1])

    def add_ballots(self, rows: Iterable[tuple[bytes, int, bytes, int, int]]) -> None:
        """(token, seq, id, position, batch)."""
        self._db.executemany("INSERT INTO ballot VALUES (?, ?, ?, ?, ?)", rows)

    def repeated_ids(self) -> list[tuple[int, int]]:
        """(position, first position) of every ballot whose id stood earlier in the log."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_id ON ballot (id, position)")
        return self._db.execute(
            "SELECT b.position, f.first FROM ballot b JOIN"
            " (SELECT id, MIN(position) AS first FROM ballot GROUP BY id HAVING COUNT(*) > 1) f"
            " ON b.id = f.id AND b.position > f.first ORDER BY b.position"
        ).fetchall()

    def clashes(self) -> list[tuple[int, int]]:
        """(position, counted position) where one token and seq stand twice: the lower id counts."""
        return self._db.execute(
            "SELECT b.position, w.position FROM ballot b JOIN"
            " (SELECT token, seq, MIN(id) AS low, position FROM ballot GROUP BY token, seq HAVING COUNT(*) > 1) w"
            " ON b.token = w.token AND b.seq = w.seq AND b.id > w.low ORDER BY b.position"
        ).fetchall()

    def remove_ballots(self, positions: Iterable[int]) -> None:
        self._db.execute("CREATE INDEX IF NOT EXISTS by_position ON ballot (position)")
        self._db.executemany("DELETE FROM ballot WHERE position = ?", [(position,) for position in positions])

    def superseded(self) -> Iterator[int]:
        """Positions of ballots whose token has a higher seq, ascending."""
        rows = self._db.execute(
            "SELECT position FROM ballot b WHERE seq < (SELECT MAX(seq) FROM ballot m WHERE m.token = b.token)"
            " ORDER BY position"
        )
        return (int(row[0]) for row in rows)

    def counted(self) -> int:
        """How many tokens have a valid ballot."""
        return int(self._db.execute("SELECT COUNT(DISTINCT token) FROM ballot").fetchone()[0])

    def new_tokens(self) -> dict[int, int]:
        """How many tokens have their first valid ballot in each batch; no key for none."""
        rows = self._db.execute(
            "SELECT first, COUNT(*) FROM (SELECT MIN(batch) AS first FROM ballot GROUP BY token)"
            " GROUP BY first ORDER BY first"
        ).fetchall()
        return {int(batch): int(count) for batch, count in rows}

    def tokens_by_batch(self) -> list[tuple[int, int]]:
        """(batch, different tokens up to and including it), for batches that hold new tokens."""
        new = self.new_tokens()
        return list(zip(new, itertools.accumulate(new.values()), strict=True))
