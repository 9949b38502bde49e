"""The cast ballot: a fixed binary layout with one valid encoding, and everything that is derived from it.

    version 0x01 | body | nonce 32 | token key 32 | registrar signatures 384 each | seq u32 | signature 64
    body: token commitment 32 | ciphertexts 66 each | commitments 66 a branch | scalars 32 each

Decides layout, ballot id, challenges and signed digests; parse, check of one ballot and check of many.
Lengths follow from the manifest alone, so nothing inside is a length. Leaves which of a token's ballots
counts to `verify`, and making one to `ballot.voter`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.ballot_shape import ProofShape, QuestionShape
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.formats.manifest import Manifest, cast_ballot_bytes, question_shapes
from stembus.crypto.batch import MembershipStatement, ProvenBallot
from stembus.crypto.blind_rsa import MODULUS_BYTES, BlindPublicKey
from stembus.crypto.blind_rsa import verify as verify_blind
from stembus.crypto.elgamal import CIPHERTEXT_BYTES, Ciphertext, add_ciphertexts
from stembus.crypto.errors import EncodingInvalid, SignatureInvalid
from stembus.crypto.group import POINT_BYTES, SCALAR_BYTES, Point, scalar_from_bytes, scalar_to_bytes
from stembus.crypto.proofs import MembershipProof
from stembus.crypto.signing import verify_schnorr
from stembus.crypto.transcript import Transcript

VERSION = 1
_TAIL = 32 + 32


@dataclass(frozen=True)
class BallotContext:
    """What every ballot of one referendum is bound to, parsed once."""

    referendum: bytes
    election_key: bytes
    joint_key: Point
    registrars: tuple[BlindPublicKey, ...]
    questions: tuple[QuestionShape, ...]
    size: int
    max_casts: int

    @classmethod
    def of(cls, manifest: Manifest, referendum: bytes, entry: bytes, key: ElectionKey) -> BallotContext:
        """`entry` is the raw election-key entry, whose SHA-256 binds tokens and ballots to it."""
        return cls(
            referendum,
            hashlib.sha256(entry).digest(),
            Point.from_bytes(bytes.fromhex(key.joint_key)),
            tuple(BlindPublicKey.from_spki(bytes.fromhex(r.blind_key)) for r in manifest.registrars),
            question_shapes(manifest),
            cast_ballot_bytes(manifest),
            manifest.max_casts,
        )

    @cached_property
    def values(self) -> tuple[tuple[int, ...], ...]:
        """What each ciphertext of a ballot may hold."""
        return tuple(question.values for question in self.questions for _ in range(question.ciphertexts))

    @property
    def ciphertexts(self) -> int:
        return len(self.values)

    @cached_property
    def summed(self) -> tuple[int, ...]:
        """The positions of the ciphertexts that are added up over all ballots."""
        positions: list[int] = []
        first = 0
        for question in self.questions:
            positions += range(first, first + question.sums)
            first += question.ciphertexts
        return tuple(positions)

    @cached_property
    def proofs(self) -> tuple[ProofShape, ...]:
        shapes: list[ProofShape] = []
        first = 0
        for question in self.questions:
            shapes += question.proofs(first)
            first += question.ciphertexts
        return tuple(shapes)

    @cached_property
    def shape(self) -> bytes:
        return b"".join(proof.encode() for proof in self.proofs)

    def _bound(self, tag: str) -> Transcript:
        return Transcript(tag).add("referendum", self.referendum).add("election-key", self.election_key)

    def token_message(self, token_key: bytes) -> bytes:
        """32 bytes: what registrars sign blindly."""
        return self._token_prefix.copy().add("token-key", token_key).digest()

    @cached_property
    def _token_prefix(self) -> Transcript:
        return self._bound("token")

    def token_commitment(self, token_key: bytes, nonce: bytes) -> bytes:
        return Transcript("token-commitment").add("token-key", token_key).add("nonce", nonce).digest()

    @cached_property
    def paper_commitment(self) -> bytes:
        """What stands in a token commitment's place in every paper ballot."""
        return self._bound("paper-commitment").digest()

    @cached_property
    def _id_prefix(self) -> Transcript:
        return self._bound("ballot-id")

    def ballot_id(self, body: bytes) -> bytes:
        return self._id_prefix.copy().add("body", body).digest()

    @cached_property
    def _proof_prefix(self) -> Transcript:
        return self._bound("ballot-proof").add("joint-key", self.joint_key.to_bytes()).add("shape", self.shape)

    def challenges(self, commitment: bytes, ciphertexts: bytes, commitments: bytes) -> list[int]:
        """One challenge for each proof, by position, from one hash over the whole statement."""
        statement = self._proof_prefix.copy().add("token-commitment", commitment)
        digest = statement.add("ciphertexts", ciphertexts).add("commitments", commitments).digest()
        start = Transcript("ballot-challenge").add("statement", digest)
        return [start.copy().add_int("position", position).scalar() for position in range(len(self.proofs))]

    @cached_property
    def _cast_prefix(self) -> Transcript:
        return self._bound("cast")

    def cast_digest(self, unsigned: bytes) -> bytes:
        """What the token key signs: everything before the signature."""
        return self._cast_prefix.copy().add("ballot", unsigned).digest()

    @cached_property
    def commitments_at(self) -> int:
        return 32 + CIPHERTEXT_BYTES * self.ciphertexts

    @cached_property
    def scalars_at(self) -> int:
        return self.commitments_at + 2 * POINT_BYTES * sum(len(shape.values) for shape in self.proofs)

    @cached_property
    def body_bytes(self) -> int:
        return 32 + sum(question.size for question in self.questions)

    @cached_property
    def token_at(self) -> int:
        """Where a ballot's token key begins."""
        return 1 + self.body_bytes + 32


