"""The city as sender: name, logo, colours, whom to ask, where else to vote. From a folder that the city edits.

The folder holds `theme.toml`, and the logo that it names. Decides what may stand in it, and that colours can be
read: text has a contrast of at least 4.5 to 1 with what is behind it, on light and dark pages (WCAG 2.2, 1.4.3).
Leaves to the pages where each part is shown. The hashes in the log are those of pages with this very theme.
"""

from __future__ import annotations

import re
import stat
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from stembus.ballot.errors import BallotError
from stembus.ballot.office.draft_errors import draft_problem
from stembus.ballot.office.settings import Settings
from stembus.webvote.contrast import contrast
from stembus.webvote.static_files import INTERFACE_LANGUAGES

FILE = "theme.toml"
EXAMPLE = Path(__file__).parent / "theme_example"
LOGO_BYTES = 200_000
READABLE = 4.5
#: what stands behind an accent, and what stands on it, on a light and on a dark page; as in style.css
LIGHT, DARK = ("#ffffff", "#eef3f8"), ("#11171d", "#1d2730")
TOML_BYTES = 100_000
# Of each kind of file: its type, and what it holds near its beginning.
_LOGOS = {".svg": ("image/svg+xml", b"<svg"), ".png": ("image/png", b"\x89PNG\r\n")}
_FILMS = {".mp4": "video/mp4", ".webm": "video/webm"}
# Control characters, and those that turn the direction of what follows, are no text of a city.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TEXT_LENGTH = 2000
_TELEPHONE = r"\A\+?[0-9][0-9 ./-]{5,18}[0-9]\Z"

#: one text for all, or one for each language
Text = str | dict[str, str]
Telephone = Annotated[str, msgspec.Meta(pattern=_TELEPHONE)]
Colour = Annotated[str, msgspec.Meta(pattern=r"\A#[0-9a-fA-F]{6}\Z")]
Address = Annotated[str, msgspec.Meta(pattern=r"\A[^@\s<>\"&?]+@[^@\s<>\"&?]+\Z")]
FileName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,40}\.[a-z0-9]{2,4}\Z")]


class ThemeInvalid(BallotError):
    """The theme folder cannot be used; the message says what to mend."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: what is unknown is refused, as mistyped."""


class Colours(_Part, frozen=True, kw_only=True):
    """Of buttons and links, on light and on dark pages."""

    light: Colour = "#123a5e"
    dark: Colour = "#9cc4ee"


class Contact(_Part, frozen=True, kw_only=True):
    """The help desk, in one language."""

    telephone: Telephone
    hours: str = ""


class Place(_Part, frozen=True, kw_only=True):
    """Where people vote without a device of their own. `offers` says how: at a kiosk, on paper, with help."""

    name: Text
    address: str
    times: Text
    offers: list[Literal["kiosk", "paper", "help"]] = []


class Privacy(_Part, frozen=True, kw_only=True):
    """What the city has to say of itself (GDPR, articles 13 and 14): who is responsible, whom to write to, the data
    protection officer, who else sees the data, the legal ground, how long it is kept, and who hears complaints."""

    controller: Text
    contact: Address
    officer: Text = ""
    recipients: Text = ""
    ground: Text
    kept: Text
    complaints: Text


class Accessibility(_Part, frozen=True, kw_only=True):
    """The legal statement (Commission Implementing Decision (EU) 2018/1523): how far these pages keep to EN 301 549,
    when and by whom that was assessed, what is not accessible, whom to write to, and where to complain."""

    status: Literal["fully", "partially", "not"]
    assessed: date
    assessed_by: Text
    shortcomings: Text = ""
    #: how people with disabilities have tried these pages; where it is empty, the page says that nobody has
    tested_with: Text = ""
    contact: Address
    complaints: Text


