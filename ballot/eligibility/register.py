"""Who of a population register may vote: each line is a person who may, one who may not, or a fault to be mended.

Decides the rules and their reasons. A fault is never guessed away: a letter with half a name, or a birth date that its
voter cannot type, is worse than a line that somebody looks at. A language that the referendum does not have is none:
the person gets the letter in another one. Reading the file is in `register_file`, which column is which in
`register_columns`, and what becomes of the accepted in `roll_import`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path

from stembus.audit.formats.manifest import Eligibility
from stembus.ballot.eligibility.birth_date import BirthDate, age_on, parse_birth_date
from stembus.ballot.eligibility.national_number import Damage, NationalNumber, parse_national_number, with_zeros
from stembus.ballot.eligibility.register_columns import FIELDS, SETTINGS, Columns, Settings, code, find_columns, plain
from stembus.ballot.eligibility.register_file import Line, RegisterFile, read_file
from stembus.ballot.errors import RollInvalid

COLUMNS = list(FIELDS)  # of a register that needs no guessing
_NEVER_SEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_NOTHING = ("-", "--", ".", "/")
_BARE_BOX = re.compile(r"[0-9]+[A-Za-z]?|[A-Za-z]|[0-9]+[/.-][0-9A-Za-z]+")
# UTF-8 that was read as Windows-1252, and letters of DOS that were. Š and Œ are letters of names, too: not between
# small ones.
_TWICE_READ = re.compile(rb"[\xc3\xc5][\x80-\xbf]|\xc2[\xa0-\xbf]|\xe2\x80[\x90-\xbf]")
_OF_DOS = re.compile(r"[A-Za-z][‚„…†‡ˆ‰‹?]|[‚„†‡ˆ‰?][a-z]|[a-z][ŠŒ][a-z]")
_AS_TEXT = re.compile(r'="([^"]*)"')  # how spreadsheets write a number that is to stay text


class Reason(Enum):
    """Why a line is no accepted person. Words name nobody."""

    # Faults: the line is to be mended, whoever it is about.
    QUOTES = "quotation marks that do not match, or in a name"
    CELLS = "another number of cells than the first line has columns"
    INVISIBLE = "a character that cannot be seen or printed"
    GARBLED = "letters that were garbled when somebody changed the file's encoding (é became Ã© or ‚ or ?)"
    PLACEHOLDER = "a cell says NULL, #N/A or the like"
    FORMULA = "a cell that a spreadsheet would run: it begins with =, +, - or @"
    NUMBER = "the national number is not valid"
    LOST_ZEROS = "the national number has fewer than eleven digits: a spreadsheet took away the leading zeros"
    ROUNDED = "the national number was rounded by a spreadsheet (8.5E+10)"
    BIRTH_DATE = "the birth date is missing, or no date that is certain (write 1980-12-31, or 1980-00-00)"
    DISAGREE = "national number and birth date do not agree"
    AGE = "whether old enough depends on a birth month or day that is unknown"
    EMPTY = "name or address is empty"
    POSTCODE = "the postcode is not four digits"
    LIKE = "name, birth date and address of an earlier line, under another number"
    TWICE = "the same person as an earlier line"
    # Whoever may not vote.
    YOUNG = "too young"
    OUTSIDE = "lives outside the area"
    EXCLUDED = "excluded by a column"

    @property
    def is_fault(self) -> bool:
        return self not in (Reason.YOUNG, Reason.OUTSIDE, Reason.EXCLUDED)


_DAMAGES = {
    Damage.INVALID: Reason.NUMBER,
    Damage.LOST_ZEROS: Reason.LOST_ZEROS,
    Damage.ROUNDED: Reason.ROUNDED,
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who may vote. `letter` is last and first name, street, postcode, city, language."""

    national_number: str
    birth_date: str
    letter: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """`text` is the line as it stands in the register: a personal datum. `earlier` is the line of the same person."""

    line: int
    reason: Reason
    text: str
    earlier: int = 0


