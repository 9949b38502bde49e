"""The published lists beside the log: credentials, spares, and of each registrar issuance and struck.

A list is lines of lower-case hex, each ending in a newline, strictly ascending; its RFC 6962 root (over
the decoded bytes of each line) stands in the log. Decides the formats; whether a line is *right* is for
`verify`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stembus.audit.errors import RecordInvalid
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.crypto.transcript import Transcript

CREDENTIALS, SPARES = "credentials", "spares"
_KEY = re.compile(rb"\A[0-9a-f]{64}\Z")
_ISSUED = re.compile(rb"\A([0-9a-f]{64}) ([0-9a-f]{64}) ([0-9a-f]{128})(?: ([0-9a-f]{128}))?\Z")


def issuance_path(registrar: int) -> str:
    return f"issuance/{registrar}"


def struck_path(registrar: int) -> str:
    return f"struck/{registrar}"


@dataclass(frozen=True, slots=True)
class Issued:
    """That `credential` asked for one blind signature: the hash of its blinded message, and its signature. If its
    device said that the token was used, `acknowledgement` is the credential's signature on that; else it is empty."""

    credential: bytes
    request_hash: bytes
    signature: bytes
    acknowledgement: bytes = b""

    def leaf(self) -> bytes:
        return self.credential + self.request_hash + self.signature + self.acknowledgement

    def line(self) -> str:
        fields = (self.credential, self.request_hash, self.signature, self.acknowledgement)
        return " ".join(field.hex() for field in fields if field) + "\n"


def request_digest(referendum: bytes, registrar: int, request_hash: bytes) -> bytes:
    """What a credential signs when it asks registrar number `registrar`; `request_hash` is SHA-256 of the
    blinded message."""
    transcript = Transcript("token-request").add("referendum", referendum).add_int("registrar", registrar)
    return transcript.add("request", request_hash).digest()


def acknowledgement_digest(referendum: bytes, registrar: int, request_hash: bytes) -> bytes:
    """What a credential signs once its ballot is promised: that the token was used for which it asked registrar number
    `registrar` so. Names no token and no ballot."""
    transcript = Transcript("acknowledgement").add("referendum", referendum).add_int("registrar", registrar)
    return transcript.add("request", request_hash).digest()


def encode_keys(keys: Iterable[bytes]) -> str:
    return "".join(f"{key.hex()}\n" for key in sorted(keys))


def parse_keys(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Raises RecordInvalid with the line's number."""
    previous = b""
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n") or not _KEY.match(line[:-1]):
            raise RecordInvalid(f"line {number} is not 64 hexadecimal digits and a newline")
        if line <= previous:
            raise RecordInvalid(f"line {number} is not above the one before")
        previous = line
        yield bytes.fromhex(line[:-1].decode("ascii"))


def parse_issued(lines: Iterable[bytes]) -> Iterator[Issued]:
    """Raises RecordInvalid with the line's number."""
    previous = b""
    for number, line in enumerate(lines, 1):
        match = _ISSUED.match(line[:-1])
        if not line.endswith(b"\n") or not match:
            raise RecordInvalid(f"line {number} is not credential, hash and one or two signatures in hexadecimal")
        if line[:64] <= previous:
            raise RecordInvalid(f"line {number} is not above the one before")
        previous = line[:64]
        yield Issued(*(bytes.fromhex(part.decode("ascii")) for part in match.groups(default=b"")))


def list_root(leaves: Iterable[bytes]) -> tuple[int, bytes]:
    """Length and RFC 6962 root."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    return frontier.size, frontier.root()
