"""Sums of points are what the curve's own addition law says, with and without the identity."""

from __future__ import annotations

from functools import reduce
from random import Random

import pytest
from coincurve import PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from stembus.crypto import group
from stembus.crypto.group import (
    GENERATOR,
    IDENTITY,
    ORDER,
    Point,
    add_all,
    combine,
    generator_times,
    random_scalar,
    times_secret,
)
from stembus.crypto.multiscalar import weighted_sum
from tests.crypto.builders import random_point

FIELD = 2**256 - 2**32 - 977
EDGES = (0, 1, 2, 255, 256, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1)
Affine = tuple[int, int] | None
SCALARS = st.one_of(st.sampled_from(EDGES), st.integers(0, 2**256 - 1), st.integers(0, 2**128))


def _affine(point: Point) -> Affine:
    if point.is_identity:
        return None
    data = point.to_bytes()
    x = int.from_bytes(data[1:], "big")
    y = pow(x**3 + 7, (FIELD + 1) // 4, FIELD)
    assert y * y % FIELD == (x**3 + 7) % FIELD
    return x, y if y % 2 == data[0] - 2 else FIELD - y


def _add(left: Affine, right: Affine) -> Affine:
    """The addition law of y^2 = x^3 + 7, written out."""
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % FIELD == 0:
        return None
    slope = 3 * x1 * x1 * pow(2 * y1, -1, FIELD) if left == right else (y2 - y1) * pow(x2 - x1, -1, FIELD)
    x = (slope * slope - x1 - x2) % FIELD
    return x, (slope * (x1 - x) - y1) % FIELD


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-3, 3), max_size=6))
def test_sums_follow_the_addition_law(multiples: list[int]) -> None:
    points = [generator_times(multiple) for multiple in multiples]
    expected = reduce(_add, map(_affine, points), None)
    assert _affine(add_all(points)) == expected
    assert add_all(points) == generator_times(sum(multiples))
    assert _affine(reduce(Point.__add__, points, IDENTITY)) == expected


@settings(deadline=None, max_examples=60)
@given(st.integers(-(2**260), 2**260))
def test_all_ways_to_multiply_agree(scalar: int) -> None:
    base = generator_times(12345)
    assert generator_times(scalar) == GENERATOR * scalar == times_secret(GENERATOR, scalar)
    assert base * scalar == times_secret(base, scalar) == generator_times(12345 * scalar)
    assert (base * scalar) + (-(base * scalar)) == IDENTITY
    assert base * scalar - base * scalar == IDENTITY


def test_the_identity_absorbs_and_is_equal_to_itself_only() -> None:
    assert IDENTITY + GENERATOR == GENERATOR == GENERATOR - IDENTITY
    assert -IDENTITY == IDENTITY == IDENTITY * 7 == GENERATOR * ORDER == times_secret(GENERATOR, 0)
    assert times_secret(IDENTITY, 7) == IDENTITY == add_all([])
    assert IDENTITY != GENERATOR
    assert GENERATOR != "point"
    assert len({IDENTITY, Point(None), GENERATOR, generator_times(1)}) == 2


def test_random_scalars_are_within_the_order_and_differ() -> None:
    drawn = {random_scalar() for _ in range(100)}
    assert len(drawn) == 100
    assert all(0 < scalar < ORDER for scalar in drawn)


def test_a_random_scalar_may_be_any_from_1_to_the_order_less_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group.secrets, "randbelow", lambda bound: 0)
    assert random_scalar() == 1
    monkeypatch.setattr(group.secrets, "randbelow", lambda bound: bound - 1)
    assert random_scalar() == ORDER - 1


@pytest.mark.parametrize("scalar", [0, 1, 5, ORDER - 1])
def test_a_secret_scalar_is_split_into_two_that_are_not_zero(scalar: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first summand that leaves nothing for the second is drawn again; the other one would be the secret."""
    drawn = iter([scalar, 3] if scalar else [3])
    monkeypatch.setattr(group, "random_scalar", lambda: next(drawn))
    assert times_secret(GENERATOR, scalar) == generator_times(scalar)
    assert list(drawn) == []


def test_a_sum_that_the_library_refuses_without_reason_is_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [point.key for point in (generator_times(2), generator_times(3)) if point.key is not None]

    class Refusing(PublicKey):  # type: ignore[misc]
        @classmethod
        def combine_keys(cls, public_keys: list[PublicKey]) -> PublicKey:
            if len(public_keys) == 2:
                raise ValueError
            return PublicKey.combine_keys(public_keys)

    monkeypatch.setattr(group, "PublicKey", Refusing)
    with pytest.raises(RuntimeError):
        combine(keys)
    assert combine([keys[0], (-generator_times(2)).key]) is None


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), SCALARS), max_size=12))
def test_a_weighted_sum_is_the_naive_sum(terms: list[tuple[int, int]]) -> None:
    points = [generator_times(multiple) for multiple, _ in terms]
    weights = [scalar for _, scalar in terms]
    naive = add_all(point * scalar for point, scalar in zip(points, weights, strict=True))
    assert weighted_sum(points, weights) == naive
    assert naive == generator_times(sum(multiple * scalar for multiple, scalar in terms))


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 600])
def test_a_weighted_sum_of_many_random_terms_is_the_naive_sum(count: int) -> None:
    random = Random(count)
    points = [random_point(random) for _ in range(count)]
    weights = [random.choice((random.randrange(ORDER), random.getrandbits(128), 0)) for _ in range(count)]
    naive = add_all(point * scalar for point, scalar in zip(points, weights, strict=True))
    assert weighted_sum(points, weights) == naive


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, ORDER - 1)), min_size=1, max_size=8))
def test_a_weighted_sum_that_vanishes_is_the_identity(terms: list[tuple[int, int]]) -> None:
    points = [generator_times(multiple) for multiple, _ in terms]
    weights = [scalar for _, scalar in terms]
    assert weighted_sum(points + points, weights + [ORDER - scalar for scalar in weights]) == IDENTITY
    assert weighted_sum(points + [-point for point in points], weights + weights) == IDENTITY
    rest = -sum(multiple * scalar for multiple, scalar in terms) % ORDER
    assert weighted_sum([*points, GENERATOR], [*weights, rest]) == IDENTITY


def test_a_weighted_sum_of_nothing_is_the_identity() -> None:
    assert weighted_sum([], []) == IDENTITY
    assert weighted_sum([GENERATOR, IDENTITY], [0, 5]) == IDENTITY
    assert weighted_sum([GENERATOR], [ORDER]) == IDENTITY
    with pytest.raises(ValueError):
        weighted_sum([GENERATOR], [1, 2])
