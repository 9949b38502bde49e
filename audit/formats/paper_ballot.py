"""The paper ballot: below the floor for paper, each one stands in the log, encrypted and proven as an online ballot is.

    version 0x02 | body of a cast ballot, with the paper commitment in the place of a token's

Decides layout, parse and the root that officers sign. No online body is a paper body, nor the other way round: what is
hashed into the commitment has another tag, and every proof binds it. Leaves making one to `ballot.office`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.cast_ballot import BallotContext, parse_body
from stembus.audit.formats.lists import list_root
from stembus.crypto.batch import MembershipStatement, ProvenBallot
from stembus.crypto.elgamal import Ciphertext

VERSION = 2


@dataclass(frozen=True, slots=True)
class PaperBallot:
    """A paper ballot whose encoding is valid; nothing verified yet."""

    ballot_id: bytes
    ciphertexts: tuple[Ciphertext, ...]
    statements: tuple[MembershipStatement, ...]

    @property
    def proven(self) -> ProvenBallot:
        return ProvenBallot(self.ciphertexts, self.statements)


def encode_paper_ballot(body: bytes) -> bytes:
    return bytes([VERSION]) + body


def parse_paper_ballot(context: BallotContext, raw: bytes) -> PaperBallot:
    """An entry to PaperBallot. Raises RecordInvalid (shape) or EncodingInvalid (an element)."""
    size = 1 + context.body_bytes
    if len(raw) != size or raw[0] != VERSION:
        raise RecordInvalid(f"a paper ballot of this referendum is {size} bytes, of which the first is {VERSION}")
    body = raw[1:]
    if body[:32] != context.paper_commitment:
        raise RecordInvalid("it carries another commitment than paper ballots do")
    ciphertexts, statements = parse_body(context, body)
    return PaperBallot(context.ballot_id(body), ciphertexts, statements)


def paper_root(entries: Iterable[bytes]) -> bytes:
    """32 bytes: the RFC 6962 root over the paper ballots' entries, in log order."""
    return list_root(entries)[1]
