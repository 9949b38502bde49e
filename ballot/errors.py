"""The named refusals between voter and log. Each message is a sentence for the person who asked."""

from __future__ import annotations


class BallotError(Exception):
    """Root of every refusal that `ballot` raises on purpose."""


class SecretFileError(BallotError):
    """A secret file cannot be created, opened or decrypted."""


class DefinitionInvalid(BallotError):
    """The draft of a referendum cannot be frozen."""


class DatabaseMissing(BallotError):
    """A database is not where it was made, or was never made. Nothing was created."""


class DatabaseForeign(BallotError):
    """A database belongs to another referendum, or to another folder of this one."""


class DatabaseUnreachable(BallotError):
    """A database does not answer now."""


class DatabaseBehind(BallotError):
    """A database is older than the log, or than the issuance record: it came back from a backup, or is a replica."""


class TableInUse(BallotError):
    """A table cannot be written anew, because somebody else reads it. Nothing was changed."""


class LogBehindDatabase(BallotError):
    """The log is older than the database, or another one. Nothing was changed."""


class ListsContradict(BallotError):
    """A registrar's final lists are not what it states, or cannot be right. The log stays open."""


class CountsContradict(BallotError):
    """Registrars, ballot box and log state counts that cannot all be true."""


class RollInvalid(BallotError):
    """A register or list of voters cannot be used."""


class CodeMistyped(BallotError):
    """A letter code's check symbols do not fit: a typing error."""


class CredentialUnknown(BallotError):
    """No letter of this referendum has this code."""


class RequestInvalid(BallotError):
    """A token request is malformed or not signed by its credential."""


class FactorWrong(BallotError):
    """The second factor does not match; `left` tries remain."""

    def __init__(self, left: int) -> None:
        super().__init__(f"the second factor does not match; {left} tries left")
        self.left = left


class FactorLocked(BallotError):
    """Too many wrong second factors; the town hall unlocks."""


class TokenAlreadyIssued(BallotError):
    """This letter has had its token, for another request."""


class TokenNotIssued(BallotError):
    """This letter has had no token."""


class LetterStruck(BallotError):
    """This letter was struck: replaced, or its voter votes on paper."""


class NotOpen(BallotError):
    """Outside the voting times."""


class NotOpenYet(NotOpen):
    """Before the voting."""


class Closed(NotOpen):
    """After the voting."""


class Cancelled(NotOpen):
    """The referendum is cancelled; nothing is taken or given out any more."""


class BallotRejected(BallotError):
    """A ballot fails a check; `check` is its code."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check


class CastOutOfTurn(BallotError):
    """Another cast of this token is the current one; `current` is its stored ballot, when it is still here,
    and `expected` the seq whose turn it is, when that is known."""

    def __init__(self, message: str, current: bytes | None = None, expected: int | None = None) -> None:
        super().__init__(message)
        self.current = current
        self.expected = expected


class HeadMoved(BallotError):
    """The log has grown meanwhile; read it again and retry."""


class EntryRefused(BallotError):
    """An entry that every verifier would find wrong. Nothing was signed."""


class LogBehindWitness(BallotError):
    """The log is older than what a witness has cosigned: an old backup. Nothing was signed."""


class WitnessesMissing(BallotError):
    """The head lacks its quorum; the log waits for the witnesses."""


class WitnessesSilent(WitnessesMissing):
    """Too few witnesses answer to tell whether this is the newest copy of the log; the log waits for them."""


class WitnessUnreachable(BallotError):
    """A witness elsewhere did not answer, or not with a cosignature. It is asked again next time."""


class WitnessAddressesInvalid(BallotError):
    """The file that says where the witnesses answer is not well formed, or is not that of this referendum."""


# What to do about a log's folder that is not the newest, after "or".
TAKE_A_COPY = "take it from anybody who has one: stembus log complete DIR PLACE"


class LogDamaged(BallotError):
    """The published folder lacks what a log of its age has."""


class TooEarly(BallotError):
    """A step before its time."""


class AccountInvalid(BallotError):
    """An officer's account at the help desk cannot be made or found."""


class SignInRefused(BallotError):
    """Nobody is signed in at the help desk."""


class IssuanceRecordUnusable(BallotError):
    """A registrar's issuance record is missing, cannot be read or written, or is not the one of this database."""


class LetterDoubted(BallotError):
    """Nobody can say any more whether this letter had a token, so it gets none, and is not struck for paper."""


class IssuanceUnknown(BallotError):
    """Slot `slot` (from 0) of the issuance record does not say whether its letter had a token: it gets none."""

    def __init__(self, slot: int, message: str) -> None:
        super().__init__(f"slot {slot} of the issuance record {message}")
        self.slot = slot
