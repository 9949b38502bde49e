"""Counts of paper votes as people type them: numbers for each option, or a line for each ballot.

Decides how they are written, and that so many ballots can have these counts. Leaves what becomes of them to the
commands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from stembus.audit.entry_rules import paper_counts_problem
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import PaperResult
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.office.office import NotReady
from stembus.ballot.office.paper import LayoutUnknown, encrypt_choices, paper_entries
from stembus.ballot.voter.encrypt import Choice, ChoiceInvalid, choice_problem
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


def counted_of(manifest: Manifest, ballots: int, counts: tuple[str, ...], each: Path | None) -> Counted:
    """Raises NotReady."""
    if each is None:
        return Counted(parse_counts(manifest, ballots, counts))
    choices = _read_each(each, manifest, ballots)
    found = [
        [sum(option in choice[number] for choice in choices) for option in range(len(question.options))]
        for number, question in enumerate(manifest.questions)
    ]
    body = PaperResult(ballots=ballots, counts=found)
    if counts and parse_counts(manifest, ballots, counts) != body:
        told = " ".join(f"--counts {','.join(map(str, row))}" for row in found)
        raise NotReady(
            f"the ballots in {each} do not have these counts, but {told}; count again, or leave --counts away"
        )
    return Counted(body, choices)


def parse_counts(manifest: Manifest, ballots: int, counts: tuple[str, ...]) -> PaperResult:
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


def parse_root(text: str) -> str:
    root = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", root):
        raise click.UsageError("--root is 64 hexadecimal digits, without the word before them")
    return root
