"""Commands about paper votes: who counted them says how many there are, and for what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from stembus.audit.entry_rules import paper_ballots_problem, paper_counts_problem, paper_problem, struck_voters
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import PaperBallots, PaperResult
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import load_setup
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.own_secret import create_own_secret
from stembus.ballot.office.paper import SEED_BYTES, LayoutUnknown, encrypt_choices, paper_entries, paper_header
from stembus.ballot.voter.encrypt import Choice, ChoiceInvalid, choice_problem
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.published import opened, referendum_id
from stembus.scripts.shell import DIRECTORY, next_step, open_office, program, say
from stembus.scripts.typed_choice import typed_answer

_COUNTS = re.compile(r"[0-9]{1,9}(?:,[0-9]{1,9})*", re.ASCII)
BALLOTS = click.option("--ballots", type=click.IntRange(0), required=True, help="Paper ballots, blank ones included.")
COUNTS = click.option(
    "--counts",
    multiple=True,
    metavar="N,N,...",
    help="Once for each question, in order of options; blanks are left out.",
)
EACH = click.option(
    "--each",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file with a line for each ballot, like 1,4 or blank; for a few ballots of a budget. No counts are needed "
    "beside it; if they are given, they must be those of the file.",
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was typed: the counts, and what stands on each ballot where that was said."""

    body: PaperResult
    choices: Sequence[Choice] | None = None

    def entries(self, context: BallotContext, seed: bytes) -> list[bytes]:
        """The same from counts and from a file, wherever the counts alone tell enough. Raises LayoutUnknown."""
        try:
            return paper_entries(context, self.body.ballots, self.body.counts, seed)
        except LayoutUnknown:
            if self.choices is None:
                raise
            return encrypt_choices(context, self.choices, seed)


def _read_each(path: Path, manifest: Manifest, ballots: int) -> list[list[list[int]]]:
    """A line for each ballot, in any order: for each question its options, from 1, with commas, or blank; spaces
    between the questions. Raises NotReady."""
    choices: list[list[list[int]]] = []
    text = re.sub(r"[ \t]*,[ \t]*", ",", path.read_text(encoding="utf-8", errors="replace"))
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for number, parts in enumerate(lines, 1):
        try:
            choice = [typed_answer(part) for part in parts]
        except ChoiceInvalid as error:
            raise NotReady(f"{path}, line {number}: {error}") from None
        if len(choice) != len(manifest.questions):
            asked = len(manifest.questions)
            raise NotReady(f"{path}, line {number}: {len(choice)} answers to {asked} questions")
        for place, (chosen, question) in enumerate(zip(choice, manifest.questions, strict=True), 1):
            if problem := choice_problem(question.shape, chosen):
                spoilt = "who voted so on paper cast a spoilt ballot, which is not counted"
                raise NotReady(f"{path}, line {number}: question {place} {problem}; {spoilt}")
        choices.append([sorted(chosen) for chosen in choice])
    if len(choices) != ballots:
        raise NotReady(f"{path} has {len(choices)} ballots, and --ballots says {ballots}")
    return sorted(choices)


def _counted(manifest: Manifest, ballots: int, counts: tuple[str, ...], each: Path | None) -> Counted:
    """Raises NotReady."""
    if each is None:
        return Counted(_stated(manifest, ballots, counts))
    choices = _read_each(each, manifest, ballots)
    found = [
        [sum(option in choice[number] for choice in choices) for option in range(len(question.options))]
        for number, question in enumerate(manifest.questions)
    ]
    body = PaperResult(ballots=ballots, counts=found)
    if counts and _stated(manifest, ballots, counts) != body:
        told = " ".join(f"--counts {','.join(map(str, row))}" for row in found)
        raise NotReady(
            f"the ballots in {each} do not have these counts, but {told}; count again, or leave --counts away"
        )
    return Counted(body, choices)


def _stated(manifest: Manifest, ballots: int, counts: tuple[str, ...]) -> PaperResult:
    """What was typed; nothing need be typed for no ballots. Raises NotReady where so many ballots cannot have these
    counts."""
    if not counts and not ballots:
        counts = tuple(",".join("0" for _ in question.options) for question in manifest.questions)
    if len(counts) != len(manifest.questions):
        raise click.UsageError(f"give --counts {len(manifest.questions)} times, once for each question")
    if not all(_COUNTS.fullmatch(text) for text in counts):
        raise click.UsageError("write counts as numbers with commas, like 70,45")
    parsed = [[int(part) for part in text.split(",")] for text in counts]
    for number, (row, question) in enumerate(zip(parsed, manifest.questions, strict=True), 1):
        if len(row) != len(question.options):
            raise NotReady(f"question {number} has {len(question.options)} options, and {len(row)} counts were given")
    body = PaperResult(ballots=ballots, counts=parsed)
    if problem := paper_counts_problem(manifest, body):
        raise NotReady(problem)
    return body


def _root(text: str) -> str:
    root = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", root):
        raise click.UsageError("--root is 64 hexadecimal digits, without the word before them")
    return root


@click.command()
@DIRECTORY
@BALLOTS
@COUNTS
@EACH
@click.option("--root", metavar="HEX", help="For a few ballots: what the second officer rebuilt.")
def paper(directory: Path, ballots: int, counts: tuple[str, ...], each: Path | None, root: str | None) -> None:
    """Log how those voted who were struck for paper; if nobody came, with --ballots 0.

    \b
    Fewer ballots than the privacy floor are not shown apart: they are encrypted, and counted together with the online
    votes. Then this command only makes a seed and says the root of what they become. A second officer computes the same
    with stembus paper-root, and that root, typed in with --root, logs them and deletes the seed.
    Example:  stembus paper kortrijk --ballots 120 --counts 70,45
    """
    office = open_office(directory)
    counted = _counted(office.manifest, ballots, counts, each)
    body = counted.body
    typed = None if root is None else _root(root)
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
    typed = None if root is None else _root(root)
    with opened(place) as source:
        setup = load_setup(source, referendum_id(referendum))
    counted = _counted(setup.manifest, ballots, counts, each)
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
