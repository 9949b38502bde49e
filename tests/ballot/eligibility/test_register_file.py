"""A register in every form in which it may come: encodings, separators, names of columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.ballot.eligibility.register import read_register
from stembus.ballot.eligibility.register_columns import SETTINGS, Settings, read_settings
from stembus.ballot.eligibility.register_file import read_file
from stembus.ballot.errors import RollInvalid
from tests.ballot.eligibility.registers import LANGUAGES, row, rule

HEADER = ["national_number", "last_name", "first_name", "birth_date", "street", "postcode", "city", "language"]
DUTCH = [
    "Rijksregisternummer", "Naam", "Voornaam", "Geboortedatum", "Straat", "Huisnr.", "Bus", "Postcode", "Gemeente",
    "Taal",
]  # fmt: skip


def table(delimiter: str = ",", end: str = "\n", header: list[str] = HEADER) -> str:
    rows = [row(last_name="Pérez"), row(serial=2, last_name="Noël")]
    return end.join(delimiter.join(cells) for cells in [header, *rows]) + end


def names(path: Path) -> list[str]:
    return [person.letter[0] for person in read_register(path, rule(), LANGUAGES).accepted]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252"), ("utf-16", "UTF-16"),
     ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16")],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_separator_and_line_end_is_read(
    tmp_path: Path, encoding: str, said: str, delimiter: str, end: str
) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(table(delimiter, end).encode(encoding))
    assert names(path) == ["Pérez", "Noël"]
    file = read_file(path)
    assert (file.encoding, file.delimiter) == (said, delimiter)


def test_the_line_in_which_excel_states_the_separator_is_none_of_the_register(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_text("sep=;\n" + table(";"))
    assert names(path) == ["Pérez", "Noël"]
    assert [line.number for line in read_file(path).rows()] == [3, 4]


def test_a_line_is_ended_by_nothing_else_than_a_line_end(tmp_path: Path) -> None:
    """Python's own idea of lines has form feeds and more."""
    path = tmp_path / "register.csv"
    path.write_text(table().replace("Leiestraat 1", "Leie\u2028straat\x0c1"))
    assert len(list(read_file(path).rows())) == 2


