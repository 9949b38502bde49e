"""Commands about paper votes: who counted them says how many there are, and for what."""

from __future__ import annotations

from pathlib import Path

import click

from stembus.audit.entry_rules import paper_counts_problem, paper_problem, struck_voters
from stembus.audit.formats.entry_bodies import PaperBallots, PaperResult
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import load_setup
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.own_secret import create_own_secret, read_own_secret
from stembus.ballot.office.paper import paper_entries, paper_header
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.published import opened, referendum_id
from stembus.scripts.shell import DIRECTORY, next_step, open_office, program, say

BALLOTS = click.option("--ballots", type=click.IntRange(0), required=True, help="Paper ballots, blank ones included.")
COUNTS = click.option(
    "--counts", multiple=True, required=True, metavar="N,N,...", help="Once for each question, in order of options."
)


def _stated(manifest: Manifest, ballots: int, counts: tuple[str, ...]) -> PaperResult:
    """What was typed. Raises NotReady where so many ballots cannot have these counts."""
    try:
        parsed = [[int(part) for part in text.split(",")] for text in counts]
    except ValueError:
        raise click.UsageError("write counts as numbers with commas, like 70,45") from None
    if any(number < 0 for row in parsed for number in row):
        raise click.UsageError("a count is not negative")
    body = PaperResult(ballots=ballots, counts=parsed)
    if problem := paper_counts_problem(manifest, body):
        raise NotReady(problem)
    return body


@click.command()
@DIRECTORY
@BALLOTS
@COUNTS
@click.option("--root", metavar="HEX", help="For a few ballots: what the second officer rebuilt.")
def paper(directory: Path, ballots: int, counts: tuple[str, ...], root: str | None) -> None:
    """Log the count of the paper ballots, of people who were struck for paper before the close.

    \b
    Fewer ballots than the privacy floor are not shown apart: they are encrypted, and counted together with the online
    votes. Then this command only says what they become; a second officer computes the same with stembus paper-root,
    and the root that this gives, typed in with --root, logs them.
    Example:  stembus paper kortrijk --ballots 120 --counts 70,45
    """
    office = open_office(directory)
    body = _stated(office.manifest, ballots, counts)
    order = office.log().order
    if order.paper_stated:
        _compare(office, body, root)
        return
    if order.phase.value != "closed":
        raise NotReady("paper votes are logged after the close, and before the result")
    if not order.paper_due:
        raise NotReady("nobody was struck for paper before the close, so there are no paper votes")
    if 0 < ballots < office.manifest.privacy_floor.paper:
        _encrypted(office, body, root)
        return
    struck = struck_voters(FolderPlace(office.public), office.manifest)
    if problem := paper_problem(office.manifest, body, struck):
        raise NotReady(problem)
    office.log().append([office.officers_sign(body)])
    settle(office.log())
    say(f"{ballots} paper ballots of {struck} struck voters are logged")
    next_step(f"stembus trustee intent {directory}")


def _encrypted(office: Office, body: PaperResult, root: str | None) -> None:
    create_own_secret(office.paper_seed)
    entries = paper_entries(office.context(), body.ballots, body.counts, read_own_secret(office.paper_seed))
    header = paper_header(entries)
    if root is None:
        typed = " ".join(f"--counts {','.join(map(str, row))}" for row in body.counts)
        floor = office.manifest.privacy_floor.paper
        say(f"{body.ballots} paper ballots are fewer than the {floor} that may be shown apart: they are encrypted")
        click.echo(f"root {header.root}")
        say(f"the second officer, and who watches, count the paper too; with a copy of {office.paper_seed}, each runs:")
        say(
            f"  {program()} paper-root public --referendum {office.referendum.hex()} --ballots N --counts ... "
            "--seed paper.seed"
        )
        again = f"stembus paper {office.root} --ballots {body.ballots} {typed} --root HEX"
        next_step(f"once they have the same root: {again}")
        return
    if root.strip().lower() != header.root:
        raise NotReady(
            f"these counts and this seed give the root {header.root}, not the one that was typed; count again; "
            "nothing was logged"
        )
    office.log().append([office.officers_sign(header), *entries])
    settle(office.log())
    office.paper_seed.unlink()
    say(f"{body.ballots} paper ballots are logged, encrypted; the seed here is deleted: destroy every copy of it")
    next_step(f"stembus trustee intent {office.root}")


def _compare(office: Office, body: PaperResult, root: str | None) -> None:
    """Paper votes stand in the log for good: whether they are these."""
    log = office.log()
    stands = next(e.body for _, e in log.entries() if isinstance(e.body, PaperResult | PaperBallots))
    if isinstance(stands, PaperBallots):
        if stands.ballots != body.ballots or root not in (None, stands.root):
            raise NotReady(f"{stands.ballots} encrypted paper ballots stand in the log for good, root {stands.root}")
        office.paper_seed.unlink(missing_ok=True)
        say("already done: encrypted paper ballots stand in the log; of their counts only the root tells")
    elif stands != body:
        told = " ".join(f"--counts {','.join(map(str, row))}" for row in stands.counts)
        raise NotReady(f"another paper result stands in the log for good: --ballots {stands.ballots} {told}")
    else:
        say("already done: the paper result stands in the log")
    settle(log)


@click.command("paper-root")
@click.argument("place")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@BALLOTS
@COUNTS
@click.option("--seed", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The copy of paper.seed.")
def paper_root_command(place: str, referendum: str, ballots: int, counts: tuple[str, ...], seed: Path) -> None:
    """Compute what a few paper ballots become, from your own count; for the second officer and who watches.

    \b
    Example:  stembus paper-root public --referendum ID --ballots 7 --counts 3,4 --seed paper.seed
    """
    with opened(place) as source:
        setup = load_setup(source, referendum_id(referendum))
    body = _stated(setup.manifest, ballots, counts)
    entries = paper_entries(setup.context, body.ballots, body.counts, read_own_secret(seed))
    click.echo(f"root {paper_header(entries).root}")
    say("if it is the root that the first officer has, both counted the same; destroy your copy of the seed afterwards")