class _File(_Part, frozen=True, kw_only=True):
    name: Text = ""
    address: str = ""  #: where letters go back to, on one line
    logo: FileName | None = None
    #: in each language, a film in sign language that says how to vote: a file beside theme.toml
    film: dict[str, FileName] = {}
    #: of so many ballots one is invited to be tested; 0 for none
    invite_to_test: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 20
    colours: Colours = Colours()
    contact: dict[str, Contact] = {}
    places: list[Place] = []
    privacy: Privacy | None = None
    accessibility: Accessibility | None = None


_NOTHING = _File()


@dataclass(frozen=True)
class Logo:
    name: str
    data: bytes

    @property
    def mimetype(self) -> str:
        return _LOGOS[Path(self.name).suffix][0]


@dataclass(frozen=True)
class Theme:
    """A theme that can be served. `films` are the files of films by language, with their types."""

    said: _File = _NOTHING
    logo: Logo | None = None
    films: tuple[tuple[str, Path, str], ...] = ()

    def contact(self, language: str) -> tuple[str, Contact] | None:
        """The help desk that speaks this language, else the first one; and its language."""
        found = self.said.contact.get(language)
        return (language, found) if found else next(iter(self.said.contact.items()), None)

    def film(self, language: str) -> tuple[Path, str] | None:
        """The file, and its type."""
        return next(((path, kind) for known, path, kind in self.films if known == language), None)

    @property
    def style(self) -> str:
        """The colours, as a style sheet."""
        light, dark = self.said.colours.light, self.said.colours.dark
        return (
            f":root {{ --accent: {light}; }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ --accent: "
            f"{dark}; }} }}\n"
        )


NO_THEME = Theme()


def plain_theme(telephone: str, invite_to_test: int = _NOTHING.invite_to_test) -> Theme:
    """No city's, with a telephone number to call."""
    return Theme(_File(contact={"en": Contact(telephone=telephone)}, invite_to_test=invite_to_test))


def theme_of(settings: Settings) -> Theme:
    """Of the folder that STEMBUS_THEME names; no city's without it. Raises ThemeInvalid."""
    folder = settings.get("THEME", "")
    return load_theme(Path(folder)) if folder else NO_THEME


def load_theme(folder: Path) -> Theme:
    """Raises ThemeInvalid."""
    path = folder / FILE
    try:
        read = tomllib.loads(_read(path, TOML_BYTES).decode("utf-8-sig"))
        _demand_words(path, read)
        said = msgspec.convert(read, _File)
    except msgspec.ValidationError as error:
        raise ThemeInvalid(f"{path}: {_problem(str(error))}") from None
    except tomllib.TOMLDecodeError as error:
        raise ThemeInvalid(f"{path}: {error}; a text stands in straight quotes") from None
    except UnicodeError:
        raise ThemeInvalid(f"{path} is not UTF-8; save it as such") from None
    except (ValueError, RecursionError):
        raise ThemeInvalid(f"{path} holds a number that is too long, or parts within parts without end") from None
    _demand_readable(path, said.colours)
    _demand_spoken(path, said)
    if said.accessibility and said.accessibility.status != "fully" and not said.accessibility.shortcomings:
        raise ThemeInvalid(
            f"{path}: accessibility.shortcomings must say what is not accessible, unless status is fully"
        )
    films = tuple((language, *_film(path, name)) for language, name in sorted(said.film.items()))
    return Theme(said, _logo(path, said.logo), films)


