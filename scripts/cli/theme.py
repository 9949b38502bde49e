"""`stembus theme`: the folder by which a city is the sender of the voting pages.

Decides what a city is told about its folder. What may stand in one is decided in `webvote.theme`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from stembus.scripts.escape import shown
from stembus.scripts.shell import fail, next_step, say
from stembus.webvote.static_files import TRANSLATED
from stembus.webvote.theme import EXAMPLE, Theme, load_theme

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
_LANGUAGES = ("en", *TRANSLATED)


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
    next_step(f"stembus serve --fresh run --theme {folder}")


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
