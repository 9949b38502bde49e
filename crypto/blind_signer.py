"""The registrar's side of RFC 9474: the raw RSA private operation, in constant time and self-checked.

Decides how a blinded message is signed. Needs gmpy2 (the `server` extra): Python's own `pow` is seven
times slower and its time depends on the secret exponent.
"""

from __future__ import annotations

import secrets

import gmpy2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from stembus.crypto.blind_rsa import EXPONENT, MODULUS_BITS, MODULUS_BYTES, BlindPublicKey
from stembus.crypto.errors import CryptoError, EncodingInvalid


class BlindSigner:
    """Holds a blind-signing key. `sign` never lets a wrong result out."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        numbers = key.private_numbers()
        self._key = key
        self._p, self._q = gmpy2.mpz(numbers.p), gmpy2.mpz(numbers.q)
        self._dp, self._dq = gmpy2.mpz(numbers.dmp1), gmpy2.mpz(numbers.dmq1)
        self._q_inverse = gmpy2.mpz(numbers.iqmp)
        self._n = gmpy2.mpz(numbers.public_numbers.n)
        public = key.public_key()
        self.public = BlindPublicKey(public, public.public_numbers().n, public.key_size)

    @classmethod
    def generate(cls) -> BlindSigner:
        return cls(rsa.generate_private_key(public_exponent=EXPONENT, key_size=MODULUS_BITS))

    @classmethod
    def from_der(cls, data: bytes) -> BlindSigner:
        key = serialization.load_der_private_key(data, password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise EncodingInvalid("a blind-signing secret is not RSA")
        return cls(key)

    def to_der(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, blinded: bytes) -> bytes:
        """RFC 9474, section 4.3: 384 bytes in, 384 bytes out. Raises EncodingInvalid."""
        if len(blinded) != MODULUS_BYTES:
            raise EncodingInvalid(f"a blinded message is {MODULUS_BYTES} bytes, not {len(blinded)}")
        message = gmpy2.mpz(int.from_bytes(blinded, "big"))
        if not 0 < message < self._n:
            raise EncodingInvalid("a blinded message is not within 1..n-1")
        # Base blinding: the exponentiation never works on a number its requester chose.
        while True:
            mask = gmpy2.mpz(secrets.randbelow(int(self._n) - 2) + 2)
            if gmpy2.gcd(mask, self._n) == 1:
                break
        base = message * gmpy2.powmod(mask, EXPONENT, self._n) % self._n
        mod_p = gmpy2.powmod_sec(base % self._p, self._dp, self._p)
        mod_q = gmpy2.powmod_sec(base % self._q, self._dq, self._q)
        masked = mod_q + self._q * ((mod_p - mod_q) * self._q_inverse % self._p)
        signature = masked * gmpy2.invert(mask, self._n) % self._n
        # A fault in one half would reveal the factors (Boneh, DeMillo, Lipton 1997).
        if gmpy2.powmod(signature, EXPONENT, self._n) != message:
            raise CryptoError("the signing operation gave a wrong result; nothing was released")
        return int(signature).to_bytes(MODULUS_BYTES, "big")
