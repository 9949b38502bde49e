"""Signatures of the log's parties: the right one is taken, every other one is refused by name."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from stembus.crypto.errors import EncodingInvalid, SignatureInvalid
from stembus.crypto.signing import (
    MLDSA44_KEY_BYTES,
    MLDSA44_SIGNATURE_BYTES,
    check_mldsa44_key,
    verify_mldsa44,
)

MESSAGE = b"a cosigned head"


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, bytes]:
    """(public key, signature)."""
    key = MLDSA44PrivateKey.generate()
    return key.public_key().public_bytes_raw(), key.sign(MESSAGE)


def test_an_ml_dsa_44_signature_is_verified(signed: tuple[bytes, bytes]) -> None:
    """Sizes of FIPS 204, table 2."""
    public, signature = signed
    assert (len(public), len(signature)) == (MLDSA44_KEY_BYTES, MLDSA44_SIGNATURE_BYTES) == (1312, 2420)
    check_mldsa44_key(public)
    verify_mldsa44(public, MESSAGE, signature)


def test_any_other_signature_is_refused(signed: tuple[bytes, bytes]) -> None:
    public, signature = signed
    for message, other in (
        (MESSAGE + b".", signature),
        (MESSAGE, bytes([signature[0] ^ 1]) + signature[1:]),
        (MESSAGE, signature[:-1]),
        (MESSAGE, signature + b"\0"),
        (MESSAGE, b""),
    ):
        with pytest.raises(SignatureInvalid, match="ML-DSA-44"):
            verify_mldsa44(public, message, other)
    for key in (public[:-1], public + b"\0", b""):
        with pytest.raises(SignatureInvalid):
            verify_mldsa44(key, MESSAGE, signature)
        with pytest.raises(EncodingInvalid, match=f"1312 bytes, not {len(key)}"):
            check_mldsa44_key(key)
