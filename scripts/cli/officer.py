"""Commands of an officer on a laptop of their own: read what another one began, compare it with the log, sign it.

Decides what is compared before an officer may sign. Nothing is signed that the verified log contradicts.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from stembus.audit.durable import write_durably
from stembus.audit.entry_rules import issuance_problem
from stembus.audit.errors import CannotRead
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entry_bodies import (
    Batch,
    Close,
    ElectionKey,
    Open,
    PaperBallots,
    PaperResult,
    Replace,
    Result,
    Roll,
)
from stembus.audit.formats.lists import CREDENTIALS, SPARES
from stembus.audit.log.source import Place
from stembus.audit.verify.verified_lists import issued_by, keys_of, struck_by
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.officers import add_signature, name_to_sign, parse_to_sign, take_signed
from stembus.scripts.officer_words import entry_words
from stembus.scripts.published import referendum_id, verified_report
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say
from stembus.scripts.typed_counts import parse_counts, parse_root
from stembus.tally.combine import make_result_body
from stembus.tally.errors import TallyError

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))


@click.group()
def officer() -> None:
    """Two officers sign on two laptops: read, compare and sign what the other one began."""


@officer.command()
@DIRECTORY
@FILE
@click.option("--place", required=True, help="The published log: address, folder or zip file.")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--number", type=click.IntRange(min=1), help="Which officer; not needed where one key lies.")
@click.option("--ballots", type=click.IntRange(0), help="For paper votes: how many you counted, apart from the other.")
@click.option("--counts", multiple=True, metavar="N,N,...", help="For paper votes: what you counted, as stembus paper.")
@click.option("--root", metavar="HEX", help="For a few paper votes: what stembus paper-root gave you.")
@click.option("--yes", is_flag=True, help="Sign without being asked.")
def sign(
    directory: Path, file: Path, place: str, referendum: str, number: int | None, ballots: int | None,
    counts: tuple[str, ...], root: str | None, yes: bool,
) -> None:  # fmt: skip
    """Read FILE, which another officer sent, compare it with the log, and sign it with the key in DIR.

    \b
    Example:  stembus officer sign my-key result-3fa9.json --place https://vote.example.org/log/ --referendum ID
    """
    office = open_office(directory)
    number = _who(office, number)
    entry = parse_to_sign(file.read_bytes())
    identity = referendum_id(referendum)
    say("checking the published log ...")
    with verified_report(place, identity) as (report, source):
        log = report.demand_log()
        own = office.signing_key(f"officer-{number}").public.hex()
        officers = log.manifest.officers
        if number > len(officers) or officers[number - 1].key != own:
            raise NotReady(f"the key in {directory} is not that of officer {number} of this referendum")
        for line in entry_words(log.manifest, entry.body):
            click.echo(line)
        if isinstance(entry.body, PaperResult | PaperBallots):
            _compare_paper(log, entry.body, ballots, counts, root)
        elif told := _compared(log, source, entry.body):
            say(told)
        say("once both of you have signed, the office can log it at any time; nobody can take it back")
        if not yes:
            click.confirm("Sign this?", abort=True, err=True)
        signed = add_signature(office, log.manifest, identity, entry, number)
    target = office.root / "signed" / name_to_sign(identity, entry.body)
    write_durably(target, signed)
    click.echo(str(target))
    next_step(
        f"send that file back; the other officer runs: stembus officer take DIR {target.name}, and the same command"
    )


def _who(office: Office, number: int | None) -> int:
    here = office.numbers_here("officer")
    if number is None and len(here) != 1:
        raise NotReady(f"{'several keys' if here else 'no key'} of officers in {office.root}: say which, with --number")
    if number is not None and number not in here:
        raise NotReady(f"officer {number} has no key in {office.root}; keys here: {here or 'none'}")
    return number or here[0]


def _compared(log: VerifiedLog, source: Place, body: Record) -> str | None:
    """What the log, and the lists beside it, say to it. Raises NotReady where they contradict it."""
    if isinstance(body, Roll | Replace):
        return _compared_lists(log, source, body)
    if isinstance(body, Result):
        try:
            own = make_result_body(log)
        except TallyError as error:
            raise NotReady(f"this result cannot be signed: {error}") from None
        if own != body:
            raise NotReady(
                "the log gives another result than this file: do not sign, and compare with the other officer"
            )
        return "this laptop has computed the same result from the log"
    bodies = [entry.body for _, _, entry in log.entries()]
    if isinstance(body, Open):
        keys = {
            hashlib.sha256(raw).hexdigest() for _, raw, entry in log.entries() if isinstance(entry.body, ElectionKey)
        }
        if body.election_key not in keys:
            raise NotReady("this opens the voting for another key than the trustees made: do not sign")
        return "the key is the one that the trustees made"
    if isinstance(body, Close):
        sizes = [one.size for one in bodies if isinstance(one, Batch)]
        if (body.batches, body.ballots) != (len(sizes), sum(sizes)):
            raise NotReady(
                f"the log that you see has {len(sizes)} batches and {sum(sizes)} ballots, not what this file says: "
                "look again in a moment; if it stays so, do not sign"
            )
        if problem := issuance_problem(log.manifest, log.referendum, body):
            raise NotReady(f"{problem}: do not sign")
        return _compared_lists(log, source, body)
    return None


def _compared_lists(log: VerifiedLog, source: Place, body: Roll | Close | Replace) -> str:
    """The lists that the office has published for it. Raises NotReady."""
    try:
        if isinstance(body, Close):
            for number in range(1, len(body.issuance) + 1):
                issued_by(log, source, body, number)
                struck_by(log, source, body, number)
            return (
                "batches and ballots are those of the log, and the registrars have signed the lists that are published"
            )
        roll = body
        if isinstance(body, Replace):
            roll = next(entry.body for _, _, entry in log.entries() if isinstance(entry.body, Roll))
        assert isinstance(roll, Roll)
        credentials = keys_of(source, CREDENTIALS, roll.count, roll.credentials_root)
        spares = keys_of(source, SPARES, roll.spares, roll.spares_root)
    except CannotRead as error:
        raise NotReady(f"the lists that this is about are not those that are published: {error}; do not sign") from None
    if not isinstance(body, Replace):
        return "the published lists have these lengths and roots"
    if bytes.fromhex(body.struck) not in {*credentials, *spares} or bytes.fromhex(body.replacement) not in spares:
        raise NotReady("this replaces a letter that is not on the roll, or by what is no spare letter: do not sign")
    return "the letter is on the roll, and the other one is a spare"


def _compare_paper(
    log: VerifiedLog, body: PaperResult | PaperBallots, ballots: int | None, counts: tuple[str, ...], root: str | None
) -> None:
    """An officer signs what they have counted themselves. Raises NotReady."""
    if isinstance(body, PaperBallots):
        if root is None:
            raise NotReady("count these ballots yourself, run stembus paper-root, and give its root here: --root HEX")
        if parse_root(root) != body.root:
            raise NotReady(
                "your root is another one: compare counts and seeds with the other officer; nothing was signed"
            )
        say("both of you have the same root")
        return
    if ballots is None or (ballots and not counts):
        raise NotReady("count the ballots yourself, apart from the other officer, and give --ballots and --counts")
    own = parse_counts(log.manifest, ballots, counts)
    if own != body:
        raise NotReady("you have counted something else: count again together; nothing was signed")
    say("both of you have counted the same")


@officer.command()
@DIRECTORY
@FILE
def take(directory: Path, file: Path) -> None:
    """Take FILE, which another officer signed, into DIR; then run the command again that asked for it.

    \b
    Example:  stembus officer take kortrijk result-3fa9.json
    """
    office = open_office(directory)
    path = take_signed(office.root, office.manifest, office.referendum, file.read_bytes())
    say(f"taken: {path}")
    next_step("the same command again that asked for the signature")
