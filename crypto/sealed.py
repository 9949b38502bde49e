"""Sealed boxes and secrets under a passphrase.

A sealed box (X25519) carries one share to one trustee. A secret at rest is sealed by XSalsa20-Poly1305 under a
key that Argon2id makes from a passphrase. Decides both formats, as bytes; leaves files to `ballot.office`, and
what is in a secret to the parties.
"""

from __future__ import annotations

import base64
import json
import unicodedata

import nacl.exceptions
import nacl.pwhash
import nacl.secret
import nacl.utils
from nacl.public import PrivateKey, PublicKey, SealedBox

from stembus.crypto.errors import EncodingInvalid, PassphraseWrong

_MAGIC = "stembus-secret-v1"
# Three passes over 256 MiB: the file may lie on a stick for months.
_OPS = nacl.pwhash.argon2id.OPSLIMIT_MODERATE
_MEMORY = nacl.pwhash.argon2id.MEMLIMIT_MODERATE
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


def seal_with_passphrase(content: bytes, passphrase: str) -> bytes:
    """The ASCII JSON of a sealed secret: format, Argon2id cost and salt, box."""
    salt = nacl.utils.random(nacl.pwhash.argon2id.SALTBYTES)
    box = nacl.secret.SecretBox(_key(passphrase, salt, _OPS, _MEMORY)).encrypt(content)
    record = {
        "format": _MAGIC,
        "argon2id": {"passes": _OPS, "memory_bytes": _MEMORY, "salt": base64.b64encode(salt).decode()},
        "box": base64.b64encode(box).decode(),
    }
    return json.dumps(record, indent=1).encode("ascii")


def is_sealed(data: bytes) -> bool:
    """Whether this could be a sealed secret, as far as can be told without its passphrase."""
    try:
        record = json.loads(data.decode("ascii"))
        return bool(record["format"] == _MAGIC and base64.b64decode(record["box"], validate=True))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def open_with_passphrase(sealed: bytes, passphrase: str) -> bytes:
    """Raises EncodingInvalid for what is no sealed secret, PassphraseWrong when it does not open."""
    try:
        record = json.loads(sealed.decode("ascii"))
        if record["format"] != _MAGIC:
            raise EncodingInvalid("not a sealed secret of this version")
        cost, box = record["argon2id"], base64.b64decode(record["box"])
        if not (1 <= cost["passes"] <= 64 and 8192 <= cost["memory_bytes"] <= _MAXIMUM_MEMORY):
            raise EncodingInvalid("an unreasonable Argon2id cost")
        key = _key(passphrase, base64.b64decode(cost["salt"]), cost["passes"], cost["memory_bytes"])
    except (ValueError, KeyError, TypeError, RecursionError, nacl.exceptions.CryptoError):
        raise EncodingInvalid("damaged, or not a sealed secret") from None
    try:
        return nacl.secret.SecretBox(key).decrypt(box)
    except (nacl.exceptions.CryptoError, ValueError):
        raise PassphraseWrong("the passphrase does not open it, or it was altered") from None


def _key(passphrase: str, salt: bytes, passes: int, memory: int) -> bytes:
    # Composed, since keyboards differ in how they write an accent.
    words = unicodedata.normalize("NFC", passphrase).encode()
    return nacl.pwhash.argon2id.kdf(nacl.secret.SecretBox.KEY_SIZE, words, salt, opslimit=passes, memlimit=memory)
