"""The letters by voter number: what a help desk may see and do, without any key of the registrar.

Decides what state a letter can go to. A state says *that* a token was issued, never which; no vote is known here. Each
change stands in the issuance record, on the disk, before the database commits it: so the record is never behind, and
refuses what an older database would allow again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from stembus.audit.clock import Clock
from stembus.ballot.database import reading
from stembus.ballot.errors import (
    Cancelled,
    Closed,
    CredentialUnknown,
    DatabaseBehind,
    LetterStruck,
    RollInvalid,
    TokenAlreadyIssued,
)
from stembus.ballot.issuance.issuance_record import IssuanceRecord
from stembus.ballot.issuance.issuance_slot import READY, STRUCK, Slot
from stembus.ballot.issuance.letter_changes import change, hold, letters
from stembus.ballot.storage import registrar_state, voters

MAXIMUM_TRIES = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """`state` is ready, issued, struck or replaced; `tries_left` for the second factor, while no token was issued."""

    state: str
    tries_left: int


_REPLACED = " (replaced)"


def replaced_number(number: str) -> str:
    """What the number of a letter becomes when its voter moves to a spare one."""
    return number + _REPLACED


def refuse_unready(state: str) -> None:
    """Raises LetterStruck for a letter that was struck or replaced."""
    if state == "struck":
        raise LetterStruck("this voter was struck from the online roll to vote on paper")
    if state == "replaced":
        raise LetterStruck("this letter was reported lost and replaced by another")


def refuse_halted(halted: str) -> None:
    """Raises Closed, Cancelled or DatabaseBehind unless tokens are given out; `halted` is the registrar's state."""
    if halted == "closed":
        raise Closed("voting is closed; no more tokens are given out")
    if halted == "cancelled":
        raise Cancelled("this referendum is cancelled; nothing is given out any more")
    if halted == "behind":
        raise DatabaseBehind(
            "this registrar's database is older than the log, so a voter could get a second token; nothing is given "
            "out until it is recovered"
        )


def demand_running(db: Connection) -> None:
    """To be asked while a letter is held: the close waits for that, so nothing changes once the final lists are signed.
    Raises as `refuse_halted` does."""
    refuse_halted(str(db.execute(select(registrar_state.c.halted)).scalar_one()))


def enrolled_credentials(engine: Engine) -> list[bytes]:
    """Of every letter in a registrar's database: what `open_record` is asked for."""
    with reading(engine) as db:
        return [bytes(credential) for credential in db.execute(select(voters.c.credential)).scalars()]


def _numbered(db: Connection, number: str) -> Any:
    row = db.execute(select(letters).where(letters.c.number == number)).one_or_none()
    if row is None:
        raise CredentialUnknown(f"there is no voter number {number}")
    return row


def _refuse_strike(number: str, state: str) -> None:
    """Raises TokenAlreadyIssued or LetterStruck."""
    if state == "issued":
        raise TokenAlreadyIssued(f"voter {number} has a token already and can only vote online")
    if state == "replaced":
        raise LetterStruck(f"the letter of voter {number} was replaced; strike the number of the new one")


def _refuse_replacement(number: str, state: str) -> None:
    """Raises TokenAlreadyIssued or LetterStruck."""
    if state == "issued":
        raise TokenAlreadyIssued(f"voter {number} has a token already; the letter cannot be replaced")
    refuse_unready(state)


