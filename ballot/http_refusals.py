"""The names under which a service's refusals travel over HTTP, with their status: one table for both ends.

A service whose database is away refuses nothing: it says `unavailable`, and whoever reads that tries again as when it
had not answered at all. So that name is no refusal, and stands beside the table.

Decides names and statuses. How an answer is written is decided in `webvote.error_answers`, how it is read in
`http_client`.
"""

from __future__ import annotations

from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    Cancelled,
    CastOutOfTurn,
    Closed,
    CredentialUnknown,
    DatabaseBehind,
    FactorLocked,
    FactorWrong,
    LetterDoubted,
    LetterStruck,
    LogBehindDatabase,
    NotOpenYet,
    RequestInvalid,
    TokenAlreadyIssued,
    TokenNotIssued,
)

UNAVAILABLE, UNAVAILABLE_STATUS = "unavailable", 503
RETRY_SECONDS = 30  # what Retry-After says with it

REFUSALS: tuple[tuple[type[BallotError], str, int], ...] = (
    (NotOpenYet, "not-open-yet", 403),
    (Cancelled, "cancelled", 403),
    (Closed, "closed", 403),
    (CredentialUnknown, "credential-unknown", 404),
    (FactorWrong, "factor-wrong", 403),
    (FactorLocked, "factor-locked", 403),
    (TokenAlreadyIssued, "token-issued", 409),
    (TokenNotIssued, "token-not-issued", 409),
    (LetterStruck, "letter-struck", 403),
    (LetterDoubted, "letter-doubted", 403),
    (CastOutOfTurn, "out-of-turn", 409),
    (BallotRejected, "ballot-rejected", 422),
    (RequestInvalid, "request-invalid", 400),
    (DatabaseBehind, "database-behind", 503),
    (LogBehindDatabase, "log-behind", 503),
)
