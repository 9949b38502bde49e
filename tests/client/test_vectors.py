"""The client reproduces the published test vectors, and reads what people type as the services do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stembus.audit.formats.canonical import encode
from stembus.ballot.eligibility.letter_code import parse_code, record_name
from stembus.ballot.eligibility.second_factor_form import normalise_factor
from stembus.ballot.errors import RequestInvalid
from stembus.crypto.signing import SigningKey
from tests.audit.formats.test_records import FORGIVEN
from tests.client.conftest import Client, Refused

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "ballots.json").read_text())
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("vector", VECTORS["transcripts"], ids=lambda vector: vector["tag"])
def test_a_transcript_is_hashed_as_in_the_vectors(client: Client, vector: dict[str, Any]) -> None:
    answer = client.ask("transcript", tag=vector["tag"], fields=vector["fields"])
    assert answer == {"digest": vector["digest"], "scalar": vector["scalar"]}


@pytest.mark.parametrize("vector", VECTORS["codes"], ids=lambda vector: vector["printed"])
def test_a_code_gives_the_credential_of_the_vectors(client: Client, vector: dict[str, Any]) -> None:
    for typed in (vector["printed"], vector["printed"].lower().replace("-", " "), vector["symbols"] + vector["check"]):
        answer = client.ask("code", typed=typed, referendum=vector["referendum"])
        assert answer["symbols"] == vector["symbols"]
        assert answer["printed"] == vector["printed"]
        assert answer["secret"] == vector["credential_secret"]
        assert answer["credential"] == vector["credential"]
        assert answer["record"] == record_name(vector["symbols"], bytes.fromhex(vector["referendum"]))
        assert vector["credential"] not in answer["record"]


def test_letters_that_look_like_digits_are_read_as_digits(client: Client) -> None:
    typed = "o123-4567-89ab-cdef-ghjk-xyc7"
    assert client.ask("code", typed=typed, referendum=bytes(32))["symbols"] == "0123456789ABCDEFGHJK"
    for other in ("0i23", "0l23", "OI23", "OL23"):
        answer = client.ask("code", typed=other + typed[4:], referendum=bytes(32))
        assert answer["symbols"] == "0123456789ABCDEFGHJK"


@pytest.mark.parametrize("between", FORGIVEN)
def test_what_is_no_letter_or_digit_is_forgiven_in_a_code(client: Client, between: str) -> None:
    typed = between + between.join(["0123", "4567", "89AB", "CDEF", "GHJK", "XYC7"]) + between
    assert parse_code(typed) == "0123456789ABCDEFGHJK"
    assert client.ask("code", typed=typed, referendum=bytes(32))["symbols"] == "0123456789ABCDEFGHJK"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "code-length"),
        ("\u2013\u2013", "code-length"),
        ("0123-4567-89AB-CDEF-GHJK-XY\uff23\uff17", "code-symbol"),
        ("0123-4567-89AB-CDEF-GHJK-XYC", "code-length"),
        ("0123-4567-89AB-CDEF-GHJK-XYC77", "code-length"),
        ("0123-4567-89AB-CDEF-GHJK-XYCU", "code-symbol"),
        ("0123-4567-89AB-CDEF-GHJK-XYC8", "code-typing"),
        ("1023-4567-89AB-CDEF-GHJK-XYC7", "code-typing"),
    ],
)
def test_a_mistyped_code_is_named_by_its_mistake(client: Client, typed: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        client.ask("code", typed=typed, referendum=bytes(32))
    assert refusal.value.code == code


def test_a_letters_address_carries_code_and_referendum(client: Client) -> None:
    identity = bytes(range(32)).hex()
    bare = {"code": "0123-4567", "referendum": None}
    assert client.ask("fragment", fragment="#0123-4567") == bare
    assert client.ask("fragment", fragment=f"#code=0123-4567&id={identity}") == {**bare, "referendum": identity}
    assert client.ask("fragment", fragment="#code=0123-4567&id=xyz") == bare
    assert client.ask("fragment", fragment="") == {"code": None, "referendum": None}


@pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda vector: vector["token_key"][:8])
def test_a_token_is_bound_as_in_the_vectors(client: Client, vector: dict[str, Any]) -> None:
    answer = client.ask(
        "token",
        joint_key=VECTORS["ballots"][0]["joint_key"],
        questions=[{"options": 2, "most": 1, "costs": [], "budget": 0}],
        **vector,
    )
    assert answer == {"message": vector["token_message"], "commitment": vector["token_commitment"]}


@pytest.mark.parametrize("vector", VECTORS["ballots"], ids=lambda vector: str(vector["choice"]))
def test_a_body_is_built_byte_for_byte_as_in_the_vectors(client: Client, vector: dict[str, Any]) -> None:
    answer = client.ask("body", **vector)
    assert answer["body"] == vector["body"]
    assert answer["challenges"] == vector["challenges"]
    assert answer["ballot_id"] == answer["rebuilt"] == vector["ballot_id"]


@pytest.mark.parametrize("choice", [[], [[0], [0]], [[2]], [[0, 1]], [[0, 0]], [[-1]], [[0.5]]])
def test_a_choice_that_the_questions_do_not_allow_is_refused(client: Client, choice: list[list[float]]) -> None:
    with pytest.raises(Refused) as refusal:
        client.ask("body", **{**VECTORS["ballots"][0], "choice": choice})
    assert refusal.value.code == "choice-invalid"


BIRTH_DATES = [
    "1980-12-31", " 31/12/1980 ", "31.12.1980", "1-2-1980", "29/2/2000", "29/2/1900", "30/2/2000", "31/4/1980",
    "1980-2-1", "0000-01-01", "0001-01-01", "12/31/1980", "31/12/80", "", "31 12 1980", "1980-12-31T00:00", "0/1/1980",
    "00/00/1968", "0/0/1968", "00/05/1972", "12/00/1972", "1968-00-00", "1968-00-12", "00001968", "00/13/1972", "1968",
    "2000-00-00", "00/02/2000", "05/1972",
]  # fmt: skip
NUMBERS = ["80.12.31-123.45", "80123112345", " 80 12 31 123 45 ", "8012311234", "801231123456", "8012311234a", ""]


@pytest.mark.parametrize(
    ("kind", "typed"), [("birth-date", t) for t in BIRTH_DATES] + [("national-number", t) for t in NUMBERS]
)
def test_a_second_factor_is_normalised_as_by_the_registrars(client: Client, kind: str, typed: str) -> None:
    try:
        expected = normalise_factor(kind, typed)
    except RequestInvalid:
        with pytest.raises(Refused) as refusal:
            client.ask("factor", kind=kind, typed=typed)
        no_day = typed in (
            "29/2/1900", "30/2/2000", "31/4/1980", "0000-01-01", "12/31/1980", "12/00/1972", "1968-00-12", "00/13/1972",
        )  # fmt: skip
        assert refusal.value.code == ("factor-day" if no_day else "factor-format")
    else:
        assert typed != "0/1/1980" or expected == "1980-01-00"
        assert client.ask("factor", kind=kind, typed=typed) == expected


def test_all_characters_are_escaped_in_json_as_the_log_escapes_them(client: Client) -> None:
    points = [*range(0x300), 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0xFFFF, 0x1F5F3, 0x10FFFF]
    data = encode({"text": "".join(map(chr, points)), "list": [0, -1, 2**53 - 1, None, True, False, {}]})
    assert client.ask("canonical", data=data) == data.hex()


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}', b'{"b":1,"a":1}', b'{"a":1,"a":1}', b'{"a":1.0}', b'{"a":1.5}', b'{"a":-0}', b'{"a":1e3}',
        b'{"a":9007199254740992}', b'"\\u0041"', b'"\\ud800"', b'"\\/"', b"\xef\xbb\xbf{}", b"{}\n", b"", b'"\xff"',
        b"[" * 100_000, b"NaN",
    ],
    ids=lambda data: repr(data[:24]),
)  # fmt: skip
def test_json_in_any_other_encoding_is_refused(client: Client, data: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        client.ask("canonical", data=data)
    assert refusal.value.code == "encoding"


def test_an_ed25519_signature_is_accepted_in_its_one_form_only(client: Client) -> None:
    key = SigningKey(bytes(range(32)))
    signature = key.sign(b"message")
    arguments = {"key": key.public, "message": b"message"}
    assert client.ask("ed25519", signature=signature, **arguments) is True
    assert client.ask("ed25519", signature=signature, key=key.public, message=b"other") is False
    larger = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    assert client.ask("ed25519", signature=signature[:32] + larger.to_bytes(32, "little"), **arguments) is False
    assert client.ask("ed25519", signature=signature[:-1], **arguments) is False
