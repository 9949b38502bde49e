"""Commands of trustees. They need only the base install, a secret file and the published log.

The steps one by one; where a trustee stands, and the one step that is due, is in `trustee`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from stembus.audit.clock import Clock, RealClock
from stembus.audit.durable import write_durably
from stembus.audit.formats.manifest import Manifest
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.office.office import NotReady, Office, clock_of
from stembus.scripts.cli.keys import make_key
from stembus.scripts.cli.log_steps import elect, settle
from stembus.scripts.cli.status import what_follows
from stembus.scripts.published import referendum_id, verified_log
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say
from stembus.scripts.trustee_seat import read_seat
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import Trustee

NUMBER = click.option("--number", type=click.IntRange(min=1), help="Which trustee; not needed where one key lies.")
PLACE = click.option("--place", help="The published log, if it is not the board's or DIR/public.")
REFERENDUM = click.option("--referendum", help="The referendum id, if DIR does not hold it.")
OUT = click.option("--out", type=click.Path(path_type=Path), help="Write the signed entry here instead of the log.")


@click.command()
@DIRECTORY
@NUMBER
def identity(directory: Path, number: int | None) -> None:
    """Make a trustee's key, before the referendum is defined; publish its fingerprint by your own channel.

    \b
    Example:  stembus trustee identity kortrijk --number 2
    """
    if number is None:
        raise NotReady("which trustee are you? The officials know; then add: --number 1, or 2, ...")
    others = [path for path in directory.glob("trustee-*/trustee.key") if path.parent.name != f"trustee-{number}"]
    if others and not (directory / "referendum.toml").exists():
        raise NotReady(f"{others[0]} is the key of {others[0].parent.name}: each trustee has a folder of their own")
    make_key(directory, f"trustee-{number}")
    next_step(f"give {directory / 'keys' / f'trustee-{number}.json'} to the officials")


def who(office: Office, number: int | None) -> int:
    """Whose key is meant: nobody is trustee 1 by default. Raises NotReady."""
    here = office.numbers_here("trustee")
    if number is None and len(here) == 1:
        return here[0]
    if not here:
        if number is not None:
            return number
        raise NotReady(f"there is no trustee's key in {office.root}; make one: stembus trustee identity DIR --number N")
    told = f"the key{'s' * (len(here) > 1)} of trustee {', '.join(map(str, here))}"
    if number is None:
        raise NotReady(f"in {office.root} lie {told}: say which trustee you are, with --number")
    if number not in here:
        raise NotReady(f"trustee {number} has no key in {office.root}; there is {told}")
    return number


@contextmanager
def log_of(office: Office, place: str | None, referendum: str | None) -> Iterator[VerifiedLog]:
    """The verified log: of the board that was joined, or of the office's folder, unless somebody says otherwise."""
    seat = read_seat(office.root)
    identity = referendum_id(referendum) if referendum else seat.referendum if seat else office.referendum
    with verified_log(place or (seat.place if seat else str(office.public)), identity) as log:
        yield log


def clock_for(manifest: Manifest) -> Clock:
    """The time matters only where complaints are heard before the count."""
    return clock_of(manifest) if manifest.complaint_seconds else RealClock()


@contextmanager
def open_trustee(
    directory: Path, asked: int | None, place: str | None, referendum: str | None
) -> Iterator[tuple[Office, Trustee]]:
    office = open_office(directory)
    number = who(office, asked)
    party = f"trustee-{number}"
    secrets = parse_trustee_key(office.secret(party))
    say("checking the published log ...")
    with log_of(office, place, referendum) as log:
        person = Trustee(secrets, lambda key: office.save_secret(party, key.to_bytes()), log, clock_for(log.manifest))
        if person.number != number:
            raise NotReady(f"{office.key_path(party)} is the key of trustee {person.number}, not of trustee {number}")
        yield office, person


