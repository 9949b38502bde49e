"""Blind signatures verify for whoever asked, and neither side accepts anything else."""

from __future__ import annotations

import secrets

import gmpy2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from stembus.crypto import blind_rsa
from stembus.crypto.blind_rsa import EXPONENT, MODULUS_BITS, MODULUS_BYTES, BlindPublicKey, blind, finalize, verify
from stembus.crypto.blind_signer import BlindSigner
from stembus.crypto.errors import CryptoError, EncodingInvalid, SignatureInvalid

MESSAGE = b"a token of 32 bytes, as they are"


@pytest.fixture(scope="module")
def signer() -> BlindSigner:
    return BlindSigner.generate()


def _spki(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@settings(deadline=None, max_examples=10)
@given(message=st.binary(max_size=100))
def test_a_blind_signature_is_a_signature_of_the_message(signer: BlindSigner, message: bytes) -> None:
    blinding = blind(signer.public, message)
    signature = finalize(signer.public, message, signer.sign(blinding.blinded_message), blinding)
    verify(signer.public, message, signature)
    with pytest.raises(SignatureInvalid):
        verify(signer.public, message + b"\0", signature)


def test_the_signer_computes_the_private_power(signer: BlindSigner) -> None:
    for _ in range(5):
        blinded = secrets.token_bytes(MODULUS_BYTES - 1).rjust(MODULUS_BYTES, b"\0")
        answer = int.from_bytes(signer.sign(blinded), "big")
        assert pow(answer, EXPONENT, signer.public.modulus) == int.from_bytes(blinded, "big")


def test_the_signer_refuses_numbers_outside_1_to_n_less_1(signer: BlindSigner) -> None:
    n = signer.public.modulus
    for number in (0, n, n + 1, 2**MODULUS_BITS - 1):
        with pytest.raises(EncodingInvalid):
            signer.sign(number.to_bytes(MODULUS_BYTES, "big"))
    for number in (1, n - 1):
        assert signer.sign(number.to_bytes(MODULUS_BYTES, "big")) == number.to_bytes(MODULUS_BYTES, "big")


@pytest.mark.parametrize("length", [0, 1, MODULUS_BYTES - 1, MODULUS_BYTES + 1, 2 * MODULUS_BYTES])
def test_the_signer_refuses_another_length(signer: BlindSigner, length: int) -> None:
    with pytest.raises(EncodingInvalid):
        signer.sign(bytes(length - 1) + b"\1" if length else b"")


def test_a_number_that_shares_a_factor_with_n_is_signed_right_or_not_at_all(signer: BlindSigner) -> None:
    factor = int(signer._p)
    answer = signer.sign(factor.to_bytes(MODULUS_BYTES, "big"))
    assert pow(int.from_bytes(answer, "big"), EXPONENT, signer.public.modulus) == factor


def test_a_fault_in_one_half_of_the_operation_never_leaves_the_signer(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = BlindSigner.generate()
    broken._dp = broken._dp ^ gmpy2.mpz(4)
    with pytest.raises(CryptoError, match="nothing was released"):
        broken.sign(blind(broken.public, MESSAGE).blinded_message)


def test_blinded_messages_of_one_message_differ(signer: BlindSigner) -> None:
    blindings = [blind(signer.public, MESSAGE) for _ in range(20)]
    assert len({blinding.blinded_message for blinding in blindings}) == 20
    assert len({blinding.inverse for blinding in blindings}) == 20
    # With one salt, only the blinding factor is left to tell them apart.
    salted = {blind(signer.public, MESSAGE, salt=bytes(48)).blinded_message for _ in range(20)}
    assert len(salted) == 20


def test_signatures_of_one_message_by_two_requests_differ_and_verify(signer: BlindSigner) -> None:
    signatures = set()
    for _ in range(3):
        blinding = blind(signer.public, MESSAGE)
        signatures.add(finalize(signer.public, MESSAGE, signer.sign(blinding.blinded_message), blinding))
    assert len(signatures) == 3
    for signature in signatures:
        verify(signer.public, MESSAGE, signature)


def test_a_wrong_answer_is_refused(signer: BlindSigner) -> None:
    blinding, other = blind(signer.public, MESSAGE), blind(signer.public, MESSAGE)
    answer = signer.sign(blinding.blinded_message)
    n = signer.public.modulus
    for wrong in (
        signer.sign(other.blinded_message),
        blinding.blinded_message,
        answer[:-1],
        answer + b"\0",
        bytes(MODULUS_BYTES),
        n.to_bytes(MODULUS_BYTES, "big"),
        b"\xff" * MODULUS_BYTES,
        (n - int.from_bytes(answer, "big")).to_bytes(MODULUS_BYTES, "big"),
        b"",
    ):
        with pytest.raises(SignatureInvalid):
            finalize(signer.public, MESSAGE, wrong, blinding)
    with pytest.raises(SignatureInvalid):
        finalize(signer.public, MESSAGE + b"\0", answer, blinding)
    with pytest.raises(SignatureInvalid):
        finalize(BlindSigner.generate().public, MESSAGE, answer, blinding)


@pytest.mark.parametrize("length", [0, MODULUS_BYTES - 1, MODULUS_BYTES + 1])
def test_a_signature_of_another_length_is_refused(signer: BlindSigner, length: int) -> None:
    with pytest.raises(SignatureInvalid):
        verify(signer.public, MESSAGE, bytes(length))


def test_a_factor_without_an_inverse_is_refused(signer: BlindSigner) -> None:
    for factor in (0, signer.public.modulus, int(signer._p)):
        with pytest.raises(EncodingInvalid):
            blind(signer.public, MESSAGE, factor=factor)


def test_a_key_survives_storage_and_has_one_public_form(signer: BlindSigner) -> None:
    again = BlindSigner.from_der(signer.to_der())
    assert again.public.to_spki() == signer.public.to_spki()
    parsed = BlindPublicKey.from_spki(signer.public.to_spki())
    assert parsed.modulus == signer.public.modulus
    assert parsed.bits == MODULUS_BITS
    blinded = blind(parsed, MESSAGE).blinded_message
    assert again.sign(blinded) == signer.sign(blinded)


def test_public_keys_outside_the_protocol_are_refused(signer: BlindSigner) -> None:
    good = signer.public.to_spki()
    n = signer.public.modulus
    wrong = [
        _spki(rsa.generate_private_key(65537, 2048).public_key()),
        _spki(rsa.RSAPublicNumbers(3, n).public_key()),
        _spki(ec.generate_private_key(ec.SECP256R1()).public_key()),
        good + b"\0",
        good[:-1],
        b"",
        b"\0" * len(good),
        signer.to_der(),
    ]
    for data in wrong:
        with pytest.raises(EncodingInvalid):
            BlindPublicKey.from_spki(data)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=120))