@dataclass(frozen=True, slots=True)
class RollReading:
    """`languages` counts who gets a letter in the fallback language, by what stands in the register."""

    file: RegisterFile
    columns: Columns
    accepted: list[Person]
    refused: list[Refusal]
    languages: Counter[str]
    #: in how many lines each column that is not used holds something, by its name
    unused: Counter[str]
    #: how many lines each rule of exclusion hit, by its place in the settings
    excluded: Counter[int]
    #: in which language letters come whose reader has none of the referendum's
    fallback: str

    @property
    def faults(self) -> list[Refusal]:
        return [refusal for refusal in self.refused if refusal.reason.is_fault]


class _Refused(Exception):
    def __init__(self, reason: Reason, earlier: int = 0) -> None:
        self.reason, self.earlier = reason, earlier


def read_register(path: Path, rule: Eligibility, languages: list[str], settings: Settings | None = None) -> RollReading:
    """Raises RollInvalid when the file as a whole cannot be read."""
    file = read_file(path)
    settings = settings or Settings()
    reading = _Reading(find_columns(file.header, settings), rule, languages, settings)
    accepted, refused = list[Person](), list[Refusal]()
    for line in file.rows():
        try:
            accepted.append(reading.person(line))
        except _Refused as refusal:
            refused.append(Refusal(line.number, refusal.reason, line.text, refusal.earlier))
    return RollReading(
        file,
        reading.columns,
        accepted,
        refused,
        reading.other_languages,
        reading.unused,
        reading.excluded,
        reading.fallback,
    )


