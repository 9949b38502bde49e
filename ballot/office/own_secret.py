"""A secret that one service keeps to itself, without a passphrase: the registrar's pepper, the desk's session key.

Decides that it is made in one named step and only read after that. A pepper that is made anew would make every
voter's second factor wrong.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from stembus.audit.durable import create_durably
from stembus.ballot.errors import SecretFileError

_BYTES = 32


def create_own_secret(path: Path) -> None:
    """Makes the secret, unless it is there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        with suppress(FileExistsError):  # another process was first
            create_durably(path, secrets.token_bytes(_BYTES))


def read_own_secret(path: Path) -> bytes:
    """32 bytes. Raises SecretFileError for one that is missing or damaged."""
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        raise SecretFileError(f"{path} is missing; restore it from a backup, for it cannot be made anew") from None
    if len(secret) != _BYTES:
        raise SecretFileError(f"{path} is damaged: it holds {len(secret)} bytes, not {_BYTES}; restore it")
    return secret
