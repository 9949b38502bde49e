"""Letters on paper: one sheet for each voter and none for anybody else, each with the code that the log's list has."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp

from stembus.ballot.eligibility import letter_print
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.eligibility.letter_print import (
    PRINT_LIST,
    Letter,
    LettersInvalid,
    Look,
    letter_link,
    print_letters,
    proofs,
    read_letters,
    render,
)
from stembus.ballot.errors import RollInvalid
from stembus.ballot.office.logged_roll import logged_roll
from stembus.scripts.letter_look import letter_look
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.webvote.theme import EXAMPLE, NO_THEME, load_theme
from tests.conftest import Finished

pytestmark = pytest.mark.filterwarnings("ignore:.*pypdfium2.*")


@pytest.fixture
def rehearsal(opened: Finished, tmp_path: Path) -> Rehearsal:
    return opened.rehearsal(tmp_path / "office")


@pytest.fixture
def look(rehearsal: Rehearsal) -> Look:
    return letter_look(rehearsal.office.manifest, rehearsal.office.referendum, load_theme(EXAMPLE), None)


@pytest.fixture
def letters(rehearsal: Rehearsal, look: Look) -> list[Letter]:
    return read_letters(rehearsal.office.folder("authority"), look, *logged_roll(rehearsal.office))


@contextlib.contextmanager
def document(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    opened = pypdfium2.PdfDocument(data)
    try:
        yield opened
    finally:
        opened.close()


def texts(data: bytes) -> list[str]:
    """Of each page, without line ends."""
    with document(data) as opened:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in opened]


def scanned(data: bytes, page: int) -> str:
    """What a telephone reads on a page."""
    with document(data) as opened:
        bitmap = opened[page].render(scale=3, grayscale=True)
        pixels = memoryview(bytes(bitmap.buffer)).cast("B", [bitmap.height, bitmap.stride])
        [found] = zxingcpp.read_barcodes(pixels)
    return str(found.text)


def some(letters: list[Letter]) -> list[Letter]:
    """Three people and a spare letter."""
    return [*letters[:3], letters[-1]]


def test_each_voter_has_a_sheet_with_the_own_name_and_code(letters: list[Letter], look: Look) -> None:
    chosen = some(letters)
    data = render(look, chosen)
    pages = texts(data)
    assert len(pages) == 2 * len(chosen)
    for number, letter in enumerate(chosen):
        front = pages[2 * number]
        assert all(line in front for line in (*letter.address, letter.number))
        assert letter.code.replace("-", "") in front.replace(" ", "")
        others = [other.code for other in chosen if other is not letter]
        assert not any(code.replace("-", "") in front.replace(" ", "") for code in others)
        assert scanned(data, 2 * number) == letter_link(look, letter)


def test_the_code_of_each_letter_opens_a_key_of_the_logs_list(
    rehearsal: Rehearsal, letters: list[Letter], look: Look
) -> None:
    credentials, spares = logged_roll(rehearsal.office)
    keys = [credential_key(parse_code(letter.code), look.referendum).public for letter in letters]
    assert sorted(keys) == sorted([*credentials, *spares])
    assert sum(letter.spare for letter in letters) == len(spares)


def test_codes_that_are_not_those_of_the_log_are_not_printed(rehearsal: Rehearsal, look: Look) -> None:
    authority = rehearsal.office.folder("authority")
    credentials, spares = logged_roll(rehearsal.office)
    for wrong in (credentials[1:], [*credentials, b"x" * 32], [b"x" * 32, *credentials[1:]]):
        with pytest.raises(LettersInvalid, match="no letter was made"):
            read_letters(authority, look, wrong, spares)
    with pytest.raises(LettersInvalid, match="spare letters"):
        read_letters(authority, look, credentials, spares[1:])
    lines = (authority / "codes.csv").read_text().splitlines()
    (authority / "codes.csv").write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(LettersInvalid):
        read_letters(authority, look, credentials, spares)


def test_codes_on_other_peoples_letters_are_not_printed(rehearsal: Rehearsal, look: Look) -> None:
    """As a spreadsheet leaves them that sorted one column."""
    authority = rehearsal.office.folder("authority")
    path = authority / "codes.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    rows[1][-1], rows[2][-1] = rows[2][-1], rows[1][-1]
    path.write_text("\n".join(map(",".join, rows)) + "\n")
    with pytest.raises(LettersInvalid, match="changed or sorted"):
        read_letters(authority, look, *logged_roll(rehearsal.office))
    path.write_text(path.read_text() + "\n")
    with pytest.raises(RollInvalid, match="cells"):
        read_letters(authority, look, *logged_roll(rehearsal.office))


def test_published_lists_that_are_not_the_logs_are_refused(rehearsal: Rehearsal) -> None:
    path = rehearsal.office.public / "credentials"
    whole = path.read_text()
    for damaged in ("", whole[:-65], whole.upper(), "x"):
        path.write_text(damaged)
        with pytest.raises(RollInvalid):
            logged_roll(rehearsal.office)


@pytest.mark.parametrize(
    ("language", "words"),
    [("nl", "Zo stem je"), ("fr", "Comment voter"), ("en", "How to vote")],
)
def test_a_letter_speaks_its_readers_language_and_has_the_text_that_counts(
    letters: list[Letter], look: Look, language: str, words: str
) -> None:
    front, back = texts(render(look, [replace(letters[0], language=language)]))
    assert words in front
    question = look.values["questions"][0]["text"]
    assert question[language] in front
    assert question["nl"] in front + back
    assert look.values["referendum"] in back
    assert (question["nl"] in back) == (language != "nl")
    assert look.values["contact"][language]["telephone"] in back


def test_a_spare_letter_has_no_name_and_says_what_it_is(letters: list[Letter], look: Look) -> None:
    front, _ = texts(render(look, [letters[-1]]))
    assert "Reservebrief" in front
    assert letters[-1].number in front
    assert letters[0].address[0] not in front


def test_the_file_is_tagged_for_screen_readers(letters: list[Letter], look: Look) -> None:
    data = render(look, letters[:1])
    with document(data) as opened:
        assert pypdfium2.raw.FPDFCatalog_IsTagged(opened)
    assert b"pdfuaid:part" in data
    without_words = look.template.replace(b"alt: said.alt,", b"")
    with pytest.raises(LettersInvalid, match="alt"):
        render(replace(look, template=without_words), letters[:1])


def test_a_letter_that_does_not_fit_is_named_and_adds_no_page(letters: list[Letter], look: Look) -> None:
    crowded = replace(letters[1], address=(*letters[1].address, *(["line"] * 9)))
    with pytest.raises(LettersInvalid, match=f"letter {letters[1].number} does not fit in the window"):
        render(look, [crowded])
    long = look.template.replace(b"#let window", b"#let more = lorem(900)\n#let window")
    long = long.replace(b"said.secret", b"said.secret + more", 1)
    with pytest.raises(LettersInvalid, match=f"letter {letters[0].number} does not fit on its front"):
        render(replace(look, template=long), letters[:2])


def test_a_word_that_is_wider_than_the_window_is_named(letters: list[Letter], look: Look) -> None:
    wide = replace(letters[0], address=("W" * 40, *letters[0].address[1:]))
    with pytest.raises(LettersInvalid, match=f"letter {wide.number} does not fit in the window"):
        render(look, [letters[1], wide])


def test_a_name_that_no_font_can_show_is_named_by_its_letter_alone(letters: list[Letter], look: Look) -> None:
    unseen = replace(letters[1], name="\ua995", address=("\ua995", *letters[1].address[1:]))
    with pytest.raises(LettersInvalid, match=f"letter {unseen.number} has a character") as refusal:
        render(look, [letters[0], unseen])
    assert "\ua995" not in str(refusal.value)


@pytest.mark.parametrize(
    ("counts", "reader", "sentence"),
    [("nl", "fr", "Le texte néerlandais au verso"), ("fr", "nl", "De Franse tekst op de achterkant"),
     ("fr", "fr", "Ce texte est celui qui fait foi"), ("nl", "nl", "Deze tekst is de tekst die telt")],
)  # fmt: skip
def test_the_text_that_counts_is_the_one_that_the_definition_lists_first(
    letters: list[Letter], look: Look, counts: str, reader: str, sentence: str
) -> None:
    other = replace(look, values={**look.values, "counts": counts})
    front, back = texts(render(other, [replace(letters[0], language=reader)]))
    assert sentence in front
    assert (look.values["questions"][0]["text"][counts] in back) == (counts != reader)


def test_a_rehearsals_letter_says_so_and_a_binding_ones_does_not(letters: list[Letter], look: Look) -> None:
    assert "OEFENING" in texts(render(look, letters[:1]))[0]
    binding = replace(look, values={**look.values, "rehearsal": False})
    front, _ = texts(render(binding, letters[:1]))
    assert "OEFENING" not in front
    assert look.values["sender"] in front
    assert look.values["address"] in front


def test_spare_letters_are_in_the_languages_that_people_speak(rehearsal: Rehearsal, look: Look) -> None:
    spoken = letter_print._of_spares(["nl"] * 90 + ["fr"] * 9 + ["en"], 10, look)
    assert (spoken.count("nl"), spoken.count("fr"), spoken.count("en")) == (8, 1, 1)
    assert letter_print._of_spares(["nl", "fr"], 1, look) == ["nl"]
    assert letter_print._of_spares(["fr"], 2, look) == ["fr", "fr"]


def test_a_template_that_is_no_template_is_told_in_a_sentence(letters: list[Letter], look: Look) -> None:
    with pytest.raises(LettersInvalid, match="could not be made"):
        render(replace(look, template=b"#let = ("), letters[:1])


def test_all_letters_are_in_files_of_their_owner_with_a_list_for_the_print_house(
    letters: list[Letter], look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_print, "PER_FILE", 25)
    folder = tmp_path / "print"
    folder.mkdir(mode=0o700)
    (folder / "letters-9999.pdf").write_bytes(b"of an earlier run")
    printed = print_letters(letters, look, folder, None)
    people = sum(not letter.spare for letter in letters)
    assert (printed.letters, printed.spares) == (people, len(letters) - people)
    with (folder / PRINT_LIST).open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert {path.name for path in folder.iterdir()} == {PRINT_LIST, *(line["file"] for line in listed)}
    seen = []
    for line in listed:
        path = folder / line["file"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert hashlib.sha256(path.read_bytes()).hexdigest() == line["sha256"]
        pages = texts(path.read_bytes())
        assert len(pages) == 2 * int(line["letters"])
        seen += pages[::2]
    for letter in letters:
        assert sum(letter.code.replace("-", "") in page.replace(" ", "") for page in seen) == 1


def test_a_proof_shows_each_language_and_the_longest_address_and_no_code_that_works(
    letters: list[Letter], look: Look
) -> None:
    shown = proofs(letters)
    longest = max((line for letter in letters for line in letter.address), key=len)
    assert {letter.language for letter in shown} == {letter.language for letter in letters}
    assert any(longest in letter.address for letter in shown)
    assert any(letter.spare for letter in shown)
    everything = "".join(texts(render(look, shown))).replace(" ", "")
    assert "PROEF" in everything
    assert not any(letter.code.replace("-", "") in everything for letter in letters)


def test_a_letter_without_sender_or_help_line_is_not_made(rehearsal: Rehearsal) -> None:
    with pytest.raises(LettersInvalid, match="theme"):
        letter_look(rehearsal.office.manifest, rehearsal.office.referendum, NO_THEME, None)