def test_arbitrary_bytes_are_no_public_key(data: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        BlindPublicKey.from_spki(data)


def test_a_stored_secret_that_is_not_rsa_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    data = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(EncodingInvalid):
        BlindSigner.from_der(data)


def test_a_blinding_factor_may_be_any_from_1_to_n_less_1(signer: BlindSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 and n-1 are their own inverses."""
    n = signer.public.modulus
    for drawn, factor in ((lambda bound: 0, 1), (lambda bound: bound - 1, n - 1)):
        monkeypatch.setattr(blind_rsa.secrets, "randbelow", drawn)
        assert blind(signer.public, MESSAGE).inverse == factor


def test_the_signers_own_mask_is_from_2_to_n_less_1(signer: BlindSigner, monkeypatch: pytest.MonkeyPatch) -> None:
    n = signer.public.modulus
    masks: list[int] = []
    gcd = gmpy2.gcd
    monkeypatch.setattr(gmpy2, "gcd", lambda mask, modulus: masks.append(int(mask)) or gcd(mask, modulus))
    for drawn in (lambda bound: 0, lambda bound: bound - 1):
        monkeypatch.setattr(blind_rsa.secrets, "randbelow", drawn)
        signer.sign((5).to_bytes(MODULUS_BYTES, "big"))
    assert masks == [2, n - 1]
