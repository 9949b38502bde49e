"""Strict JSON: one valid encoding for each record.

A record is UTF-8 JSON with sorted keys, no white space, no floats and no unknown fields (RFC 8785 for the
values used here). Parsing decodes into a frozen type, encodes again and compares, so duplicate keys, other
escapes, -0, a byte-order mark or a trailing newline are all refused. Byte strings are lower-case hex, and a
scalar is below the group's order: what cannot be a value of its type is no record. Whether a point lies on the
curve is for those who compute with it.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from stembus.audit.errors import RecordInvalid
from stembus.crypto.group import ORDER, SCALAR_BYTES

T = TypeVar("T")


def _hex_below(limit: int, size: int) -> str:
    """The pattern of `size` bytes in hexadecimal, as a number below `limit`: at some digit it is the smaller one."""
    digits, below = limit.to_bytes(size, "big").hex(), []
    for place, digit in enumerate(digits):
        smaller = "0123456789abcdef"[: int(digit, 16)]
        if smaller:
            below.append(f"{digits[:place]}[{smaller}][0-9a-f]{{{len(digits) - place - 1}}}")
    return rf"\A(?:{'|'.join(below)})\Z"


Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Key = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Scalar = Annotated[str, msgspec.Meta(pattern=_hex_below(ORDER, SCALAR_BYTES))]
PointHex = Annotated[str, msgspec.Meta(pattern=r"\A0[23][0-9a-f]{64}\Z")]
# An X25519 key in its one encoding: little-endian, below 2^255 - 19, and none of the five points of small order, with
# which every secret agrees on the same bytes: 0, 1, -1 and the two of order 8.
_SMALL_ORDER = (
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
)
_AT_THE_FIELD = "(?:e[c-f]|f[0-9a-f])(?:ff){30}7f"
ReceivingKey = Annotated[
    str, msgspec.Meta(pattern=rf"\A(?!{'|'.join(_SMALL_ORDER)}|{_AT_THE_FIELD})[0-9a-f]{{62}}[0-7][0-9a-f]\Z")
]
SignatureHex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]
SealedShareHex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{160}\Z")]
SpkiHex = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9a-f]{2}){1,1024}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Index = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all published records: frozen, and strict about its fields."""


def encode(record: object) -> bytes:
    return msgspec.json.encode(record, order="sorted")


def decode(data: bytes, kind: type[T]) -> T:
    """Parses one record. Raises RecordInvalid for anything but its canonical encoding."""
    try:
        record = msgspec.json.decode(data, type=kind, strict=True)
        same = encode(record) == data
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise RecordInvalid(f"not a valid record: {error}") from None
    if not same:
        raise RecordInvalid("a record that is not in its canonical encoding")
    return record
