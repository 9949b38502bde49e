"""Two different lists of fields are never framed, and so never hashed, alike."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stembus.crypto.group import ORDER
from stembus.crypto.transcript import Transcript, frame

LABELS = st.text(st.characters(min_codepoint=0, max_codepoint=127), max_size=6)
FIELDS = st.lists(st.tuples(LABELS, st.binary(max_size=8)), max_size=5)
# Few different pieces, so that lists often agree when the borders between fields are ignored.
CLOSE = st.lists(
    st.tuples(st.sampled_from(("", "a", "aa", "ab")), st.sampled_from((b"", b"a", b"aa", b"\0"))), max_size=4
)


def _unframe(data: bytes) -> list[tuple[str, bytes]]:
    """Reads framed fields back; that it can is why they never collide."""
    fields = []
    while data:
        length = int.from_bytes(data[:2], "big")
        label, data = data[2 : 2 + length].decode("ascii"), data[2 + length :]
        size = int.from_bytes(data[:4], "big")
        fields.append((label, data[4 : 4 + size]))
        data = data[4 + size :]
    return fields


def _digest(tag: str, fields: list[tuple[str, bytes]]) -> bytes:
    transcript = Transcript(tag)
    for label, value in fields:
        transcript.add(label, value)
    return transcript.digest()


@given(FIELDS)
def test_framed_fields_can_be_read_back(fields: list[tuple[str, bytes]]) -> None:
    assert _unframe(b"".join(frame(label, value) for label, value in fields)) == fields


@given(LABELS, FIELDS, LABELS, FIELDS)
def test_different_fields_or_tags_never_collide(
    tag: str, fields: list[tuple[str, bytes]], other_tag: str, other: list[tuple[str, bytes]]
) -> None:
    assert (_digest(tag, fields) == _digest(other_tag, other)) == ((tag, fields) == (other_tag, other))


@given(CLOSE, CLOSE)
def test_fields_cut_at_other_borders_never_collide(
    fields: list[tuple[str, bytes]], other: list[tuple[str, bytes]]
) -> None:
    assert (_digest("t", fields) == _digest("t", other)) == (fields == other)


def test_a_transcript_is_sha256_over_the_protocol_and_its_fields() -> None:
    transcript = Transcript("tag").add("label", b"value").add_int("number", 258)
    data = b"\0\x0astembus/v1\0\0\0\3tag" + b"\0\5label\0\0\0\5value" + b"\0\6number\0\0\0\x08\0\0\0\0\0\0\1\2"
    assert transcript.digest() == hashlib.sha256(data).digest()
    assert transcript.scalar() == int.from_bytes(transcript.digest(), "big") % ORDER


@given(FIELDS, FIELDS, FIELDS)
def test_a_copy_goes_its_own_way(
    shared: list[tuple[str, bytes]], left: list[tuple[str, bytes]], right: list[tuple[str, bytes]]
) -> None:
    prefix = Transcript("t")
    for label, value in shared:
        prefix.add(label, value)
    for rest in (left, right, left):
        copy = prefix.copy()
        for label, value in rest:
            copy.add(label, value)
        assert copy.digest() == _digest("t", shared + rest)
    assert prefix.digest() == _digest("t", shared)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_beyond_64_bit_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        Transcript("t").add_int("n", number)


def test_a_label_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        Transcript("t").add("é", b"")