class _Reading:
    def __init__(self, columns: Columns, rule: Eligibility, languages: list[str], settings: Settings) -> None:
        self.columns = columns
        self.other_languages: Counter[str] = Counter()
        self._rule = rule
        self._age_date = date.fromisoformat(rule.age_date)
        self._languages = languages
        self.unused: Counter[str] = Counter()
        self.excluded: Counter[int] = Counter()
        self.fallback = settings.fallback_language or languages[0]
        if self.fallback not in languages:
            raise RollInvalid(
                f"{SETTINGS}: fallback_language is {self.fallback}, and it is one of {', '.join(languages)}"
            )
        self._like: dict[tuple[str, ...], int] = {}
        self._restore = settings.restore_zeros
        self._seen: dict[str, int] = {}

    def person(self, line: Line) -> Person:
        """Raises _Refused."""
        if line.cells is None:
            raise _Refused(Reason.QUOTES)
        if len(line.cells) != len(self.columns.header):
            raise _Refused(Reason.CELLS)
        cells = [_clean(cell) for cell in line.cells]
        self.unused.update(self.columns.header[place] for place in self.columns.unused if cells[place])
        self._demand_not_excluded(cells)
        fields = {name: " ".join(filter(None, self._of(name, cells))) for name in FIELDS}
        for problem in self._problems(cells, line.cells):
            raise _Refused(problem)
        number = self._number(fields)
        born = _birth_date(fields["birth_date"], number)
        if (earlier := self._seen.get(number.digits)) is not None:
            raise _Refused(Reason.TWICE, earlier)
        self._demand_eligible(fields, born)
        self._seen[number.digits] = line.number
        like = (fields["last_name"], fields["first_name"], born.iso, fields["street"], fields["postcode"])
        if (earlier := self._like.setdefault(tuple(map(str.casefold, like)), line.number)) != line.number:
            raise _Refused(Reason.LIKE, earlier)
        language = self._language(fields["language"])
        names = (fields["last_name"], fields["first_name"])
        return Person(number.digits, born.iso, (*names, fields["street"], fields["postcode"], fields["city"], language))

    def _of(self, name: str, cells: list[str]) -> Iterator[str]:
        for place in self.columns.places[name]:
            is_bare_box = place in self.columns.boxes and _BARE_BOX.fullmatch(cells[place])
            yield f"{self._box_word(cells)} {cells[place]}" if is_bare_box else cells[place]

    def _box_word(self, cells: list[str]) -> str:
        spoken = [self.columns.languages.get(plain(cells[place])) for place in self.columns.places["language"]]
        return "bte" if "fr" in spoken else "bus"

    def _problems(self, cells: list[str], raw: list[str]) -> Iterator[Reason]:
        """Of the characters of cells that are used; `raw` is as they stand in the file."""
        for name in FIELDS:
            for place in self.columns.places[name]:
                cell = cells[place]
                if '"' in cell:
                    yield Reason.QUOTES
                if any(unicodedata.category(character) in _NEVER_SEEN for character in cell):
                    yield Reason.INVISIBLE
                if _is_garbled(raw[place]):
                    yield Reason.GARBLED
                if unicodedata.normalize("NFKC", cell[:1]) in ("=", "+", "-", "@"):
                    yield Reason.FORMULA
                if cell.startswith("#") or cell.upper() == "NULL":
                    yield Reason.PLACEHOLDER

    def _number(self, fields: dict[str, str]) -> NationalNumber:
        text = fields["national_number"]
        number = parse_national_number(text)
        if number is Damage.LOST_ZEROS and self._restore:
            number, stated = with_zeros(text) or Damage.INVALID, parse_birth_date(fields["birth_date"])
            # The check digits alone would let one wrong number in 97 pass.
            if isinstance(number, NationalNumber) and not (stated and number.born == stated):
                raise _Refused(Reason.LOST_ZEROS)
        if isinstance(number, Damage):
            raise _Refused(_DAMAGES[number])
        return number

    def _demand_not_excluded(self, cells: list[str]) -> None:
        """Raises _Refused. Who may not vote need not be mended, so this is asked first."""
        for number, (place, values) in enumerate(self.columns.excluding):
            if cells[place] and (not values or code(cells[place]) in values):
                self.excluded[number] += 1
                raise _Refused(Reason.EXCLUDED)

    def _demand_eligible(self, fields: dict[str, str], born: BirthDate) -> None:
        """Raises _Refused."""
        if fields["postcode"] and not re.fullmatch("[0-9]{4}", fields["postcode"]):
            raise _Refused(Reason.POSTCODE)
        if fields["postcode"] not in self._rule.postcodes and fields["postcode"]:
            raise _Refused(Reason.OUTSIDE)
        if age_on(self._age_date, born.earliest()) < self._rule.minimum_age:
            raise _Refused(Reason.YOUNG)
        if age_on(self._age_date, born.latest()) < self._rule.minimum_age:
            raise _Refused(Reason.AGE)
        if not (fields["last_name"] and fields["street"] and fields["postcode"] and fields["city"]):
            raise _Refused(Reason.EMPTY)

    def _language(self, text: str) -> str:
        language = self.columns.languages.get(plain(text), text)
        if language in self._languages:
            return language
        self.other_languages[text] += 1
        return self.fallback


def _clean(cell: str) -> str:
    """Every kind of space is one; a lone dash or point is how some registers write nothing."""
    if match := _AS_TEXT.fullmatch(cell.strip()):
        cell = match[1]
    text = unicodedata.normalize("NFC", "".join(" " if character.isspace() else character for character in cell))
    text = re.sub(" +", " ", text).strip()
    return "" if text in _NOTHING else text


def _is_garbled(cell: str) -> bool:
    if _OF_DOS.search(cell) or "\ufffd" in cell:
        return True
    return not cell.isascii() and _TWICE_READ.search(cell.encode("cp1252", "ignore")) is not None


def _birth_date(text: str, number: NationalNumber) -> BirthDate:
    """Raises _Refused."""
    born = parse_birth_date(text) if text else number.born
    # A number without a month says nothing for sure: the days of its year may have run out.
    if born is None or (not text and not born.is_complete):
        raise _Refused(Reason.BIRTH_DATE)
    if number.born is None:
        return born
    if not born.agrees_with(number.born):
        raise _Refused(Reason.DISAGREE)
    return born.joined_with(number.born)
