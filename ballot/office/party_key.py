"""What is in the secret file of a party.

Decides the content of the files of officers, registrars, witnesses, box, log and client release, and the head that
every party's file has: version, role and signing key. What a trustee's file holds beside that is `tally.key_file`'s
matter.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from stembus.ballot.errors import SecretFileError
from stembus.crypto.signing import SigningKey

Seed = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
DerHex = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9a-f]{2})+\Z")]
Role = Literal["officer", "registrar", "witness", "box", "log", "client"]
Kind = TypeVar("Kind", bound=msgspec.Struct)


class PartyKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`seed` is an Ed25519 key, `blind_key` a registrar's RSA key in DER, `mldsa_seed` the second key that a witness
    may have; all are hexadecimal."""

    version: Literal[1]
    role: Role
    seed: Seed
    blind_key: DerHex | None = None
    mldsa_seed: Seed | None = None

    def __repr__(self) -> str:
        return f"<the key of the party {self.role}>"


class _Head(msgspec.Struct, frozen=True):
    """Any party's file, the trustee's included."""

    version: Literal[1]
    role: str
    seed: Seed

    def __repr__(self) -> str:
        return f"<the key of the party {self.role}>"


def parse_party_key(content: bytes) -> PartyKey:
    """Raises SecretFileError."""
    return _parse(content, PartyKey)


def signing_key_of(content: bytes) -> SigningKey:
    """The Ed25519 key in any party's secret. Raises SecretFileError."""
    return SigningKey(bytes.fromhex(_parse(content, _Head).seed))


def demand_role(content: bytes, role: str) -> None:
    """Raises SecretFileError for the key of a party of another kind."""
    found = _parse(content, _Head).role
    if found != role:
        raise SecretFileError(f"it holds the key of a party of the kind {found}, not {role}")


def _parse(content: bytes, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        # The reason would quote a secret.
        raise SecretFileError("it holds no key of this version of Stembus") from None
