"""Signatures: Ed25519 (RFC 8032) for parties with a long-lived key, BIP340 for credentials and tokens, and ML-DSA-44
(FIPS 204) of witnesses that have it.

Decides keys, signing and verification over message bytes. Every message that Stembus itself signs is the
digest of a `Transcript`, so no signature of one kind can pass for another.
"""

from __future__ import annotations

import secrets

from coincurve import PrivateKey, PublicKeyXOnly
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from nacl.bindings import crypto_core_ed25519_is_valid_point

from stembus.crypto.errors import EncodingInvalid, SignatureInvalid
from stembus.crypto.group import ORDER, SCALAR_BYTES, random_scalar

ED25519_KEY_BYTES = 32
SIGNATURE_BYTES = 64
MLDSA44_KEY_BYTES = 1312
MLDSA44_SIGNATURE_BYTES = 2420
MLDSA44_SEED_BYTES = 32
XONLY_BYTES = 32
_NO_MLDSA44 = "the cryptography library here does not know ML-DSA-44; install a newer one"


class SigningKey:
    """An Ed25519 private key."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def seed(self) -> bytes:
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)


class MLDSA44Key:
    """An ML-DSA-44 private key of FIPS 204, from its 32-byte seed."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """Raises EncodingInvalid where the library does not know the algorithm."""
        try:
            self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
        except UnsupportedAlgorithm:
            raise EncodingInvalid(_NO_MLDSA44) from None
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> MLDSA44Key:
        """Raises EncodingInvalid."""
        return cls(secrets.token_bytes(MLDSA44_SEED_BYTES))

    @property
    def seed(self) -> bytes:
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """2420 bytes, with the empty context."""
        return self._key.sign(message)


def check_ed25519_key(public: bytes) -> None:
    """Raises EncodingInvalid for a key that is no canonical point of prime order: a torsion part would make
    one library accept what another refuses."""
    if len(public) != ED25519_KEY_BYTES:
        raise EncodingInvalid(f"an Ed25519 key is {ED25519_KEY_BYTES} bytes, not {len(public)}")
    if not crypto_core_ed25519_is_valid_point(public):
        raise EncodingInvalid("an Ed25519 key that is no canonical point of prime order")


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> None:
    """Raises SignatureInvalid."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise SignatureInvalid("an Ed25519 signature does not verify") from None


def check_mldsa44_key(public: bytes) -> None:
    """Raises EncodingInvalid. Every 1312 bytes are a key (FIPS 204), if the library knows the algorithm."""
    try:
        MLDSA44PublicKey.from_public_bytes(public)
    except ValueError:
        raise EncodingInvalid(f"an ML-DSA-44 key is {MLDSA44_KEY_BYTES} bytes, not {len(public)}") from None
    except UnsupportedAlgorithm:
        raise EncodingInvalid(_NO_MLDSA44) from None


def verify_mldsa44(public: bytes, message: bytes, signature: bytes) -> None:
    """ML-DSA-44 of FIPS 204, with the empty context. Raises SignatureInvalid."""
    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        raise SignatureInvalid("an ML-DSA-44 signature does not verify") from None


class SchnorrKey:
    """A BIP340 private key over secp256k1."""

    __slots__ = ("_key", "public", "secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SCALAR_BYTES or not 0 < int.from_bytes(secret, "big") < ORDER:
            raise EncodingInvalid("a BIP340 secret is 32 bytes within 1..n-1")
        self.secret = secret
        self._key = PrivateKey(secret)
        self.public: bytes = self._key.public_key.format()[1:]

    @classmethod
    def generate(cls) -> SchnorrKey:
        return cls(random_scalar().to_bytes(SCALAR_BYTES, "big"))

    def sign(self, digest: bytes) -> bytes:
        """64 bytes over a 32-byte digest."""
        return self._key.sign_schnorr(digest)


def check_schnorr_key(public: bytes) -> None:
    """Raises EncodingInvalid unless `public` is the x-coordinate of a point."""
    _xonly(public)


def verify_schnorr(public: bytes, digest: bytes, signature: bytes) -> None:
    """Raises EncodingInvalid for a bad key, SignatureInvalid otherwise."""
    if len(signature) != SIGNATURE_BYTES or not _xonly(public).verify(signature, digest):
        raise SignatureInvalid("a BIP340 signature does not verify")


def _xonly(public: bytes) -> PublicKeyXOnly:
    if len(public) != XONLY_BYTES:
        raise EncodingInvalid(f"a BIP340 key is {XONLY_BYTES} bytes, not {len(public)}")
    try:
        return PublicKeyXOnly(public)
    except ValueError:
        raise EncodingInvalid("not the x-coordinate of a point of secp256k1") from None
