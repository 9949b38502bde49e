"""A party's key when it is made: the secret content of its file, and the public part that goes into the definition."""

from __future__ import annotations

from typing import cast

import msgspec

from stembus.ballot.errors import SecretFileError
from stembus.ballot.office.party_key import PartyKey, Role, parse_party_key, signing_key_of
from stembus.crypto.signing import SigningKey
from stembus.tally.key_file import TrusteeKey


def new_secret(role: str) -> bytes:
    """`role` is one of `ballot.office.key_ring.ROLES`."""
    if role == "trustee":
        return TrusteeKey.generate().to_bytes()
    blind_key = None
    if role == "registrar":
        from stembus.crypto.blind_signer import BlindSigner

        blind_key = BlindSigner.generate().to_der().hex()
    seed = SigningKey.generate().seed.hex()
    return msgspec.json.encode(PartyKey(version=1, role=cast(Role, role), seed=seed, blind_key=blind_key))


def public_part(role: str, party: str, content: bytes) -> dict[str, str]:
    public = {"role": role, "name": party, "key": signing_key_of(content).public.hex()}
    if role == "registrar":
        if (blind_key := parse_party_key(content).blind_key) is None:
            raise SecretFileError(f"the key of {party} lacks the part that signs blindly; make a new one")
        from stembus.crypto.blind_signer import BlindSigner

        public["blind_key"] = BlindSigner.from_der(bytes.fromhex(blind_key)).public.to_spki().hex()
    return public
