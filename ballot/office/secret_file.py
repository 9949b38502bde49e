"""Secret files: a party's secret under a passphrase, on disk.

Decides that such a file is created exclusively, is readable by its owner only, and is replaced in one step, so
that a crash leaves the old one or the new one. Leaves the sealing to `crypto.sealed`, and what is inside to the
parties.
"""

from __future__ import annotations

from pathlib import Path

from stembus.audit.durable import create_durably, write_durably
from stembus.ballot.errors import SecretFileError
from stembus.crypto.errors import EncodingInvalid, PassphraseWrong
from stembus.crypto.sealed import open_with_passphrase, seal_with_passphrase


def create_secret_file(path: Path, content: bytes, passphrase: str) -> None:
    """Writes a new secret file. Raises SecretFileError if one is already there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        create_durably(path, seal_with_passphrase(content, passphrase))
    except FileExistsError:
        raise SecretFileError(f"{path} exists already; a secret file is never overwritten") from None


def replace_secret_file(path: Path, content: bytes, passphrase: str) -> None:
    """Updates a secret file in one step."""
    write_durably(path, seal_with_passphrase(content, passphrase), private=True)


def read_secret_file(path: Path, passphrase: str) -> bytes:
    """Raises SecretFileError: missing, damaged, or the wrong passphrase."""
    try:
        return open_with_passphrase(path.read_bytes(), passphrase)
    except FileNotFoundError:
        raise SecretFileError(f"there is no secret file {path}") from None
    except PassphraseWrong:
        raise SecretFileError(f"the passphrase does not open {path}, or the file was altered") from None
    except (OSError, EncodingInvalid):
        raise SecretFileError(f"{path} is damaged or not a secret file of this version") from None
