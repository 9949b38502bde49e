"""How a registrar gets its letters: all of them, once.

Decides that letters which were issued, struck or replaced since never come back by a second enrolment. Knows no names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from stembus.ballot.database import reading
from stembus.ballot.errors import RollInvalid
from stembus.ballot.storage import registrar_state, voters


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One letter as registrar 1 knows it: no name, no address, no code."""

    number: str
    credential: bytes
    factor: str


def nameless(credential: bytes) -> Enrolment:
    """The same as every other registrar knows it: the credential alone."""
    return Enrolment(credential.hex(), credential, "")


def enrol(engine: Engine, letters: Iterable[Enrolment]) -> int:
    """Takes all letters or none, once; returns how many. Raises RollInvalid."""
    letters = list(letters)
    try:
        with engine.begin() as db:
            done = db.execute(update(registrar_state).where(~registrar_state.c.enrolled).values(enrolled=True))
            if done.rowcount != 1:
                raise RollInvalid("this registrar has its letters already; nothing was changed")
            insert_letters(db, letters)
    except IntegrityError:
        raise RollInvalid("a letter or voter number is enrolled twice; nothing was changed") from None
    return len(letters)


def insert_letters(db: Connection, letters: Iterable[Enrolment]) -> None:
    """New letters, ready. Raises IntegrityError for one that is there."""
    rows = [
        {"credential": e.credential, "number": e.number, "factor": e.factor, "state": "ready", "tries": 0}
        for e in letters
    ]
    if rows:
        db.execute(insert(voters), rows)


def is_enrolled(engine: Engine) -> bool:
    """Whether the registrar was given its letters, however few they were."""
    with reading(engine) as db:
        return bool(db.execute(select(registrar_state.c.enrolled)).scalar_one())
