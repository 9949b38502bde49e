"""Commands about paper votes: who counted them says how many there are, and for what."""

from __future__ import annotations

import re
from pathlib import Path

import click

from stembus.audit.entry_rules import paper_ballots_problem, paper_problem, struck_voters
from stembus.audit.formats.entry_bodies import PaperBallots, PaperResult
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import load_setup
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.own_secret import create_own_secret
from stembus.ballot.office.paper import SEED_BYTES, paper_header
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.cli.read_back import YES, read_back
from stembus.scripts.published import opened, referendum_id
from stembus.scripts.shell import DIRECTORY, next_step, open_office, program, say
from stembus.scripts.typed_counts import BALLOTS, COUNTS, EACH, Counted, counted_of, parse_counts, parse_root

AGAIN = click.option(
    "--again",
    metavar="BALLOTS:N,N,...",
    help="What a second officer found who counted apart, with / between questions. Asked for where both keys lie here.",
)


def _counted_twice(office: Office, body: PaperResult, again: str | None) -> None:
    """Where two officers sign on one machine, the second one types what they found. An officer with a laptop of their
    own does so there. Raises NotReady."""
    numbers = range(1, len(office.manifest.officers) + 1)
    if sum(office.key_path(f"officer-{number}").exists() for number in numbers) < 2:
        return
    if body.ballots == 0 and not office.manifest.binding:
        return
    if again is None and not office.manifest.binding:
        say("note: in a binding referendum a second officer, who counts apart, types the counts too (--again)")
        return
    if again is None:
        again = str(click.prompt("The second officer: ballots and counts, like 120:70,45", err=True))
    ballots, colon, rows = again.replace(" ", "").partition(":")
    if not colon or not re.fullmatch("[0-9]{1,9}", ballots):
        raise NotReady("write what the second officer counted like 120:70,45, with / between questions; none is 0:0,0")
    if parse_counts(office.manifest, int(ballots), tuple(rows.split("/"))) != body:
        raise NotReady("the two officers have not counted the same: count again together; nothing was logged")
    say("two officers have counted the same")


@click.command()
@DIRECTORY
@BALLOTS
@COUNTS
@EACH
@click.option("--root", metavar="HEX", help="For a few ballots: what the second officer rebuilt.")
@AGAIN
@YES
def paper(
    directory: Path, ballots: int, counts: tuple[str, ...], each: Path | None, root: str | None, again: str | None,
    yes: bool,
) -> None:  # fmt: skip
    """Log how those voted who were struck for paper; if nobody came, with --ballots 0.

    \b
    Fewer ballots than the privacy floor are not shown apart: they are encrypted, and counted together with the online
    votes. Then this command only makes a seed and says the root of what they become. A second officer computes the same
    with stembus paper-root, and that root, typed in with --root, logs them and deletes the seed.
    Example:  stembus paper kortrijk --ballots 120 --counts 70,45
    """
    office = open_office(directory)
    counted = counted_of(office.manifest, ballots, counts, each)
    body = counted.body
    typed = None if root is None else parse_root(root)
    order = office.log().order
    if order.paper_stated:
        _compare(office, counted, typed)
        return
    if order.phase.value != "closed":
        raise NotReady(f"paper votes are logged after the close and before the result (phase: {order.phase.value})")
    if not order.paper_due:
        raise NotReady(
            f"nobody was struck for paper before the close, so there are none; run: stembus trustee intent {directory}"
        )
    struck = struck_voters(FolderPlace(office.public), office.manifest)
    if 0 < ballots < office.manifest.privacy_floor.paper:
        if problem := paper_ballots_problem(office.manifest, ballots, struck):
            raise NotReady(problem)
        _encrypted(office, counted, typed)
        return
    if typed is not None:
        raise NotReady(
            f"{ballots} ballots are not encrypted, so they have no root: leave --root away, or correct --ballots; "
            "nothing was logged"
        )
    if problem := paper_problem(office.manifest, body, struck):
        raise NotReady(problem)
    _counted_twice(office, body, again)
    read_back(office.manifest, body, yes)
    office.log().append([office.officers_sign(body)])
    office.paper_seed.unlink(missing_ok=True)
    settle(office.log())
    say(f"paper ballots logged: {ballots}, of {struck} people struck")
    next_step(f"stembus trustee intent {directory}")