@dataclass(frozen=True, slots=True)
class CastBallot:
    """A ballot whose encoding is valid: every element parsed, nothing verified yet."""

    raw: bytes
    body: bytes
    ballot_id: bytes
    token_commitment: bytes
    ciphertexts: tuple[Ciphertext, ...]
    statements: tuple[MembershipStatement, ...]
    nonce: bytes
    token_key: bytes
    registrar_signatures: tuple[bytes, ...]
    seq: int
    signature: bytes

    @property
    def proven(self) -> ProvenBallot:
        return ProvenBallot(self.ciphertexts, self.statements)

    @property
    def cast_hash(self) -> bytes:
        return hashlib.sha256(self.raw).digest()


def encode_body(
    context: BallotContext, commitment: bytes, ciphertexts: Sequence[Ciphertext], proofs: Sequence[MembershipProof]
) -> bytes:
    points = b"".join(point.to_bytes() for proof in proofs for pair in proof.commitments for point in pair)
    scalars = b"".join(scalar_to_bytes(s) for proof in proofs for s in (*proof.challenges, *proof.responses))
    body = commitment + b"".join(c.to_bytes() for c in ciphertexts) + points + scalars
    if len(body) != context.body_bytes:
        raise RecordInvalid("a ballot's body does not have the shape of its referendum")
    return body


def encode_unsigned(body: bytes, nonce: bytes, token_key: bytes, signatures: Sequence[bytes], seq: int) -> bytes:
    """Everything but the final signature."""
    return bytes([VERSION]) + body + nonce + token_key + b"".join(signatures) + seq.to_bytes(4, "big")


