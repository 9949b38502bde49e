"""Which column of a register holds what, and which cells exclude a person.

Decides how columns are guessed from their names in Dutch, French and English, and how a file beside the draft,
register.toml, says otherwise. A guess that is not certain is an error which names the candidates.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from stembus.ballot.errors import RollInvalid

SETTINGS = "register.toml"
FIELDS = ("national_number", "last_name", "first_name", "birth_date", "street", "postcode", "city", "language")
_OPTIONAL = ("first_name", "birth_date", "language")
# Without spaces, accents, capitals and punctuation.
_NAMES: dict[str, tuple[str, ...]] = {
    "national_number": (
        "nationalnumber", "rijksregisternummer", "rijksregisternr", "rijksregister", "rrnummer", "rrnr", "rrn", "insz",
        "inss", "niss", "nationaalnummer", "numeronational", "numeroderegistrenational", "numeroregistrenational", "rr",
        "nn", "nnational", "nregistrenational",
    ),
    "last_name": ("lastname", "naam", "familienaam", "achternaam", "nom", "nomdefamille", "surname", "name"),
    "first_name": ("firstname", "voornaam", "voornamen", "eerstevoornaam", "prenom", "prenoms", "firstnames"),
    "birth_date": ("birthdate", "geboortedatum", "gebdatum", "datedenaissance", "datenaissance", "dateofbirth"),
    "street": (
        "street", "straat", "straatnaam", "straatennummer", "straatenhuisnummer", "adres", "rue", "rueetnumero",
        "adresse", "address", "nomderue",
    ),
    "postcode": ("postcode", "postnummer", "codepostal", "zip", "zipcode", "postalcode"),
    "city": ("city", "gemeente", "gemeentenaam", "woonplaats", "stad", "plaats", "commune", "localite", "ville"),
    "language": ("language", "taal", "taalcode", "langue", "codelangue"),
}  # fmt: skip
# What stands in columns of its own, behind the street, in this order. A short name counts only directly behind what is
# before it: elsewhere it may number the lines.
_HOUSE = (
    ("huisnummer", "huisnr", "numeromaison", "numerodemaison", "housenumber"),
    ("nummer", "nr", "n", "numero", "no"),
)
_BOX = (("busnummer", "busnr", "bus", "boite", "bte", "numeroboite", "box"), ("index",))
_LANGUAGES = {
    "nl": ("nl", "n", "ned", "nederlands", "neerlandais", "dutch"),
    "fr": ("fr", "f", "fra", "frans", "francais", "french"),
    "de": ("de", "d", "dui", "duits", "allemand", "deutsch", "german"),
    "en": ("en", "e", "eng", "engels", "anglais", "english"),
}


class Exclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever has one of these values in the column, or any if none is listed, may not vote."""

    column: str
    values: list[str] = []


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What register.toml says; all of it may be missing."""

    columns: dict[str, str | list[str]] = {}
    languages: dict[str, str] = {}
    fallback_language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}$")] | None = None
    restore_zeros: bool = False
    exclude: list[Exclusion] = []


@dataclass(frozen=True, slots=True)
class Columns:
    """Of one file: for each field the numbers of its columns, from 0; none for an optional one that is not there."""

    header: list[str]
    places: Mapping[str, tuple[int, ...]]
    excluding: Sequence[tuple[int, frozenset[str]]]
    languages: Mapping[str, str]
    unused: Sequence[int]
    #: those that hold boxes of a house, which are written with a word before them
    boxes: frozenset[int]

    def names(self) -> dict[str, list[str]]:
        return {name: [self.header[place] for place in places] for name, places in self.places.items() if places}


def read_settings(path: Path) -> Settings:
    """Raises RollInvalid. Without a file, everything is guessed."""
    try:
        settings = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), Settings, strict=True)
    except FileNotFoundError:
        return Settings()
    except UnicodeDecodeError:
        raise RollInvalid(f"{path} is not in UTF-8: save it with that encoding") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RollInvalid(
            f"{path} is not valid TOML: {error}; a text stands in straight quotes, true and false in small letters"
        ) from None
    except msgspec.ValidationError as error:
        raise RollInvalid(f"{path} does not fit: {_problem(str(error))}") from None
    if any("" in map(str.strip, rule.values) for rule in settings.exclude):
        raise RollInvalid(f"{path}: an empty value excludes nobody; leave values out to exclude whoever has any")
    if strange := set(settings.columns) - set(FIELDS):
        raise RollInvalid(f"{path} names {', '.join(sorted(strange))} under [columns]; there are {', '.join(FIELDS)}")
    return settings


_WORDS = {
    "bool": "must be true or false, in small letters and without quotes",
    "str": "must be a text in quotes",
    "array": "must be a list in [ ]; of parts, each begins with a line in double brackets, such as [[exclude]]",
    "object": "must be a part that begins with a line in brackets",
}


def _problem(message: str) -> str:
    """What msgspec says, as people write the file."""
    if strange := re.search(r"unknown field `(\w+)`(?: - at `\$\.?(.*)`)?", message):
        hint = "; if it is of the whole file, it stands above the first line in brackets" if strange[2] else ""
        return f"{strange[1]} is no setting{f' of {strange[2]}' if strange[2] else ''}{hint}"
    found = re.search(r"Expected `([a-z]+)[^`]*`.*? - at `\$\.?(.*)`", message)
    return f"{found[2]} {_WORDS.get(found[1], message)}" if found else message


def plain(text: str) -> str:
    """A name of a column, or a code, as it is compared."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z0-9]", "", letters)


