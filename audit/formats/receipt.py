"""What a voter keeps: the ballot box's promise, and the final receipt, a C2SP tlog-proof (V30).

Neither says anything about the vote. Decides both formats and their check against manifest and ballot.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stembus.audit.errors import NoteInvalid, ReceiptInvalid, RecordInvalid
from stembus.audit.formats.canonical import Count, Hash, Record, SignatureHex, decode, encode
from stembus.audit.formats.cast_ballot import promise_digest
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.merkle import leaf_hash, root_from_proof
from stembus.audit.log.note import Checkpoint, check_log_signature, cosignatures, parse_checkpoint, quorum_time
from stembus.crypto.errors import SignatureInvalid
from stembus.crypto.signing import SigningKey, verify_ed25519

PROMISE_BYTES = 1024  # more than any promise has
_HEADER = "c2sp.org/tlog-proof@v1"


class Promise(Record, frozen=True):
    """The box's signed word that this ballot will stand in this batch."""

    type: Literal["promise"]
    referendum: Hash
    ballot_id: Hash
    cast_hash: Hash
    batch: Count
    signature: SignatureHex


def make_promise(referendum: bytes, cast_hash: bytes, ballot_id: bytes, batch: int, key: SigningKey) -> Promise:
    digest = promise_digest(referendum, cast_hash, ballot_id, batch)
    return Promise(
        type="promise",
        referendum=referendum.hex(),
        ballot_id=ballot_id.hex(),
        cast_hash=cast_hash.hex(),
        batch=batch,
        signature=key.sign(digest).hex(),
    )


def parse_promise(data: bytes) -> Promise:
    return decode(data, Promise)


def encode_promise(promise: Promise) -> bytes:
    return encode(promise)


def check_promise(manifest: Manifest, referendum: bytes, promise: Promise) -> None:
    """Raises ReceiptInvalid."""
    if promise.referendum != referendum.hex():
        raise ReceiptInvalid("a promise of another referendum")
    parts = (bytes.fromhex(promise.cast_hash), bytes.fromhex(promise.ballot_id))
    try:
        digest = promise_digest(referendum, *parts, promise.batch)
        verify_ed25519(bytes.fromhex(manifest.box.key), digest, bytes.fromhex(promise.signature))
    except SignatureInvalid:
        raise ReceiptInvalid("the ballot box did not sign this promise") from None


@dataclass(frozen=True, slots=True)
class Receipt:
    """An inclusion proof with its cosigned checkpoint."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint

    def to_bytes(self) -> bytes:
        lines = [_HEADER, f"index {self.index}", *(base64.b64encode(item).decode() for item in self.proof), ""]
        return ("\n".join(lines) + "\n").encode() + self.checkpoint.to_bytes()


def make_receipt(index: int, proof: Sequence[bytes], checkpoint: Checkpoint) -> Receipt:
    return Receipt(index, tuple(proof), checkpoint)


def parse_receipt(data: bytes) -> Receipt:
    """Raises ReceiptInvalid."""
    try:
        head, checkpoint = data.decode("utf-8").split("\n\n", 1)
        header, index, *proof = head.split("\n")
        if header != _HEADER or not re.fullmatch(r"index (0|[1-9][0-9]{0,17})", index) or len(proof) > 64:
            raise ReceiptInvalid("not a c2sp.org/tlog-proof@v1 without extra data")
        hashes = tuple(base64.b64decode(line, validate=True) for line in proof)
        receipt = Receipt(int(index[6:]), hashes, parse_checkpoint(checkpoint.encode()))
    except (ValueError, binascii.Error, NoteInvalid):
        raise ReceiptInvalid("not a receipt, or a damaged one") from None
    if receipt.to_bytes() != data or any(len(item) != 32 for item in hashes):
        raise ReceiptInvalid("a receipt that is not in its one valid encoding")
    return receipt


def check_receipt(manifest: Manifest, receipt: Receipt, entry: bytes) -> None:
    """That `entry` stands at the receipt's index of a log a quorum has seen. Raises ReceiptInvalid."""
    checkpoint = receipt.checkpoint
    try:
        check_log_signature(checkpoint, manifest.log.origin, bytes.fromhex(manifest.log.key))
        root = root_from_proof(leaf_hash(entry), receipt.index, checkpoint.size, receipt.proof)
    except (NoteInvalid, RecordInvalid) as error:
        raise ReceiptInvalid(str(error)) from None
    if root != checkpoint.root:
        raise ReceiptInvalid("the receipt's entry is not this ballot, or not in the log")
    witnesses = [(w.name, w.public) for w in manifest.witnesses.members]
    valid, _ = cosignatures(checkpoint, witnesses)
    if quorum_time(valid, manifest.witnesses.quorum) is None:
        raise ReceiptInvalid(f"{len(valid)} witnesses cosigned where {manifest.witnesses.quorum} must")
