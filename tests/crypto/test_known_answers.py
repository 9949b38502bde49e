"""Every primitive that Stembus takes from a standard gives the standard's own answers."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from argon2.low_level import Type, core, error_to_str, ffi, lib
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import rsa

from stembus.crypto.blind_rsa import Blinding, BlindPublicKey, blind, finalize, pss_encode, verify
from stembus.crypto.derive import hkdf, scalar_stream
from stembus.crypto.errors import CryptoError, EncodingInvalid, SignatureInvalid
from stembus.crypto.group import GENERATOR, IDENTITY, ORDER, Point, generator_times, scalar_from_bytes, scalar_to_bytes
from stembus.crypto.signing import (
    SchnorrKey,
    SigningKey,
    check_ed25519_key,
    check_schnorr_key,
    verify_ed25519,
    verify_schnorr,
)

VECTORS = Path(__file__).parent.parent / "vectors"


# RFC 9474, appendix A.3 (RSABSSA-SHA384-PSS-Deterministic). The RFC's key has 4096 bit.


@pytest.fixture(scope="module")
def rfc9474() -> dict[str, str]:
    vector: dict[str, str] = json.loads((VECTORS / "rfc9474.json").read_text())
    return vector


def _blind_key(vector: dict[str, str]) -> BlindPublicKey:
    n, e = int(vector["n"], 16), int(vector["e"], 16)
    return BlindPublicKey(rsa.RSAPublicNumbers(e, n).public_key(), n, bits=4096)


def _blinding(vector: dict[str, str]) -> Blinding:
    factor = pow(int(vector["inv"], 16), -1, int(vector["n"], 16))
    message, salt = bytes.fromhex(vector["msg"]), bytes.fromhex(vector["salt"])
    return blind(_blind_key(vector), message, salt=salt, factor=factor)


def test_blinding_gives_the_message_of_rfc_9474(rfc9474: dict[str, str]) -> None:
    message, salt = bytes.fromhex(rfc9474["msg"]), bytes.fromhex(rfc9474["salt"])
    assert pss_encode(message, 4095, salt).hex() == rfc9474["encoded_msg"]
    blinding = _blinding(rfc9474)
    assert blinding.blinded_message.hex() == rfc9474["blinded_msg"]
    assert blinding.inverse == int(rfc9474["inv"], 16)


def test_the_signer_of_rfc_9474_and_unblinding_give_its_signature(rfc9474: dict[str, str]) -> None:
    key, blinding, message = _blind_key(rfc9474), _blinding(rfc9474), bytes.fromhex(rfc9474["msg"])
    blinded = int.from_bytes(blinding.blinded_message, "big")
    answer = pow(blinded, int(rfc9474["d"], 16), key.modulus).to_bytes(512, "big")
    assert answer.hex() == rfc9474["blind_sig"]
    signature = finalize(key, message, answer, blinding)
    assert signature.hex() == rfc9474["sig"]
    verify(key, message, signature)


def test_an_altered_signature_or_message_of_rfc_9474_is_refused(rfc9474: dict[str, str]) -> None:
    key, message, signature = _blind_key(rfc9474), bytes.fromhex(rfc9474["msg"]), bytes.fromhex(rfc9474["sig"])
    for position in (0, 255, 511):
        altered = bytearray(signature)
        altered[position] ^= 1
        with pytest.raises(SignatureInvalid):
            verify(key, message, bytes(altered))
    for other in (message + b"\0", message[:-1], b""):
        with pytest.raises(SignatureInvalid):
            verify(key, other, signature)


def test_a_wrong_answer_of_the_signer_is_never_unblinded(rfc9474: dict[str, str]) -> None:
    key, blinding, message = _blind_key(rfc9474), _blinding(rfc9474), bytes.fromhex(rfc9474["msg"])
    answer = bytes.fromhex(rfc9474["blind_sig"])
    above = (int.from_bytes(answer, "big") + key.modulus).to_bytes(513, "big")
    for wrong in (bytes(512), answer[:-1] + bytes([answer[-1] ^ 1]), answer[1:], above, b"\xff" * 512):
        with pytest.raises(SignatureInvalid):
            finalize(key, message, wrong, blinding)


# BIP340, test-vectors.csv of bitcoin/bips, cases 0 to 14 (those with a message of 32 bytes).


def _bip340() -> list[dict[str, str]]:
    with (VECTORS / "bip340.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("vector", _bip340(), ids=lambda vector: vector["index"])
def test_schnorr_verification_agrees_with_bip340(vector: dict[str, str]) -> None:
    key, message, signature = (bytes.fromhex(vector[name]) for name in ("public key", "message", "signature"))
    if vector["verification result"] == "TRUE":
        verify_schnorr(key, message, signature)
        return
    with pytest.raises((SignatureInvalid, EncodingInvalid)):
        verify_schnorr(key, message, signature)


@pytest.mark.parametrize("vector", [v for v in _bip340() if v["secret key"]], ids=lambda vector: vector["index"])
def test_schnorr_signing_agrees_with_bip340(vector: dict[str, str]) -> None:
    secret, message, aux = (bytes.fromhex(vector[name]) for name in ("secret key", "message", "aux_rand"))
    key = SchnorrKey(secret)
    assert key.public.hex().upper() == vector["public key"]
    assert PrivateKey(secret).sign_schnorr(message, aux).hex().upper() == vector["signature"]
    verify_schnorr(key.public, message, key.sign(message))


@pytest.mark.parametrize("index", [5, 14])
def test_a_schnorr_key_that_is_no_point_is_refused_by_itself(index: int) -> None:
    with pytest.raises(EncodingInvalid):
        check_schnorr_key(bytes.fromhex(_bip340()[index]["public key"]))


@pytest.mark.parametrize("secret", [bytes(32), scalar_to_bytes(ORDER), b"\xff" * 32, b"\1" * 31, b"\1" * 33, b""])
def test_a_schnorr_secret_outside_the_scalars_is_refused(secret: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        SchnorrKey(secret)


def test_schnorr_signatures_and_keys_of_another_length_are_refused() -> None:
    key = SchnorrKey(scalar_to_bytes(3))
    digest = bytes(32)
    signature = key.sign(digest)
    for wrong in (signature[:-1], signature + b"\0", b""):
        with pytest.raises(SignatureInvalid):
            verify_schnorr(key.public, digest, wrong)
    for public in (key.public[:-1], b"\2" + key.public, b""):
        with pytest.raises(EncodingInvalid):
            verify_schnorr(public, digest, signature)


# SEC 1, section 2.3.3, with the generator of SEC 2, section 2.4.1, and its published small multiples.

MULTIPLES = {
    1: "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    2: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    3: "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    4: "02e493dbf1c10d80f3581e4904930b1404cc6c13900ee0758474fa94abe8c4cd13",
    5: "022f8bde4d1a07209355b4a7250a5c5128e88b84bddc619ab7cba8d569b240efe4",
    6: "03fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a1460297556",
    7: "025cbdf0646e5db4eaa398f365f2ea7a0e3d419b7e0330e39ce92bddedcac4f9bc",
    ORDER - 1: "0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ORDER - 2: "03c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
}


@pytest.mark.parametrize(("scalar", "encoded"), MULTIPLES.items(), ids=lambda item: str(item)[:8])
def test_multiples_of_the_generator_have_their_known_encodings(scalar: int, encoded: str) -> None:
    assert generator_times(scalar).to_bytes().hex() == encoded
    assert (GENERATOR * scalar).to_bytes().hex() == encoded
    assert Point.from_bytes(bytes.fromhex(encoded)) == generator_times(scalar)


_X = bytes.fromhex(MULTIPLES[1])[1:]
_Y = bytes.fromhex("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
_OFF_CURVE = bytes.fromhex("eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34")
_FIELD = 2**256 - 2**32 - 977


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        bytes(33),
        b"\2" + bytes(32),
        b"\2" + _OFF_CURVE,
        b"\3" + _OFF_CURVE,
        b"\2" + _FIELD.to_bytes(32, "big"),
        b"\2" + (_FIELD + 1).to_bytes(32, "big"),
        b"\2" + b"\xff" * 32,
        b"\4" + _X,
        b"\4" + _X + _Y,
        b"\6" + _X + _Y,
        b"\7" + _X + _Y,
        b"\5" + _X,
        b"\2" + _X[:-1],
        b"\2" + _X + b"\0",
        _X,
    ],
    ids=lambda data: f"{len(data)}-{data[:3].hex()}",
)
def test_bytes_that_are_no_compressed_point_are_refused(data: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        Point.from_bytes(data)


def test_the_identity_has_no_encoding() -> None:
    assert generator_times(ORDER) == IDENTITY
    with pytest.raises(EncodingInvalid):
        IDENTITY.to_bytes()


def test_scalars_are_32_bytes_below_the_order() -> None:
    for scalar in (0, 1, ORDER - 1):
        assert scalar_from_bytes(scalar_to_bytes(scalar)) == scalar
    for data in (scalar_to_bytes(ORDER), b"\xff" * 32, bytes(31), bytes(33), b""):
        with pytest.raises(EncodingInvalid):
            scalar_from_bytes(data)


# RFC 5869, appendix A.1 to A.3 (HKDF-SHA256).


@pytest.mark.parametrize(
    ("secret", "salt", "info", "output"),
    [
        (
            b"\x0b" * 22,
            bytes(range(13)),
            bytes(range(0xF0, 0xFA)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x50)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            b"\x0b" * 22,
            b"",
            b"",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
    ids=["A.1", "A.2", "A.3"],
)
def test_hkdf_agrees_with_rfc_5869(secret: bytes, salt: bytes, info: bytes, output: str) -> None:
    assert hkdf(secret, salt, info, len(output) // 2).hex() == output


def test_a_scalar_stream_is_hkdf_with_a_counted_label() -> None:
    seed, salt, info = b"seed", b"salt", b"info"
    next_scalar = scalar_stream(seed, salt, info)
    for counter in range(5):
        wide = hkdf(seed, salt, info + counter.to_bytes(4, "big"), 48)
        assert next_scalar() == int.from_bytes(wide, "big") % ORDER


# RFC 9106, section 5.3 (Argon2id), through the library that hashes second factors.


def test_argon2id_agrees_with_rfc_9106() -> None:
    output = ffi.new("uint8_t[]", 32)
    inputs = [ffi.new("uint8_t[]", data) for data in (b"\1" * 32, b"\2" * 16, b"\3" * 8, b"\4" * 12)]
    password, salt, secret, extra = inputs
    context = ffi.new(
        "argon2_context *",
        {
            "out": output, "outlen": 32, "version": 0x13, "t_cost": 3, "m_cost": 32, "lanes": 4, "threads": 4,
            "pwd": password, "pwdlen": 32, "salt": salt, "saltlen": 16, "secret": secret, "secretlen": 8,
            "ad": extra, "adlen": 12, "allocate_cbk": ffi.NULL, "free_cbk": ffi.NULL,
            "flags": lib.ARGON2_DEFAULT_FLAGS,
        },
    )  # fmt: skip
    status = core(context, Type.ID.value)
    assert status == lib.ARGON2_OK, error_to_str(status)
    expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert bytes(ffi.buffer(output, 32)).hex() == expected


# RFC 8032, section 7.1 (Ed25519), tests 1 to 3.

ED25519 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), ED25519, ids=["1", "2", "3"])
def test_ed25519_agrees_with_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(bytes.fromhex(seed))
    assert key.public.hex() == public
    assert key.seed.hex() == seed
    assert key.sign(bytes.fromhex(message)).hex() == signature
    check_ed25519_key(key.public)
    verify_ed25519(key.public, bytes.fromhex(message), bytes.fromhex(signature))
    for position in (0, 31, 32, 63):
        altered = bytearray.fromhex(signature)
        altered[position] ^= 1
        with pytest.raises(SignatureInvalid):
            verify_ed25519(key.public, bytes.fromhex(message), bytes(altered))
    with pytest.raises(SignatureInvalid):
        verify_ed25519(key.public, bytes.fromhex(message) + b"\0", bytes.fromhex(signature))


# The encodings of the eight points of small order, canonical or not, with either sign bit: Chalkias, Garillot,
# Nikolaenko, "Taming the many EdDSAs", 2020, table 1; they are recomputed below from the curve equation.
_ED_FIELD = 2**255 - 19
SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def _order_of(y: int) -> int:
    """The order of a point of edwards25519 with this y-coordinate, by doubling (x*x suffices)."""
    d = -121665 * pow(121666, -1, _ED_FIELD) % _ED_FIELD
    order = 1
    while y != 1:
        assert order <= 8
        x_square = (y * y - 1) * pow(d * y * y + 1, -1, _ED_FIELD) % _ED_FIELD
        y = (y * y + x_square) * pow(1 - d * x_square * y * y, -1, _ED_FIELD) % _ED_FIELD
        order *= 2
    return order


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_an_ed25519_key_of_small_order_is_refused(encoded: str, sign: int) -> None:
    key = bytearray.fromhex(encoded)
    assert _order_of(int.from_bytes(key, "little") % _ED_FIELD) in (1, 2, 4, 8)
    key[31] |= sign
    with pytest.raises(EncodingInvalid):
        check_ed25519_key(bytes(key))


@pytest.mark.parametrize("excess", range(19))
def test_an_ed25519_key_in_a_non_canonical_form_is_refused(excess: int) -> None:
    with pytest.raises(EncodingInvalid):
        check_ed25519_key((_ED_FIELD + excess).to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_an_ed25519_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(EncodingInvalid):
        check_ed25519_key(b"\x58" * length)
    with pytest.raises(SignatureInvalid):
        verify_ed25519(b"\x58" * length, b"", bytes(64))


def test_ed25519_signatures_of_another_length_are_refused() -> None:
    key = SigningKey(hashlib.sha256(b"a key").digest())
    signature = key.sign(b"message")
    for wrong in (signature[:-1], signature + b"\0", b""):
        with pytest.raises(CryptoError):
            verify_ed25519(key.public, b"message", wrong)
