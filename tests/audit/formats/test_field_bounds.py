"""Each kind of field takes exactly what docs/protocol.md (3.5, 4) says: the last value on each side, and no more."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stembus.audit.formats import canonical, entry_bodies, manifest
from stembus.crypto.group import ORDER


def takes(kind: Any, value: object) -> bool:
    try:
        msgspec.convert(value, type=kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def field(record: type[msgspec.Struct], name: str) -> Any:
    return next(item.type for item in msgspec.structs.fields(record) if item.name == name)


WHOLE: list[tuple[str, Any, int, int]] = [
    ("count", canonical.Count, 0, 2**53 - 1),
    ("index", canonical.Index, 1, 2**31 - 1),
    ("attempt", entry_bodies.Attempt, 1, 1000),
    ("max_choices", field(manifest.Question, "max_choices"), 1, 256),
    ("minimum_age", field(manifest.Eligibility, "minimum_age"), 0, 150),
    ("official_count", field(manifest.Eligibility, "official_count"), 1, 11_000_000),
    ("minimum_margin_permille", field(manifest.Rules, "minimum_margin_permille"), 0, 1000),
    ("privacy_floor.online", field(manifest.PrivacyFloor, "online"), 1, 10_000),
    ("privacy_floor.paper", field(manifest.PrivacyFloor, "paper"), 1, 10_000),
    ("minimum_seconds", field(manifest.Batching, "minimum_seconds"), 0, 86_400),
    ("minimum_tokens", field(manifest.Batching, "minimum_tokens"), 0, 100_000),
    ("quiet_seconds", field(manifest.Batching, "quiet_seconds"), 0, 86_400),
    ("healing_seconds", field(manifest.Batching, "healing_seconds"), 0, 86_400),
    ("memory_kib", field(manifest.SecondFactor, "memory_kib"), 8, 4_194_304),
    ("passes", field(manifest.SecondFactor, "passes"), 1, 64),
    ("threshold", field(manifest.Trustees, "threshold"), 1, 32),
    ("quorum", field(manifest.Witnesses, "quorum"), 1, 64),
    ("grace_seconds", field(manifest.Manifest, "grace_seconds"), 0, 3600),
    ("max_casts", field(manifest.Manifest, "max_casts"), 1, 1000),
]


@pytest.mark.parametrize(("kind", "least", "most"), [item[1:] for item in WHOLE], ids=[item[0] for item in WHOLE])
def test_a_number_is_within_its_bounds(kind: Any, least: int, most: int) -> None:
    assert [takes(kind, value) for value in (least - 1, least, most, most + 1)] == [False, True, True, False]
    for other in (str(least), float(least), True, None):
        assert not takes(kind, other)


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (canonical.Hash, "0123456789abcdef" * 4),
        (canonical.Key, "0123456789abcdef" * 4),
        (canonical.Scalar, "0123456789abcdef" * 4),
        (canonical.PointHex, "02" + "0123456789abcdef" * 4),
        (canonical.PointHex, "03" + "0123456789abcdef" * 4),
        (canonical.SignatureHex, "0123456789abcdef" * 8),
        (canonical.SealedShareHex, "0123456789abcdef" * 10),
    ],
)
def test_bytes_are_lower_case_hexadecimal_of_one_length(kind: Any, good: str) -> None:
    assert takes(kind, good)
    bad = [good[:-1], good[:-2], good + "0", good + "00", good.upper(), good[:-1] + "g", good + "\n", "\n" + good, ""]
    assert [value for value in bad if takes(kind, value)] == []


@pytest.mark.parametrize("sign", ["00", "01", "04", "05", "12", "22"])
def test_a_point_begins_with_02_or_03(sign: str) -> None:
    assert not takes(canonical.PointHex, sign + "0123456789abcdef" * 4)


@pytest.mark.parametrize(
    ("scalar", "good"),
    [(0, True), (1, True), (ORDER - 1, True), (ORDER, False), (ORDER + 1, False), (2**256 - 1, False)],
)
def test_a_scalar_is_below_the_order_of_the_group(scalar: int, good: bool) -> None:
    assert takes(canonical.Scalar, f"{scalar:064x}") == good


@pytest.mark.parametrize("place", range(64))
def test_a_scalar_is_compared_with_the_order_at_every_digit(place: int) -> None:
    digits = f"{ORDER:064x}"
    digit = int(digits[place], 16)
    if digit:
        assert takes(canonical.Scalar, digits[:place] + f"{digit - 1:x}" + "f" * (63 - place))
        assert takes(canonical.Scalar, digits[:place] + "0" * (64 - place))
    if digit < 15:
        assert not takes(canonical.Scalar, digits[:place] + f"{digit + 1:x}" + "0" * (63 - place))


def test_a_blind_key_is_1_to_1024_bytes() -> None:
    for size, good in ((0, False), (1, True), (1024, True), (1025, False)):
        assert takes(canonical.SpkiHex, "a0" * size) == good
    assert not takes(canonical.SpkiHex, "a0b")


@pytest.mark.parametrize(
    ("key", "good"),
    [
        (2, True),
        (2**255 - 21, True),
        (0, False),
        (1, False),
        (1 + 2**248, True),
        (2**248, True),
        (2**255 - 20, False),
        (2**255 - 19, False),
        (2**255 - 18, False),
        (2**255 - 1, False),
        (2**255, False),
        (2**255 + 2, False),
        (325606250916557431795983626356110631294008115727848805560023387167927233504, False),
        (39382357235489614581723060781553021112529911719440698176882885853963445705823, False),
    ],
)
def test_a_receiving_key_is_below_the_field_and_of_large_order(key: int, good: bool) -> None:
    """Little-endian; the last two are the points of order 8 on Curve25519."""
    assert takes(canonical.ReceivingKey, key.to_bytes(32, "little").hex()) == good
