"""The voter's side: encrypt a choice, prove it, sign it with the token; and test a ballot before casting.

Decides how a ballot is made. All randomness of ciphertexts and proofs comes from one 32-byte seed bound to
election key, token commitment and choice, so a second device can rebuild the ballot from seed, choice and
commitment. The nonce of the commitment is *not* from the seed: a test reveals no token.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.cast_ballot import BallotContext, encode_body, encode_unsigned
from stembus.ballot.errors import BallotError
from stembus.ballot.issuance.token import VotingPass
from stembus.crypto.derive import scalar_stream
from stembus.crypto.elgamal import Ciphertext, encrypt, weigh_ciphertexts
from stembus.crypto.group import ORDER
from stembus.crypto.proofs import MembershipWitness, commit_membership, respond_membership

SEED_BYTES = 32
Choice = Sequence[Sequence[int]]


class ChoiceInvalid(BallotError):
    """A choice that the questions do not allow."""


@dataclass(frozen=True, slots=True)
class PreparedBallot:
    """An encrypted choice. `seed` is secret until the voter tests; a tested ballot is never cast."""

    body: bytes
    ballot_id: bytes
    token_commitment: bytes
    nonce: bytes
    seed: bytes


def check_choice(context: BallotContext, choice: Choice) -> list[int]:
    """Which of its values each ciphertext holds. `choice` lists the chosen options of each question, from 0; an empty
    list is a blank vote. Raises ChoiceInvalid."""
    if len(choice) != len(context.questions):
        raise ChoiceInvalid(f"answer each of the {len(context.questions)} questions, if only with blank")
    held: list[int] = []
    for number, (chosen, question) in enumerate(zip(choice, context.questions, strict=True), 1):
        if problem := choice_problem(question, chosen):
            raise ChoiceInvalid(f"question {number} {problem}")
        held += question.held(chosen)
    return held


def choice_problem(question: QuestionShape, chosen: Sequence[int]) -> str | None:
    """Why the question does not allow these options, from 0: the end of a sentence that begins with the question."""
    if len(set(chosen)) != len(chosen) or any(not 0 <= option < question.options for option in chosen):
        return f"has the options 1 to {question.options}, each at most once"
    if len(chosen) > question.most:
        return f"allows at most {question.most}"
    if question.costs and (over := question.cost(chosen) - question.budget) > 0:
        return f"allows {question.budget} in all; this is {over} too much"
    return None


def build_body(context: BallotContext, commitment: bytes, choice: Choice, seed: bytes) -> bytes:
    """The one body that follows from seed, choice and commitment."""
    held = check_choice(context, choice)
    numbers = [values[branch] for values, branch in zip(context.values, held, strict=True)]
    info = b"stembus/v1 ballot randomness" + context.election_key + commitment + bytes(held)
    next_scalar = scalar_stream(seed, context.referendum, info)
    randomness = [next_scalar() for _ in numbers]
    pairs = zip(numbers, randomness, strict=True)
    ciphertexts = [encrypt(context.joint_key, number, secret) for number, secret in pairs]
    witnesses = _commit(context, ciphertexts, numbers, randomness, next_scalar)
    ciphertext_bytes = b"".join(c.to_bytes() for c in ciphertexts)
    points = b"".join(point.to_bytes() for w in witnesses for pair in w.commitments for point in pair)
    challenges = context.challenges(commitment, ciphertext_bytes, points)
    proofs = [respond_membership(w, challenge) for w, challenge in zip(witnesses, challenges, strict=True)]
    return encode_body(context, commitment, ciphertexts, proofs)


def _commit(
    context: BallotContext,
    ciphertexts: Sequence[Ciphertext],
    numbers: Sequence[int],
    randomness: Sequence[int],
    next_scalar: Callable[[], int],
) -> list[MembershipWitness]:
    witnesses = []
    for shape in context.proofs:
        number = sum(numbers[position] * weight for position, weight in shape.terms)
        witnesses.append(
            commit_membership(
                context.joint_key,
                weigh_ciphertexts(ciphertexts, shape.terms),
                shape.values.index(number),
                sum(randomness[position] * weight for position, weight in shape.terms) % ORDER,
                shape.values,
                next_scalar,
            )
        )
    return witnesses


def prepare(context: BallotContext, voting_pass: VotingPass, choice: Choice) -> PreparedBallot:
    """A new ballot with a fresh seed and nonce. Raises ChoiceInvalid."""
    seed, nonce = secrets.token_bytes(SEED_BYTES), secrets.token_bytes(32)
    commitment = context.token_commitment(voting_pass.token_key.public, nonce)
    body = build_body(context, commitment, choice, seed)
    return PreparedBallot(body, context.ballot_id(body), commitment, nonce, seed)


def rebuild_id(context: BallotContext, commitment: bytes, choice: Choice, seed: bytes) -> bytes:
    """What a second device computes in a test: the ballot id that this choice and seed must have."""
    return context.ballot_id(build_body(context, commitment, choice, seed))


def sign_ballot(context: BallotContext, voting_pass: VotingPass, prepared: PreparedBallot, seq: int) -> bytes:
    """The cast ballot. The caller has erased the seed, and tested this body never."""
    if not voting_pass.complete:
        raise ChoiceInvalid("the token is not complete: a registrar's signature is missing")
    signatures = [signature for signature in voting_pass.signatures if signature]
    unsigned = encode_unsigned(prepared.body, prepared.nonce, voting_pass.token_key.public, signatures, seq)
    return unsigned + voting_pass.token_key.sign(context.cast_digest(unsigned))