def test_empty_cells_that_a_spreadsheet_left_are_no_columns_and_no_people(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    lines = table(";").splitlines()
    path.write_text("\n" + "\n".join([f"{lines[0]};;", *(f"{line};;;" for line in lines[1:]), ";;;;;;;;;", ""]))
    assert names(path) == ["Pérez", "Noël"]
    assert read_register(path, rule(), LANGUAGES).refused == []


def test_a_register_without_a_first_line_of_names_is_refused_and_shows_nobody(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_text("\n".join(table(";").splitlines()[1:]))
    with pytest.raises(RollInvalid, match="names no column") as refusal:
        read_register(path, rule(), LANGUAGES)
    assert "rez" not in str(refusal.value)


def test_a_column_that_numbers_the_lines_is_no_house_number(tmp_path: Path) -> None:
    path, first = tmp_path / "register.csv", row(street="Kerkstraat")
    for header, cells, street in (
        (["Nr", *HEADER[:5], "Huisnummer", *HEADER[5:]], ["7", *first[:5], "45", *first[5:]], "Kerkstraat 45"),
        (["N°", *HEADER[:5], "Nr", *HEADER[5:]], ["7", *first[:5], "45", *first[5:]], "Kerkstraat 45"),
        (["N°", *HEADER], ["7", *first], "Kerkstraat"),
    ):
        path.write_text(";".join(header) + "\n" + ";".join(cells) + "\n")
        assert read_register(path, rule(), LANGUAGES).accepted[0].letter[2] == street
    both = [*HEADER[:5], "Huisnr", "Huisnummer", *HEADER[5:]]
    path.write_text(";".join(both) + "\n" + ";".join([*first[:5], "1", "2", *first[5:]]) + "\n")
    with pytest.raises(RollInvalid, match="could both stand behind the street"):
        read_register(path, rule(), LANGUAGES)


def test_what_stands_in_brackets_behind_a_name_is_no_part_of_it(tmp_path: Path) -> None:
    path, first = tmp_path / "register.csv", row()
    header = [HEADER[0], "Naam", "Voornaam(en)", "Geboortedatum (dd/mm/jjjj)", *HEADER[4:]]
    path.write_text(";".join(header) + "\n" + ";".join(first) + "\n")
    reading = read_register(path, rule(), LANGUAGES)
    assert reading.accepted[0].letter[1] == "Emma"
    assert reading.columns.names()["birth_date"] == ["Geboortedatum (dd/mm/jjjj)"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "first line"),
        (b"\n\n", "first line"),
        (b"number,name\n1,2\n", "no column of the register is recognised as national_number"),
        (b"\xff\xfe\x00", "no encoding"),
        (b"national_number\x81,x\n", "no encoding"),
        (b"PK\x03\x04rest", "an Excel workbook: open it there and save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook"),
        (b"%PDF-1.7", "a PDF"),
        (b'"national_number,last_name\n', "first line"),
        (table(header=[*HEADER[:-1], "City"]).encode(), "the same name"),
    ],
)
def test_a_file_that_is_no_register_is_refused_as_a_whole(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(data)
    with pytest.raises(RollInvalid, match=words):
        read_register(path, rule(), LANGUAGES)


def test_a_missing_register_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(RollInvalid, match="there is no register"):
        read_file(tmp_path / "none.csv")
    with pytest.raises(RollInvalid, match="cannot be read"):
        read_file(tmp_path)


# Columns


def dutch(tmp_path: Path, header: list[str] = DUTCH) -> Path:
    path, first = tmp_path / "register.csv", row()
    cells = [*first[:5], "12", "b", *first[5:]]
    path.write_text(";".join(header) + "\n" + ";".join(cells) + "\n")
    return path


def test_columns_are_guessed_from_their_names_and_a_street_has_its_number(tmp_path: Path) -> None:
    reading = read_register(dutch(tmp_path), rule(), LANGUAGES)
    assert reading.accepted[0].letter == ("Peeters", "Emma", "Leiestraat 1 12 bus b", "8500", "Kortrijk", "nl")
    assert reading.columns.names()["street"] == ["Straat", "Huisnr.", "Bus"]


def test_french_names_of_columns_are_known(tmp_path: Path) -> None:
    header = [
        "Numéro national",
        "Nom",
        "Prénom",
        "Date de naissance",
        "Rue",
        "N°",
        "Boîte",
        "Code postal",
        "Localité",
        "Langue",
    ]
    reading = read_register(dutch(tmp_path, header), rule(), LANGUAGES)
    assert reading.accepted[0].letter[2] == "Leiestraat 1 12 bus b"


def test_columns_that_are_optional_may_be_missing(tmp_path: Path) -> None:
    first = row()
    path = tmp_path / "register.csv"
    path.write_text("insz;naam;straat;postcode;gemeente\n" + ";".join([first[0], first[1], *first[4:7]]) + "\n")
    (person,) = read_register(path, rule(), LANGUAGES).accepted
    assert person.birth_date == "1980-12-31"
    assert person.letter == ("Peeters", "", "Leiestraat 1", "8500", "Kortrijk", "nl")


def test_two_candidates_are_an_error_that_names_both_and_the_file_decides(tmp_path: Path) -> None:
    header = list(DUTCH)
    header[5] = "Adres"
    path = dutch(tmp_path, header)
    with pytest.raises(RollInvalid, match="'Straat', 'Adres' could all be the street"):
        read_register(path, rule(), LANGUAGES)
    settings = Settings(columns={"street": ["Straat", "Adres", "Bus"]})
    assert read_register(path, rule(), LANGUAGES, settings).accepted[0].letter[2] == "Leiestraat 1 12 bus b"
    with pytest.raises(RollInvalid, match="names a column 'Weg'"):
        read_register(path, rule(), LANGUAGES, Settings(columns={"street": "Weg"}))


def test_names_that_say_nothing_are_columns_once_the_file_says_which(tmp_path: Path) -> None:
    path, header = tmp_path / "register.csv", [f"Veld{k} (tekst)" for k in range(1, 9)]
    path.write_text(";".join(header) + "\n" + ";".join(row()) + "\n")
    settings = Settings(columns=dict(zip(HEADER, header, strict=True)))
    assert read_register(path, rule(), LANGUAGES, settings).accepted[0].letter[0] == "Peeters"


def test_the_settings_are_read_from_toml_and_nothing_unknown_passes(tmp_path: Path) -> None:
    path = tmp_path / SETTINGS
    assert read_settings(path) == Settings()
    path.write_text(
        'restore_zeros = true\nfallback_language = "nl"\n[columns]\nstreet = ["Straat", "Nr"]\n'
        '[languages]\n"1" = "nl"\n'
        '[[exclude]]\ncolumn = "Status"\nvalues = ["overleden"]\n'
    )
    found = read_settings(path)
    assert (found.restore_zeros, found.columns["street"]) == (True, ["Straat", "Nr"])
    for text, words in (
        ('restore_zeros = "true"', "restore_zeros must be true or false"),
        ('[exclude]\ncolumn = "x"', "double brackets"),
        ('[[exclude]]\ncolumn = "x"\nvalues = "y"', r"values must be a list"),
        ('[[exclude]]\ncolumn = "x"\nrestore_zeros = true', "it stands above the first line in brackets"),
        ('[[exclude]]\ncolumn = "x"\nvalues = [""]', "an empty value excludes nobody"),
        ("restore_zeros = True", "in small letters"),
    ):
        path.write_text(text)
        with pytest.raises(RollInvalid, match=words):
            read_settings(path)
    for wrong in (
        "restore_zero = true", '[columns]\nstreets = "x"', "restore_zeros = 1", "x", '[[exclude]]\nvalues = ["x"]',
        'fallback_language = "Dutch"', "[columns]\nstreet = 1",
    ):  # fmt: skip
        path.write_text(wrong)
        with pytest.raises(RollInvalid):
            read_settings(path)
    path.write_bytes(b"\xff")
    with pytest.raises(RollInvalid):
        read_settings(path)
