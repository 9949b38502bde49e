"""Verifier keys of C2SP signed-note: a name, four bytes that tell keys apart, and the public key, on one line.

Decides the text form, and which kinds of key it may hold. Leaves to its callers whether a key is trusted, and for what.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from stembus.audit.errors import NoteInvalid
from stembus.crypto.errors import EncodingInvalid
from stembus.crypto.signing import check_ed25519_key, check_mldsa44_key

NAME = "[!-*,-~]{1,255}"  # of a key: visible ASCII without a plus sign
ED25519, COSIGNATURE, COSIGNATURE_MLDSA44 = b"\x01", b"\x04", b"\x06"
_LINE = re.compile(rf"\A({NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]+={{0,2}})\Z")
_CHECKS = {ED25519: check_ed25519_key, COSIGNATURE: check_ed25519_key, COSIGNATURE_MLDSA44: check_mldsa44_key}


def key_id(name: str, algorithm: bytes, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """`algorithm` is 0x01 for a log's Ed25519 key, 0x04 for a witness's, and 0x06 for a witness's ML-DSA-44 key."""

    name: str
    algorithm: bytes
    public: bytes

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.algorithm, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.algorithm + self.public).decode()}"


def parse_verifier_key(text: str) -> VerifierKey:
    """Raises NoteInvalid."""
    match = _LINE.match(text)
    if not match:
        raise NoteInvalid(f"{text[:60]!r} is no verifier key: name+eight hexadecimal digits+key")
    try:
        raw = base64.b64decode(match[3], validate=True)
    except binascii.Error:
        raise NoteInvalid(f"the verifier key of {match[1]} is cut off, or has a wrong character") from None
    key = VerifierKey(match[1], raw[:1], raw[1:])
    if str(key) != text:
        raise NoteInvalid(f"the verifier key of {key.name} has a wrong character: its parts do not belong together")
    check = _CHECKS.get(key.algorithm)
    if check is None:
        raise NoteInvalid(f"the verifier key of {key.name} is of a kind that is not known here")
    try:
        check(key.public)
    except EncodingInvalid as error:
        raise NoteInvalid(f"the verifier key of {key.name}: {error}") from None
    return key
