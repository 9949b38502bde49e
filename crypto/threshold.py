"""Shamir sharing with Feldman commitments, and decryption by any t of n trustees.

Decides polynomials, shares, verification keys, partial decryptions and their combination. Trustees have
the indices 1..n; index 0 is the joint secret that nobody holds. Leaves the ceremony's messages and order
to `audit` and `tally`.

Source: Feldman, FOCS 1987; Pedersen, EUROCRYPT 1991; Shamir, CACM 1979.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.errors import ShareInvalid
from stembus.crypto.group import ORDER, Point, add_all, generator_times, random_scalar, times_secret


def random_polynomial(threshold: int) -> tuple[int, ...]:
    """`threshold` secret coefficients, constant term first, all non-zero."""
    return tuple(random_scalar() for _ in range(threshold))


def commit_polynomial(coefficients: Sequence[int]) -> tuple[Point, ...]:
    """Feldman's commitments: coefficient * G each."""
    return tuple(generator_times(coefficient) for coefficient in coefficients)


def evaluate(coefficients: Sequence[int], index: int) -> int:
    """The polynomial's value at trustee `index`, their share."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * index + coefficient) % ORDER
    return value


def evaluate_commitments(commitments: Sequence[Point], index: int) -> Point:
    """The public image of `evaluate`: what the share times G must be."""
    return add_all(point * pow(index, power, ORDER) for power, point in enumerate(commitments))


def check_share(commitments: Sequence[Point], index: int, share: int) -> None:
    """Raises ShareInvalid unless the share lies on the committed polynomial."""
    if generator_times(share) != evaluate_commitments(commitments, index):
        raise ShareInvalid(f"the share for trustee {index} does not match the dealer's commitments")


def verification_key(all_commitments: Sequence[Sequence[Point]], index: int) -> Point:
    """Trustee `index`'s public share key X: the sum over all dealers."""
    return add_all(evaluate_commitments(commitments, index) for commitments in all_commitments)


def joint_key(all_commitments: Sequence[Sequence[Point]]) -> Point:
    return add_all(commitments[0] for commitments in all_commitments)


def partial_decrypt(share: int, ciphertext: Ciphertext) -> Point:
    """share * (r*G), one trustee's contribution."""
    return times_secret(ciphertext.nonce_point, share)


def combine_partials(ciphertext: Ciphertext, partials: Mapping[int, Point]) -> Point:
    """message * G from the verified contributions of exactly t trustees, keyed by index 1..n."""
    masked = add_all(point * lagrange(partials.keys(), index) for index, point in partials.items())
    return ciphertext.blinded - masked


def lagrange(indices: Collection[int], index: int) -> int:
    """The coefficient at zero of trustee `index` among `indices`. Raises ValueError for 0 or repeats."""
    others = list(indices)
    if 0 in others or len(set(others)) != len(others) or index not in others:
        raise ValueError("trustee indices are distinct and start at 1")
    numerator = denominator = 1
    for other in others:
        if other != index:
            numerator = numerator * other % ORDER
            denominator = denominator * (other - index) % ORDER
    return numerator * pow(denominator, -1, ORDER) % ORDER
