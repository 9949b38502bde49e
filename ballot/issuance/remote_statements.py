"""A registrar that the ballot box asks over the network for its signed statements.

Decides how the box's question, signed with its key, travels. What a registrar states is checked where it is logged
and verified, not here.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from stembus.audit import bounds
from stembus.audit.formats.entry_bodies import IssuedCount
from stembus.ballot.http_client import foreign_answer, post
from stembus.ballot.issuance.statements import Closing, FinalLists, What, ask
from stembus.crypto.signing import SigningKey

# A line of a list in JSON has two quotation marks, a comma and an escape more; around the list is a signed statement.
_LINE_BYTES = bounds.ISSUED_LINE_BYTES + 4
_STATEMENT_BYTES = 64 * 1024
Answer = TypeVar("Answer")


class RemoteStatements:
    """Registrar number `number` as the box asks it, over the network; a list has a line for each of
    `voters` at most. Raises what the registrar raises, or ServiceUnreachable; then the same may be asked again."""

    def __init__(self, url: str, referendum: bytes, number: int, box_key: SigningKey, voters: int) -> None:
        self._url = url.rstrip("/") + "/statement"
        self._referendum, self._number, self._key = referendum, number, box_key
        self._limit = _STATEMENT_BYTES + _LINE_BYTES * voters

    def count_statement(self, batch: int, at_least: int) -> IssuedCount:
        return self._ask("count", IssuedCount, batch, at_least)

    def close(self, at_least: int) -> FinalLists:
        return self._ask("close", Closing, at_least=at_least).parse()

    def cancel(self) -> None:
        self._ask("cancel", bool)

    def _ask(self, what: What, kind: type[Answer], batch: int = 0, at_least: int = 0) -> Answer:
        asked = ask(self._referendum, self._number, what, batch, at_least, self._key)
        answer = post(self._url, asked, "application/json", self._limit)
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise foreign_answer(self._url) from None
