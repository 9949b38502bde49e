"""Who of a register may vote: every line is a person who may, one who may not, or a fault with its reason."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from stembus.audit.formats.manifest import Eligibility
from stembus.ballot.eligibility.register import Reason, read_register
from stembus.ballot.eligibility.register_columns import Exclusion, Settings
from stembus.ballot.eligibility.second_factor_form import normalise_factor
from stembus.ballot.errors import RollInvalid
from stembus.scripts.rehearsal.made_up_register import write_register
from tests.ballot.eligibility.registers import LANGUAGES, REFERENCE, read_rows, row, rule, write_rows


def checked(head: str, century: str = "") -> str:
    """Nine digits with their check digits; `century` is 2 for people born from 2000 on."""
    return f"{head}{97 - int(century + head) % 97:02d}"


def test_every_line_that_is_no_accepted_person_has_its_number_and_reason(tmp_path: Path) -> None:
    rows = [
        row(),
        row()[:-1],
        row(serial=2, national_number="80123100100"),
        row(serial=3, national_number="not a number"),
        row(serial=4, birth_date="31/13/1980"),
        row(serial=5, birth_date="1980-12-30"),
        row(),
        row(serial=6, last_name=" "),
        row(serial=7, street="-"),
        row(serial=8, city=""),
        row(serial=9, postcode="9000"),
        row("2003-10-15", 10),
        row("2003-10-14", 11),
        row(serial=12, first_name="An\u200bna"),
        row(serial=13),
        row(serial=14, street="=cmd|'/c calc'!A1"),
        row(serial=15, last_name="PÃ©rez"),
        row(serial=16, last_name='O"Brien'),
        row(serial=17, birth_date=""),
    ]
    reading = read_rows(tmp_path / "r.csv", rows)
    assert [(refusal.line, refusal.reason) for refusal in reading.refused] == [
        (3, Reason.CELLS),
        (4, Reason.NUMBER),
        (5, Reason.NUMBER),
        (6, Reason.BIRTH_DATE),
        (7, Reason.DISAGREE),
        (8, Reason.TWICE),
        (9, Reason.EMPTY),
        (10, Reason.EMPTY),
        (11, Reason.EMPTY),
        (12, Reason.OUTSIDE),
        (13, Reason.YOUNG),
        (15, Reason.INVISIBLE),
        (17, Reason.FORMULA),
        (18, Reason.GARBLED),
        (19, Reason.QUOTES),
    ]
    assert [person.birth_date for person in reading.accepted] == [
        "1980-12-31",
        "2003-10-14",
        "1980-12-31",
        "1980-12-31",
    ]
    assert {refusal.reason for refusal in reading.refused if not refusal.reason.is_fault} == {
        Reason.OUTSIDE, Reason.YOUNG,
    }  # fmt: skip
    assert next(refusal.earlier for refusal in reading.refused if refusal.reason is Reason.TWICE) == 2


def test_a_stray_quote_damages_its_own_line_and_swallows_nobody(tmp_path: Path) -> None:
    """With the next quote some lines on, a CSV reader makes one person of all between."""
    rows = [row(serial=k, street=f"Leiestraat {k}") for k in range(1, 11)]
    path = write_rows(tmp_path / "r.csv", rows)
    lines = path.read_text().splitlines()
    lines[2], lines[4] = lines[2].replace("Peeters", '"Peeters'), lines[4].replace("Peeters", 'Peeters"')
    path.write_text("\n".join(lines))
    reading = read_register(path, rule(), LANGUAGES)
    assert len(reading.accepted) == 8
    assert [(refusal.line, refusal.reason) for refusal in reading.faults] == [(3, Reason.QUOTES), (5, Reason.QUOTES)]


def test_a_cell_that_spans_two_lines_is_two_faulty_lines(tmp_path: Path) -> None:
    reading = read_rows(tmp_path / "r.csv", [row(street="Leiestraat 1\nbus 2"), row(serial=2, postcode="9000")])
    assert [refusal.line for refusal in reading.faults] == [2, 3]
    assert len(reading.refused) == 3


def test_quoted_cells_hold_separators(tmp_path: Path) -> None:
    reading = read_rows(tmp_path / "r.csv", [row(street="Leiestraat 1, bus 2")])
    assert reading.accepted[0].letter[2] == "Leiestraat 1, bus 2"


@pytest.mark.parametrize(
    "form",
    ["{0}.{1}.{2}-{3}.{4}", "{0}{1}{2} {3} {4}", "{0}/{1}/{2}-{3}-{4}", '="{0}{1}{2}{3}{4}"', "'{0}{1}{2}{3}{4}"],
)
def test_a_number_written_otherwise_is_the_same_person(tmp_path: Path, form: str) -> None:
    plain = row()
    number = plain[0]
    written = form.format(number[:2], number[2:4], number[4:6], number[6:9], number[9:])
    reading = read_rows(tmp_path / "r.csv", [row(national_number=written), plain])
    assert [person.national_number for person in reading.accepted] == [number]
    assert [(refusal.line, refusal.reason) for refusal in reading.refused] == [(3, Reason.TWICE)]


@pytest.mark.parametrize(
    "written",
    ["1980-12-31", "31/12/1980", "31.12.1980", "31-12-1980", "1980/12/31", "19801231", "31121980",
     "1980-12-31 00:00:00", "31/12/1980 0:00", "1980-12-31T00:00:00", ""],
)  # fmt: skip
def test_a_birth_date_in_any_certain_form_is_what_its_voter_will_type(tmp_path: Path, written: str) -> None:
    reading = read_rows(tmp_path / "r.csv", [row(birth_date=written)])
    assert [person.birth_date for person in reading.accepted] == [normalise_factor("birth-date", "31/12/1980")]


@pytest.mark.parametrize(
    "written", ["31/12/80", "29586", "12/31/1980", "1980-W53-3", "1980-12-32", "unknown", "1780-12-31", "1980-13"]
)
def test_a_birth_date_that_is_not_certain_is_a_fault(tmp_path: Path, written: str) -> None:
    reading = read_rows(tmp_path / "r.csv", [row(birth_date=written)])
    assert [refusal.reason for refusal in reading.refused] == [Reason.BIRTH_DATE]


@pytest.mark.parametrize(
    ("number", "written", "kept", "typed"),
    [
        (checked("680000017"), "1968-00-00", "1968-00-00", "00/00/1968"),
        (checked("680000017"), "1968", "1968-00-00", "00001968"),
        (checked("680000017"), "12/05/1968", "1968-05-12", "12/5/1968"),
        (checked("720500021"), "00/05/1972", "1972-05-00", "0/5/1972"),
        (checked("720500021"), "1972-05-03", "1972-05-03", "3/5/1972"),
        (checked("720512021"), "1972", "1972-05-12", "12/5/1972"),
        (checked("000001021"), "1971-03-04", "1971-03-04", "4/3/1971"),
    ],
)
def test_people_whose_birth_day_or_month_is_unknown_can_vote_and_type_what_is_known(
    tmp_path: Path, number: str, written: str, kept: str, typed: str
) -> None:
    reading = read_rows(tmp_path / "r.csv", [row(national_number=number, birth_date=written)])
    assert [person.birth_date for person in reading.accepted] == [kept]
    assert normalise_factor("birth-date", typed) == kept


def test_a_number_without_a_month_states_no_birth_date(tmp_path: Path) -> None:
    """The days of its year may have run out: then the card shows a whole date."""
    reading = read_rows(tmp_path / "r.csv", [row(national_number=checked("720500021"), birth_date="")])
    assert [refusal.reason for refusal in reading.refused] == [Reason.BIRTH_DATE]


def test_one_person_under_two_numbers_is_a_fault_and_twins_are_none(tmp_path: Path) -> None:
    twin = row(serial=2, first_name="Jan")
    rows = [row(), row(serial=3, first_name="EMMA"), twin, row(serial=4, first_name="Emma", street="Elders 1")]
    reading = read_rows(tmp_path / "r.csv", rows)
    assert [(refusal.line, refusal.reason, refusal.earlier) for refusal in reading.refused] == [(3, Reason.LIKE, 2)]


@pytest.mark.parametrize("postcode", ["B-8500", "8500 Kortrijk", "8500.0", "85OO", "850"])
def test_a_postcode_that_is_none_is_a_fault_and_not_elsewhere(tmp_path: Path, postcode: str) -> None:
    assert [r.reason for r in read_rows(tmp_path / "r.csv", [row(postcode=postcode)]).refused] == [Reason.POSTCODE]


@pytest.mark.parametrize("written", ["19011975", "20051990", "18121980"])
def test_a_day_that_looks_like_a_century_is_read(tmp_path: Path, written: str) -> None:
    born = f"{written[4:]}-{written[2:4]}-{written[:2]}"
    assert [p.birth_date for p in read_rows(tmp_path / "r.csv", [row(born, birth_date=written)]).accepted] == [born]


@pytest.mark.parametrize(
    ("box", "language", "printed"),
    [("3", "nl", "bus 3"), ("0201", "nl", "bus 0201"), ("3", "fr", "bte 3"), ("bus 3", "nl", "bus 3"),
     ("A", "nl", "bus A"), ("", "nl", ""), (".", "nl", ""), ("2e verdieping", "nl", "2e verdieping")],
)  # fmt: skip
def test_a_box_is_written_with_its_word(tmp_path: Path, box: str, language: str, printed: str) -> None:
    path, first = tmp_path / "r.csv", row(language=language)
    header = [*_columns()[:5], "Huisnummer", "Bus", *_columns()[5:]]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, [*first[:4], "Leiestraat", "12", box, *first[5:]]])
    (person,) = read_register(path, rule(), LANGUAGES).accepted
    assert person.letter[2] == f"Leiestraat 12 {printed}".strip()


def test_who_may_be_too_young_for_all_that_is_known_is_a_fault_and_no_refusal(tmp_path: Path) -> None:
    years = {2002: "02", 2003: "03", 2004: "04"}
    rows = [row(national_number=checked(f"{short}0000011", "2"), birth_date=str(year)) for year, short in years.items()]
    reading = read_rows(tmp_path / "r.csv", rows)
    assert [refusal.reason for refusal in reading.refused] == [Reason.AGE, Reason.YOUNG]
    assert [person.birth_date for person in reading.accepted] == ["2002-00-00"]


@pytest.mark.parametrize(("month", "first"), [("27", "98"), ("47", "98")])
def test_a_bis_number_is_a_number(tmp_path: Path, month: str, first: str) -> None:
    number = checked(f"{first}{month}28997")
    reading = read_rows(tmp_path / "r.csv", [row(national_number=number, birth_date="1998-07-28")])
    assert [person.national_number for person in reading.accepted] == [number]


def test_people_born_from_2000_on_are_told_apart_from_those_a_century_older(tmp_path: Path) -> None:
    young, old = checked("010203001", "2"), checked("010203001")
    rows = [row(national_number=young, birth_date="2001-02-03"), row(national_number=old, birth_date="1901-02-03")]
    rows += [row(national_number=young[:-2] + old[-2:], birth_date="2001-02-03")]
    reading = read_rows(tmp_path / "r.csv", rows)
    assert len(reading.accepted) == 2
    assert [refusal.reason for refusal in reading.refused] == [Reason.DISAGREE]


# What a spreadsheet does


@pytest.mark.parametrize("born", ["2000-01-05", "2001-11-05", "1909-12-05"])
def test_lost_zeros_are_named_and_put_back_only_on_request_and_with_the_birth_date(tmp_path: Path, born: str) -> None:
    whole = row(born, 3)
    lost = [whole[0].lstrip("0"), *whole[1:]]
    assert len(lost[0]) < 11
    assert [r.reason for r in read_rows(tmp_path / "r.csv", [lost]).refused] == [Reason.LOST_ZEROS]
    restore = Settings(restore_zeros=True)
    assert [p.national_number for p in read_rows(tmp_path / "r.csv", [lost], restore).accepted] == [whole[0]]
    for wrong in ("", "1985-03-04", "2001"):
        lost[3] = wrong
        refused = read_rows(tmp_path / "r.csv", [lost], restore).refused
        assert [r.reason for r in refused] == [Reason.LOST_ZEROS]


@pytest.mark.parametrize("number", ["8,01231E+10", "8.01231E+10", "8E10"])
def test_a_rounded_number_is_named_and_never_mended(tmp_path: Path, number: str) -> None:
    refused = read_rows(tmp_path / "r.csv", [row(national_number=number)], Settings(restore_zeros=True)).refused
    assert [r.reason for r in refused] == [Reason.ROUNDED]


def test_every_kind_of_space_is_one_and_accents_have_one_form(tmp_path: Path) -> None:
    reading = read_rows(tmp_path / "r.csv", [row(last_name="  Van\u00a0den\u2009  Bossche\u0300 ", street="Rue\tX 1")])
    assert reading.accepted[0].letter[:3] == ("Van den Bossch\u00e8", "Emma", "Rue X 1")


@pytest.mark.parametrize(
    "name",
    [
        "Pérez",
        "Ångström",
        "Łukasz",
        "D’Hondt",
        "Ñandú",
        "Çelik",
        "O'Neill",
        "Ã",
        "TOMAŠIĆ",
        "SACRÉ-CŒUR",
        "Šimon",
        "Œuvre",
    ],
)
def test_names_of_people_are_not_taken_for_damage(tmp_path: Path, name: str) -> None:
    assert len(read_rows(tmp_path / "r.csv", [row(last_name=name)]).accepted) == 1


@pytest.mark.parametrize(
    "name",
    [
        "PÃ©rez",
        "DÂ´Hondt",
        "Dâ€™Hondt",
        "P\ufffdrez",
        "NoÃ\u00a0",
        "AndrÃ© Zoë",
        "Andr‚",
        "No‰l",
        "Fran‡ois",
        "Andr?",
        "H‚lŠne",
    ],
)
def test_garbled_names_are(tmp_path: Path, name: str) -> None:
    assert [r.reason for r in read_rows(tmp_path / "r.csv", [row(last_name=name)]).refused] == [Reason.GARBLED]


@pytest.mark.parametrize("name", ["#N/B", "#VERW!", "NULL", "null"])
def test_a_cell_that_says_that_it_holds_nothing_is_a_fault(tmp_path: Path, name: str) -> None:
    assert [r.reason for r in read_rows(tmp_path / "r.csv", [row(last_name=name)]).refused] == [Reason.PLACEHOLDER]


@pytest.mark.parametrize("name", ["-2+3+cmd", "＝1+1", "@x", "+1"])
def test_a_cell_that_a_spreadsheet_would_run_is_a_fault(tmp_path: Path, name: str) -> None:
    assert [r.reason for r in read_rows(tmp_path / "r.csv", [row(last_name=name)]).refused] == [Reason.FORMULA]


# Languages and exclusions


def test_no_language_costs_a_vote(tmp_path: Path) -> None:
    written = ["nl", "Frans", "F", "de", "", "1", "xx"]
    rows = [row(serial=k, language=language) for k, language in enumerate(written, 1)]
    reading = read_rows(tmp_path / "r.csv", rows, Settings(languages={"1": "fr"}, fallback_language="en"))
    assert [person.letter[5] for person in reading.accepted] == ["nl", "fr", "fr", "en", "en", "fr", "en"]
    assert dict(reading.languages) == {"de": 1, "": 1, "xx": 1}
    assert [person.letter[5] for person in read_rows(tmp_path / "r.csv", rows).accepted][3:5] == ["nl", "nl"]


def test_a_column_can_exclude_whoever_moved_or_died_whatever_else_is_wrong_with_the_line(tmp_path: Path) -> None:
    path, header = tmp_path / "r.csv", ["Statuut", "Overleden op"]
    cells = [("", ""), ("Afgevoerd", ""), ("ok", "2019-09-01"), ("AFGEVOERD", ""), ("ok", "")]
    rows = [[*row(serial=k), *more] for k, more in enumerate(cells, 1)]
    rows[1][0] = "damaged"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*_columns(), *header], *rows])
    rules = [Exclusion("Statuut", ["afgevoerd"]), Exclusion("Overleden op")]
    reading = read_register(path, rule(), LANGUAGES, Settings(exclude=rules))
    assert [refusal.reason for refusal in reading.refused] == [Reason.EXCLUDED] * 3
    assert (len(reading.accepted), reading.faults) == (2, [])
    assert dict(reading.excluded) == {0: 2, 1: 1}
    unused = read_register(path, rule(), LANGUAGES, Settings(exclude=rules[:1])).unused
    assert dict(unused) == {"Overleden op": 1}


def test_a_fallback_that_is_no_language_of_the_referendum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RollInvalid, match="fallback_language is de, and it is one of nl, en, fr"):
        read_rows(tmp_path / "r.csv", [row()], Settings(fallback_language="de"))


def _columns() -> list[str]:
    return ["national_number", "last_name", "first_name", "birth_date", "street", "postcode", "city", "language"]


def test_the_made_up_register_has_as_many_good_and_bad_rows_as_asked(tmp_path: Path) -> None:
    write_register(tmp_path / "r.csv", 200, REFERENCE, 3)
    everywhere = Eligibility(
        description={},
        minimum_age=16,
        age_date=REFERENCE.isoformat(),
        residence_date=REFERENCE.isoformat(),
        official_count=200,
        postcodes=["8500", "8501", "8510", "8511"],
    )
    reading = read_register(tmp_path / "r.csv", everywhere, LANGUAGES)
    assert (len(reading.accepted), len(reading.refused)) == (200, 12)
