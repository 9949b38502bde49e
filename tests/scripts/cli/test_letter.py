"""What the owner of a letter is told: whether somebody voted with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stembus.audit.formats.entry_bodies import Cancel
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.conftest import Finished


def asked(rehearsal: Rehearsal, code: str, referendum: str = "") -> Result:
    identity = referendum or rehearsal.office.referendum.hex()
    command = ["letter", str(rehearsal.office.public), "--referendum", identity]
    return CliRunner().invoke(main, command, input=f"{code}\n")


@pytest.fixture
def rehearsal(opened: Finished, tmp_path: Path) -> Rehearsal:
    copy = opened.rehearsal(tmp_path / "copy")
    copy.clock.move_to(copy.office.manifest.opens_at + 60)
    copy.cast(copy.token(*opened.letters[0]), [[1]])
    copy.token(*opened.letters[1])
    return copy


def test_each_letter_is_told_its_own(rehearsal: Rehearsal, opened: Finished) -> None:
    early = asked(rehearsal, opened.letters[0][0])
    assert (early.exit_code, "voting is not closed yet" in early.output) == (4, True)
    rehearsal.close()
    for number, words in enumerate(
        (
            "the device said that it voted with it",
            "no device said that it voted with it",
            "no registrar lists a token for this letter: as far as they tell, nobody voted online with it",
        )
    ):
        told = asked(rehearsal, opened.letters[number][0])
        assert told.exit_code == 0, told.output
        assert words in told.stdout
        assert ("call the help desk" in told.output) == (number < 2)


def test_a_code_that_cannot_be_meant_is_named(rehearsal: Rehearsal, opened: Finished) -> None:
    code = opened.letters[0][0]
    wrong = asked(rehearsal, code[:-1] + ("0" if code[-1] != "0" else "1"))
    assert wrong.exit_code == 1
    assert "Traceback" not in wrong.output
    assert "stembus: error:" in wrong.output
    short = asked(rehearsal, "ABCD")
    assert (short.exit_code, "stembus: error:" in short.output) == (1, True)


def test_a_code_of_another_referendum_is_named(rehearsal: Rehearsal, opened_projects: Finished) -> None:
    told = asked(rehearsal, opened_projects.letters[0][0])
    assert told.exit_code == 1
    assert "of no letter of this referendum" in told.output


def test_a_cancelled_referendum_has_no_lists(rehearsal: Rehearsal, opened: Finished) -> None:
    office = rehearsal.office
    texts = dict.fromkeys(office.manifest.languages, "nobody came")
    office.log().append([office.officers_sign(Cancel(text=texts))])
    told = asked(rehearsal, opened.letters[0][0])
    assert (told.exit_code, "was cancelled" in told.output) == (6, True)
