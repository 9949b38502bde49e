"""What a trustee keeps secret: one seed, from which everything secret in the ceremony is derived.

So a key file is the same from the day on which it is made until its trustee announces the count: every copy of it is as
good as the newest. Decides the content of the file, a frozen, versioned record, parsed once, and how the secrets of an
attempt follow from it. Leaves its passphrase and its file to whoever opens it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from stembus.audit.formats.canonical import Count, Hash, Key
from stembus.crypto.derive import hkdf, scalar_stream
from stembus.crypto.sealed import box_public
from stembus.crypto.signing import SigningKey
from stembus.tally.errors import KeyFileInvalid

_COEFFICIENTS = b"stembus/v1 ceremony coefficient"
_RECEIVING = b"stembus/v1 ceremony receiving key"


@dataclass(frozen=True)
class AttemptSecrets:
    """A trustee's part in one attempt of the ceremony: the polynomial, constant term first, and an X25519 secret for
    what each dealer sends, in the order of trustees."""

    polynomial: tuple[int, ...] = field(repr=False)
    receiving_secrets: tuple[bytes, ...] = field(repr=False)

    @property
    def receiving_keys(self) -> list[bytes]:
        return [box_public(secret) for secret in self.receiving_secrets]


class AnnouncedTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The one tree that this trustee is ready to decrypt for: size, root, and the digest of the sums."""

    size: Count
    root: Hash
    sums: Hash


class TrusteeKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`seed` is the identity key (Ed25519), and what the ceremony's secrets come from. `referendum` and `announced` are
    written when the trustee announces the count."""

    version: Literal[1]
    role: Literal["trustee"]
    seed: Key
    referendum: Hash | None = None
    announced: AnnouncedTree | None = None

    @classmethod
    def generate(cls) -> TrusteeKey:
        """Before any ceremony."""
        return cls(version=1, role="trustee", seed=SigningKey.generate().seed.hex())

    def __repr__(self) -> str:
        return "<the key of a trustee>"

    def attempt(self, referendum: bytes, number: int, threshold: int, trustees: int) -> AttemptSecrets:
        """`threshold` coefficients and a receiving key for each dealer, of this attempt (docs/protocol.md, 13)."""
        seed, which = bytes.fromhex(self.seed), number.to_bytes(4, "big")
        next_scalar = scalar_stream(seed, referendum, _COEFFICIENTS + which)
        return AttemptSecrets(
            polynomial=tuple(next_scalar() for _ in range(threshold)),
            receiving_secrets=tuple(
                hkdf(seed, referendum, _RECEIVING + which + dealer.to_bytes(4, "big"), 32)
                for dealer in range(1, trustees + 1)
            ),
        )

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)


def parse_trustee_key(content: bytes) -> TrusteeKey:
    """Raises KeyFileInvalid."""
    try:
        return msgspec.json.decode(content, type=TrusteeKey)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        # The reason would quote a secret.
        raise KeyFileInvalid("this secret file opens, and does not hold a trustee's key of this version") from None
