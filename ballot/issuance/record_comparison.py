"""What a registrar's database and its issuance record say of each other, and what another registrar's record tells.

Decides how they differ, in pure functions. Leaves what is done about it to the commands: see `registrar_recovery`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stembus.ballot.issuance.issuance_record import IssuanceRecord
from stembus.ballot.issuance.issuance_slot import READY, UNKNOWN, Slot, State


class Kind(StrEnum):
    BEHIND = "the database is older than the record"
    AHEAD = "the record is older than the database, or was lost"
    CONFLICT = "database and record exclude each other"
    UNKNOWN = "the record's slot is damaged or unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """Slot `number` and its letter; `database` is ready also for a letter that has no row."""

    kind: Kind
    number: int
    credential: bytes
    database: Slot
    record: Slot


def differences(rows: Iterable[tuple[bytes, Slot]], record: IssuanceRecord) -> Iterator[Difference]:
    """In the order of the slots. `rows` are the database's letters; each must be in the record, as `open_record` sees
    to. A ready letter without a row is no difference: spare letters get theirs when they are used."""
    known = dict(rows)
    for number, (credential, recorded) in enumerate(record.slots()):
        stored = known.get(credential, READY)
        kind = _kind(stored, recorded)
        if kind is not None:
            yield Difference(kind, number, credential, stored, recorded)


def _kind(stored: Slot, recorded: Slot) -> Kind | None:
    if recorded.state is State.UNKNOWN:
        return Kind.UNKNOWN
    if stored.agrees(recorded):
        return None
    if stored.state is State.READY:
        return Kind.BEHIND
    return Kind.AHEAD if recorded.state is State.READY else Kind.CONFLICT


def doubted(slots: Mapping[bytes, Slot]) -> dict[bytes, Slot]:
    """What is left of slots that may be older than the last token: a letter that is ready in them may have had one, so
    that is unknown."""
    return {credential: UNKNOWN if slot == READY else slot for credential, slot in slots.items()}


def slots_from_another_registrar(other: IssuanceRecord) -> dict[bytes, Slot]:
    """The slots of a registrar that lost both its records, by another registrar's, for `create_record`.

    A voter needs a token of each registrar, so who had none of the other cannot vote twice, and starts ready. Who had
    one may have had this registrar's too: unknown.
    """
    return {credential: UNKNOWN if slot.state is State.ISSUED else slot for credential, slot in other.slots()}
