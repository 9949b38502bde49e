"""Ballots with range proofs, honest or forged, from a seeded generator, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stembus.crypto.batch import ProvenBallot, RangeStatement
from stembus.crypto.elgamal import Ciphertext, add_ciphertexts, encrypt
from stembus.crypto.group import ORDER, Point, generator_times
from stembus.crypto.proofs import RangeWitness, commit_range, respond_range
from stembus.crypto.transcript import Transcript

JOINT_SECRET = 0x5EED
JOINT_KEY = generator_times(JOINT_SECRET)


def scalars(random: Random) -> Callable[[], int]:
    """Non-zero scalars, one after the other."""
    return lambda: random.randrange(1, ORDER)


def challenge_of(ciphertext: Ciphertext, witness: RangeWitness) -> int:
    """A Fiat-Shamir challenge over ciphertext and commitments."""
    points = b"".join(point.to_bytes() for pair in witness.commitments for point in pair)
    return Transcript("test").add("ciphertext", ciphertext.to_bytes()).add("commitments", points).scalar()


def state(
    ciphertext: Ciphertext, value: int, randomness: int, maximum: int, random: Random, first: int = 0, last: int = 1
) -> RangeStatement:
    """A proof that `ciphertext` holds 0..maximum. For a value outside, every branch is simulated."""
    witness = commit_range(JOINT_KEY, ciphertext, value, randomness, maximum, scalars(random))
    challenge = challenge_of(ciphertext, witness)
    if 0 <= value <= maximum:
        return RangeStatement(first, last, respond_range(witness, challenge), challenge)
    forged = RangeWitness(
        maximum, randomness, 0, witness.commitments, witness.fake_challenges, (*witness.fake_responses[:-1], 0)
    )
    proof = respond_range(forged, challenge)
    # The last branch keeps the response that was simulated for it; its challenge is no longer the simulated one.
    proof = type(proof)(proof.commitments, proof.challenges, witness.fake_responses)
    return RangeStatement(first, last, proof, challenge)


def single(value: int, random: Random, maximum: int = 1) -> ProvenBallot:
    """One ciphertext with one range proof."""
    randomness = random.randrange(1, ORDER)
    ciphertext = encrypt(JOINT_KEY, value, randomness)
    return ProvenBallot((ciphertext,), (state(ciphertext, value, randomness, maximum, random),))


def choice(bits: list[int], most: int, random: Random) -> ProvenBallot:
    """One ciphertext and proof for each bit, and a proof that at most `most` are set."""
    randomness = [random.randrange(1, ORDER) for _ in bits]
    ciphertexts = tuple(encrypt(JOINT_KEY, bit, r) for bit, r in zip(bits, randomness, strict=True))
    statements = [
        state(ciphertext, bit, r, 1, random, index, index + 1)
        for index, (ciphertext, bit, r) in enumerate(zip(ciphertexts, bits, randomness, strict=True))
    ]
    total = add_ciphertexts(ciphertexts)
    statements.append(state(total, sum(bits), sum(randomness) % ORDER, most, random, 0, len(bits)))
    return ProvenBallot(ciphertexts, tuple(statements))


def random_point(random: Random) -> Point:
    return generator_times(random.randrange(1, ORDER))
