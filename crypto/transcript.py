"""One way of hashing for the whole protocol: labelled, length-prefixed fields under a domain tag.

Two different lists of fields can never hash alike. Decides how fields are framed; what goes in, and in
which order, is decided at each use and written in docs/protocol.md.

Framing of a field: u16 length of the label, label (ASCII), u32 length of the value, value. The first
field is labelled `stembus/v1` and holds the domain tag.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from stembus.crypto.group import ORDER

PROTOCOL = b"stembus/v1"


@lru_cache(maxsize=256)
def _label(label: str) -> bytes:
    name = label.encode("ascii")
    return len(name).to_bytes(2, "big") + name


def frame(label: str, value: bytes) -> bytes:
    return _label(label) + len(value).to_bytes(4, "big") + value


class Transcript:
    """A running SHA-256 over framed fields. `copy` lets many transcripts share a prefix."""

    __slots__ = ("_hash",)

    def __init__(self, tag: str) -> None:
        self._hash = hashlib.sha256(frame(PROTOCOL.decode("ascii"), tag.encode("ascii")))

    def copy(self) -> Transcript:
        twin = object.__new__(Transcript)
        twin._hash = self._hash.copy()
        return twin

    def add(self, label: str, value: bytes) -> Transcript:
        self._hash.update(frame(label, value))
        return self

    def add_int(self, label: str, value: int) -> Transcript:
        """Adds an unsigned 64-bit integer."""
        return self.add(label, value.to_bytes(8, "big"))

    def digest(self) -> bytes:
        """32 bytes."""
        return self._hash.digest()

    def scalar(self) -> int:
        """The digest as a challenge modulo the group order (bias below 2^-127)."""
        return int.from_bytes(self._hash.digest(), "big") % ORDER