class Letters:
    """The letters of one registrar's database, with its issuance record."""

    def __init__(self, engine: Engine, record: IssuanceRecord, clock: Clock, closes_at: int) -> None:
        self._engine = engine
        self.record = record
        self._clock = clock
        self._closes_at = closes_at

    def _demand_voting(self) -> None:
        """Who did not vote online is known once the voting is over: nobody is struck for paper then. Raises Closed."""
        if self._clock.now() >= self._closes_at:
            raise Closed("voting is over; nobody is struck for paper, and no letter replaced, any more")

    def _recorded(self, credential: bytes) -> Slot:
        """Raises IssuanceUnknown or IssuanceRecordUnusable."""
        return self.record.slot(credential)

    def _write_record(self, credential: bytes, slot: Slot) -> None:
        """The last step before a commit. Raises as `IssuanceRecord.write` does."""
        self.record.write(credential, slot)

    def halted(self) -> str:
        """Empty while tokens are given out; else closed, cancelled or behind."""
        with reading(self._engine) as db:
            return str(db.execute(select(registrar_state.c.halted)).scalar_one())

    def enrolled(self) -> int:
        """How many letters there are, replaced ones included."""
        with reading(self._engine) as db:
            return db.execute(select(func.count()).select_from(voters)).scalar_one()

    def credential(self, number: str) -> bytes:
        """Raises CredentialUnknown."""
        with reading(self._engine) as db:
            return bytes(_numbered(db, number).credential)

    def number_of(self, credential: bytes) -> str:
        """The number of the voter whose letter this is, or was until it was replaced. Raises CredentialUnknown."""
        with reading(self._engine) as db:
            number = db.execute(select(voters.c.number).where(voters.c.credential == credential)).scalar_one_or_none()
        if number is None:
            raise CredentialUnknown("no letter of this registrar has this code")
        return str(number).removesuffix(_REPLACED)

    def standing(self, number: str) -> Standing:
        """Raises CredentialUnknown."""
        with reading(self._engine) as db:
            row = _numbered(db, number)
        return Standing(str(row.state), MAXIMUM_TRIES - int(row.tries))

    def unlock(self, number: str) -> None:
        """Gives ten new tries. Raises CredentialUnknown."""
        with self._engine.begin() as db:
            credential = bytes(_numbered(db, number).credential)
            hold(db, credential)
            change(db, credential, tries=0)

    def strike(self, number: str) -> bytes:
        """Strikes a voter for paper; returns the credential. Striking twice changes nothing."""
        self._demand_voting()
        with self._engine.begin() as db:
            row = hold(db, bytes(_numbered(db, number).credential))
            demand_running(db)
            if change(db, row.credential, state="struck") or row.state == "struck":
                self._write_record(bytes(row.credential), STRUCK)
        _refuse_strike(number, row.state)
        return bytes(row.credential)

    def check_strike(self, number: str) -> None:
        """Raises what `strike` would raise now, and changes nothing."""
        self._demand_voting()
        refuse_halted(self.halted())
        with reading(self._engine) as db:
            _refuse_strike(number, str(_numbered(db, number).state))

    def about_to_replace(self, number: str, spare: bytes) -> bytes:
        """The credential that `replace` would strike, or has struck. Raises TokenAlreadyIssued, LetterStruck, and as
        `check_strike` does; changes nothing."""
        refuse_halted(self.halted())
        with reading(self._engine) as db:
            row = _numbered(db, number)
            if row.credential == spare:
                old = voters.c.number == replaced_number(number)
                return bytes(db.execute(select(voters.c.credential).where(old)).scalar_one())
        self._demand_voting()
        _refuse_replacement(number, row.state)
        return bytes(row.credential)

    def replace(self, number: str, spare: bytes) -> bytes:
        """Moves a voter to a spare letter; returns the struck credential. Refused once a token was issued, and as
        `strike` is."""
        with self._engine.begin() as db:
            row = _numbered(db, number)
            old = replaced_number(number)
            if row.credential == spare:
                demand_running(db)
                previous = bytes(db.execute(select(voters.c.credential).where(voters.c.number == old)).scalar_one())
                self._write_record(previous, Slot.replaced(spare))
                return previous
            self._demand_voting()
            row = hold(db, bytes(row.credential))
            demand_running(db)
            _refuse_replacement(number, row.state)
            if self._recorded(spare) != READY:
                raise RollInvalid("by the issuance record, this spare letter was given out already; take another")
            # Straight into the letters: who was moved to which letter stands in the log, in this order.
            change(db, row.credential, state="replaced")
            try:
                db.execute(
                    update(voters).where(voters.c.credential == row.credential).values(state="replaced", number=old)
                )
                db.execute(
                    insert(voters).values(credential=spare, number=number, factor=row.factor, state="ready", tries=0)
                )
            except IntegrityError:
                raise RollInvalid(
                    "this spare letter was given out already, or the letter was replaced before"
                ) from None
            self._write_record(bytes(row.credential), Slot.replaced(spare))
        return bytes(row.credential)

    def replacements(self) -> dict[str, bytes]:
        """The spare letter of each voter who lost the first one, by voter number."""
        with reading(self._engine) as db:
            replaced = {
                str(n) for n in db.execute(select(voters.c.number).where(voters.c.state == "replaced")).scalars()
            }
            rows = db.execute(select(voters.c.number, voters.c.credential)).all()
        return {row.number: bytes(row.credential) for row in rows if replaced_number(row.number) in replaced}
