"""The help desk: officers who are signed in see a letter's state, unlock it, or strike its voter for paper.

Decides who is an officer and that every action, looking included, is written down before it is done. What an action
does to a letter is decided in `letter_state`. Knows voter numbers and officers' names; no voter's name, code or vote,
and no time: the running number of an action is all the order there is.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from stembus.ballot.database import reading
from stembus.ballot.errors import AccountInvalid, BallotError, CredentialUnknown, SignInRefused
from stembus.ballot.issuance.letter_state import Letters, Standing
from stembus.ballot.storage import desk_actions, officers

NAME = re.compile(r"[a-z][a-z0-9.-]{1,31}\Z")
VOTER = re.compile(r"[0-9]{1,20}\Z")
PASSWORD_CHARACTERS = 12
_PASSWORD_MAXIMUM = 200
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Officer:
    """Somebody who signed in. `session` is a secret; it ends with signing out, a new password, or signing in anew."""

    name: str
    session: str


@dataclass(frozen=True, slots=True)
class Action:
    number: int
    officer: str
    action: str
    voter: str
    outcome: str


class HelpDesk:
    """`engine` is the desk's own database, `letters` the first registrar's; `strike` does it at all of them."""

    def __init__(self, engine: Engine, letters: Letters, strike: Callable[[str], None]) -> None:
        self._engine = engine
        self.letters = letters
        self._strike = strike
        self._hasher = PasswordHasher()
        # An unknown name costs as much time as a wrong password.
        self._nobody = self._hasher.hash("nobody")

    # Accounts

    def enlist(self, name: str, password: str) -> None:
        """Adds an officer, or gives one a new password. Raises AccountInvalid."""
        self.check_name(name)
        if not PASSWORD_CHARACTERS <= len(password) <= _PASSWORD_MAXIMUM:
            raise AccountInvalid(f"a password has {PASSWORD_CHARACTERS} to {_PASSWORD_MAXIMUM} characters")
        hashed = self._hasher.hash(password)
        with self._engine.begin() as db:
            known = update(officers).where(officers.c.name == name).values(password=hashed, session=None)
            if not db.execute(known).rowcount:
                db.execute(insert(officers).values(name=name, password=hashed))
        self._write(name, "enlist", "", "done")

    def check_name(self, name: str) -> None:
        """Raises AccountInvalid."""
        if not NAME.match(name):
            raise AccountInvalid("an officer's name has 2 to 32 small letters, digits, dots or dashes: an.peeters")

    def dismiss(self, name: str) -> None:
        """Raises AccountInvalid for a name that is no officer's."""
        with self._engine.begin() as db:
            if not db.execute(delete(officers).where(officers.c.name == name)).rowcount:
                raise AccountInvalid(f"{name} is no officer of this help desk")
        self._write(name, "dismiss", "", "done")

    def enlisted(self) -> list[str]:
        with reading(self._engine) as db:
            return list(db.execute(select(officers.c.name).order_by(officers.c.name)).scalars())

    def sign_in(self, name: str, password: str) -> Officer:
        """Raises SignInRefused, which does not say whether name or password was wrong."""
        with reading(self._engine) as db:
            hashed = db.execute(select(officers.c.password).where(officers.c.name == name)).scalar_one_or_none()
        try:
            self._hasher.verify(hashed or self._nobody, password[:_PASSWORD_MAXIMUM])
        except (VerificationError, InvalidHashError):
            raise SignInRefused("name and password do not belong together") from None
        officer = Officer(name, secrets.token_hex(32))
        this = (officers.c.name == name) & (officers.c.password == hashed)
        with self._engine.begin() as db:
            signed_in = update(officers).where(this).values(session=_session_hash(officer))
            if hashed is None or not db.execute(signed_in).rowcount:
                raise SignInRefused("name and password do not belong together")
        return officer

    def resume(self, name: str, session: str) -> Officer:
        """Raises SignInRefused once the session has ended."""
        officer = Officer(name, session)
        with reading(self._engine) as db:
            stored = db.execute(select(officers.c.session).where(officers.c.name == name)).scalar_one_or_none()
        if stored is None or not hmac.compare_digest(stored, _session_hash(officer)):
            raise SignInRefused("please sign in again")
        return officer

    def sign_out(self, officer: Officer) -> None:
        this = (officers.c.name == officer.name) & (officers.c.session == _session_hash(officer))
        with self._engine.begin() as db:
            db.execute(update(officers).where(this).values(session=None))

    # Actions

    def look(self, officer: Officer, voter: str) -> Standing:
        """Raises CredentialUnknown."""
        return self._logged(officer, "look", voter, lambda: self.letters.standing(voter))

    def unlock(self, officer: Officer, voter: str) -> Standing:
        """Gives ten new tries. Raises CredentialUnknown."""
        self._logged(officer, "unlock", voter, lambda: self.letters.unlock(voter))
        return self.letters.standing(voter)

    def strike(self, officer: Officer, voter: str) -> Standing:
        """Strikes a voter for paper. Raises CredentialUnknown, TokenAlreadyIssued, LetterStruck or Closed."""
        self._logged(officer, "strike", voter, lambda: self._strike(voter))
        return self.letters.standing(voter)

    def note_find(self, name: str, voter: str) -> None:
        """That this officer looks up whose letter has this number, before it is shown. Raises AccountInvalid."""
        if name not in self.enlisted():
            raise AccountInvalid(f"{name} is no officer of this help desk")
        self._write(name, "find", voter, "done")

    def actions(self, last: int = 200) -> list[Action]:
        """The newest first."""
        newest = select(desk_actions).order_by(desk_actions.c.number.desc()).limit(last)
        with reading(self._engine) as db:
            return [Action(**row._mapping) for row in db.execute(newest)]

    def _logged(self, officer: Officer, action: str, voter: str, work: Callable[[], Result]) -> Result:
        # A letter's code that was typed by mistake is not to be kept.
        if not VOTER.match(voter):
            raise CredentialUnknown("a voter number is made of digits")
        number = self._write(officer.name, action, voter, "asked")
        outcome = "broken"
        try:
            result = work()
            outcome = "done"
            return result
        except BallotError as error:
            outcome = type(error).__name__
            raise
        finally:
            with self._engine.begin() as db:
                db.execute(update(desk_actions).where(desk_actions.c.number == number).values(outcome=outcome))

    def _write(self, officer: str, action: str, voter: str, outcome: str) -> int:
        while True:
            try:
                with self._engine.begin() as db:
                    number = int(db.execute(select(func.coalesce(func.max(desk_actions.c.number), 0))).scalar_one()) + 1
                    row = {"number": number, "officer": officer, "action": action, "voter": voter, "outcome": outcome}
                    db.execute(insert(desk_actions).values(**row))
                return number
            except IntegrityError:
                continue  # another worker took this number


def _session_hash(officer: Officer) -> str:
    """What the database holds of a session: not what a cookie holds."""
    return hashlib.sha256(officer.session.encode("utf-8")).hexdigest()
