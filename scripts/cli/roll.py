"""Commands about the people who may vote: the population register, and the letters' codes."""

from __future__ import annotations

from pathlib import Path

import click

from stembus.audit.durable import write_durably
from stembus.ballot.office.office import NotReady
from stembus.scripts.escape import shown
from stembus.scripts.shell import DIRECTORY, next_step, open_office, program, progress, say, serve_office


@click.group()
def roll() -> None:
    """The population register."""


@roll.command("import")
@DIRECTORY
@click.argument("register", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only read, and say who may vote; nothing is written.")
@click.option(
    "--faults", type=click.Path(path_type=Path, dir_okay=False), help="Write the faulty lines there, to be mended."
)
def roll_import(directory: Path, register: Path, dry_run: bool, faults: Path | None) -> None:
    """Read the population register, and write letters and factors apart.

    \b
    Columns are recognised by their names; the file register.toml in DIR says what is not guessed
    right (see the official's guide). Says who may vote, who may not, and which lines are faulty.
    Example:  stembus roll import kortrijk register.csv --dry-run --faults to-mend.csv
    """
    try:
        from stembus.ballot.eligibility.register import read_register
        from stembus.ballot.eligibility.register_columns import SETTINGS, read_settings
        from stembus.ballot.eligibility.roll_import import import_roll
        from stembus.scripts.register_text import compared, faults_csv, reading_text
    except ModuleNotFoundError as error:
        raise NotReady(
            f"this step needs the officials' parts ({error.name}); in a copy of the sources: pip install '.[officials]'"
        ) from None
    settings = read_settings(directory / SETTINGS)
    if dry_run:
        from stembus.ballot.office.definition import read_draft, who_may_vote

        rule, languages = who_may_vote(read_draft(directory / "referendum.toml"))
    else:
        office = serve_office(directory)
        rule, languages = office.manifest.eligibility, office.manifest.languages
    reading = read_register(register, rule, languages, settings)
    for line in reading_text(reading, rule, settings, (directory / SETTINGS).exists()):
        click.echo(shown(line))
    if faults is not None:
        if faults.exists():
            raise NotReady(f"{faults} exists; nothing was written over it")
        write_durably(faults, faults_csv(reading), private=True)
        say(f"{faults} holds the faulty lines, and personal data: destroy it when they are mended")
    if dry_run:
        click.echo(compared(reading, rule))
        if len(reading.accepted) == rule.official_count and not (directory / "manifest.json").exists():
            next_step(f"stembus check {directory}")
        return
    with progress("second factors") as bar:
        factor, folder = office.manifest.second_factor, office.make_folder("importer")
        already = (folder / "factors.csv").exists()
        import_roll(reading, rule, factor, office.pepper(), folder, bar)
    say("already done: these people are imported" if already else f"{len(reading.accepted)} people are imported")
    next_step(f"stembus credentials make {directory}")


@roll.command("strike")
@DIRECTORY
@click.argument("number")
def roll_strike(directory: Path, number: str) -> None:
    """Strike voter NUMBER from the online roll, to vote on paper. This cannot be taken back.

    \b
    Example:  stembus roll strike kortrijk 012345678
    """
    serve_office(directory).strike(number)
    say(f"voter {number} is struck, and votes on paper; this cannot be taken back")


@roll.command("unlock")
@DIRECTORY
@click.argument("number")
def roll_unlock(directory: Path, number: str) -> None:
    """Give voter NUMBER new tries, after ten wrong second factors.

    \b
    Example:  stembus roll unlock kortrijk 012345678
    """
    serve_office(directory).letters().unlock(number)
    say(f"voter {number} has ten new tries")


@roll.command("find")
@DIRECTORY
@click.argument("words", nargs=-1, required=True)
@click.option("--officer", required=True, metavar="NAME", help="Who looks: an officer of the help desk. Written down.")
def roll_find(directory: Path, words: tuple[str, ...], officer: str) -> None:
    """Say the voter number of somebody who lost the letter, by WORDS of name and address.

    \b
    Ask for a proof of identity first. Each number that is shown stands in stembus desk log, with the officer's name.
    Example:  stembus roll find kortrijk peeters emma doorniksestraat --officer an.peeters
    """
    office = serve_office(directory)
    from stembus.ballot.eligibility.find_voter import find_voters

    found, desk = find_voters(office.folder("importer") / "letters.csv", " ".join(words)), office.desk()
    for one in found:
        desk.note_find(officer, one.number)
        click.echo(shown(f"{one.number}  {one.name}, {one.address}"))
    next_step(f"for a lost letter: stembus credentials replace {directory} NUMBER SPARE")


@click.group()
def credentials() -> None:
    """The letters' codes."""


@credentials.command("make")
@DIRECTORY
def credentials_make(directory: Path) -> None:
    """Make a code for each letter, publish the lists, and log the roll.

    \b
    Example:  stembus credentials make kortrijk
    """
    office = serve_office(directory)
    from stembus.ballot.eligibility.credential_authority import make_credentials, publish_lists

    phase = office.log().order.phase.value
    if phase == "ceremony":
        raise NotReady("the key ceremony is not complete; no letter may be made before the election key")
    office.demand_registrars()  # before a code is made that no registrar could be given
    authority = office.make_folder("authority")
    already = (authority / "enrolment.csv").exists()
    with progress("codes") as bar:
        made = make_credentials(office.folder("importer") / "letters.csv", authority, office.referendum, bar)
    if phase == "keyed":
        office.log().append([office.officers_sign(publish_lists(authority, office.log().publish))])
    office.enrol_all()
    if already:
        say("already done: codes were made, and none was changed")
    say("the roll stands in the log")
    click.echo(f"{made.credentials} letters, {made.spares} spares")
    codes = (authority / "codes.csv").exists()
    say(f"the codes are in {authority / 'codes.csv'} and spares.csv" if codes else "the codes are destroyed")
    elsewhere = [k for k in range(2, len(office.manifest.registrars) + 1) if k not in office.registrars_here()]
    for number in elsewhere:
        say(f"registrar {number} now takes its letters from the log: stembus registrar enrol ITS-DIR --log LOG")
    next_step(f"stembus letters proof {directory} --theme THEME" if codes else f"stembus open {directory}")


@credentials.command("replace")
@DIRECTORY
@click.argument("number")
@click.argument("spare")
def credentials_replace(directory: Path, number: str, spare: str) -> None:
    """Replace the lost letter of voter NUMBER by the sealed letter SPARE.

    \b
    Example:  stembus credentials replace kortrijk 012345678 spare-00001
    """
    office = serve_office(directory)
    from stembus.ballot.eligibility.credential_authority import spare_keys

    keys = spare_keys(office.folder("authority"))
    if spare not in keys:
        raise NotReady(f"there is no spare letter {spare}")
    replacement = keys[spare]
    body = office.replace(number, replacement)
    if replacement.hex() in office.log().order.replaced:
        say("already done: this replacement stands in the log")
        return
    office.log().append([office.officers_sign(body)])
    say(f"voter {number} now votes with {spare}; the lost letter is void")


@credentials.command("destroy")
@DIRECTORY
@click.option("--printed", type=click.IntRange(0), help="How many letters and spares the print house has confirmed.")
@click.option("--made-elsewhere", is_flag=True, help="The letters were made from codes.csv by another program.")
def credentials_destroy(directory: Path, printed: int | None, made_elsewhere: bool) -> None:
    """Delete the codes and the letters' files, once the print house has confirmed the print.

    \b
    The number that it confirms, letters and sealed spares together, must be that of the codes:
    after this, none can be printed again.
    Example:  stembus credentials destroy kortrijk --printed 63240
    """
    open_office(directory)
    from stembus.ballot.eligibility.credential_authority import count_codes, destroy_codes

    authority, letters = directory / "authority", directory / "letters"
    print_list = letters / "print" / "print-list.csv"
    codes = count_codes(authority)
    if codes is not None:
        made = sum(codes)
        if not print_list.exists() and not made_elsewhere:
            raise NotReady(
                "no letters were made from these codes, and without codes none ever can be; nothing was deleted. "
                f"First: {program()} letters make {directory} --theme THEME (or, if another program made them: "
                "--made-elsewhere)"
            )
        if printed is None:
            printed = click.prompt("How many letters and spares has the print house confirmed?", type=int, err=True)
        if printed != made:
            raise NotReady(
                f"nothing was deleted: {printed} letters and spares is not how many were made; ask the print house "
                f"again, and add up what {print_list} says of each file"
            )
    gone = destroy_codes(authority, letters)
    if not gone:
        say("already done: there are no codes left")
        return
    say(f"deleted: {', '.join(gone[:4])}" + (f" and {len(gone) - 4} more" if len(gone) > 4 else ""))
    say("copies of them, at the print house, in a mail or on a stick, are for you to delete; have it confirmed")
    next_step(f"stembus client log {directory} --release 1 --theme THEME")
