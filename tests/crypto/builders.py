"""Ballots with membership proofs, honest or forged, from a seeded generator, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stembus.crypto.batch import MembershipStatement, ProvenBallot
from stembus.crypto.elgamal import Ciphertext, add_ciphertexts, encrypt
from stembus.crypto.group import ORDER, Point, generator_times
from stembus.crypto.proofs import MembershipProof, MembershipWitness, commit_membership, respond_membership
from stembus.crypto.transcript import Transcript

JOINT_SECRET = 0x5EED
JOINT_KEY = generator_times(JOINT_SECRET)


def scalars(random: Random) -> Callable[[], int]:
    """Non-zero scalars, one after the other."""
    return lambda: random.randrange(1, ORDER)


def challenge_of(ciphertext: Ciphertext, witness: MembershipWitness) -> int:
    """A Fiat-Shamir challenge over ciphertext and commitments."""
    points = b"".join(point.to_bytes() for pair in witness.commitments for point in pair)
    return Transcript("test").add("ciphertext", ciphertext.to_bytes()).add("commitments", points).scalar()


def state(
    ciphertext: Ciphertext,
    value: int,
    randomness: int,
    values: tuple[int, ...],
    random: Random,
    terms: tuple[tuple[int, int], ...] = ((0, 1),),
) -> MembershipStatement:
    """A proof that `ciphertext` holds one of `values`. For a value outside, every branch is simulated."""
    branch = values.index(value) if value in values else -1
    witness = commit_membership(JOINT_KEY, ciphertext, branch, randomness, values, scalars(random))
    challenge = challenge_of(ciphertext, witness)
    if branch >= 0:
        return MembershipStatement(terms, values, respond_membership(witness, challenge), challenge)
    # The last branch keeps the response that was simulated for it; its challenge is no longer the simulated one.
    proof = MembershipProof(witness.commitments, witness.fake_challenges[:-1], witness.fake_responses)
    return MembershipStatement(terms, values, proof, challenge)


def single(value: int, random: Random, values: tuple[int, ...] = (0, 1)) -> ProvenBallot:
    """One ciphertext with one membership proof."""
    randomness = random.randrange(1, ORDER)
    ciphertext = encrypt(JOINT_KEY, value, randomness)
    return ProvenBallot((ciphertext,), (state(ciphertext, value, randomness, values, random),))


def choice(bits: list[int], most: int, random: Random) -> ProvenBallot:
    """One ciphertext and proof for each bit, and a proof that at most `most` are set."""
    randomness = [random.randrange(1, ORDER) for _ in bits]
    ciphertexts = tuple(encrypt(JOINT_KEY, bit, r) for bit, r in zip(bits, randomness, strict=True))
    statements = [
        state(ciphertext, bit, r, (0, 1), random, ((index, 1),))
        for index, (ciphertext, bit, r) in enumerate(zip(ciphertexts, bits, randomness, strict=True))
    ]
    total = add_ciphertexts(ciphertexts)
    every = tuple((index, 1) for index in range(len(bits)))
    statements.append(state(total, sum(bits), sum(randomness) % ORDER, tuple(range(most + 1)), random, every))
    return ProvenBallot(ciphertexts, tuple(statements))


def random_point(random: Random) -> Point:
    return generator_times(random.randrange(1, ORDER))
