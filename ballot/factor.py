"""The second factor: how it is normalised, stored and checked.

A birth date as ISO text or a national number as eleven digits; HMAC-SHA256 with a pepper kept outside the
database, then Argon2id. Birth dates are widely known: the factor stops a thief of letters, not a relative.
"""

from __future__ import annotations

import hmac
import re
from datetime import date

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.low_level import Type

from audit.manifest import SecondFactor
from ballot.errors import RequestInvalid

PEPPER_BYTES = 32


def normalise_factor(kind: str, text: str) -> str:
    """Raises RequestInvalid with what to type instead."""
    text = text.strip()
    if kind == "birth-date":
        for pattern, order in (
            (r"(\d{4})-(\d{2})-(\d{2})", (1, 2, 3)),
            (r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})", (3, 2, 1)),
        ):
            if match := re.fullmatch(pattern, text):
                try:
                    return date(*(int(match[i]) for i in order)).isoformat()
                except ValueError:
                    break
        raise RequestInvalid("type the birth date as day, month, year, like 31/12/1980")
    digits = re.sub(r"[ .-]", "", text)
    if not re.fullmatch(r"[0-9]{11}", digits):
        raise RequestInvalid("a national number has eleven digits, like 80.12.31-123.45")
    return digits


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
