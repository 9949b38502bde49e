"""The second factor: how it is stored and checked.

HMAC-SHA256 with a pepper kept outside the database, then Argon2id. Birth dates are widely known: the factor
stops a thief of letters, not a relative.
"""

from __future__ import annotations

import hmac

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.low_level import Type

from stembus.audit.formats.manifest import SecondFactor

PEPPER_BYTES = 32


class FactorHasher:
    """Argon2id at the manifest's cost."""

    def __init__(self, rule: SecondFactor, pepper: bytes) -> None:
        self._pepper = pepper
        self._hasher = PasswordHasher(
            time_cost=rule.passes, memory_cost=rule.memory_kib, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
        )

    def _peppered(self, factor: str) -> bytes:
        return hmac.digest(self._pepper, factor.encode("utf-8"), "sha256")

    def hash(self, factor: str) -> str:
        return self._hasher.hash(self._peppered(factor))

    def matches(self, stored: str, factor: str) -> bool:
        try:
            return self._hasher.verify(stored, self._peppered(factor))
        except (VerifyMismatchError, InvalidHashError):
            return False
