"""What the published lists say of one letter, and that nothing else than the verified lists is believed."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from stembus.audit.errors import CannotRead
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.letter_fate import Kind, LetterFate, fate_of_letter
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.crypto.signing import SchnorrKey
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.conftest import Finished


def fate(rehearsal: Rehearsal, code: str) -> LetterFate:
    office = rehearsal.office
    place = FolderPlace(office.public)
    return fate_of_letter(
        verify(place, office.referendum).demand_log(), place, credential_key(parse_code(code), office.referendum).public
    )


@pytest.fixture
def used(opened: Finished, tmp_path: Path) -> tuple[Rehearsal, list[tuple[str, str]]]:
    """The first letter voted; the second one has a token and no ballot; the third is struck; the fourth rests."""
    rehearsal = opened.rehearsal(tmp_path / "copy")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    rehearsal.cast(rehearsal.token(*opened.letters[0]), [[1]])
    rehearsal.token(*opened.letters[1])
    office = rehearsal.office
    third = credential_key(parse_code(opened.letters[2][0]), office.referendum).public
    rows = (office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    office.strike(next(row.split(",")[0] for row in rows if row.endswith(third.hex())))
    return rehearsal, opened.letters


def test_before_the_close_the_lists_say_nothing(used: tuple[Rehearsal, list[tuple[str, str]]]) -> None:
    rehearsal, letters = used
    assert fate(rehearsal, letters[0][0]) == LetterFate(Kind.LETTER, closed=False)


def test_after_the_close_each_letter_has_its_fate(used: tuple[Rehearsal, list[tuple[str, str]]]) -> None:
    rehearsal, letters = used
    rehearsal.close()
    assert [fate(rehearsal, code) for code, _ in letters[:4]] == [
        LetterFate(Kind.LETTER, True, False, (1,), (1,), ()),
        LetterFate(Kind.LETTER, True, False, (1,), (), ()),
        LetterFate(Kind.LETTER, True, False, (), (), (1,)),
        LetterFate(Kind.LETTER, True, False, (), (), ()),
    ]


def test_a_code_of_another_referendum_is_no_letter(used: tuple[Rehearsal, list[tuple[str, str]]]) -> None:
    rehearsal, _ = used
    place = FolderPlace(rehearsal.office.public)
    log = verify(place, rehearsal.office.referendum).demand_log()
    stranger = SchnorrKey(secrets.token_bytes(32)).public
    assert fate_of_letter(log, place, stranger).kind is Kind.STRANGER
    spare = bytes.fromhex((rehearsal.office.public / "spares").read_text().split()[0])
    assert fate_of_letter(log, place, spare).kind is Kind.SPARE


@pytest.mark.parametrize("name", ["issuance/1", "struck/1", "credentials", "spares"])
def test_a_list_that_changed_after_the_verification_says_nothing(
    used: tuple[Rehearsal, list[tuple[str, str]]], name: str
) -> None:
    rehearsal, letters = used
    rehearsal.close()
    office = rehearsal.office
    place = FolderPlace(office.public)
    log = verify(place, office.referendum).demand_log()
    wanted = (
        secrets.token_bytes(32)
        if name == "spares"
        else credential_key(parse_code(letters[3][0]), office.referendum).public
    )
    path = office.public / name
    kept = path.read_bytes()
    for changed in (b"", kept[:-1], kept + b"0" * 64 + b"\n"):
        if changed == kept:
            continue
        path.write_bytes(changed)
        with pytest.raises(CannotRead, match=name):
            fate_of_letter(log, place, wanted)
    path.unlink()
    with pytest.raises(CannotRead, match=name):
        fate_of_letter(log, place, wanted)
