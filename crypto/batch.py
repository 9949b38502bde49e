"""Checks the membership proofs of many ballots in one multi-scalar multiplication.

Each of a ballot's equations, `a + c*A - r*G = 0` and `b + c*(B - v*G) - r*H = 0`, is multiplied by its
own fresh random 128-bit weight, and the sum of all must vanish; a set with any false equation passes with
probability at most 2^-128 (Bellare, Garay, Rabin, EUROCRYPT 1998). Decides only whether *all* hold;
whoever needs the culprit splits the set and calls again, which draws new weights.

Weights are drawn here, after everything has been parsed, one for each equation: one for a proof would
accept garbage, and predictable ones would accept an encryption of 5.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from stembus.crypto.elgamal import Ciphertext, weigh_ciphertexts
from stembus.crypto.errors import ProofInvalid
from stembus.crypto.group import ORDER, Point, generator_times
from stembus.crypto.multiscalar import weighted_sum
from stembus.crypto.proofs import MembershipProof, verify_membership

WEIGHT_BYTES = 16
# Below this many ballots single checks are faster.
BATCH_THRESHOLD = 35


@dataclass(frozen=True, slots=True)
class MembershipStatement:
    """That a sum of a ballot's ciphertexts holds one of `values`; `terms` are pairs of a position and a weight."""

    terms: tuple[tuple[int, int], ...]
    values: tuple[int, ...]
    proof: MembershipProof
    challenge: int


@dataclass(frozen=True, slots=True)
class ProvenBallot:
    """A ballot's ciphertexts and all statements about them."""

    ciphertexts: tuple[Ciphertext, ...]
    statements: tuple[MembershipStatement, ...]


def verify_one(joint_key: Point, ballot: ProvenBallot) -> None:
    """Checks one ballot, proof by proof. Raises ProofInvalid."""
    for statement in ballot.statements:
        ciphertext = weigh_ciphertexts(ballot.ciphertexts, statement.terms)
        verify_membership(joint_key, ciphertext, statement.values, statement.proof, statement.challenge)


def verify_all(joint_key: Point, ballots: Sequence[ProvenBallot]) -> None:
    """Checks all ballots at once. Raises ProofInvalid if any one fails; ValueError for none at all."""
    if not ballots:
        raise ValueError("an empty batch proves nothing")
    equations = sum(len(s.proof.responses) for ballot in ballots for s in ballot.statements) * 2
    pool = secrets.token_bytes(WEIGHT_BYTES * equations)
    weights = iter([int.from_bytes(pool[i : i + WEIGHT_BYTES], "big") for i in range(0, len(pool), WEIGHT_BYTES)])
    points: list[Point] = []
    scalars: list[int] = []
    of_generator = of_key = 0
    for ballot in ballots:
        on_nonce = [0] * len(ballot.ciphertexts)
        on_blinded = [0] * len(ballot.ciphertexts)
        for statement in ballot.statements:
            proof = statement.proof
            sum_nonce = sum_blinded = 0
            challenges = proof.all_challenges(statement.challenge)
            branches = zip(statement.values, proof.commitments, proof.responses, challenges, strict=True)
            for value, (first, second), response, challenge in branches:
                weight, other = next(weights), next(weights)
                points += (first, second)
                scalars += (weight, other)
                sum_nonce += weight * challenge
                shifted = other * challenge
                sum_blinded += shifted
                of_generator += weight * response + shifted * value
                of_key += other * response
            for index, factor in statement.terms:
                on_nonce[index] += factor * sum_nonce
                on_blinded[index] += factor * sum_blinded
        for ciphertext, nonce, blinded in zip(ballot.ciphertexts, on_nonce, on_blinded, strict=True):
            points += (ciphertext.nonce_point, ciphertext.blinded)
            scalars += (nonce % ORDER, blinded % ORDER)
    points.append(joint_key)
    scalars.append(-of_key % ORDER)
    # A positive test: both sides are computed, and the generator's side never enters the big sum.
    if weighted_sum(points, scalars) != generator_times(of_generator):
        raise ProofInvalid("a proof in this batch does not hold")


def find_invalid(joint_key: Point, ballots: Sequence[ProvenBallot]) -> list[int]:
    """The positions of all ballots whose proofs fail, by halving; empty when all hold."""
    found: list[int] = []
    stack = [(0, len(ballots))]
    while stack:
        start, end = stack.pop()
        if end - start < BATCH_THRESHOLD:
            for position in range(start, end):
                try:
                    verify_one(joint_key, ballots[position])
                except ProofInvalid:
                    found.append(position)
            continue
        try:
            verify_all(joint_key, ballots[start:end])
        except ProofInvalid:
            middle = (start + end) // 2
            stack += [(start, middle), (middle, end)]
    return sorted(found)