def _encrypted(office: Office, counted: Counted, root: str | None) -> None:
    body = counted.body
    if root is None:
        counted.entries(office.context(), bytes(SEED_BYTES))  # before a seed is made that would be of no use
        create_own_secret(office.paper_seed)
        header = paper_header(_rebuilt(office, counted))
        floor = office.manifest.privacy_floor.paper
        say(f"{body.ballots} on paper are fewer than the {floor} that may be shown apart: they are encrypted")
        click.echo(f"root {header.root}")
        counts = " ".join("--counts " + ",".join("N" * len(q.options)) for q in office.manifest.questions)
        counts = counts if counted.choices is None else "--each FILE"
        say(f"the second officer, and who watches, count the paper too and take a copy of {office.paper_seed};")
        say("each runs, with the public log (its address, a zip file or a folder) and their own numbers:")
        rebuild = f"{program()} paper-root PLACE --referendum {office.referendum.hex()}"
        say(f"  {rebuild} --ballots N {counts} --seed paper.seed")
        typed = " ".join(f"--counts {','.join(map(str, row))}" for row in body.counts)
        typed = typed if counted.choices is None else "--each FILE"
        again = f"stembus paper {office.root} --ballots {body.ballots} {typed} --root HEX"
        next_step(f"once they have the same root: {again}")
        return
    entries = _rebuilt(office, counted)
    header = paper_header(entries)
    if root != header.root:
        raise NotReady(
            f"these counts and this seed give the root {header.root}, not the one that was typed: either the counts "
            "differ, or the copy of the seed is another; compare both; nothing was logged"
        )
    office.log().append([office.officers_sign(header), *entries])
    settle(office.log())
    office.paper_seed.unlink()
    say(f"paper ballots logged, encrypted: {body.ballots}; the seed here is deleted: destroy every copy of it")
    next_step(f"stembus trustee intent {office.root}")


def _rebuilt(office: Office, counted: Counted) -> list[bytes]:
    path = office.paper_seed
    if not path.exists():
        raise NotReady(
            f"{path}, from which the root was computed, is not here: bring it back from a copy, or run the command "
            "without --root and compare again; nothing was logged"
        )
    again = f"delete {path}, and run the command without --root: a new seed is made, and all compare again"
    return counted.entries(office.context(), _seed(path, again))


def _seed(path: Path, remedy: str) -> bytes:
    try:
        seed = path.read_bytes()
    except OSError as error:
        raise NotReady(f"{path} cannot be read: {error.strerror}") from None
    if len(seed) != SEED_BYTES:
        raise NotReady(f"{path} is no paper seed: it holds {len(seed)} bytes, not {SEED_BYTES}; {remedy}")
    return seed


def _compare(office: Office, counted: Counted, root: str | None) -> None:
    """Paper votes stand in the log for good: whether they are these."""
    body = counted.body
    log, seed = office.log(), office.paper_seed
    stands = next(e.body for _, e in log.entries() if isinstance(e.body, PaperResult | PaperBallots))
    if isinstance(stands, PaperResult):
        if stands != body:
            told = " ".join(f"--counts {','.join(map(str, row))}" for row in stands.counts)
            raise NotReady(f"another paper result stands in the log for good: --ballots {stands.ballots} {told}")
        say("already done: the paper result stands in the log")
    else:
        known = seed.exists() and body.ballots == stands.ballots
        mine = paper_header(_rebuilt(office, counted)).root if known else root
        if stands.ballots != body.ballots or mine not in (None, stands.root):
            raise NotReady(f"{stands.ballots} encrypted paper ballots stand in the log for good, root {stands.root}")
        say(f"already done: {stands.ballots} encrypted paper ballots stand in the log, root {stands.root}")
        if mine is None:
            say("without the seed, nobody can tell any more which counts they have")
    settle(log)
    if seed.exists():
        seed.unlink()
        say("the seed here is deleted: destroy every copy of it")


@click.command("paper-root")
@click.argument("place")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@BALLOTS
@COUNTS
@EACH
@click.option("--seed", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The copy of paper.seed.")
@click.option("--root", metavar="HEX", help="The first officer's root, to be compared.")
def paper_root_command(
    place: str,
    referendum: str,
    ballots: int,
    counts: tuple[str, ...],
    each: Path | None,
    seed: Path,
    root: str | None,
) -> None:
    """Compute what a few paper ballots become, from your own count; for the second officer and who watches.

    \b
    Example:  stembus paper-root public --referendum ID --ballots 7 --counts 3,4 --seed paper.seed
    """
    typed = None if root is None else parse_root(root)
    with opened(place) as source:
        setup = load_setup(source, referendum_id(referendum))
    counted = counted_of(setup.manifest, ballots, counts, each)
    if problem := paper_ballots_problem(setup.manifest, ballots, ballots):
        raise NotReady(problem)
    secret = _seed(seed, "take a new copy of the first officer's")
    own = paper_header(counted.entries(setup.context, secret)).root
    click.echo(f"root {own}")
    if typed not in (None, own):
        raise NotReady("this is not the first officer's root: compare the counts, then the seeds; sign nothing")
    if typed is None:
        say("compare it with the first officer's root; if it is another, compare counts and seeds, and sign nothing")
    say("destroy your copy of the seed once the ballots are logged")
