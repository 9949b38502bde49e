"""Which column of a register holds what, and which cells exclude a person.

Decides how columns are guessed from their names in Dutch, French and English, and how a file beside the draft,
register.toml, says otherwise. A guess that is not certain is an error which names the candidates.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        "inss", "niss", "nationaalnummer", "numeronational", "numeroderegistrenational", "numeroregistrenational",
    ),
    "last_name": ("lastname", "naam", "familienaam", "achternaam", "nom", "nomdefamille", "surname", "name"),
    "first_name": ("firstname", "voornaam", "voornamen", "eerstevoornaam", "prenom", "prenoms", "firstnames"),
    "birth_date": ("birthdate", "geboortedatum", "gebdatum", "datedenaissance", "datenaissance", "dateofbirth"),
    "street": ("street", "straat", "straatnaam", "adres", "rue", "adresse", "address", "nomderue"),
    "postcode": ("postcode", "postnummer", "codepostal", "zip", "zipcode", "postalcode"),
    "city": ("city", "gemeente", "gemeentenaam", "woonplaats", "stad", "plaats", "commune", "localite", "ville"),
    "language": ("language", "taal", "taalcode", "langue", "codelangue"),
}  # fmt: skip
# What stands in columns of its own, behind the street, in this order.
_BEHIND_STREET = (
    ("huisnummer", "huisnr", "nummer", "nr", "n", "numero", "numeromaison", "housenumber"),
    ("index", "busnummer", "busnr", "bus", "boite", "numeroboite", "box"),
)
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
    languages: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> dict[str, list[str]]:
        return {name: [self.header[place] for place in places] for name, places in self.places.items() if places}


def read_settings(path: Path) -> Settings:
    """Raises RollInvalid. Without a file, everything is guessed."""
    try:
        settings = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), Settings, strict=True)
    except FileNotFoundError:
        return Settings()
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RollInvalid(f"{path} is not valid TOML in UTF-8: {error}") from None
    except msgspec.ValidationError as error:
        raise RollInvalid(f"{path} does not fit: {error}") from None
    if strange := set(settings.columns) - set(FIELDS):
        raise RollInvalid(f"{path} names {', '.join(sorted(strange))} under [columns]; there are {', '.join(FIELDS)}")
    return settings


def plain(text: str) -> str:
    """A name of a column, or a code, as it is compared."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z0-9]", "", letters)


def find_columns(header: list[str], settings: Settings) -> Columns:
    """Raises RollInvalid, with the columns that are there."""
    if len({plain(name) or name for name in header}) != len(header):
        raise RollInvalid(f"two columns of the register have the same name: {_list(header)}")
    places = {name: _place(name, header, settings) for name in FIELDS}
    missing = [name for name in FIELDS if not places[name] and name not in _OPTIONAL]
    if missing:
        raise RollInvalid(
            f"no column of the register is recognised as {', '.join(missing)}; it has {_list(header)}. Say which is "
            f'which in a file {SETTINGS} beside the draft, as: [columns] and below it {missing[0]} = "NAME"'
        )
    excluding = [
        (_named(rule.column, header), frozenset(plain(value) for value in rule.values)) for rule in settings.exclude
    ]
    return Columns(header, places, excluding, _languages(settings))


def _languages(settings: Settings) -> dict[str, str]:
    known = {word: language for language, words in _LANGUAGES.items() for word in words}
    return known | {plain(code): language for code, language in settings.languages.items()}


def _place(name: str, header: list[str], settings: Settings) -> tuple[int, ...]:
    stated = settings.columns.get(name)
    if stated is not None:
        return tuple(_named(column, header) for column in ([stated] if isinstance(stated, str) else stated))
    found = [number for number, column in enumerate(header) if plain(column) in _NAMES[name]]
    if len(found) > 1:
        raise RollInvalid(
            f"{_list([header[number] for number in found])} could both be the {name}; say which in a file {SETTINGS} "
            f'beside the draft, as: [columns] and below it {name} = "{header[found[0]]}"'
        )
    if found and name == "street":
        for words in _BEHIND_STREET:
            found += [number for number, column in enumerate(header) if plain(column) in words][:1]
    return tuple(found)


def _named(column: str, header: list[str]) -> int:
    try:
        return header.index(column)
    except ValueError:
        raise RollInvalid(f"{SETTINGS} names a column {column!r}; the register has {_list(header)}") from None


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:40])
