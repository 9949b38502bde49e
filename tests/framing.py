"""The transcripts of docs/protocol.md, section 3.2, framed and hashed without the product's own code."""

from __future__ import annotations

import hashlib

Field = tuple[str, bytes | int]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def framed_digest(tag: str, *fields: Field) -> bytes:
    """What the protocol writes as T(tag; fields). An integer is a u64."""
    data = b""
    for label, value in (("stembus/v1", tag.encode()), *fields):
        content = value.to_bytes(8, "big") if isinstance(value, int) else value
        data += len(label).to_bytes(2, "big") + label.encode() + len(content).to_bytes(4, "big") + content
    return hashlib.sha256(data).digest()


def challenge(digest: bytes) -> int:
    return int.from_bytes(digest, "big") % ORDER