def deliver(office: Office, entries: list[bytes], out: Path | None, label: str) -> bool:
    """Into the log when its key lies in the folder, to the board that was joined, otherwise into files to send; True
    when it stands in the log that lies here."""
    if out is None and office.key_path("log").exists():
        office.log().append(entries)
        say(f"logged: {label}")
        settle(office.log())
        return True
    if out is None and (seat := read_seat(office.root)) is not None:
        try:
            seen = seat.send(entries)
        except ServiceUnreachable as error:
            say(f"the board did not take it: {error}")
        else:
            say(f"logged: {label}{'' if seen else '; a quorum of witnesses has not seen it yet'}")
            return False
    for number, entry in enumerate(entries, 1):
        path = out or office.root / "outbox" / f"{label}.json"
        if len(entries) > 1:
            path = path.with_name(f"{path.stem}-{number}{path.suffix}")
        write_durably(path, entry)
        click.echo(str(path))
    next_step("send the file to the officials, who run: stembus submit DIR FILE")
    return False


def _made_good(directory: Path) -> bool:
    """Logs the election key where the last drill stands in the log, and its command did not get so far."""
    office = open_office(directory)
    if not office.key_path("log").exists() or not office.log().order.drilled_by_all:
        return False
    if elected := elect(office):
        next_step(what_follows(directory, office, office.log().order) or "")
    return elected


def _step(name: str, help_text: str, following: str, act: Callable[[Trustee], bytes | list[bytes]]) -> click.Command:
    @click.command(name, help=f"{help_text}\n\n\b\nExample:  stembus trustee {name} kortrijk --number 1")
    @DIRECTORY
    @NUMBER
    @PLACE
    @REFERENDUM
    @OUT
    def command(
        directory: Path, number: int | None, place: str | None, referendum: str | None, out: Path | None
    ) -> None:
        if name == "drill" and _made_good(directory):
            return
        with open_trustee(directory, number, place, referendum) as (office, person):
            made, label = act(person), f"trustee-{person.number}-{name}"
        logged = deliver(office, made if isinstance(made, list) else [made], out, label)
        if logged and name == "drill":
            elect(office)
        joined = f"stembus trustee now {directory}" if read_seat(directory) else following
        next_step((logged and what_follows(directory, office, office.log().order)) or joined)

    return command


def again(person: Trustee) -> bytes:
    """A new attempt of the ceremony."""
    return person.commit(new_attempt=True)


_CEREMONY_AND_COUNT = [
    _step(
        "commit", "Step 1: commit to a share of the key, without showing it.", "reveal, once all have", Trustee.commit
    ),
    _step("again", "Give up this attempt, visibly, and commit to a new one.", "reveal, once all have", again),
    _step("reveal", "Step 2: reveal the commitments.", "share, once all have revealed", Trustee.reveal),
    _step(
        "share", "Step 3: send every other trustee its sealed share.", "confirm, once all have shared", Trustee.share
    ),
    _step(
        "confirm", "Step 4: check all shares and confirm the key.", "drill, once all have confirmed", Trustee.confirm
    ),
    _step(
        "drill", "Step 5: show in the log that the share opens.", "officials run: stembus roll import", Trustee.drill
    ),
    _step(
        "complain", "Instead of step 4: show that a share is faulty.", "all commit to a new attempt", Trustee.complain
    ),
    _step(
        "intent", "After the close: announce the tree and sums to decrypt.", "decrypt, once enough have", Trustee.intent
    ),
    _step("decrypt", "Release this trustee's part of the decryption.", "stembus tally DIR", Trustee.decrypt),
]


@click.command()
@DIRECTORY
@NUMBER
@PLACE
@REFERENDUM
def rehearse(directory: Path, number: int | None, place: str | None, referendum: str | None) -> None:
    """Open the key file and check its share against the log; decrypts nothing.

    \b
    Example:  stembus trustee rehearse kortrijk --number 1
    """
    with open_trustee(directory, number, place, referendum) as (_, person):
        person.rehearse()
        click.echo(f"trustee {person.number}: the share fits the election key")


STEPS = [identity, *_CEREMONY_AND_COUNT, rehearse]
