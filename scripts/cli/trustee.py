"""What a trustee needs beside the steps: where things stand, the one step that is due, the link, a second copy.

Decides words. Which step is due is decided in `tally.standing`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from stembus.audit.durable import write_durably
from stembus.audit.formats.ceremony import latest_attempt
from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.tally_record import sums_digest
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.secret_file import read_secret_file
from stembus.scripts.cli.keys import fingerprint
from stembus.scripts.cli.trustee_steps import (
    NUMBER,
    PLACE,
    REFERENDUM,
    STEPS,
    clock_for,
    deliver,
    log_of,
    open_trustee,
    who,
)
from stembus.scripts.escape import shown
from stembus.scripts.published import verified
from stembus.scripts.report_text import at_home
from stembus.scripts.shell import DIRECTORY, next_step, open_office, passphrase, say
from stembus.scripts.trustee_seat import parse_link, seat_here, write_seat
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.standing import Standing, standing_of
from stembus.tally.trustee import Trustee

STAGES = {
    "commit": "key ceremony, step 1 of 5: commit to a part of the key",
    "reveal": "key ceremony, step 2 of 5: reveal what was committed to",
    "share": "key ceremony, step 3 of 5: send each other trustee its sealed share",
    "confirm": "key ceremony, step 4 of 5: check all shares, and confirm the key",
    "drill": "key ceremony, step 5 of 5: show that your share opens",
    "election-key": "the key is made; the office puts it into the log",
    "roll": "the key is made; nothing to do until the count",
    "opening": "the letters are made; nothing that you must do until the count",
    "voting": "people are voting; nothing to do until the count",
    "paper": "voting is over; the office has still to say how people voted on paper",
    "complaints": "voting is over; complaints are heard until {until}, and the count begins after that",
    "intent": "the count, step 1 of 2: announce the sums that you will decrypt",
    "decrypt": "the count, step 2 of 2: release your part of the decryption",
    "result": "enough trustees have decrypted; the office states the result",
    "done": "the result stands in the log; nothing more to do, thank you",
    "not-counted": "too few people took part; by the rules nothing is decrypted",
    "cancelled": "the referendum was cancelled; nothing is decrypted",
    "abandoned": "the referendum ended without a result; nothing is decrypted",
}


@click.group(invoke_without_command=True)
@click.pass_context
def trustee(context: click.Context) -> None:
    """Where a trustee stands, the key ceremony and the decryption.

    \b
    Alone, it says where the ceremony or the count stands, whom it waits for, and what is yours to do.
    Every time:  now, next
    Once:        identity, copy, join
    Ceremony:    commit, reveal, share, confirm, drill; complain or again if something is wrong
    Tally:       rehearse, intent, decrypt
    """
    if context.invoked_subcommand is not None:
        return
    if (folder := seat_here(Path.cwd())) is None:
        click.echo(context.get_help())
        say("\nno trustee's folder is here; with the link from the office: stembus trustee join LINK FOLDER")
        return
    context.invoke(now, directory=folder)


@trustee.command()
@DIRECTORY
@NUMBER
@PLACE
@REFERENDUM
def now(directory: Path, number: int | None = None, place: str | None = None, referendum: str | None = None) -> None:
    """Say where the referendum stands, whom it waits for, and what is yours to do. Asks no passphrase.

    \b
    Example:  stembus trustee now my-key
    """
    office = open_office(directory)
    number = who(office, number)
    with log_of(office, place, referendum) as log:
        _tell(office, log, number)


def _tell(office: Office, log: VerifiedLog, number: int) -> None:
    manifest, members = log.manifest, log.manifest.trustees.members
    if number > len(members):
        raise NotReady(f"there are {len(members)} trustees, and no trustee {number}; is this the right folder?")
    standing = standing_of(log, number, clock_for(manifest).now())
    click.echo(shown(f"referendum  {manifest.title[manifest.languages[0]]} ({log.referendum.hex()[:16]}...)"))
    click.echo(f"you are     trustee {number} of {len(members)}; {manifest.trustees.threshold} of you decrypt")
    click.echo(f"log         {log.head.size} entries, all checked here")
    click.echo(f"now         {_stage(manifest, standing)}")
    if standing.waits:
        names = ", ".join(f"trustee {k}" for k in standing.waits)
        more = manifest.trustees.threshold - len(log.tally.intents)
        click.echo(f"waits for   {f'{more} more of {names}' if standing.stage == 'intent' else names}")
    for line in _fingerprints(log):
        click.echo(line)
    if standing.step is None:
        say("nothing is yours to do now")
    elif standing.optional:
        next_step(f"if you like: stembus trustee next {office.root}; nothing waits for it")
    else:
        next_step(f"it is your turn: stembus trustee next {office.root}")


def _stage(manifest: Manifest, standing: Standing) -> str:
    until = "" if standing.until is None else at_home(standing.until, manifest)
    return STAGES[standing.stage].format(until=until)


def _fingerprints(log: VerifiedLog) -> list[str]:
    """What trustees read aloud to each other: the same digits as the page in the browser shows."""
    attempt, count = latest_attempt(entry.body for _, _, entry in log.entries()), len(log.manifest.trustees.members)
    told = []
    if not attempt.void and len(attempt.reveals) == count and len(attempt.shares) == count * (count - 1):
        print_of = fingerprint(attempt.transcript(log.referendum).hex())
        told.append(f"compare     {print_of}  the key and how it was made (attempt {attempt.number})")
    if log.tally.decided and log.sums:
        size = log.tally.decided
        told.append(f"compare     {fingerprint(log.tree.root_at(size).hex())}  the log that is counted, {size} entries")
        told.append(
            f"compare     {fingerprint(sums_digest(log.referendum, log.sums).hex())}  the sums that are counted"
        )
    return told


@trustee.command("next")
@DIRECTORY
@NUMBER
@PLACE
@REFERENDUM
@click.option(
    "--copy",
    "copy_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="At the drill: the second copy of the key file, which is opened too.",
)
def next_command(
    directory: Path, number: int | None, place: str | None, referendum: str | None, copy_file: Path | None
) -> None:
    """Take the one step that is yours now, if there is one.

    \b
    Example:  stembus trustee next my-key
    """
    with open_trustee(directory, number, place, referendum) as (office, person):
        standing = standing_of(person.log, person.number, clock_for(person.log.manifest).now())
        if standing.step is None:
            _tell(office, person.log, person.number)
            return
        say(f"you sign: {STAGES[standing.stage if not standing.optional else standing.step]}")
        if standing.step == "drill":
            _demand_copy(office, person.number, copy_file)
        made = getattr(person, standing.step)()
        label = f"trustee-{person.number}-{standing.step}"
    deliver(office, made if isinstance(made, list) else [made], None, label)
    if made and standing.step == "intent":
        say("your key file remembers now what you announced: copy it to the other stick again, stembus trustee copy")
    next_step(f"stembus trustee now {directory}, which says whom it waits for")


def _demand_copy(office: Office, number: int, copy_file: Path | None) -> None:
    """The ceremony is not over for who has one stick. Raises NotReady."""
    if copy_file is None:
        raise NotReady(
            "the drill shows that both copies of your key file open, while a new key can still be made; make one with: "
            f"stembus trustee copy {office.root} OTHER-STICK; then: stembus trustee next {office.root} --copy FILE"
        )
    _open_copy(office, number, copy_file)


def _open_copy(office: Office, number: int, path: Path) -> None:
    party = f"trustee-{number}"
    if path.samefile(office.key_path(party)):
        raise NotReady(f"{path} is the key file itself, and no second copy: put the other stick in")
    if path.read_bytes() == office.key_path(party).read_bytes():
        say(f"the copy is the same, byte by byte: {path}")
        return
    copied = parse_trustee_key(read_secret_file(path, passphrase(party)))
    if copied.seed != parse_trustee_key(office.secret(party)).seed:
        raise NotReady(f"{path} opens, and is another key file than {office.key_path(party)}; copy that one")
    say(f"the copy opens, too: {path}")


@trustee.command()
@DIRECTORY
@click.argument("target", type=click.Path(path_type=Path))
@NUMBER
def copy(directory: Path, target: Path, number: int | None) -> None:
    """Make a second copy of the key file at TARGET, another stick, and open it there.

    \b
    Example:  stembus trustee copy my-key /media/other-stick
    """
    office = open_office(directory)
    number = who(office, number)
    source = office.key_path(f"trustee-{number}")
    if not source.exists():
        raise NotReady(f"there is no key file {source}")
    path = target / f"trustee-{number}.key" if target.is_dir() else target
    if path.exists() and (path.samefile(source) or path.read_bytes() != source.read_bytes()):
        raise NotReady(f"{path} exists and is no copy of the key file; it is not overwritten")
    if not path.parent.is_dir():
        raise NotReady(f"there is no folder {path.parent}; put the other stick in, and give its folder")
    write_durably(path, source.read_bytes(), private=True)
    _open_copy(office, number, path)
    next_step("keep it at another place than the first; the passphrase at a third")


@trustee.command()
@click.argument("link")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@NUMBER
def join(link: str, folder: Path, number: int | None) -> None:
    """Join the referendum of LINK, which the office sent, with the key in FOLDER.

    \b
    Example:  stembus trustee join https://city.example/board/nl/#3f0c... my-key
    """
    seat = parse_link(link)
    if not folder.is_dir():
        raise NotReady(
            f"there is no folder {folder}; your key is made before the referendum is defined, with: "
            f"stembus trustee identity {folder} --number N"
        )
    office = open_office(folder)
    number = who(office, number)
    with verified(seat.place, seat.referendum) as report:
        if any(fault.check == "V2" for fault in report.faults):
            raise NotReady("the number in this link is not that of the referendum at its address: copy the link whole")
        log = report.demand_log()
        Trustee(parse_trustee_key(office.secret(f"trustee-{number}")), lambda _: None, log)
        write_seat(folder, seat)
        _tell(office, log, number)
    say(f"compare this number with the one you have on paper: {seat.referendum.hex()}")


@trustee.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--language", type=click.Choice(["nl", "en", "fr"]), default="nl", show_default=True)
def page(file: Path, language: str) -> None:
    """Write the trustees' page for browsers to FILE, of no referendum: keys can be made with it before one is defined.

    \b
    Example:  stembus trustee page trustees.html
    """
    try:
        from stembus.webvote.board_app import page_file
    except ModuleNotFoundError as error:
        raise NotReady(
            f"making the page needs the server parts ({error.name}); the office sends it to trustees"
        ) from None
    from stembus.webvote.static_files import demand_client

    demand_client()
    if file.exists():
        raise NotReady(f"{file} exists already; choose another name")
    data = page_file(language).encode("utf-8")
    write_durably(file, data)
    click.echo(str(file))
    click.echo(f"SHA-256 {hashlib.sha256(data).hexdigest()}; the same release makes the same file anywhere")


for _command in STEPS:
    trustee.add_command(_command)
