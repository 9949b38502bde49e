"""A party's key when it is made: the secret content of its file, and the public part that goes into the definition."""

from __future__ import annotations

import msgspec

from stembus.ballot.office.party_key import PartyKey, parse_party_key, signing_key_of
from stembus.crypto.signing import SigningKey
from stembus.tally.key_file import TrusteeKey


def new_secret(role: str) -> bytes:
    if role == "trustee":
        return TrusteeKey.generate().to_bytes()
    blind_key = None
    if role == "registrar":
        from stembus.crypto.blind_signer import BlindSigner

        blind_key = BlindSigner.generate().to_der().hex()
    return msgspec.json.encode(PartyKey(role=role, seed=SigningKey.generate().seed.hex(), blind_key=blind_key))


def public_part(role: str, party: str, content: bytes) -> dict[str, str]:
    public = {"role": role, "name": party, "key": signing_key_of(content).public.hex()}
    if role == "registrar" and (blind_key := parse_party_key(content).blind_key) is not None:
        from stembus.crypto.blind_signer import BlindSigner

        public["blind_key"] = BlindSigner.from_der(bytes.fromhex(blind_key)).public.to_spki().hex()
    return public