def plain_name(text: str) -> str:
    """Of a column, without what stands in brackets and a number behind it."""
    return plain(re.sub(r"\(.*?\)|[0-9]+\s*$", "", text))


def find_columns(header: list[str], settings: Settings) -> Columns:
    """Raises RollInvalid, with the columns that are there, unless the first line may be a person."""
    known, stated = {word for words in _NAMES.values() for word in words}, _stated(settings)
    if not any(name in stated or plain_name(name) in known for name in header):
        raise RollInvalid(
            "the first line of the register names no column that is known here: it must say which column is what, and "
            f"what is not recognised stands in a file {SETTINGS} beside the draft"
        )
    if len({plain(name) or name for name in header}) != len(header):
        raise RollInvalid(f"two columns of the register have the same name: {_list(header)}")
    places = {name: _place(name, header, settings) for name in FIELDS}
    missing = [name for name in FIELDS if not places[name] and name not in _OPTIONAL]
    if missing:
        raise RollInvalid(
            f"no column of the register is recognised as {', '.join(missing)}; it has {_list(header)}. Say which is "
            f'which in a file {SETTINGS} beside the draft, as: [columns] and below it {missing[0]} = "NAME"'
        )
    excluding = [(_named(rule.column, header), frozenset(map(code, rule.values))) for rule in settings.exclude]
    used = {place for of_one in places.values() for place in of_one} | {place for place, _ in excluding}
    unused = [place for place in range(len(header)) if place not in used]
    boxes = frozenset(place for place, name in enumerate(header) if plain_name(name) in _BOX[0] + _BOX[1])
    return Columns(header, places, excluding, _languages(settings), unused, boxes)


def code(text: str) -> str:
    """A value as it is compared; of signs alone, the signs."""
    return plain(text) or text.strip()


def _stated(settings: Settings) -> list[str]:
    return [name for names in settings.columns.values() for name in ([names] if isinstance(names, str) else names)]


def _languages(settings: Settings) -> dict[str, str]:
    known = {word: language for language, words in _LANGUAGES.items() for word in words}
    return known | {plain(code): language for code, language in settings.languages.items()}


def _place(name: str, header: list[str], settings: Settings) -> tuple[int, ...]:
    stated = settings.columns.get(name)
    if stated is not None:
        return tuple(_named(column, header) for column in ([stated] if isinstance(stated, str) else stated))
    found = [number for number, column in enumerate(header) if plain_name(column) in _NAMES[name]]
    if len(found) > 1:
        one = _with_house(found[:1], header) if name == "street" else found
        example = ", ".join(f'"{header[number]}"' for number in one)
        raise RollInvalid(
            f"{_list([header[number] for number in found])} could all be the {name}; say which in a file {SETTINGS} "
            f"beside the draft, as: [columns] and below it {name} = [{example}]"
        )
    return tuple(_with_house(found, header) if found and name == "street" else found)


def _with_house(found: list[int], header: list[str]) -> list[int]:
    """The street's column and those behind it. Raises RollInvalid where several could be."""
    for certain, short in (_HOUSE, _BOX):
        named = [number for number, column in enumerate(header) if plain_name(column) in certain]
        behind = found[-1] + 1
        if not named and behind < len(header) and plain_name(header[behind]) in short:
            named = [behind]
        if len(named) > 1:
            raise RollInvalid(
                f"{_list([header[number] for number in named])} could both stand behind the street; say which do in a "
                f"file {SETTINGS} beside the draft, under [columns]: street = [...]"
            )
        found = found + named
    return found


def _named(column: str, header: list[str]) -> int:
    try:
        return header.index(column)
    except ValueError:
        raise RollInvalid(f"{SETTINGS} names a column {column!r}; the register has {_list(header)}") from None


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:40])
