"""How a checkpoint travels to a witness, and its answer back: C2SP tlog-witness, `add-checkpoint`.

Decides bytes, and their bounds, for both ends. Leaves to `witness` what is signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from stembus.audit import bounds
from stembus.audit.errors import NoteInvalid
from stembus.audit.log.note import Checkpoint, NoteSignature, parse_checkpoint, parse_known_lines
from stembus.audit.witness.refusals import RequestInvalid

PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
PROOF_HASHES = 63
_HASH_CHARACTERS = 44
REQUEST_BYTES = 32 + PROOF_HASHES * (_HASH_CHARACTERS + 1) + bounds.CHECKPOINT_BYTES
ANSWER_BYTES = 64 * 1024
_SIZE = "0|[1-9][0-9]{0,17}"
_OLD = re.compile(rf"\Aold ({_SIZE})\Z")
_ANSWER = re.compile(rf"\A({_SIZE})\n\Z".encode())


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """`proof` says that the tree of `old_size` leaves is a prefix of that of the checkpoint (RFC 6962, 2.1.2)."""

    checkpoint: Checkpoint
    old_size: int
    proof: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        lines = [f"old {self.old_size}", *(base64.b64encode(item).decode() for item in self.proof), "", ""]
        return "\n".join(lines).encode("ascii") + self.checkpoint.to_bytes()


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """Raises RequestInvalid."""
    head, separator, note = data.partition(b"\n\n")
    lines = head.decode("ascii", errors="replace").split("\n")
    old = _OLD.match(lines[0])
    if not separator or not old:
        raise RequestInvalid("a request begins with a line such as 'old 12', and an empty line ends its proof")
    if len(lines) - 1 > PROOF_HASHES:
        raise RequestInvalid(f"a consistency proof has at most {PROOF_HASHES} hashes")
    proof = tuple(_hash(line) for line in lines[1:])
    try:
        return AddCheckpoint(parse_checkpoint(note, strangers=True), int(old[1]), proof)
    except NoteInvalid as error:
        raise RequestInvalid(str(error)) from None


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != bounds.HASH_BYTES or base64.b64encode(data).decode() != line:
        raise RequestInvalid(f"a line of a consistency proof is a hash of {bounds.HASH_BYTES} bytes in base64")
    return data


def signature_lines(signed: Sequence[NoteSignature]) -> bytes:
    return "".join(line.line() for line in signed).encode()


def parse_signature_lines(answer: bytes) -> list[NoteSignature]:
    """Of a witness that signed. Raises NoteInvalid."""
    try:
        text = answer.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteInvalid("signature lines are in UTF-8") from None
    if not text.endswith("\n"):
        raise NoteInvalid("signature lines end with a newline")
    return parse_known_lines(text[:-1].split("\n"))


def parse_size(answer: bytes) -> int:
    """Of a witness that has seen another size. Raises NoteInvalid."""
    match = _ANSWER.match(answer)
    if not match:
        raise NoteInvalid("the size that a witness has seen is a number on a line")
    return int(match[1])
