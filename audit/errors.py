"""The named failures of reading published records."""

from __future__ import annotations


class AuditError(Exception):
    """Root of every failure that `audit` raises on purpose."""


class RecordInvalid(AuditError):
    """A record is not in its one valid form."""


class ManifestInvalid(RecordInvalid):
    """The referendum's definition breaks a rule; the message names the field and what to do."""


class NoteInvalid(RecordInvalid):
    """A checkpoint, cosignature or verifier key is not well formed or not signed as it must be."""


class ClockBehind(AuditError):
    """A clock shows less than when it was last signed by: it was set back. Nothing was signed."""


class PlaceError(AuditError):
    """A published file is not what the bundle needs; the place itself did answer."""


class FileMissing(PlaceError):
    """The place answered, and says that it has no such file."""


class FileTooLong(PlaceError):
    """A published file is larger than its bound."""


class CannotRead(AuditError):
    """The place did not answer, or not with whole files. Says nothing about the log; ask again, or elsewhere."""


class OrderInvalid(AuditError):
    """An entry stands where the log's state machine does not allow it."""


class ReceiptInvalid(AuditError):
    """A promise or receipt does not prove what it claims."""
