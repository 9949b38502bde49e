"""Sums of encrypted numbers decrypt to the sum of the numbers, by any t of n trustees and by no fewer."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stembus.crypto import discrete_log
from stembus.crypto.discrete_log import small_log, two_small_logs
from stembus.crypto.elgamal import CIPHERTEXT_BYTES, ZERO, Ciphertext, add_ciphertexts, encrypt
from stembus.crypto.errors import EncodingInvalid, NotFound, ProofInvalid, ShareInvalid
from stembus.crypto.group import IDENTITY, ORDER, Point, generator_times
from stembus.crypto.proofs import LogProof, prove_equal_logs, prove_key, verify_equal_logs, verify_key
from stembus.crypto.threshold import (
    check_share,
    combine_partials,
    commit_polynomial,
    evaluate,
    joint_key,
    lagrange,
    partial_decrypt,
    random_polynomial,
    verification_key,
)
from stembus.crypto.transcript import Transcript

SEEDS = st.integers(0, 2**64)


def _ceremony(trustees: int, threshold: int, random: Random) -> tuple[list[list[int]], list[tuple[Point, ...]]]:
    """Everyone's polynomial, and the commitments."""
    polynomials = [[random.randrange(1, ORDER) for _ in range(threshold)] for _ in range(trustees)]
    return polynomials, [commit_polynomial(polynomial) for polynomial in polynomials]


def _share(polynomials: list[list[int]], index: int) -> int:
    return sum(evaluate(polynomial, index) for polynomial in polynomials) % ORDER


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 500), max_size=8), SEEDS)
def test_the_sum_of_ciphertexts_decrypts_to_the_sum(messages: list[int], seed: int) -> None:
    random = Random(seed)
    secret = random.randrange(1, ORDER)
    ciphertexts = [encrypt(generator_times(secret), m, random.randrange(1, ORDER)) for m in messages]
    total = add_ciphertexts(ciphertexts)
    assert small_log(total.blinded - partial_decrypt(secret, total), 4000) == sum(messages)
    assert sum(ciphertexts, ZERO) == total
    for ciphertext in ciphertexts:
        total = total - ciphertext
    assert total == ZERO
    assert total.has_identity


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), st.integers(0, 999), SEEDS)
def test_any_t_of_n_trustees_agree_and_fewer_learn_nothing(sizes: tuple[int, int], message: int, seed: int) -> None:
    (trustees, threshold), random = sizes, Random(seed)
    polynomials, commitments = _ceremony(trustees, threshold, random)
    shares = {index: _share(polynomials, index) for index in range(1, trustees + 1)}
    for index, share in shares.items():
        assert verification_key(commitments, index) == generator_times(share)
    ciphertext = encrypt(joint_key(commitments), message, random.randrange(1, ORDER))
    partials = {index: partial_decrypt(share, ciphertext) for index, share in shares.items()}
    for chosen in combinations(partials, threshold):
        plain = combine_partials(ciphertext, {index: partials[index] for index in chosen})
        assert plain == generator_times(message)
        assert small_log(plain, 999) == message
    for chosen in combinations(partials, threshold - 1):
        wrong = combine_partials(ciphertext, {index: partials[index] for index in chosen})
        with pytest.raises(NotFound):
            small_log(wrong, 999)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 6), st.integers(1, 10), st.integers(1, ORDER - 1), SEEDS)
def test_a_share_off_the_committed_polynomial_is_refused(threshold: int, index: int, error: int, seed: int) -> None:
    random = Random(seed)
    polynomial = [random.randrange(1, ORDER) for _ in range(threshold)]
    commitments = commit_polynomial(polynomial)
    check_share(commitments, index, evaluate(polynomial, index))
    with pytest.raises(ShareInvalid):
        check_share(commitments, index, (evaluate(polynomial, index) + error) % ORDER)


def test_a_wrong_partial_decryption_gives_no_small_number() -> None:
    polynomials, commitments = _ceremony(3, 2, Random(1))
    ciphertext = encrypt(joint_key(commitments), 7, 99)
    partials = {index: partial_decrypt(_share(polynomials, index), ciphertext) for index in (1, 3)}
    with pytest.raises(NotFound):
        small_log(combine_partials(ciphertext, {1: partials[3], 3: partials[1]}), 999)


@pytest.mark.parametrize(("indices", "index"), [([0, 1], 1), ([1, 1], 1), ([1, 2], 3), ([], 1)])
def test_indices_that_no_trustee_has_are_refused(indices: list[int], index: int) -> None:
    with pytest.raises(ValueError):
        lagrange(indices, index)


