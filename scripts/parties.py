"""What a party's key consists of: a secret content, and the public part that goes into the definition."""

from __future__ import annotations

from typing import Any

from stembus.crypto.signing import SigningKey
from stembus.tally.trustee import new_identity


def new_secret(role: str) -> dict[str, Any]:
    if role == "trustee":
        return new_identity()
    content: dict[str, Any] = {"role": role, "seed": SigningKey.generate().seed.hex()}
    if role == "registrar":
        from stembus.crypto.blind_signer import BlindSigner

        content["blind_key"] = BlindSigner.generate().to_der().hex()
    return content


def public_part(role: str, party: str, content: dict[str, Any]) -> dict[str, str]:
    signing = SigningKey(bytes.fromhex(content["seed"]))
    public = {"role": role, "name": party, "key": signing.public.hex()}
    if role == "registrar":
        from stembus.crypto.blind_signer import BlindSigner

        public["blind_key"] = BlindSigner.from_der(bytes.fromhex(content["blind_key"])).public.to_spki().hex()
    return public
