"""The bodies of the log's entries other than ballots: one frozen record for each type.

Decides fields, their forms, and the most that a list may hold. Leaves the envelope, the names of types and who signs
to `entries`, and what a body must agree with, exact lengths included, to `verify`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from stembus.audit import bounds
from stembus.audit.formats.canonical import (
    Count,
    Hash,
    Index,
    Key,
    PointHex,
    ReceivingKey,
    Record,
    Scalar,
    SealedShareHex,
    SignatureHex,
)
from stembus.audit.formats.manifest import Texts

Attempt = Annotated[int, msgspec.Meta(ge=1, le=bounds.ATTEMPTS)]

_T = TypeVar("_T")
_PerTrustee = Annotated[list[_T], msgspec.Meta(max_length=bounds.TRUSTEES)]
_PerRegistrar = Annotated[list[_T], msgspec.Meta(max_length=bounds.REGISTRARS)]
_PerQuestion = Annotated[list[_T], msgspec.Meta(max_length=bounds.QUESTIONS)]
_PerOption = Annotated[list[_T], msgspec.Meta(max_length=bounds.OPTIONS)]


class Commit(Record, frozen=True):
    attempt: Attempt
    trustee: Index
    commitment: Hash
    receiving_keys: Annotated[list[ReceivingKey], msgspec.Meta(min_length=1, max_length=bounds.TRUSTEES)]


class Reveal(Record, frozen=True):
    attempt: Attempt
    trustee: Index
    coefficients: _PerTrustee[PointHex]
    proof_challenge: Scalar
    proof_response: Scalar


class Share(Record, frozen=True):
    attempt: Attempt
    sender: Index
    receiver: Index
    sealed: SealedShareHex


class Confirm(Record, frozen=True):
    attempt: Attempt
    trustee: Index
    joint_key: PointHex
    transcript: Hash


class Complaint(Record, frozen=True):
    attempt: Attempt
    accuser: Index
    accused: Index
    receiving_secret: Key


class Drill(Record, frozen=True):
    """A trustee's part of a decryption that everybody could do, since the ciphertext follows from `root`: that of the
    log right after the last confirmation or, before the opening, right after `roll`."""

    attempt: Attempt
    trustee: Index
    root: Hash
    point: PointHex
    challenge: Scalar
    response: Scalar


class ElectionKey(Record, frozen=True):
    attempt: Attempt
    joint_key: PointHex
    verification_keys: _PerTrustee[PointHex]
    transcript: Hash


class Roll(Record, frozen=True):
    count: Count
    credentials_root: Hash
    spares: Count
    spares_root: Hash


class ClientFile(Record, frozen=True):
    path: str
    sha256: Hash


class Client(Record, frozen=True):
    release: str
    files: Annotated[list[ClientFile], msgspec.Meta(max_length=bounds.CLIENT_FILES)]


class Open(Record, frozen=True):
    election_key: Hash


class IssuedCount(Record, frozen=True):
    """A registrar's statement after `batch` batches: so many blind signatures so far."""

    count: Count
    signature: SignatureHex


class Batch(Record, frozen=True):
    number: Index
    size: Count
    issued: _PerRegistrar[IssuedCount]


class Replace(Record, frozen=True):
    struck: Key
    replacement: Key


class Incident(Record, frozen=True):
    number: Index
    text: Texts


class Cancel(Record, frozen=True):
    text: Texts


class Issuance(Record, frozen=True):
    """A registrar's final statement: length and RFC 6962 root of its issuance list, and of the list of those whom it
    struck for paper."""

    count: Count
    root: Hash
    struck: Count
    struck_root: Hash
    signature: SignatureHex


class Close(Record, frozen=True):
    batches: Count
    ballots: Count
    issuance: _PerRegistrar[Issuance]

    @property
    def struck(self) -> bool:
        """Whether anybody was struck for paper."""
        return any(statement.struck for statement in self.issuance)


class PaperResult(Record, frozen=True):
    """Counts of each option of each question; `ballots` includes the blank ones."""

    ballots: Count
    counts: _PerQuestion[_PerOption[Count]]


class PaperBallots(Record, frozen=True):
    """Paper below its floor: so many encrypted paper ballots follow, blank ones included, of which only the sum with
    the online ones is ever opened. `root` is the RFC 6962 root over these entries."""

    ballots: Count
    root: Hash


class TallyIntent(Record, frozen=True):
    """`size` and `root` name the tree that is counted; `sums` digests the ciphertexts to be decrypted."""

    trustee: Index
    size: Count
    root: Hash
    sums: Hash


class Decryption(Record, frozen=True):
    point: PointHex
    challenge: Scalar
    response: Scalar


class PartialDecryption(Record, frozen=True):
    trustee: Index
    root: Hash
    decryptions: _PerQuestion[_PerOption[Decryption]]


class QuestionResult(Record, frozen=True):
    """`ranking` lists groups of option numbers from most to fewest; a group of several is a tie. The two parts are null
    where only their sum was opened, and `funded` is, in any question but a budget."""

    online: _PerOption[Count] | None
    paper: _PerOption[Count] | None
    total: _PerOption[Count]
    outcome: Literal["accepted", "rejected", "tie", "invalid-too-few", "invalid-too-narrow", "ranked", "funded"]
    ranking: _PerOption[_PerOption[Count]]
    funded: _PerOption[Count] | None


class Result(Record, frozen=True):
    """`questions` is empty unless `status` is counted."""

    status: Literal["counted", "not-counted-minimum", "not-counted-floor"]
    online_ballots: Count
    paper_ballots: Count
    participants: Count
    trustees: _PerTrustee[Index]
    questions: _PerQuestion[QuestionResult]


class Abandon(Record, frozen=True):
    """The end of a referendum that too few trustees decrypt."""

    text: Texts


class Sample(Record, frozen=True):
    """Of the people who asked for a token, as many as the manifest says are drawn to be asked whether they voted.
    `dice` were thrown in public after the close, at an hour that was announced: nobody chose who is drawn."""

    dice: Annotated[str, msgspec.Meta(pattern=rf"\A[1-6]{{{bounds.DICE}}}\Z")]


class Minutes(Record, frozen=True):
    name: str
    sha256: Hash


class Purge(Record, frozen=True):
    destroyed: Annotated[list[str], msgspec.Meta(max_length=bounds.DESTROYED)]


Body = (
    Commit | Reveal | Share | Confirm | Complaint | Drill | ElectionKey | Roll | Client | Open | Batch | Replace
    | Incident | Cancel | Close | PaperResult | PaperBallots | Abandon | TallyIntent | PartialDecryption | Result
    | Sample | Minutes | Purge
)  # fmt: skip
