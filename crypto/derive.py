"""Key derivation: HKDF-SHA256 (RFC 5869), and a stream of scalars from one seed.

Decides how secrets are stretched. Everything a ballot's encryption needs comes from one 32-byte seed, so
that a second device can rebuild the ballot from the seed and the choice.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from stembus.crypto.group import ORDER

_WIDE_BYTES = 48


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def scalar_stream(seed: bytes, salt: bytes, info: bytes) -> Callable[[], int]:
    """Scalars one after the other: the i-th is HKDF-Expand(prk, info || u32 i, 48) modulo the order."""
    pseudorandom_key = hmac.digest(salt, seed, "sha256")
    counter = 0

    def next_scalar() -> int:
        nonlocal counter
        label = info + counter.to_bytes(4, "big")
        counter += 1
        wide = HKDFExpand(hashes.SHA256(), _WIDE_BYTES, label).derive(pseudorandom_key)
        return int.from_bytes(wide, "big") % ORDER

    return next_scalar
