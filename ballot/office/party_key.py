"""What is in the secret file of a party.

Decides the content of the files of officers, registrars, witnesses, box, log and client release. A trustee's file
holds more, which is `tally.key_file`'s matter; its signing key is read here all the same.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from stembus.ballot.errors import SecretFileError
from stembus.crypto.signing import SigningKey

Seed = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Kind = TypeVar("Kind", bound=msgspec.Struct)
DerHex = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9a-f]{2})+\Z")]


class PartyKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`seed` is an Ed25519 key, `blind_key` a registrar's RSA key in DER; both are hexadecimal."""

    version: Literal[1] = 1
    role: str
    seed: Seed
    blind_key: DerHex | None = None


class _Signer(msgspec.Struct, frozen=True):
    """Any party's file, the trustee's included."""

    seed: Seed


def parse_party_key(content: bytes) -> PartyKey:
    """Raises SecretFileError."""
    return _parse(content, PartyKey)


def signing_key_of(content: bytes) -> SigningKey:
    """The Ed25519 key in any party's secret. Raises SecretFileError."""
    return SigningKey(bytes.fromhex(_parse(content, _Signer).seed))


def _parse(content: bytes, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        # The reason would quote a secret.
        raise SecretFileError("a secret file opens, and does not hold a key of this version") from None
