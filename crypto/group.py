"""The group: secp256k1 points and scalars, and the only way from bytes to either.

Decides what a valid element is: 33-byte compressed points (SEC 1, section 2.3.3) and 32-byte big-endian
scalars below the order. The identity is an ordinary value of `Point` but has no encoding, so nothing
parsed from the outside is ever the identity. Leaves proofs and sums of many terms to its neighbours.

Source: SEC 2, section 2.4.1 (curve), through libsecp256k1.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from coincurve import PublicKey

from stembus.crypto.errors import EncodingInvalid

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
POINT_BYTES = 33
SCALAR_BYTES = 32


class Point:
    """An immutable group element. `key` is None for the identity; only `crypto` reads it."""

    __slots__ = ("key",)

    def __init__(self, key: PublicKey | None) -> None:
        self.key = key

    @classmethod
    def from_bytes(cls, data: bytes) -> Point:
        """Parses a 33-byte compressed point. Raises EncodingInvalid for anything else."""
        # libsecp256k1 also takes 65-byte forms; the length keeps them out.
        if len(data) != POINT_BYTES:
            raise EncodingInvalid(f"a point is {POINT_BYTES} bytes, not {len(data)}")
        try:
            return cls(PublicKey(data))
        except ValueError:
            raise EncodingInvalid("not a compressed point of secp256k1") from None

    def to_bytes(self) -> bytes:
        if self.key is None:
            raise EncodingInvalid("the identity has no encoding")
        return self.key.format()

    @property
    def is_identity(self) -> bool:
        return self.key is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Point):
            return NotImplemented
        if self.key is None or other.key is None:
            return self.key is other.key
        return self.key.format() == other.key.format()

    def __hash__(self) -> int:
        return hash(self.key.format()) if self.key is not None else 0

    def __repr__(self) -> str:
        return f"Point({self.to_bytes().hex() if self.key is not None else 'identity'})"

    def __add__(self, other: Point) -> Point:
        return add_all((self, other))

    def __neg__(self) -> Point:
        if self.key is None:
            return self
        data = self.key.format()
        return Point(PublicKey(bytes([data[0] ^ 1]) + data[1:]))

    def __sub__(self, other: Point) -> Point:
        return add_all((self, -other))

    def __mul__(self, scalar: int) -> Point:
        """Multiplies by a *public* scalar: the time taken depends on it. See `times_secret`."""
        scalar %= ORDER
        if scalar == 0 or self.key is None:
            return IDENTITY
        return Point(self.key.multiply(scalar.to_bytes(SCALAR_BYTES, "big")))


IDENTITY = Point(None)
GENERATOR = Point(PublicKey.from_secret((1).to_bytes(SCALAR_BYTES, "big")))


def add_all(points: Iterable[Point]) -> Point:
    """The sum of any number of points, in one call to the library."""
    keys = [point.key for point in points if point.key is not None]
    if not keys:
        return IDENTITY
    return Point(combine(keys))


def combine(keys: list[PublicKey]) -> PublicKey | None:
    """The sum of parsed, non-identity keys (at least one); None when it is the identity."""
    if len(keys) == 1:
        return keys[0]
    try:
        return PublicKey.combine_keys(keys)
    except ValueError:
        # The library says the same of a vanishing sum and of bad input, so the identity is confirmed.
        generator = GENERATOR.key
        assert generator is not None
        shifted = PublicKey.combine_keys([*keys, generator])
        if shifted.format() != generator.format():
            raise RuntimeError("libsecp256k1 refused a sum that is not the identity") from None
        return None


def generator_times(scalar: int) -> Point:
    """scalar * G in constant time; for secrets and public values alike."""
    scalar %= ORDER
    if scalar == 0:
        return IDENTITY
    return Point(PublicKey.from_secret(scalar.to_bytes(SCALAR_BYTES, "big")))


def times_secret(point: Point, scalar: int) -> Point:
    """scalar * point for a secret scalar.

    `multiply` runs in variable time, so the scalar is split into two random summands, each of which
    is uniform by itself; neither multiplication sees the secret.
    """
    scalar %= ORDER
    while True:
        part = random_scalar()
        rest = (scalar - part) % ORDER
        if rest:
            return add_all((point * part, point * rest))


def random_scalar() -> int:
    """A uniform scalar in 1..ORDER-1 from the operating system's generator."""
    return secrets.randbelow(ORDER - 1) + 1


def scalar_from_bytes(data: bytes) -> int:
    """Parses a 32-byte big-endian scalar below the order; zero is legal. Raises EncodingInvalid."""
    if len(data) != SCALAR_BYTES:
        raise EncodingInvalid(f"a scalar is {SCALAR_BYTES} bytes, not {len(data)}")
    value = int.from_bytes(data, "big")
    if value >= ORDER:
        raise EncodingInvalid("a scalar is not below the group order")
    return value


def scalar_to_bytes(scalar: int) -> bytes:
    return scalar.to_bytes(SCALAR_BYTES, "big")