@given(st.sets(st.integers(1, 40), min_size=1, max_size=8))
def test_lagrange_coefficients_reconstruct_a_constant(indices: set[int]) -> None:
    assert sum(lagrange(indices, index) for index in indices) % ORDER == 1


def test_random_polynomials_have_t_coefficients_and_differ() -> None:
    first, second = random_polynomial(4), random_polynomial(4)
    assert len(first) == len(second) == 4
    assert first != second
    assert 0 not in first


@pytest.mark.parametrize("maximum", [0, 1, 2, 3, 8, 99, 100, 101])
def test_every_number_up_to_the_bound_is_found_and_none_above(maximum: int) -> None:
    for number in range(maximum + 1):
        assert small_log(generator_times(number), maximum) == number
    for number in (maximum + 1, maximum + 2, 3 * maximum + 3, -1):
        with pytest.raises(NotFound):
            small_log(generator_times(number), maximum)


@pytest.mark.parametrize("table", [1, 2, 1 << 18])
@pytest.mark.parametrize("maximum", [0, 1, 2, 5, 6, 13])
def test_every_two_numbers_up_to_the_bound_are_found_and_none_above(
    maximum: int, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discrete_log, "_TABLE", table)
    second = 1 << 32
    for a in range(maximum + 3):
        for b in range(maximum + 3):
            target = generator_times(a + b * second)
            if a + b <= maximum:
                assert two_small_logs(target, second, maximum) == (a, b)
            else:
                with pytest.raises(NotFound):
                    two_small_logs(target, second, maximum)
    for number in (-1, second - 1, -second, second // 2, ORDER // 2):
        with pytest.raises(NotFound):
            two_small_logs(generator_times(number), second, maximum)


def test_the_counts_of_a_city_are_found_in_one_sum() -> None:
    assert two_small_logs(generator_times(4_248 + (5_632 << 32)), 1 << 32, 9_880) == (4_248, 5_632)


def test_a_ciphertext_has_one_encoding_of_66_bytes() -> None:
    ciphertext = encrypt(generator_times(5), 1, 77)
    data = ciphertext.to_bytes()
    assert len(data) == CIPHERTEXT_BYTES == 66
    assert Ciphertext.from_bytes(data) == ciphertext
    for wrong in (data[:-1], data + b"\0", b"", data[33:]):
        with pytest.raises(EncodingInvalid):
            Ciphertext.from_bytes(wrong)
    with pytest.raises(EncodingInvalid):
        ZERO.to_bytes()


@settings(deadline=None, max_examples=15)
@given(SEEDS)
def test_proofs_of_logarithms_hold_in_their_context_only(seed: int) -> None:
    random = Random(seed)
    secret, base_log = random.randrange(1, ORDER), random.randrange(1, ORDER)
    context, base = Transcript("test").add("who", b"1"), generator_times(base_log)
    public, image = generator_times(secret), generator_times(secret * base_log)
    possession = prove_key(secret, context)
    verify_key(public, possession, context)
    equality = prove_equal_logs(secret, base, context)
    verify_equal_logs(public, base, image, equality, context)
    other = Transcript("test").add("who", b"2")
    for proof in _altered(possession):
        with pytest.raises(ProofInvalid):
            verify_key(public, proof, context)
    for proof in _altered(equality):
        with pytest.raises(ProofInvalid):
            verify_equal_logs(public, base, image, proof, context)
    with pytest.raises(ProofInvalid):
        verify_key(public, possession, other)
    with pytest.raises(ProofInvalid):
        verify_equal_logs(public, base, image, equality, other)
    with pytest.raises(ProofInvalid):
        verify_key(generator_times(secret + 1), possession, context)
    for statement in ((public, base, image + base), (public, base + public, image), (public + base, base, image)):
        with pytest.raises(ProofInvalid):
            verify_equal_logs(*statement, equality, context)


def _altered(proof: LogProof) -> list[LogProof]:
    return [
        LogProof((proof.challenge + 1) % ORDER, proof.response),
        LogProof(proof.challenge, (proof.response + 1) % ORDER),
        LogProof(proof.response, proof.challenge),
        LogProof(0, 0),
    ]


def test_a_proof_whose_commitment_is_the_identity_is_refused() -> None:
    public = generator_times(3)
    proof = LogProof(1, 3)
    assert generator_times(proof.response) - public * proof.challenge == IDENTITY
    with pytest.raises(ProofInvalid):
        verify_key(public, proof, Transcript("test"))
    with pytest.raises(ProofInvalid):
        verify_equal_logs(public, generator_times(2), generator_times(6), proof, Transcript("test"))
