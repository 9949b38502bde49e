"""Signed notes, checkpoints and cosignatures, as C2SP defines them.

Decides the text formats and who signed: signed-note (Ed25519, algorithm byte 0x01), tlog-checkpoint,
tlog-cosignature with Ed25519 (0x04) and with ML-DSA-44 (0x06). Leaves trust (which key, which quorum) to its callers.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from stembus.audit import bounds
from stembus.audit.errors import NoteInvalid
from stembus.audit.log.verifier_key import COSIGNATURE, COSIGNATURE_MLDSA44, ED25519, NAME, VerifierKey, key_id
from stembus.crypto.errors import SignatureInvalid
from stembus.crypto.signing import (
    MLDSA44_KEY_BYTES,
    MLDSA44_SIGNATURE_BYTES,
    SIGNATURE_BYTES,
    MLDSA44Key,
    SigningKey,
    verify_ed25519,
    verify_mldsa44,
)

_SIGNATURE_LINE = re.compile(rf"\A— ({NAME}) ([A-Za-z0-9+/]+={{0,2}})\Z")
_SIGNATURES = "\n\n— ".encode()
_TIME_BYTES = 8
_OWN_LINES = 16  # by one key: more than one are the same, or are tried on whoever verifies them


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the signer's name, its 4-byte key id, and the raw bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A parsed checkpoint. `text` is the note's body, with its final newline."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[NoteSignature, ...]

    @property
    def text(self) -> bytes:
        return checkpoint_text(self.origin, self.size, self.root)

    def to_bytes(self) -> bytes:
        return self.text + b"\n" + "".join(signature.line() for signature in self.signatures).encode()


@dataclass(frozen=True, slots=True)
class Cosignature:
    witness: str
    time: int


def time_of(line: NoteSignature) -> int:
    """What a cosignature states, in Unix seconds."""
    return int.from_bytes(line.signature[:_TIME_BYTES], "big")


def checkpoint_text(origin: str, size: int, root: bytes) -> bytes:
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()


def verifier_key(name: str, public: bytes) -> str:
    """A C2SP verifier key (vkey) for an Ed25519 log key."""
    return str(VerifierKey(name, ED25519, public))


def is_note(data: bytes) -> bool:
    """Whether these bytes are a signed note at all, sound or not; a page of something else is none."""
    return _SIGNATURES in data


def _decode_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteInvalid("loose base64 in a checkpoint") from None
    if base64.b64encode(data).decode() != text:
        raise NoteInvalid("loose base64 in a checkpoint")
    return data


def parse_checkpoint(data: bytes, strangers: bool = False) -> Checkpoint:
    """Parses a signed checkpoint without extension lines; `strangers` passes over signature lines of another form, such
    as those with names that C2SP allows and no manifest. Raises NoteInvalid."""
    try:
        body, signatures = data.decode("utf-8").split("\n\n")
        origin, size_text, root_text = body.split("\n")
    except ValueError:
        raise NoteInvalid("a checkpoint is three lines, an empty line, and signatures") from None
    if not re.fullmatch(r"0|[1-9][0-9]{0,17}", size_text):
        raise NoteInvalid("a checkpoint's size is a decimal number")
    if not re.fullmatch(r"[^\x00-\x1f]+", origin):
        raise NoteInvalid("the origin of a checkpoint is one line without control characters")
    root = _decode_base64(root_text)
    if len(root) != bounds.HASH_BYTES:
        raise NoteInvalid("a checkpoint's root is 32 bytes")
    if not signatures.endswith("\n"):
        raise NoteInvalid("a checkpoint ends with a newline")
    lines = signatures[:-1].split("\n")
    parsed = parse_known_lines(lines) if strangers else [parse_signature_line(line) for line in lines]
    return Checkpoint(origin, int(size_text), root, tuple(parsed))


def parse_known_lines(lines: Iterable[str]) -> list[NoteSignature]:
    """Of signature lines those whose form is known here. Raises NoteInvalid for what is no signature line at all."""
    found = []
    for line in lines:
        if not line.startswith("— "):
            raise NoteInvalid("a signature line is not of the form '— name base64'")
        with suppress(NoteInvalid):
            found.append(parse_signature_line(line))
    return found


def parse_signature_line(line: str) -> NoteSignature:
    """`line` is without its newline. Raises NoteInvalid."""
    match = _SIGNATURE_LINE.match(line)
    if not match:
        raise NoteInvalid("a signature line is not of the form '— name base64'")
    raw = _decode_base64(match[2])
    if len(raw) < 5:
        raise NoteInvalid("a signature line is too short")
    return NoteSignature(match[1], raw[:4], raw[4:])


def sign_checkpoint(origin: str, size: int, root: bytes, key: SigningKey) -> Checkpoint:
    signature = key.sign(checkpoint_text(origin, size, root))
    return Checkpoint(origin, size, root, (NoteSignature(origin, key_id(origin, ED25519, key.public), signature),))


def cosign(checkpoint: Checkpoint, name: str, key: SigningKey | MLDSA44Key, time: int) -> NoteSignature:
    """A witness's statement: at `time` (Unix seconds) this was the largest consistent tree it had seen."""
    mldsa = isinstance(key, MLDSA44Key)
    signature = key.sign(cosigned_mldsa44(checkpoint, name, time) if mldsa else _cosigned(checkpoint, time))
    identifier = key_id(name, cosignature_algorithm(key.public), key.public)
    return NoteSignature(name, identifier, time.to_bytes(_TIME_BYTES, "big") + signature)


