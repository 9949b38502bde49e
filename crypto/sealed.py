"""Secret files and sealed boxes.

A secret file holds JSON under a passphrase: Argon2id makes the key, XSalsa20-Poly1305 seals. It is
created exclusively, readable by its owner only, and replaced by rename, so a crash leaves the old or the
new one. A sealed box (X25519) carries one share to one trustee. Decides formats of secrets at rest;
leaves what is in them to the parties.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import nacl.exceptions
import nacl.pwhash
import nacl.secret
import nacl.utils
from nacl.public import PrivateKey, PublicKey, SealedBox

from stembus.crypto.errors import EncodingInvalid, SecretFileError

_MAGIC = "stembus-secret-v1"
_OPS = nacl.pwhash.argon2id.OPSLIMIT_INTERACTIVE
_MEMORY = nacl.pwhash.argon2id.MEMLIMIT_INTERACTIVE
_MAXIMUM_MEMORY = nacl.pwhash.argon2id.MEMLIMIT_SENSITIVE


def seal_to(public: bytes, message: bytes) -> bytes:
    """An anonymous sealed box for an X25519 key: message length + 48 bytes."""
    return SealedBox(PublicKey(public)).encrypt(message)


def open_sealed(private: bytes, box: bytes) -> bytes:
    """Raises EncodingInvalid when the box is not for this key or was altered."""
    try:
        return SealedBox(PrivateKey(private)).decrypt(box)
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise EncodingInvalid("a sealed box does not open under this key") from None


def new_box_key() -> tuple[bytes, bytes]:
    """A fresh X25519 pair: private, public."""
    private = PrivateKey.generate()
    return bytes(private), bytes(private.public_key)


def box_public(private: bytes) -> bytes:
    try:
        return bytes(PrivateKey(private).public_key)
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise EncodingInvalid("not an X25519 private key") from None


def create_secret_file(path: Path, content: dict[str, Any], passphrase: str) -> None:
    """Writes a new secret file. Raises SecretFileError if one is already there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = _stage(path, content, passphrase)
    try:
        os.link(staged, path)
    except FileExistsError:
        raise SecretFileError(f"{path} exists already; a secret file is never overwritten") from None
    finally:
        staged.unlink()
    _sync_folder(path)


def replace_secret_file(path: Path, content: dict[str, Any], passphrase: str) -> None:
    """Updates a secret file in one step: after a crash the old or the new one is there."""
    _stage(path, content, passphrase).replace(path)
    _sync_folder(path)


def _stage(path: Path, content: dict[str, Any], passphrase: str) -> Path:
    salt = nacl.utils.random(nacl.pwhash.argon2id.SALTBYTES)
    box = nacl.secret.SecretBox(_key(passphrase, salt, _OPS, _MEMORY)).encrypt(json.dumps(content).encode())
    record = {
        "format": _MAGIC,
        "argon2id": {"passes": _OPS, "memory_bytes": _MEMORY, "salt": base64.b64encode(salt).decode()},
        "box": base64.b64encode(box).decode(),
    }
    staged = path.with_name(f".{path.name}.{os.getpid()}.new")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(record, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return staged


def read_secret_file(path: Path, passphrase: str) -> dict[str, Any]:
    """Raises SecretFileError: missing, damaged, or the wrong passphrase."""
    try:
        record = json.loads(path.read_text(encoding="ascii"))
        if record["format"] != _MAGIC:
            raise SecretFileError(f"{path} is not a secret file of this version")
        cost, box = record["argon2id"], base64.b64decode(record["box"])
        if not (1 <= cost["passes"] <= 64 and 8192 <= cost["memory_bytes"] <= _MAXIMUM_MEMORY):
            raise SecretFileError(f"{path} asks for an unreasonable Argon2id cost")
        key = _key(passphrase, base64.b64decode(cost["salt"]), cost["passes"], cost["memory_bytes"])
    except FileNotFoundError:
        raise SecretFileError(f"there is no secret file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise SecretFileError(f"{path} is damaged or not a secret file") from None
    try:
        content: dict[str, Any] = json.loads(nacl.secret.SecretBox(key).decrypt(box))
    except (nacl.exceptions.CryptoError, ValueError, RecursionError):
        raise SecretFileError(f"the passphrase does not open {path}, or the file was altered") from None
    return content


def _key(passphrase: str, salt: bytes, passes: int, memory: int) -> bytes:
    return nacl.pwhash.argon2id.kdf(
        nacl.secret.SecretBox.KEY_SIZE, passphrase.encode(), salt, opslimit=passes, memlimit=memory
    )


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
