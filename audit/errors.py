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
    """A published file is missing, unreadable or larger than its bound."""


class OrderInvalid(AuditError):
    """An entry stands where the log's state machine does not allow it."""


class ReceiptInvalid(AuditError):
    """A promise or receipt does not prove what it claims."""
