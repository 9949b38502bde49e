"""A witness with an ML-DSA-44 key (class 9): a log of its manifest alone, with what it cosigned and what it did not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from stembus.audit.log.note import Checkpoint, NoteSignature, cosigned_mldsa44, key_id
from stembus.audit.verify import Report, verify
from tests.tampered.catalogue import add
from tests.tampered.forge import Forge, dump

NAME = "witness-2"
KEY = MLDSA44PrivateKey.from_seed_bytes(bytes(range(32)))
OTHER = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
TIME = 1_571_036_400


def cosign(
    checkpoint: Checkpoint, time: int = TIME, key: MLDSA44PrivateKey = KEY, signed: Checkpoint | None = None
) -> NoteSignature:
    signature = key.sign(cosigned_mldsa44(signed or checkpoint, NAME, time))
    return NoteSignature(NAME, key_id(NAME, b"\x06", PUBLIC), time.to_bytes(8, "big") + signature)


def with_mldsa(
    forge: Forge, line: Callable[[Checkpoint], NoteSignature | None]
) -> tuple[bytes, Checkpoint, dict[str, bytes]]:
    """The manifest, the log's only checkpoint and its files: witness 1 has Ed25519, and witness 2 has ML-DSA-44."""
    manifest = json.loads(dump(forge.manifest))
    manifest["witnesses"]["members"][1]["key"] = "ml-dsa-44:" + PUBLIC.hex()
    raw = dump(manifest)
    made: list[Checkpoint] = []

    def hook(size: int, checkpoint: Checkpoint) -> Checkpoint:
        own = line(checkpoint)
        lines = (*checkpoint.signatures[:2], *([own] if own else []))
        made.append(replace(checkpoint, signatures=lines))
        return made[-1]

    forge.checkpoint_hook = hook
    files = forge.bundle([raw]).files
    return raw, made[-1], files


def judge_mldsa(forge: Forge, line: Callable[[Checkpoint], NoteSignature | None]) -> Report:
    from stembus.audit.log.source import MemoryPlace

    raw, _, files = with_mldsa(forge, line)
    return verify(MemoryPlace(files), hashlib.sha256(raw).digest())


def _changed(checkpoint: Checkpoint, position: int) -> NoteSignature:
    line = cosign(checkpoint)
    data = bytearray(line.signature)
    data[position] ^= 1
    return replace(line, signature=bytes(data))


CASES: dict[str, Callable[[Checkpoint], NoteSignature | None]] = {
    "that_is_missing": lambda c: None,
    "by_another_key": lambda c: cosign(c, key=OTHER),
    "of_another_size": lambda c: cosign(c, signed=replace(c, size=2)),
    "of_another_root": lambda c: cosign(c, signed=replace(c, root=bytes(32))),
    "of_another_log": lambda c: cosign(c, signed=replace(c, origin="log.example.org")),
    "at_another_time": lambda c: _changed(c, 7),
    "with_a_bit_changed": lambda c: _changed(c, 8 + 2419),
    "at_time_zero": lambda c: cosign(c, time=0),
    "that_is_too_short": lambda c: replace(cosign(c), signature=cosign(c).signature[:-1]),
    "that_is_too_long": lambda c: replace(cosign(c), signature=cosign(c).signature + b"\0"),
    "under_the_id_of_ed25519": lambda c: replace(cosign(c), key_id=key_id(NAME, b"\x04", PUBLIC)),
}
for name, case in CASES.items():
    add(f"mldsa_cosignature_{name}", 9, "V7", lambda forge, case=case: judge_mldsa(forge, case))
