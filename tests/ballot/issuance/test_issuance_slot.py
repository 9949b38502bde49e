"""The bytes of an issuance record: each has one meaning, and damage is seen."""

from __future__ import annotations

import itertools

import pytest

from stembus.ballot.errors import IssuanceRecordUnusable, LetterStruck, TokenAlreadyIssued
from stembus.ballot.issuance.issuance_slot import (
    HEADER_SIZE,
    READY,
    SLOT_SIZE,
    STRUCK,
    UNKNOWN,
    Header,
    Slot,
    SlotCode,
    State,
    follow,
    parse_header,
)

ISSUED = Slot.issued(b"h" * 32, b"s" * 64)
REPLACED = Slot.replaced(b"r" * 32)
ALL = [READY, ISSUED, STRUCK, REPLACED, UNKNOWN]
HEADER = Header(referendum=b"R" * 32, registrar=2, count=129, roll=b"L" * 32)


def test_every_state_is_read_as_it_was_written() -> None:
    code = SlotCode(HEADER)
    raws = [code.encode(7, slot) for slot in ALL]
    assert [code.decode(7, raw) for raw in raws] == ALL
    assert {len(raw) for raw in raws} == {SLOT_SIZE} == {128}
    assert {slot.state for slot in ALL} == set(State)


def test_no_slot_lies_across_two_sectors_or_in_one_with_the_header_or_the_credentials() -> None:
    for count, slots_at in ((0, 4096), (1, 8192), (128, 8192), (129, 12288)):
        header = Header(bytes(32), 1, count, bytes(32))
        assert header.slots_at == slots_at
        assert header.size == slots_at + 128 * count
    assert 512 % SLOT_SIZE == 0


@pytest.mark.parametrize("slot", ALL, ids=lambda slot: slot.state)
def test_every_altered_bit_of_a_slot_is_seen(slot: Slot) -> None:
    code = SlotCode(HEADER)
    raw = code.encode(7, slot)
    for bit in range(8 * SLOT_SIZE):
        altered = bytearray(raw)
        altered[bit // 8] ^= 1 << bit % 8
        assert code.decode(7, bytes(altered)) is None, bit


@pytest.mark.parametrize("slot", [ISSUED, STRUCK, REPLACED], ids=lambda slot: slot.state)
def test_a_write_torn_at_any_byte_leaves_the_old_slot_the_new_one_or_visible_damage(slot: Slot) -> None:
    code = SlotCode(HEADER)
    old, new = code.encode(7, READY), code.encode(7, slot)
    for cut in range(SLOT_SIZE + 1):
        for torn in (new[:cut] + old[cut:], old[:cut] + new[cut:]):
            assert code.decode(7, torn) == {old: READY, new: slot}.get(torn)


def test_a_slot_of_another_number_or_another_record_is_damage() -> None:
    raw = SlotCode(HEADER).encode(7, READY)
    assert SlotCode(HEADER).decode(8, raw) is None
    for other in (
        Header(b"S" * 32, 2, 129, b"L" * 32),
        Header(b"R" * 32, 3, 129, b"L" * 32),
        Header(b"R" * 32, 2, 130, b"L" * 32),
        Header(b"R" * 32, 2, 129, b"M" * 32),
    ):
        assert SlotCode(other).decode(7, raw) is None


def test_zeros_and_wrong_lengths_are_damage() -> None:
    code = SlotCode(HEADER)
    raw = code.encode(7, READY)
    for wrong in (bytes(128), b"\xff" * 128, b"", raw[:-1], raw + b"\0"):
        assert code.decode(7, wrong) is None


@pytest.mark.parametrize("state", [State.READY, State.STRUCK, State.REPLACED, State.UNKNOWN])
def test_a_slot_holds_nothing_that_its_state_does_not_need(state: State) -> None:
    with pytest.raises(ValueError, match="holds no"):
        Slot(state, bytes(32), b"s" * 64)
    if state is not State.REPLACED:
        with pytest.raises(ValueError, match="holds no"):
            Slot(state, b"h" * 32)


def test_a_hash_or_signature_of_another_length_is_no_slot() -> None:
    for digest, signature in ((b"h" * 31, b"s" * 64), (b"h" * 33, b"s" * 64), (b"h" * 32, b"s" * 63)):
        with pytest.raises(ValueError, match="32 bytes"):
            Slot.issued(digest, signature)


def test_only_a_ready_letter_changes() -> None:
    other = Slot.issued(b"i" * 32, b"s" * 64)
    refusals = {State.ISSUED: TokenAlreadyIssued, State.STRUCK: LetterStruck, State.REPLACED: LetterStruck}
    for old, new in itertools.product([READY, ISSUED, STRUCK, REPLACED], [*ALL, other, Slot.replaced(b"q" * 32)]):
        if old == READY or new == old:
            assert follow(old, new) == new
        else:
            with pytest.raises(refusals[old.state]):
                follow(old, new)


def test_a_request_that_was_signed_twice_is_one_request_and_keeps_its_first_signature() -> None:
    assert follow(ISSUED, Slot.issued(ISSUED.digest, b"t" * 64)) == ISSUED


def test_a_header_is_read_as_it_was_written() -> None:
    raw = HEADER.encode()
    assert len(raw) == HEADER_SIZE
    assert parse_header(raw) == HEADER


def test_every_altered_byte_of_a_header_is_seen() -> None:
    raw = HEADER.encode()
    for position in range(HEADER_SIZE):
        altered = bytearray(raw)
        altered[position] ^= 1
        with pytest.raises(IssuanceRecordUnusable):
            parse_header(bytes(altered))


def test_a_header_that_is_short_foreign_or_of_another_version_is_named() -> None:
    raw = HEADER.encode()
    for wrong, words in (
        (b"", "no issuance record"),
        (b"SQLite format 3\0".ljust(HEADER_SIZE, b"\0"), "no issuance record"),
        (raw[:-1], "cut short"),
        (raw[:19] + b"\2" + raw[20:], "version 2"),
    ):
        with pytest.raises(IssuanceRecordUnusable, match=words):
            parse_header(wrong)