def _read(path: Path, most: int) -> bytes:
    """A whole file that is one, and not larger. Raises ThemeInvalid."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise ThemeInvalid(f"{path} is no ordinary file; links, folders and devices are not followed")
        if status.st_size > most:
            raise ThemeInvalid(f"{path} has {status.st_size} bytes; at most {most} load fast on a phone")
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        hint = "; `stembus theme new` makes an example" if path.name == FILE else ""
        raise ThemeInvalid(f"there is no file {path}{hint}") from None
    except OSError as error:
        raise ThemeInvalid(f"{path} cannot be read: {error.strerror}") from None


def _demand_words(path: Path, part: object, name: str = "") -> None:
    """Every text can be shown as it is, and every name is one of a field or a language."""
    if isinstance(part, dict):
        for key, value in part.items():
            if not re.fullmatch("[a-z_]{1,30}", key):
                raise ThemeInvalid(f"{path}: {name}{key!r} is no name of a field, and no language such as nl")
            _demand_words(path, value, f"{name}{key}.")
    elif isinstance(part, list):
        for value in part:
            _demand_words(path, value, name)
    elif isinstance(part, str) and (_UNREADABLE.search(part) or len(part) > _TEXT_LENGTH):
        told = (
            f"is longer than {_TEXT_LENGTH} characters" if len(part) > _TEXT_LENGTH else "holds an invisible character"
        )
        raise ThemeInvalid(f"{path}: {name.rstrip('.')} {told}")


def _demand_spoken(path: Path, said: _File) -> None:
    for part, languages in (("contact", said.contact), ("film", said.film)):
        for language in languages:
            if language not in INTERFACE_LANGUAGES:
                spoken = ", ".join(INTERFACE_LANGUAGES)
                raise ThemeInvalid(f"{path}: {part}.{language}: the pages speak {spoken}, and not {language}")


def _logo(path: Path, name: str | None) -> Logo | None:
    if name is None:
        return None
    if Path(name).suffix not in _LOGOS:
        raise ThemeInvalid(f"{path}: the logo {name} must be an .svg or a .png file")
    data = _read(path.parent / name, LOGO_BYTES)
    if _LOGOS[Path(name).suffix][1] not in data[:2000]:
        raise ThemeInvalid(f"{path}: the logo {name} does not begin like the picture that its name says")
    return Logo(name, data)


def _film(path: Path, name: str) -> tuple[Path, str]:
    """A film is large, and read when it is asked for."""
    kind, file = _FILMS.get(Path(name).suffix), path.parent / name
    if kind is None:
        raise ThemeInvalid(f"{path}: the film {name} must be an .mp4 or a .webm file")
    if file.is_symlink() or not file.is_file():
        raise ThemeInvalid(f"{path} names {name}, and there is no such film beside it")
    return file, kind


def _demand_readable(path: Path, colours: Colours) -> None:
    for name, colour, behind in (("light", colours.light, LIGHT), ("dark", colours.dark, DARK)):
        least = min(contrast(colour, other) for other in behind)
        if least < READABLE:
            told = "darker" if name == "light" else "lighter"
            raise ThemeInvalid(
                f"{path}: colours.{name} {colour} cannot be read on a {name} page, its contrast is {least:.1f} to 1 "
                f"and must be {READABLE}; take a {told} one"
            )


# What a pattern asks for, in words; msgspec says the pattern.
_PATTERNS = {
    "contact": "must be an e-mail address, such as privacy@example.org",
    "telephone": "must be a telephone number, such as 056 27 80 00",
    "light": "must be a colour like #123a5e",
    "dark": "must be a colour like #9cc4ee",
    "logo": "must be the name of a file beside it, such as logo.svg",
    "film": "must name a file beside it, such as film-nl.mp4",
}


_LISTED = {"status": "fully, partially, not", "offers": "kiosk, paper, help"}


def _problem(message: str) -> str:
    if "matching regex" in message:
        fields = re.findall(r"\w+", message.partition(" - at ")[2])
        found = next((name for name in reversed(fields) if name in _PATTERNS), "")
        if found:
            return f"{found} {_PATTERNS[found]}"
    if "Invalid enum value" in message:
        listed = next((words for field, words in _LISTED.items() if field in message.partition(" - at ")[2]), "")
        return f"{draft_problem(message).partition(' cannot stand')[0]} cannot stand here; it is one of {listed}"
    if "RFC3339" in message or ("got `str`" in message and "assessed" in message):
        return "accessibility.assessed is a date without quotes, such as 2026-11-01"
    return draft_problem(message)
