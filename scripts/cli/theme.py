"""`stembus theme`: the folder by which a city is the sender of the voting pages.

Decides what a city is told about its folder. What may stand in one is decided in `webvote.theme`.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import click

from stembus.scripts.escape import shown
from stembus.scripts.shell import fail, next_step, say
from stembus.webvote.static_files import TRANSLATED
from stembus.webvote.theme import EXAMPLE, FILE, Theme, load_theme

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
_LANGUAGES = ("en", *TRANSLATED)
# What a city may have in common with the example.
_MAY_STAY = (
    "colours", "logo", "accessibility.status", "accessibility.assessed_by", "accessibility.shortcomings",
    "accessibility.complaints", "privacy.complaints", "privacy.kept", "privacy.recipients",
)  # fmt: skip


@click.group()
def theme() -> None:
    """The city as sender: name, logo, colours, contacts, places."""


@theme.command()
@FOLDER
def new(folder: Path) -> None:
    """Write an example of a theme, to put in what is yours.

    \b
    Example:  stembus theme new kortrijk-theme
    """
    if folder.exists():
        fail(f"{folder} exists already, and nothing was changed", "name a folder that does not exist yet")
    shutil.copytree(EXAMPLE, folder)
    say(f"an example of a theme stands in {folder}; edit theme.toml there")
    next_step(f"stembus theme check {folder}")


@theme.command()
@FOLDER
def check(folder: Path) -> None:
    """Say whether a theme can be used, and what it leaves unsaid.

    \b
    Example:  stembus theme check kortrijk-theme
    """
    found = load_theme(folder)
    say(f"{folder} can be used")
    for lack in _lacking(found):
        say(shown(f"  not said: {lack}"))
    own = tomllib.loads((folder / FILE).read_text(encoding="utf-8-sig"))
    for left in left_of_example(folder, found):
        say(shown(f"  still the example's: {left}"))
    for name in _untranslated(own):
        say(shown(f"  not in every language of the pages: {name}"))
    next_step(f"stembus serve --fresh run --theme {folder}")


def left_of_example(folder: Path, found: Theme) -> list[str]:
    """What the theme that was found in the folder still has of the example: field and text."""
    own, example = (tomllib.loads((place / FILE).read_text(encoding="utf-8-sig")) for place in (folder, EXAMPLE))
    known = _texts(example)
    left = [f"{name}, {text}" for name, text in _texts(own) if (name, text) in known and not name.startswith(_MAY_STAY)]
    if found.logo is not None and found.logo == load_theme(EXAMPLE).logo:
        left.append(f"the logo, {found.logo.name}")
    return left


def _texts(part: object, name: str = "") -> list[tuple[str, str]]:
    """Every text with the names that lead to it."""
    if isinstance(part, dict):
        return [found for key, value in part.items() for found in _texts(value, f"{name}.{key}".lstrip("."))]
    if isinstance(part, list):
        return [found for number, value in enumerate(part, 1) for found in _texts(value, f"{name} {number}")]
    return [(name, part)] if isinstance(part, str) else []


def _untranslated(part: object, name: str = "") -> list[str]:
    if not isinstance(part, dict):
        values = part if isinstance(part, list) else []
        return [found for number, value in enumerate(values, 1) for found in _untranslated(value, f"{name} {number}")]
    if set(part) & set(_LANGUAGES):
        return [] if name in ("contact", "film") or set(_LANGUAGES) <= set(part) else [name]
    return [found for key, value in part.items() for found in _untranslated(value, f"{name}.{key}".lstrip("."))]


def _lacking(found: Theme) -> list[str]:
    said = found.said
    silent = [language for language in _LANGUAGES if language not in said.contact]
    lacks = {
        "the city's name": not said.name,
        "a logo": found.logo is None,
        f"whom to call, in {', '.join(silent)}": bool(silent),
        "places to vote without a device": not said.places,
        "who is responsible for personal data": said.privacy is None,
        "the accessibility statement, which the law demands": said.accessibility is None,
        "a film in sign language": not found.films,
    }
    return [lack for lack, lacking in lacks.items() if lacking]
