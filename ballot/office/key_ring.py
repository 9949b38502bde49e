"""The keys of the parties whose secret files lie in a folder.

Decides that a secret file is opened when its key is needed and not before, and is read once. Whoever holds the
passphrase is asked for it by `passphrase(party)`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.ballot.errors import SecretFileError
from stembus.ballot.office.layout import Layout
from stembus.ballot.office.own_secret import create_own_secret
from stembus.ballot.office.party_key import demand_role, signing_key_of
from stembus.ballot.office.secret_file import create_secret_file, read_secret_file, replace_secret_file
from stembus.crypto.signing import SigningKey

ROLES = ("trustee", "officer", "registrar", "witness", "box", "log", "client")
Passphrase = Callable[[str], str]


class KeyRing(Layout):
    """A secret is the bytes inside a party's file: `party_key` and, for trustees, `tally.key_file` parse them."""

    def __init__(self, root: Path, passphrase: Passphrase) -> None:
        super().__init__(root)
        self._passphrase = passphrase
        self._secrets: dict[str, bytes] = {}

    def make_key(self, party: str, content: bytes, public: dict[str, str]) -> Path:
        """Writes the secret file, unless there is one, then the public one. Returns the secret file's path. With the
        first registrar's key comes the pepper of the second factors; lost later, it is not made anew."""
        path = self.key_path(party)
        if not path.exists():
            if party == "registrar-1":
                create_own_secret(self.pepper_file)
            create_secret_file(path, content, self._passphrase(party))
            self._secrets[party] = content
        self.publish_key(party, public)
        return path

    def publish_key(self, party: str, public: Mapping[str, object]) -> None:
        """Writes the public file of a party whose secret may lie elsewhere."""
        write_durably(self.public_keys / f"{party}.json", (json.dumps(public, indent=1) + "\n").encode("ascii"))

    def numbers_here(self, role: str) -> list[int]:
        """Which parties of this role have their secret file in the folder; copies of other names do not count."""
        names = (path.name.removeprefix(f"{role}-") for path in self.root.glob(f"{role}-*"))
        numbers = sorted(int(name) for name in names if re.fullmatch("[1-9][0-9]?", name))
        return [number for number in numbers if self.key_path(f"{role}-{number}").exists()]

    def secret(self, party: str) -> bytes:
        """Raises SecretFileError."""
        if party not in self._secrets:
            path = self.key_path(party)
            content = read_secret_file(path, self._passphrase(party))
            try:
                demand_role(content, party.partition("-")[0])
            except SecretFileError as error:
                raise SecretFileError(f"{path} opens, but {error}") from None
            self._secrets[party] = content
        return self._secrets[party]

    def save_secret(self, party: str, content: bytes) -> None:
        replace_secret_file(self.key_path(party), content, self._passphrase(party))
        self._secrets[party] = content

    def signing_key(self, party: str) -> SigningKey:
        """Raises SecretFileError."""
        return signing_key_of(self.secret(party))
