"""The commands about letters: a proof, all of them, one again; and codes that go only when all are printed."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from click.testing import CliRunner, Result

from stembus.ballot.office.office import NotReady
from stembus.scripts.cli.letters import demand_own_words
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.webvote.theme import EXAMPLE, load_theme
from tests.ballot.eligibility.test_letter_print import texts
from tests.conftest import Finished

if TYPE_CHECKING:
    from stembus.ballot.office.services import ServedOffice


@pytest.fixture
def office(opened: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rehearsal = opened.rehearsal(tmp_path / "office")
    monkeypatch.setenv("STEMBUS_CLOCK", rehearsal.office.manifest.opens)
    return tmp_path / "office"


def run(*words: object, status: int = 0, typed: str = "") -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], input=typed)
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def made(office: Path) -> int:
    return len((office / "authority" / "codes.csv").read_text().splitlines()) - 1


def test_a_proof_comes_before_all_letters_and_stays(office: Path) -> None:
    """No passphrase is asked: nothing is signed, and nothing is written into the log."""
    proof = run("letters", "proof", office, "--theme", EXAMPLE)
    assert "marked as proofs" in proof.stdout
    told = run("letters", "make", office, "--theme", EXAMPLE, "--workers", 1)
    assert f"{made(office)} letters and" in told.stdout
    assert {path.name for path in (office / "letters").iterdir()} == {"proof.pdf", "print"}
    handed_over = {path.name for path in (office / "letters" / "print").iterdir()}
    assert handed_over == {"letters-0001.pdf", "spares-nl-0001.pdf", "print-list.csv"}
    assert (office / "letters").stat().st_mode & 0o777 == 0o700


def test_workers_make_the_same_letters(office: Path) -> None:
    run("letters", "make", office, "--theme", EXAMPLE, "--workers", 2)
    path = office / "letters" / "print" / "letters-0001.pdf"
    many = path.read_bytes()
    run("letters", "make", office, "--theme", EXAMPLE, "--workers", 1)
    assert path.read_bytes() == many, "else the print house would have other hashes than the list"


def test_one_letter_can_be_made_again(office: Path) -> None:
    number = (office / "authority" / "codes.csv").read_text().splitlines()[3].split(",")[0]
    assert number in run("letters", "one", office, number, "--theme", EXAMPLE).stdout
    assert number in texts((office / "letters" / f"one-{number}.pdf").read_bytes())[0]
    assert "no letter 1" in run("letters", "one", office, "1", "--theme", EXAMPLE, status=1).stderr
    run("letters", "one", office, "spare-00001", "--theme", EXAMPLE)


def test_a_city_changes_the_texts_in_its_own_template(office: Path, tmp_path: Path) -> None:
    template = tmp_path / "letter.typ"
    run("letters", "template", template)
    assert "exists already" in run("letters", "template", template, status=1).stderr
    template.write_text(template.read_text().replace("Zo stem je", "Stemmen doe je zo"))
    run("letters", "proof", office, "--theme", EXAMPLE, "--template", template)
    assert "Stemmen doe je zo" in "".join(texts((office / "letters" / "proof.pdf").read_bytes()))


def test_a_theme_that_says_no_help_line_makes_no_letters(office: Path, tmp_path: Path) -> None:
    bare = tmp_path / "theme"
    bare.mkdir()
    (bare / "theme.toml").write_text('name = "Stad"\n')
    assert "whom to call" in run("letters", "make", office, "--theme", bare, status=1).stderr
    assert "there is no file" in run("letters", "make", office, "--theme", tmp_path / "none", status=1).stderr
    assert not (office / "letters").exists()


def test_codes_go_only_when_as_many_letters_are_confirmed_and_their_files_with_them(office: Path) -> None:
    run("letters", "make", office, "--theme", EXAMPLE, "--workers", 1)
    spares = len((office / "authority" / "spares.csv").read_text().splitlines()) - 1
    number = made(office) + spares
    for wrong in (number - 1, number + 1, 0):
        told = run("credentials", "destroy", office, "--printed", wrong, status=1).stderr
        assert f"nothing was deleted: {wrong} letters and spares is not how many were made" in told
        assert str(number) not in told.replace(str(office), "")
    assert run("credentials", "destroy", office, typed=f"{number}\n").exit_code == 0
    assert not (office / "authority" / "codes.csv").exists()
    assert list((office / "letters").rglob("*.pdf")) == []
    assert "already done" in run("credentials", "destroy", office).stderr
    assert "no letter can be made again" in run("letters", "make", office, "--theme", EXAMPLE, status=1).stderr


def test_codes_of_which_no_letter_was_made_are_not_deleted(office: Path) -> None:
    number = made(office) + len((office / "authority" / "spares.csv").read_text().splitlines()) - 1
    told = run("credentials", "destroy", office, "--printed", number, status=1).stderr
    assert "without codes none ever can be; nothing was deleted" in told
    assert (office / "authority" / "codes.csv").exists()
    run("credentials", "destroy", office, "--printed", number, "--made-elsewhere")
    assert not (office / "authority" / "codes.csv").exists()


def test_letters_that_could_not_be_made_leave_the_earlier_ones(office: Path, tmp_path: Path) -> None:
    run("letters", "make", office, "--theme", EXAMPLE, "--workers", 1)
    folder = office / "letters" / "print"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    template = tmp_path / "letter.typ"
    for wrong in (b"#let = (", b"\xff\xfe", b'#import "@preview/x:1.0.0"', b'#read("authority/codes.csv")'):
        template.write_bytes(wrong)
        run("letters", "make", office, "--theme", EXAMPLE, "--template", template, "--workers", 1, status=1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["print"], "no code lies in what was not finished"


def test_what_is_still_an_example_is_said(office: Path) -> None:
    told = run("letters", "proof", office, "--theme", EXAMPLE).stderr
    assert "still the example's: the address where people vote" in told
    assert "still the example's: the logo, logo.svg" in told


def test_before_the_credentials_there_are_no_letters(office: Path) -> None:
    shutil.rmtree(office / "authority")
    assert "none were made yet" in run("letters", "make", office, "--theme", EXAMPLE, status=1).stderr


def test_a_binding_letter_leads_nobody_to_an_example_and_a_library_may_be_called_library(
    office: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = Rehearsal(office).office.manifest
    own = msgspec.structs.replace(manifest.client, url="https://stem.kortrijk.be")
    city = cast("ServedOffice", SimpleNamespace(manifest=msgspec.structs.replace(manifest, binding=True, client=own)))
    with pytest.raises(NotReady, match="no letter was made"):
        demand_own_words(city, EXAMPLE, load_theme(EXAMPLE))
    assert "the logo, logo.svg" in capsys.readouterr().err
    folder = tmp_path / "theme"
    shutil.copytree(EXAMPLE, folder)
    text = (folder / "theme.toml").read_text()
    for old, new in (("Stad Voorbeeld", "Kortrijk"), ("Ville d'Exemple", "Courtrai"), ("City of Example", "Courtrai"),
                     ("8000 Voorbeeld", "8500 Kortrijk"), ("056 00 00", "056 27 70")):  # fmt: skip
        text = text.replace(old, new)
    (folder / "theme.toml").write_text(text.replace('logo = "logo.svg"', "# none"))
    assert "Bibliotheek" in text
    demand_own_words(city, folder, load_theme(folder))
    assert capsys.readouterr().err == ""
    example = cast("ServedOffice", SimpleNamespace(manifest=msgspec.structs.replace(manifest, binding=True)))
    with pytest.raises(NotReady, match="no letter was made"):
        demand_own_words(example, folder, load_theme(folder))
