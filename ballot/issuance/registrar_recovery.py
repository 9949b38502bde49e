"""A registrar's database and its issuance record, brought up to each other after one of them was lost or put back.

Decides what each may take from the other: what a letter has become, never back to *ready*. Where the two exclude each
other, nothing is changed and people must look. Nobody else may use database and record meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import IntegrityError

from stembus.ballot.database import reading
from stembus.ballot.errors import IssuanceRecordUnusable, RollInvalid
from stembus.ballot.issuance.enrolment import Enrolment, insert_letters
from stembus.ballot.issuance.issuance_record import IssuanceRecord
from stembus.ballot.issuance.issuance_slot import READY, Slot, State
from stembus.ballot.issuance.letter_changes import fold_within, letters
from stembus.ballot.issuance.letter_state import replaced_number
from stembus.ballot.issuance.record_comparison import Difference, Kind, differences, doubted
from stembus.ballot.storage import registrar_state, voters


def database_slots(db: Connection) -> dict[bytes, Slot]:
    """Every letter of the database as its slot would be; also what `create_record` makes a lost record from."""
    rows = db.execute(select(letters)).all()
    replacements = {replaced_number(row.number): bytes(row.credential) for row in rows}
    slots = {}
    for row in rows:
        state = State(row.state)
        if state is State.ISSUED:
            slots[bytes(row.credential)] = Slot.issued(bytes(row.request_hash), bytes(row.signature))
        elif state is State.REPLACED:
            slots[bytes(row.credential)] = Slot.replaced(replacements[row.number])
        else:
            slots[bytes(row.credential)] = Slot(state)
    return slots


def known_slots(engine: Engine) -> dict[bytes, Slot]:
    """The same, by a reading of its own."""
    with reading(engine) as db:
        return database_slots(db)


def lost_records_slots(engine: Engine, roll: Iterable[bytes], newest: bool) -> dict[bytes, Slot]:
    """What a record that is made from the database says of each credential of the roll. Unless the database is known to
    be the `newest`, its ready letters are doubted."""
    known = known_slots(engine)
    slots = {credential: known.get(credential, READY) for credential in roll}
    return slots if newest else doubted(slots)


def recover_database(engine: Engine, record: IssuanceRecord, enrolment: Iterable[Enrolment]) -> int:
    """Gives the database all that the record knows; returns how many letters changed. Then tokens are given out again,
    if they were not because the database was behind.

    `enrolment` fills in letters that the database lacks: all, if it is new. These have ten tries again. Raises
    RollInvalid for an enrolment that does not fit, and IssuanceRecordUnusable for one of another roll, or where
    database and record exclude each other; TableInUse while somebody reads the database.
    """
    try:
        with engine.begin() as db:
            fold_within(db)
            known = set(db.execute(select(voters.c.credential)).scalars())
            fresh = [letter for letter in enrolment if letter.credential not in known]
            for letter in fresh:
                record.number(letter.credential)
            insert_letters(db, fresh)
            behind = [d for d in _agreeable(db, record) if d.kind is Kind.BEHIND]
            # The row of a spare letter comes from that of the letter which it replaced.
            for difference in sorted(behind, key=lambda d: d.record.state is not State.REPLACED):
                _follow(db, difference)
            db.execute(update(registrar_state).values(enrolled=True))
            db.execute(update(registrar_state).where(registrar_state.c.halted == "behind").values(halted=""))
    except IntegrityError:
        raise RollInvalid("the enrolment does not fit this database's letters; nothing was changed") from None
    return len(behind)


def recover_record(engine: Engine, record: IssuanceRecord) -> int:
    """Gives the record what only the database knows, also for slots that are damaged or unknown; returns how many. A
    slot stays unknown if the database has its letter as ready: it may be the older one."""
    with reading(engine) as db:
        found = list(_agreeable(db, record))
    ahead = [d for d in found if d.kind in (Kind.AHEAD, Kind.UNKNOWN) and d.database.state is not State.READY]
    for difference in ahead:
        record.restore(difference.credential, difference.database)
    return len(ahead)


def _agreeable(db: Connection, record: IssuanceRecord) -> Iterator[Difference]:
    found = list(differences(database_slots(db).items(), record))
    if conflicts := [str(d.number) for d in found if d.kind is Kind.CONFLICT]:
        raise IssuanceRecordUnusable(
            f"database and issuance record exclude each other in the slots {', '.join(conflicts[:20])}; "
            "nothing was changed: find out which of them is of this referendum"
        )
    return iter(found)


def _follow(db: Connection, difference: Difference) -> None:
    this, slot = voters.c.credential == difference.credential, difference.record
    row = db.execute(select(voters).where(this)).one_or_none()
    if row is None:
        raise RollInvalid(f"the letter of slot {difference.number} is not in the enrolment; give the whole one")
    if slot.state is State.ISSUED:
        values = {"state": "issued", "request_hash": slot.digest, "signature": slot.signature}
    elif slot.state is State.REPLACED:
        values = {"state": "replaced", "number": replaced_number(row.number)}
    else:
        values = {"state": str(slot.state)}
    db.execute(update(voters).where(this).values(values))
    if slot.state is State.REPLACED:
        insert_letters(db, [Enrolment(row.number, slot.digest, row.factor)])
