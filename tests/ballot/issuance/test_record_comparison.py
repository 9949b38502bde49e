"""What database and record say of each other, and what is known from another registrar's record."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.ballot.errors import IssuanceUnknown
from stembus.ballot.issuance.issuance_record import create_record
from stembus.ballot.issuance.issuance_slot import READY, STRUCK, UNKNOWN, Slot
from stembus.ballot.issuance.record_comparison import Kind, differences, slots_from_another_registrar

A, B, C = (letter * 32 for letter in (b"a", b"b", b"c"))
ISSUED, OTHER = Slot.issued(b"1" * 32, b"s" * 64), Slot.issued(b"2" * 32, b"s" * 64)
AGAIN = Slot.issued(b"1" * 32, b"t" * 64)
REPLACED = Slot.replaced(C)


@pytest.mark.parametrize(
    ("stored", "recorded", "kind"),
    [
        (READY, READY, None),
        (ISSUED, ISSUED, None),
        (ISSUED, AGAIN, None),
        (STRUCK, STRUCK, None),
        (REPLACED, REPLACED, None),
        (READY, ISSUED, Kind.BEHIND),
        (READY, STRUCK, Kind.BEHIND),
        (READY, REPLACED, Kind.BEHIND),
        (ISSUED, READY, Kind.AHEAD),
        (STRUCK, READY, Kind.AHEAD),
        (REPLACED, READY, Kind.AHEAD),
        (ISSUED, OTHER, Kind.CONFLICT),
        (ISSUED, STRUCK, Kind.CONFLICT),
        (STRUCK, ISSUED, Kind.CONFLICT),
        (REPLACED, Slot.replaced(A), Kind.CONFLICT),
        (READY, UNKNOWN, Kind.UNKNOWN),
        (ISSUED, UNKNOWN, Kind.UNKNOWN),
    ],
)
def test_each_difference_has_its_kind(tmp_path: Path, stored: Slot, recorded: Slot, kind: Kind | None) -> None:
    record = create_record(tmp_path / "record", bytes(32), 1, [C, B, A], {B: recorded})
    found = list(differences([(A, READY), (B, stored)], record))
    assert [(d.kind, d.number, d.credential, d.database, d.record) for d in found] == (
        [(kind, 1, B, stored, recorded)] if kind else []
    )


def test_a_token_of_a_letter_that_the_database_lost_is_a_difference_and_an_unused_spare_is_none(tmp_path: Path) -> None:
    record = create_record(tmp_path / "record", bytes(32), 1, [A, B, C], {C: ISSUED})
    assert [(d.kind, d.credential) for d in differences([(A, READY)], record)] == [(Kind.BEHIND, C)]


def test_who_may_have_had_a_lost_registrars_token_gets_none(tmp_path: Path) -> None:
    other = create_record(tmp_path / "2", bytes(32), 2, [A, B, C], {A: ISSUED, B: STRUCK})
    rebuilt = create_record(tmp_path / "1", bytes(32), 1, [A, B, C], slots_from_another_registrar(other))
    with pytest.raises(IssuanceUnknown):
        rebuilt.write(A, ISSUED)
    assert rebuilt.slot(B) == STRUCK
    rebuilt.write(C, ISSUED)
