"""Commands that make the letters: a proof to sign off, the files for the print house, one letter again.

Decides what an official is told, and in which folder of the office they lie: `letters`, which holds secrets until
`stembus credentials destroy` ends that.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stembus.ballot.office.office import NotReady
from stembus.scripts.escape import shown
from stembus.scripts.published import workers
from stembus.scripts.shell import DIRECTORY, fail, next_step, progress, say, serve_office

if TYPE_CHECKING:
    from stembus.ballot.eligibility.letter_print import Letter, Look
    from stembus.ballot.office.services import ServedOffice
    from stembus.webvote.theme import Theme

FOLDER = "letters"
# What of a theme leads people somewhere, on a letter.
_WHERE_TO = re.compile(r"name\b|address\b|contact\.\w+\.telephone\b|places \d+\.address\b|the logo\b")
_THEME = click.option(
    "--theme",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="STEMBUS_THEME",
    required=True,
    help="The city's theme: sender, contacts, places.",
)
_TEMPLATE = click.option(
    "--template", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="The city's own letter.typ."
)


@click.group()
def letters() -> None:
    """The letters for the print house, as PDF files."""


@letters.command("template")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def letters_template(file: Path) -> None:
    """Write the letter's template into FILE, to change texts and look.

    \b
    Example:  stembus letters template kortrijk/letter.typ
    """
    from stembus.ballot.eligibility.letter_print import TEMPLATE

    if file.exists():
        fail(f"{file} exists already, and nothing was changed", "name a file that does not exist yet")
    shutil.copyfile(TEMPLATE, file)
    say(f"{file} is a Typst file: change its texts and look, and give it with --template")


@letters.command("proof")
@DIRECTORY
@_THEME
@_TEMPLATE
def letters_proof(directory: Path, theme: Path, template: Path | None) -> None:
    """Make a few letters to be looked at and signed off before any is printed. Their codes work nowhere.

    \b
    Of each language one, and those with the longest names and addresses.
    Example:  stembus letters proof kortrijk --theme kortrijk-theme
    """
    from stembus.ballot.eligibility.letter_print import proofs, render

    found, look = _letters(directory, theme, template)
    path = _folder(directory) / "proof.pdf"
    chosen = proofs(found)
    _write(path, render(look, chosen))
    click.echo(f"{path}: {len(chosen)} letters, marked as proofs, of {len(found)}")
    own = f" --template {template}" if template else ""
    next_step(f"print it and let somebody else read it; then: stembus letters make {directory} --theme {theme}{own}")


@letters.command("make")
@DIRECTORY
@_THEME
@_TEMPLATE
@click.option("--workers", "number", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
def letters_make(directory: Path, theme: Path, template: Path | None, number: int) -> None:
    """Make all letters and the sealed spare ones, in files of 500, with a list for the print house.

    \b
    Each code is held against the list in the log. The files hold the codes: hand them over
    encrypted, and run stembus credentials destroy once the print house has confirmed the print.
    Example:  stembus letters make kortrijk --theme kortrijk-theme
    """
    from stembus.ballot.eligibility.letter_print import FOR_PRINT, PRINT_LIST, print_letters

    found, look = _letters(directory, theme, template)
    folder = _folder(directory) / FOR_PRINT
    with workers(number) as executor, progress("letters") as bar:
        printed = print_letters(found, look, folder, executor, bar)
    click.echo(f"{printed.letters} letters and {printed.spares} spare ones, in {printed.files} files")
    say(
        f"each code is that of one key in the log's list; hand over {folder}, and nothing else: {PRINT_LIST} there says"
    )
    say("what each file is, how many letters and pages it has, printed on both sides of one sheet each, and its hash")
    next_step(f"once all are printed: stembus credentials destroy {directory}")


@letters.command("one")
@DIRECTORY
@click.argument("number")
@_THEME
@_TEMPLATE
def letters_one(directory: Path, number: str, theme: Path, template: Path | None) -> None:
    """Make the letter of voter NUMBER, or the spare letter of that name, once more.

    \b
    Only while the codes are there. Where a letter is lost, replace it by a spare one instead:
    who finds the lost one could vote with it.
    Example:  stembus letters one kortrijk 012345678 --theme kortrijk-theme
    """
    from stembus.ballot.eligibility.letter_print import render

    found, look = _letters(directory, theme, template)
    chosen = [letter for letter in found if letter.number == number]
    if not chosen:
        raise NotReady(f"there is no letter {number}")
    path = _folder(directory) / f"one-{number}.pdf"
    _write(path, render(look, chosen))
    click.echo(f"{path}: the letter {number}; print it here, and delete the file")
    say("never for a letter that may be in a stranger's hands: that one is replaced by a spare one")


def _letters(directory: Path, theme: Path, template: Path | None) -> tuple[list[Letter], Look]:
    office = serve_office(directory)
    try:
        from stembus.ballot.eligibility.letter_print import read_letters
        from stembus.scripts.letter_look import letter_look
    except ModuleNotFoundError as error:
        raise NotReady(
            f"this step needs the server's parts ({error.name}); in a copy of the sources: pip install '.[server]'"
        ) from None
    from stembus.webvote.theme import load_theme

    city = load_theme(theme)
    demand_own_words(office, theme, city)
    if office.reading().order.replaced:
        say("WARN letters were replaced already: a letter of somebody who has a spare one is void, if it is made again")
    look = letter_look(office.manifest, office.referendum, city, template)
    authority = office.folder("authority")
    if not (authority / "codes.csv").exists():
        raise NotReady(
            f"there are no codes in {authority}: either none were made yet (stembus credentials make), or they were "
            "destroyed after the print, and no letter can be made again"
        )
    from stembus.ballot.office.logged_roll import logged_roll

    return read_letters(authority, look, *logged_roll(office)), look


def demand_own_words(office: ServedOffice, folder: Path, theme: Theme) -> None:
    """Raises NotReady where a binding referendum's letter would send people to an example."""
    from stembus.scripts.cli.theme import left_of_example

    # A city may well have a library that is called Library and opens at the same hours.
    left = [text for text in left_of_example(folder, theme) if _WHERE_TO.match(text)]
    if "example." in (url := office.manifest.client.url):
        left.insert(0, f"the address where people vote, {url}; it stands in the definition for good")
    for text in left:
        say(shown(f"WARN still the example's: {text}"))
    if left and office.manifest.binding:
        raise NotReady(f"{len(left)} texts of a binding referendum's letters are the example's; no letter was made")


def _folder(directory: Path) -> Path:
    folder = directory / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _write(path: Path, data: bytes) -> None:
    from stembus.audit.durable import write_durably

    write_durably(path, data, private=True)
