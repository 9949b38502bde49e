"""The bytes of an issuance record: a header, the credentials, and one slot of fixed size for each of them.

Decides the format, and what may follow what in a slot. Leaves files, locks and disks to `issuance_record`. All numbers
are big-endian.

    0      header: magic (16 bytes), version u32, registrar u32, number of slots u64, referendum (32),
           roll (32), SHA-256 of these (32); zeros up to 4096
    4096   the credentials, sorted, 32 bytes each; zeros up to a multiple of 4096
    then   slots of 128 bytes, in the order of the credentials: state u8, 7 zeros, request hash or replacement (32),
           signature (64), checksum (24)

128 divides 512, so no slot lies across two sectors, and none shares a sector with what is never rewritten. The checksum
is the beginning of SHA-256(SHA-256 of the header || slot number u64 || the 104 bytes before it): a slot that was moved,
or comes from another record, does not hold. It finds damage, not a forger who can write to the disk. What a slot holds
follows from its state alone; nothing tells when, or in which order, slots were written.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import StrEnum

from stembus.ballot.errors import IssuanceRecordUnusable, LetterStruck, TokenAlreadyIssued

HEADER_SIZE = 4096
SLOT_SIZE = 128
CREDENTIAL_SIZE = 32
_MAGIC, _VERSION = b"stembus-issuance", 1
_HEADER = struct.Struct(">16sIIQ32s32s")
_CONTENT = struct.Struct(">B7x32s64s")
_CHECKSUM_SIZE = SLOT_SIZE - _CONTENT.size
_DIGEST_SIZE, _SIGNATURE_SIZE = 32, 64


class State(StrEnum):
    """`unknown`: whether a token was issued cannot be told, so none is."""

    READY = "ready"
    ISSUED = "issued"
    STRUCK = "struck"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


# Zero is no state, so a sector of zeros says nothing.
_NUMBERS = {State.READY: 1, State.ISSUED: 2, State.STRUCK: 3, State.REPLACED: 4, State.UNKNOWN: 5}
_STATES = {number: state for state, number in _NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Slot:
    """What is recorded of one credential. `digest` is the request's hash if issued, the credential that came instead if
    replaced, else zeros; `signature` is the request's, else zeros."""

    state: State
    digest: bytes = bytes(_DIGEST_SIZE)
    signature: bytes = bytes(_SIGNATURE_SIZE)

    def __post_init__(self) -> None:
        if len(self.digest) != _DIGEST_SIZE or len(self.signature) != _SIGNATURE_SIZE:
            raise ValueError("a slot holds 32 bytes of hash or replacement and 64 of signature")
        if self.state not in (State.ISSUED, State.REPLACED) and any(self.digest):
            raise ValueError(f"a slot that is {self.state} holds no hash")
        if self.state is not State.ISSUED and any(self.signature):
            raise ValueError(f"a slot that is {self.state} holds no signature")

    @classmethod
    def issued(cls, request_hash: bytes, signature: bytes) -> Slot:
        return cls(State.ISSUED, request_hash, signature)

    @classmethod
    def replaced(cls, replacement: bytes) -> Slot:
        return cls(State.REPLACED, replacement)

    def agrees(self, other: Slot) -> bool:
        """Whether both record the same; a request signed twice is one request."""
        return (self.state, self.digest) == (other.state, other.digest)


READY, STRUCK, UNKNOWN = Slot(State.READY), Slot(State.STRUCK), Slot(State.UNKNOWN)


def follow(old: Slot, new: Slot) -> Slot:
    """What a slot holds after `new` was to be written over the readable slot `old`: only ready letters change.

    Raises TokenAlreadyIssued or LetterStruck.
    """
    if old.state is State.READY:
        return new
    if old.agrees(new):
        return old
    if old.state is State.ISSUED:
        raise TokenAlreadyIssued("by the issuance record, this letter has had its token for another request")
    if old.state is State.STRUCK:
        raise LetterStruck("by the issuance record, this voter was struck from the online roll to vote on paper")
    raise LetterStruck("by the issuance record, this letter was replaced by another; give out no second one")


@dataclass(frozen=True, slots=True)
class Header:
    """Whose record it is. `roll` is the hash of the sorted credentials."""

    referendum: bytes
    registrar: int
    count: int
    roll: bytes

    @property
    def slots_at(self) -> int:
        """Where slot 0 begins."""
        table = self.count * CREDENTIAL_SIZE
        return HEADER_SIZE + -(-table // HEADER_SIZE) * HEADER_SIZE

    @property
    def size(self) -> int:
        """Of the whole file, in bytes."""
        return self.slots_at + self.count * SLOT_SIZE

    def encode(self) -> bytes:
        """4096 bytes."""
        fields = _HEADER.pack(_MAGIC, _VERSION, self.registrar, self.count, self.referendum, self.roll)
        return (fields + hashlib.sha256(fields).digest()).ljust(HEADER_SIZE, b"\0")


def parse_header(raw: bytes) -> Header:
    """Raises IssuanceRecordUnusable, whose message goes on after the file's name."""
    if not raw.startswith(_MAGIC):
        raise IssuanceRecordUnusable("is no issuance record")
    if len(raw) != HEADER_SIZE:
        raise IssuanceRecordUnusable("is cut short; rebuild it")
    _, version, registrar, count, referendum, roll = _HEADER.unpack_from(raw)
    if version != _VERSION:
        raise IssuanceRecordUnusable(f"has version {version} of the format; this program reads version {_VERSION}")
    header = Header(referendum, registrar, count, roll)
    if header.encode() != raw:
        raise IssuanceRecordUnusable("has a damaged header; rebuild it")
    return header


def roll_hash(table: bytes) -> bytes:
    """32 bytes: which roll this is. `table` is its sorted credentials, one after the other."""
    return hashlib.sha256(b"stembus issuance roll\n" + table).digest()


class SlotCode:
    """Encodes and decodes the slots of one record."""

    def __init__(self, header: Header) -> None:
        self._header = hashlib.sha256(header.encode()).digest()

    def encode(self, number: int, slot: Slot) -> bytes:
        """128 bytes."""
        content = _CONTENT.pack(_NUMBERS[slot.state], slot.digest, slot.signature)
        checksum = hashlib.sha256(self._header + number.to_bytes(8, "big") + content).digest()
        return content + checksum[:_CHECKSUM_SIZE]

    def decode(self, number: int, raw: bytes) -> Slot | None:
        """None for bytes that are not one whole slot of this number."""
        if len(raw) != SLOT_SIZE or raw[0] not in _STATES:
            return None
        state, digest, signature = _CONTENT.unpack_from(raw)
        try:
            slot = Slot(_STATES[state], digest, signature)
        except ValueError:
            return None
        return slot if self.encode(number, slot) == raw else None
