"""Membership proofs: honest ones hold alone and in a batch; altered and forged ones fail in both, and are named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stembus.crypto.batch import (
    BATCH_THRESHOLD,
    MembershipStatement,
    ProvenBallot,
    find_invalid,
    verify_all,
    verify_one,
)
from stembus.crypto.elgamal import Ciphertext, encrypt
from stembus.crypto.errors import ProofInvalid
from stembus.crypto.group import GENERATOR, ORDER, Point
from stembus.crypto.proofs import (
    MembershipProof,
    MembershipWitness,
    commit_membership,
    respond_membership,
    verify_membership,
)
from tests.crypto.builders import JOINT_KEY, challenge_of, choice, scalars, single

SEEDS = st.integers(0, 2**64)
PAIR = (0, 1, 1 << 32)
LISTS = [*(tuple(range(m + 1)) for m in range(5)), PAIR]


def _refused(ballot: ProvenBallot) -> None:
    """That a ballot fails by itself, in a batch of one, and among honest ones."""
    with pytest.raises(ProofInvalid):
        verify_one(JOINT_KEY, ballot)
    with pytest.raises(ProofInvalid):
        verify_all(JOINT_KEY, [ballot])
    honest = single(1, Random(7))
    with pytest.raises(ProofInvalid):
        verify_all(JOINT_KEY, [honest, ballot, honest])
    assert find_invalid(JOINT_KEY, [honest, ballot, honest]) == [1]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(LISTS).flatmap(lambda v: st.tuples(st.just(v), st.sampled_from(v))), SEEDS)
def test_an_honest_proof_holds_alone_and_in_a_batch(case: tuple[tuple[int, ...], int], seed: int) -> None:
    values, value = case
    ballot = single(value, Random(seed), values)
    verify_one(JOINT_KEY, ballot)
    verify_all(JOINT_KEY, [ballot])
    verify_all(JOINT_KEY, [ballot, ballot])


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=4), SEEDS)
def test_honest_choices_hold_alone_and_in_a_batch(bits: list[int], seed: int) -> None:
    random = Random(seed)
    ballots = [choice(bits, max(1, sum(bits)), random), choice([0] * len(bits), 1, random), single(1, random)]
    for ballot in ballots:
        verify_one(JOINT_KEY, ballot)
    verify_all(JOINT_KEY, ballots)
    assert find_invalid(JOINT_KEY, ballots) == []


def _with_proof(ballot: ProvenBallot, index: int, proof: MembershipProof) -> ProvenBallot:
    statements = list(ballot.statements)
    statements[index] = replace(statements[index], proof=proof)
    return replace(ballot, statements=tuple(statements))


def _put(items: tuple[int, ...], index: int, item: int) -> tuple[int, ...]:
    return (*items[:index], item, *items[index + 1 :])


def _alterations(ballot: ProvenBallot, shift: int) -> Iterator[ProvenBallot]:
    """The ballot with one number or point of it changed, for every one of them."""
    offset = GENERATOR * shift
    for index, statement in enumerate(ballot.statements):
        proof = statement.proof
        for place, response in enumerate(proof.responses):
            responses = _put(proof.responses, place, (response + shift) % ORDER)
            yield _with_proof(ballot, index, replace(proof, responses=responses))
        for place, challenge in enumerate(proof.challenges):
            challenges = _put(proof.challenges, place, (challenge + shift) % ORDER)
            yield _with_proof(ballot, index, replace(proof, challenges=challenges))
        for place, (first, second) in enumerate(proof.commitments):
            for pair in ((first + offset, second), (first, second + offset), (second, first)):
                commitments = (*proof.commitments[:place], pair, *proof.commitments[place + 1 :])
                yield _with_proof(ballot, index, replace(proof, commitments=commitments))
        altered = replace(statement, challenge=(statement.challenge + shift) % ORDER)
        yield replace(ballot, statements=(*ballot.statements[:index], altered, *ballot.statements[index + 1 :]))
    for index, ciphertext in enumerate(ballot.ciphertexts):
        nonce, blinded = ciphertext.nonce_point, ciphertext.blinded
        for changed in (Ciphertext(nonce + offset, blinded), Ciphertext(nonce, blinded + offset)):
            yield replace(ballot, ciphertexts=(*ballot.ciphertexts[:index], changed, *ballot.ciphertexts[index + 1 :]))


@settings(deadline=None, max_examples=3)
@given(st.one_of(st.sampled_from((1, ORDER - 1, 2)), st.integers(1, ORDER - 1)), SEEDS)
def test_an_altered_number_or_point_is_refused_alone_and_in_a_batch(shift: int, seed: int) -> None:
    everything = list(_alterations(choice([1, 0], 1, Random(seed)), shift))
    for altered in everything:
        _refused(altered)
    # Three proofs of two branches: 2 responses, 1 challenge, 3 changes to 2 pairs, the whole; two ciphertexts.
    assert len(everything) == 3 * (2 + 1 + 6 + 1) + 4


@pytest.mark.parametrize("value", [2, -1, 5, ORDER // 2, (1 << 32) - 1, (1 << 32) + 1, 2 << 32])
@pytest.mark.parametrize("values", [(0,), (0, 1), PAIR])
def test_a_simulated_proof_for_another_number_is_refused(value: int, values: tuple[int, ...]) -> None:
    _refused(single(value, Random(value), values))


@pytest.mark.parametrize("others", [(0, 1), (0, 1, 2), (0, 1 << 32, 1), (1, 0, 1 << 32), (0, 1, 1 << 31)])
def test_a_proof_is_about_the_values_for_which_it_was_made(others: tuple[int, ...]) -> None:
    """Also where the value itself stands in both lists."""
    ballot = single(1, Random(6), PAIR)
    verify_one(JOINT_KEY, ballot)
    moved = replace(ballot, statements=(replace(ballot.statements[0], values=others),))
    for check in (lambda: verify_one(JOINT_KEY, moved), lambda: verify_all(JOINT_KEY, [moved])):
        with pytest.raises((ProofInvalid, ValueError)):
            check()


@pytest.mark.parametrize("value", [2, -1, 5])
@pytest.mark.parametrize("claimed", [0, 1])
def test_a_proof_that_claims_a_wrong_number_is_refused(value: int, claimed: int) -> None:
    """The claimed branch is answered as if true: its first equation holds, only its second does not."""
    random = Random(3)
    randomness = random.randrange(1, ORDER)
    ciphertext = encrypt(JOINT_KEY, value, randomness)
    witness = commit_membership(JOINT_KEY, ciphertext, claimed, randomness, (0, 1), scalars(random))
    challenge = challenge_of(ciphertext, witness)
    _refused(
        ProvenBallot(
            (ciphertext,), (MembershipStatement(((0, 1),), (0, 1), respond_membership(witness, challenge), challenge),)
        )
    )


@pytest.mark.parametrize("bits", [[1, 1], [1, 1, 1], [0, 2], [-1, 1], [3, -2]])
def test_a_choice_with_too_many_or_impossible_bits_is_refused(bits: list[int]) -> None:
    _refused(choice(bits, 1, Random(4)))


def test_a_proof_for_another_ciphertext_or_key_is_refused() -> None:
    one, other = single(1, Random(5)), single(1, Random(6))
    _refused(ProvenBallot(one.ciphertexts, other.statements))
    with pytest.raises(ProofInvalid):
        verify_one(JOINT_KEY + GENERATOR, one)
    with pytest.raises(ProofInvalid):
        verify_all(JOINT_KEY + GENERATOR, [one])


def _shifted(ballot: ProvenBallot, branch: int, place: int, offset: Point) -> ProvenBallot:
    proof = ballot.statements[0].proof
    pair = list(proof.commitments[branch])
    pair[place] = pair[place] + offset
    commitments = (*proof.commitments[:branch], (pair[0], pair[1]), *proof.commitments[branch + 1 :])
    return _with_proof(ballot, 0, replace(proof, commitments=commitments))


@pytest.mark.parametrize(("branch", "place"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_errors_that_cancel_out_are_still_refused_in_a_batch(branch: int, place: int) -> None:
    """Two wrong equations, in one ballot or in two, whose plain sum is right."""
    for _ in range(5):
        one = _shifted(single(1, Random(8)), 0, 0, GENERATOR)
        two = _shifted(single(0, Random(9)), branch, place, -GENERATOR)
        assert find_invalid(JOINT_KEY, [one, two]) == [0, 1]
        with pytest.raises(ProofInvalid):
            verify_all(JOINT_KEY, [one, two])
        if (branch, place) != (0, 0):
            _refused(_shifted(one, branch, place, -GENERATOR))


def test_a_proof_of_the_wrong_shape_is_never_accepted() -> None:
    statement = single(1, Random(10)).statements[0]
    proof, ciphertext = statement.proof, single(1, Random(10)).ciphertexts[0]
    for wrong in (
        replace(proof, responses=proof.responses[:-1]),
        replace(proof, challenges=()),
        replace(proof, commitments=proof.commitments[:1]),
    ):
        with pytest.raises((ProofInvalid, ValueError)):
            verify_membership(JOINT_KEY, ciphertext, (0, 1), wrong, statement.challenge)


def test_an_empty_batch_proves_nothing() -> None:
    with pytest.raises(ValueError):
        verify_all(JOINT_KEY, [])
    assert find_invalid(JOINT_KEY, []) == []


@pytest.fixture(scope="module")
def many() -> list[ProvenBallot]:
    random = Random(11)
    return [single(index % 2, random) for index in range(257)]


@pytest.mark.parametrize("size", [1, 11, BATCH_THRESHOLD - 1, BATCH_THRESHOLD, BATCH_THRESHOLD + 1, 255, 256, 257])
def test_exactly_the_bad_ballots_of_a_batch_are_named(many: list[ProvenBallot], size: int) -> None:
    assert BATCH_THRESHOLD == 35
    forged = single(5, Random(12))
    first, middle, last = 0, size // 2, size - 1
    for bad in ({first}, {middle}, {last}, {first, last}, {first, middle, last}, set()):
        ballots = [forged if position in bad else ballot for position, ballot in enumerate(many[:size])]
        assert find_invalid(JOINT_KEY, ballots) == sorted(bad)


@settings(deadline=None, max_examples=8)
@given(st.sets(st.integers(0, 99), max_size=12))
def test_any_set_of_bad_ballots_is_named(many: list[ProvenBallot], bad: set[int]) -> None:
    forged = single(2, Random(13))
    ballots = [forged if position in bad else ballot for position, ballot in enumerate(many[:100])]
    assert find_invalid(JOINT_KEY, ballots) == sorted(bad)


def test_a_prover_who_knows_no_randomness_cannot_respond() -> None:
    random = Random(14)
    ciphertext = encrypt(JOINT_KEY, 1, 1234)
    witness = commit_membership(JOINT_KEY, ciphertext, 1, 1234, (0, 1), scalars(random))
    guess = MembershipWitness(1, 1235, *(getattr(witness, name) for name in MembershipWitness.__slots__[2:]))
    challenge = challenge_of(ciphertext, witness)
    verify_membership(JOINT_KEY, ciphertext, (0, 1), respond_membership(witness, challenge), challenge)
    with pytest.raises(ProofInvalid):
        verify_membership(JOINT_KEY, ciphertext, (0, 1), respond_membership(guess, challenge), challenge)