def parse_ballot(context: BallotContext, raw: bytes) -> CastBallot:
    """bytes to CastBallot. Raises RecordInvalid (shape) or EncodingInvalid (an element)."""
    if len(raw) != context.size:
        raise RecordInvalid(f"a ballot of this referendum is {context.size} bytes, not {len(raw)}")
    if raw[0] != VERSION:
        raise RecordInvalid(f"a ballot of unknown version {raw[0]}")
    body = raw[1 : 1 + context.body_bytes]
    tail = 1 + context.body_bytes
    signatures_at = tail + _TAIL
    seq_at = signatures_at + MODULUS_BYTES * len(context.registrars)
    ciphertexts, statements = parse_body(context, body)
    return CastBallot(
        raw=raw,
        body=body,
        ballot_id=context.ballot_id(body),
        token_commitment=body[:32],
        ciphertexts=ciphertexts,
        statements=statements,
        nonce=raw[tail : tail + 32],
        token_key=raw[tail + 32 : signatures_at],
        registrar_signatures=tuple(raw[i : i + MODULUS_BYTES] for i in range(signatures_at, seq_at, MODULUS_BYTES)),
        seq=int.from_bytes(raw[seq_at : seq_at + 4], "big"),
        signature=raw[seq_at + 4 :],
    )


def parse_body(context: BallotContext, body: bytes) -> tuple[tuple[Ciphertext, ...], tuple[MembershipStatement, ...]]:
    """Body bytes of the right length to ciphertexts and statements. Raises EncodingInvalid."""
    commitments_at, scalars_at = context.commitments_at, context.scalars_at
    points = [Point.from_bytes(body[i : i + POINT_BYTES]) for i in range(32, scalars_at, POINT_BYTES)]
    scalars = [scalar_from_bytes(body[i : i + SCALAR_BYTES]) for i in range(scalars_at, len(body), SCALAR_BYTES)]
    pairs = list(zip(points[::2], points[1::2], strict=True))
    ciphertexts = tuple(Ciphertext(*pair) for pair in pairs[: context.ciphertexts])
    challenges = context.challenges(body[:32], body[32:commitments_at], body[commitments_at:scalars_at])
    statements = []
    branch, scalar = context.ciphertexts, 0
    for shape, challenge in zip(context.proofs, challenges, strict=True):
        n = len(shape.values)
        parts = scalars[scalar : scalar + 2 * n - 1]
        proof = MembershipProof(tuple(pairs[branch : branch + n]), tuple(parts[: n - 1]), tuple(parts[n - 1 :]))
        statements.append(MembershipStatement(shape.terms, shape.values, proof, challenge))
        branch += n
        scalar += 2 * n - 1
        if shape.is_plain_sum and add_ciphertexts(ciphertexts[position] for position, _ in shape.terms).has_identity:
            raise EncodingInvalid("the sum of a ballot's ciphertexts is the identity")
    return ciphertexts, tuple(statements)


def check_token(context: BallotContext, ballot: CastBallot) -> None:
    """That the body commits to this token key, and every registrar signed it. Raises SignatureInvalid."""
    if context.token_commitment(ballot.token_key, ballot.nonce) != ballot.token_commitment:
        raise SignatureInvalid("the token commitment does not open to this token")
    message = context.token_message(ballot.token_key)
    for key, signature in zip(context.registrars, ballot.registrar_signatures, strict=True):
        verify_blind(key, message, signature)


def check_cast_signature(context: BallotContext, ballot: CastBallot) -> None:
    """Raises SignatureInvalid, or EncodingInvalid for a token key off the curve."""
    verify_schnorr(ballot.token_key, context.cast_digest(ballot.raw[:-64]), ballot.signature)


def promise_digest(referendum: bytes, cast_hash: bytes, ballot_id: bytes, batch: int) -> bytes:
    """What the ballot box signs when it accepts a ballot."""
    transcript = Transcript("promise").add("referendum", referendum).add("cast", cast_hash)
    return transcript.add("ballot-id", ballot_id).add_int("batch", batch).digest()


def peek(context: BallotContext, raw: bytes) -> bytes:
    """The ballot id of bytes of the right length, without parsing its elements."""
    return context.ballot_id(raw[1 : 1 + context.body_bytes])
