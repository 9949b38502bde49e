"""Exponential ElGamal: a ciphertext of a small number m is (r*G, r*H + m*G).

Decides how numbers are encrypted and ciphertexts added. Leaves the proof that m is in range to
`proofs`, decryption to `threshold`, and the search for m to `discrete_log`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stembus.crypto.group import IDENTITY, POINT_BYTES, Point, add_all, generator_times, times_secret

CIPHERTEXT_BYTES = 2 * POINT_BYTES


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """`nonce_point` is r*G, `blinded` is r*H + m*G."""

    nonce_point: Point
    blinded: Point

    @classmethod
    def from_bytes(cls, data: bytes) -> Ciphertext:
        """Parses 66 bytes. Raises EncodingInvalid."""
        return cls(Point.from_bytes(data[:POINT_BYTES]), Point.from_bytes(data[POINT_BYTES:]))

    def to_bytes(self) -> bytes:
        return self.nonce_point.to_bytes() + self.blinded.to_bytes()

    def __add__(self, other: Ciphertext) -> Ciphertext:
        return add_ciphertexts((self, other))

    def __sub__(self, other: Ciphertext) -> Ciphertext:
        return Ciphertext(self.nonce_point - other.nonce_point, self.blinded - other.blinded)

    def times(self, weight: int) -> Ciphertext:
        """An encryption of the message times a public `weight`."""
        return Ciphertext(self.nonce_point * weight, self.blinded * weight)

    @property
    def has_identity(self) -> bool:
        return self.nonce_point.is_identity or self.blinded.is_identity


ZERO = Ciphertext(IDENTITY, IDENTITY)


def encrypt(joint_key: Point, message: int, randomness: int) -> Ciphertext:
    """Encrypts `message` under `joint_key` with a secret scalar `randomness`."""
    masked = times_secret(joint_key, randomness)
    return Ciphertext(generator_times(randomness), masked + generator_times(message))


def weigh_ciphertexts(ciphertexts: Sequence[Ciphertext], terms: Iterable[tuple[int, int]]) -> Ciphertext:
    """An encryption of the weighted sum of the messages; `terms` are pairs of a position and a weight."""
    return add_ciphertexts(
        ciphertexts[position] if weight == 1 else ciphertexts[position].times(weight) for position, weight in terms
    )


def add_ciphertexts(ciphertexts: Iterable[Ciphertext]) -> Ciphertext:
    """The component-wise sum, an encryption of the sum of the messages."""
    terms: Sequence[Ciphertext] = list(ciphertexts)
    return Ciphertext(add_all(c.nonce_point for c in terms), add_all(c.blinded for c in terms))
