"""Blind signatures: RSABSSA-SHA384-PSS-Deterministic of RFC 9474, 3072 bit, e = 65537.

Decides the client's blinding and the check of the finished signature. The signer's side, which needs a
fast constant-time exponentiation, is in `blind_signer`. Only the *preparation* of the message is
deterministic; the PSS salt is random.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from stembus.crypto.errors import EncodingInvalid, SignatureInvalid

MODULUS_BITS = 3072
MODULUS_BYTES = MODULUS_BITS // 8
EXPONENT = 65537
SALT_BYTES = 48
_HASH_BYTES = 48
_PADDING = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=SALT_BYTES)
_SHA384 = hashes.SHA384()


@dataclass(frozen=True, slots=True)
class BlindPublicKey:
    """A registrar's public key, parsed and within the protocol's parameters."""

    key: rsa.RSAPublicKey
    modulus: int
    bits: int = MODULUS_BITS

    @classmethod
    def from_spki(cls, data: bytes) -> BlindPublicKey:
        """Parses a DER SubjectPublicKeyInfo (rsaEncryption). Raises EncodingInvalid.

        The general type is used because browsers refuse the id-RSASSA-PSS one.
        """
        try:
            key = serialization.load_der_public_key(data)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise EncodingInvalid("a blind-signing key is not a DER SubjectPublicKeyInfo") from None
        if not isinstance(key, rsa.RSAPublicKey):
            raise EncodingInvalid("a blind-signing key is not RSA")
        numbers = key.public_numbers()
        if numbers.e != EXPONENT or numbers.n.bit_length() != MODULUS_BITS or numbers.n % 2 == 0:
            raise EncodingInvalid(f"a blind-signing key is RSA of {MODULUS_BITS} bit with e = {EXPONENT}")
        parsed = cls(key, numbers.n)
        if parsed.to_spki() != data:
            raise EncodingInvalid("a blind-signing key is not in its canonical encoding")
        return parsed

    def to_spki(self) -> bytes:
        return self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Blinding:
    """The client's secret between request and answer; part of the voting pass."""

    blinded_message: bytes
    inverse: int


def blind(public: BlindPublicKey, message: bytes, salt: bytes | None = None, factor: int | None = None) -> Blinding:
    """RFC 9474, section 4.2. `salt` and `factor` (the inverse is derived) exist for the RFC's vectors."""
    n = public.modulus
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    encoded = int.from_bytes(pss_encode(message, public.bits - 1, salt), "big")
    while True:
        r = secrets.randbelow(n - 1) + 1 if factor is None else factor
        try:
            inverse = pow(r, -1, n)
            break
        except ValueError:  # pragma: no cover - would factor the modulus
            if factor is not None:
                raise EncodingInvalid("the blinding factor is not invertible") from None
    blinded = encoded * pow(r, public.key.public_numbers().e, n) % n
    return Blinding(blinded.to_bytes((public.bits + 7) // 8, "big"), inverse)


def finalize(public: BlindPublicKey, message: bytes, blind_signature: bytes, blinding: Blinding) -> bytes:
    """RFC 9474, section 4.4: unblinds and verifies. Raises SignatureInvalid; a bad answer is never used."""
    size = (public.bits + 7) // 8
    if len(blind_signature) != size:
        raise SignatureInvalid(f"a blind signature is {size} bytes")
    value = int.from_bytes(blind_signature, "big")
    if value >= public.modulus:
        raise SignatureInvalid("a blind signature is not below the modulus")
    signature = (value * blinding.inverse % public.modulus).to_bytes(size, "big")
    verify(public, message, signature)
    return signature


def verify(public: BlindPublicKey, message: bytes, signature: bytes) -> None:
    """RFC 9474, section 4.5. Raises SignatureInvalid."""
    try:
        public.key.verify(signature, message, _PADDING, _SHA384)
    except InvalidSignature:
        raise SignatureInvalid("a registrar's signature does not verify") from None


def pss_encode(message: bytes, bits: int, salt: bytes) -> bytes:
    """EMSA-PSS-ENCODE (RFC 8017, section 9.1.1) with SHA-384 and MGF1-SHA-384."""
    length = (bits + 7) // 8
    digest = hashlib.sha384(bytes(8) + hashlib.sha384(message).digest() + salt).digest()
    block_length = length - _HASH_BYTES - 1
    block = bytes(block_length - len(salt) - 1) + b"\x01" + salt
    mask = _mgf1(digest, block_length)
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=True))
    masked[0] &= 0xFF >> (8 * length - bits)
    return bytes(masked) + digest + b"\xbc"


def _mgf1(seed: bytes, length: int) -> bytes:
    output = b""
    counter = 0
    while len(output) < length:
        output += hashlib.sha384(seed + counter.to_bytes(4, "big")).digest()
        counter += 1
    return output[:length]