def _cosigned(checkpoint: Checkpoint, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n".encode() + checkpoint.text


def cosigned_mldsa44(checkpoint: Checkpoint, name: str, time: int) -> bytes:
    """What an ML-DSA-44 witness signs: the whole tree as a subtree, with its own name."""
    witness, origin = (bytes([len(text)]) + text for text in (name.encode(), checkpoint.origin.encode()))
    start, end = (0).to_bytes(8, "big"), checkpoint.size.to_bytes(8, "big")
    stamp = time.to_bytes(_TIME_BYTES, "big")
    return b"subtree/v1\n\0" + witness + stamp + origin + start + end + checkpoint.root


def cosignature_algorithm(public: bytes) -> bytes:
    """The algorithm byte of a witness's key; the two kinds differ in length."""
    return COSIGNATURE_MLDSA44 if len(public) == MLDSA44_KEY_BYTES else COSIGNATURE


def _signature_bytes(public: bytes) -> int:
    return MLDSA44_SIGNATURE_BYTES if len(public) == MLDSA44_KEY_BYTES else SIGNATURE_BYTES


def _check_cosignature(checkpoint: Checkpoint, name: str, public: bytes, time: int, signature: bytes) -> None:
    """Raises SignatureInvalid."""
    if len(public) == MLDSA44_KEY_BYTES:
        verify_mldsa44(public, cosigned_mldsa44(checkpoint, name, time), signature)
    else:
        verify_ed25519(public, _cosigned(checkpoint, time), signature)


def check_log_signature(checkpoint: Checkpoint, origin: str, public: bytes) -> None:
    """Raises NoteInvalid unless the log's own key signed, and nothing else stands under the log's name."""
    if checkpoint.origin != origin:
        raise NoteInvalid("a checkpoint of another log (its origin line differs)")
    own = [signature for signature in checkpoint.signatures if signature.name == origin]
    if len(own) != 1 or own[0].key_id != key_id(origin, ED25519, public):
        raise NoteInvalid("a checkpoint carries exactly one signature line with its log's name, by the log's key")
    try:
        verify_ed25519(public, checkpoint.text, own[0].signature)
    except SignatureInvalid:
        raise NoteInvalid("the log's signature on a checkpoint does not verify") from None


def check_signed_by(checkpoint: Checkpoint, log: VerifierKey) -> None:
    """Raises NoteInvalid unless `log` signed, whatever else stands beside it. A reader of our own logs demands more:
    `check_log_signature`."""
    own = {line for line in checkpoint.signatures if (line.name, line.key_id) == (log.name, log.id)}
    if checkpoint.origin != log.name or not 0 < len(own) <= _OWN_LINES:
        raise NoteInvalid(f"a checkpoint that {log.name} did not sign with the key that is known here")
    try:
        for line in own:
            verify_ed25519(log.public, checkpoint.text, line.signature)
    except SignatureInvalid:
        raise NoteInvalid(f"the signature of {log.name} on a checkpoint does not verify") from None


def cosignatures(checkpoint: Checkpoint, witnesses: Sequence[tuple[str, bytes]]) -> tuple[list[Cosignature], list[str]]:
    """The valid cosignatures by known witnesses, and a sentence for each line of theirs that is none. Lines of other
    keys, whatever their names, are nobody's here and are passed over."""
    known = {(name, key_id(name, cosignature_algorithm(public), public)): public for name, public in witnesses}
    valid: dict[str, Cosignature] = {}
    problems: list[str] = []
    for signature in checkpoint.signatures:
        public = known.get((signature.name, signature.key_id))
        if public is None:
            continue
        if signature.name in valid:
            problems.append(f"witness {signature.name} appears twice")
        elif len(signature.signature) != _TIME_BYTES + _signature_bytes(public):
            problems.append(f"the cosignature of {signature.name} has a wrong length")
        else:
            time = time_of(signature)
            try:
                _check_cosignature(checkpoint, signature.name, public, time, signature.signature[_TIME_BYTES:])
            except SignatureInvalid:
                problems.append(f"the cosignature of {signature.name} does not verify")
                continue
            if not 0 < time <= bounds.LATEST_TIME:
                problems.append(f"the cosignature of {signature.name} states an absurd time")
                continue
            valid[signature.name] = Cosignature(signature.name, time)
    return list(valid.values()), problems


def quorum_time(valid: Sequence[Cosignature], quorum: int) -> int | None:
    """The quorum-th earliest cosignature's time, the only time a checkpoint has; None below the quorum."""
    times = sorted(cosignature.time for cosignature in valid)
    return times[quorum - 1] if len(times) >= quorum else None
