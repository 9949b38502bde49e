"""Proof that a log's key signed two histories: one small file, which anybody can check without the log.

Both heads are signed by the log's key. Where they have one size, their roots differ. Where they have not, a consistency
proof shows with which root the larger tree begins at the smaller size, and it is another one. Decides the file's format
and when it proves something. Leaves to its callers whose log it is, and what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from stembus.audit import bounds
from stembus.audit.errors import NoteInvalid, RecordInvalid
from stembus.audit.log.merkle import check_consistency, consistency_proof
from stembus.audit.log.note import Checkpoint, check_signed_by, parse_checkpoint
from stembus.audit.log.verifier_key import VerifierKey, parse_verifier_key
from stembus.audit.verify.verified_log import VerifiedLog

TYPE = "stembus/split-log/v1"
SPLIT_BYTES = 64 * 1024  # two heads with one signature each, and a proof
_PROOF_HASHES = 63


class SplitLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`log` is the log's verifier key; `smaller` and `larger` are the signed heads, as notes. `begins` is the root with
    which the larger tree begins, and `proof` shows that; both are empty for two heads of one size."""

    type: str
    log: str
    smaller: str
    larger: str
    begins: str
    proof: list[str]

    def to_bytes(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def find_split(log: VerifiedLog, key: VerifierKey, other: Checkpoint) -> SplitLog | None:
    """None where `other`, which the log signed, agrees with the log that was verified, or is larger than it. Raises
    CannotRead."""
    size = other.size
    if not 0 < size <= log.head.size or log.tree.root_at(size) == other.root:
        return None
    begins, proof = b"", []
    if size < log.head.size:
        begins, proof = log.tree.root_at(size), consistency_proof(size, log.head.size, log.tree.subtree)
    return _split(key, other, log.head, begins, proof)


def find_split_ahead(
    log: VerifiedLog, key: VerifierKey, larger: Checkpoint, subtree: Callable[[int, int], bytes]
) -> SplitLog | None:
    """The same for a larger head, whose own tree `subtree` reads. Raises AuditError where its files are not its own."""
    begins = subtree(0, log.head.size)
    proof = consistency_proof(log.head.size, larger.size, subtree)
    check_consistency(log.head.size, larger.size, begins, larger.root, proof)
    return None if begins == log.head.root else _split(key, log.head, larger, begins, proof)


def _split(
    key: VerifierKey, smaller: Checkpoint, larger: Checkpoint, begins: bytes, proof: Sequence[bytes]
) -> SplitLog:
    first, second = (_signed(head, key).to_bytes().decode() for head in (smaller, larger))
    return SplitLog(TYPE, str(key), first, second, begins.hex(), [item.hex() for item in proof])


def _signed(head: Checkpoint, key: VerifierKey) -> Checkpoint:
    """With the log's signature alone: whoever signs two histories may hang any number of other lines on a head."""
    lines = [line for line in head.signatures if (line.name, line.key_id) == (key.name, key.id)]
    return replace(head, signatures=tuple(lines[:1]))


def parse_split(data: bytes) -> SplitLog:
    """Raises RecordInvalid."""
    try:
        found = msgspec.json.decode(data, type=SplitLog)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RecordInvalid("it is no proof of two histories in the form of this version") from None
    if found.type != TYPE or len(found.proof) > _PROOF_HASHES:
        raise RecordInvalid("it is no proof of two histories in the form of this version")
    return found


def check_split(split: SplitLog) -> tuple[VerifierKey, Checkpoint, Checkpoint]:
    """The log's key and the two heads that it signed. Raises RecordInvalid where they prove nothing."""
    key = parse_verifier_key(split.log)
    smaller, larger = parse_checkpoint(split.smaller.encode()), parse_checkpoint(split.larger.encode())
    for head in (smaller, larger):
        check_signed_by(head, key)
    if not 0 < smaller.size <= larger.size:
        raise RecordInvalid("the smaller head is not the smaller one, or is that of an empty log")
    begins, proof = _hashes([split.begins])[0] if split.begins else larger.root, _hashes(split.proof)
    if bool(split.begins) != (smaller.size < larger.size):
        raise NoteInvalid("it does not show with which root the larger tree begins")
    check_consistency(smaller.size, larger.size, begins, larger.root, proof)
    if begins == smaller.root:
        raise RecordInvalid("the larger head continues the smaller one: the log told both the same")
    return key, smaller, larger


def _hashes(texts: list[str]) -> list[bytes]:
    try:
        found = [bytes.fromhex(text) for text in texts]
    except ValueError:
        found = [b""]
    if any(len(item) != bounds.HASH_BYTES for item in found):
        raise RecordInvalid("a hash is 64 hexadecimal digits")
    return found
