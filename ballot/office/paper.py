"""Paper votes that are too few to be counted apart: laid out as ballots, and encrypted from one seed.

Whoever has the seed and has counted the paper gets the same entries, byte for byte: so a second officer and observers
rebuild them before anything is signed, and the seed is destroyed after it. Only the sums of all ballots are ever
decrypted, so which choices of different questions come together on one of these ballots says nothing. Decides layout
and seeds. Leaves what such an entry is to `audit.formats.paper_ballot`.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import PaperBallots
from stembus.audit.formats.paper_ballot import encode_paper_ballot, paper_root
from stembus.ballot.errors import BallotError
from stembus.ballot.voter.encrypt import Choice, build_body
from stembus.crypto.derive import hkdf

SEED_BYTES = 32
_INFO = b"stembus/v1 paper ballot"


class LayoutUnknown(BallotError):
    """The counts of a budget do not tell by themselves which choices could have been on the ballots."""


def lay_out(questions: Sequence[QuestionShape], ballots: int, counts: Sequence[Sequence[int]]) -> list[list[list[int]]]:
    """The choices on each of so many ballots, which together have these counts. Raises LayoutUnknown."""
    columns = [_deal(shape, ballots, row) for shape, row in zip(questions, counts, strict=True)]
    return [[column[number] for column in columns] for number in range(ballots)]


def _deal(shape: QuestionShape, ballots: int, row: Sequence[int]) -> list[list[int]]:
    """One question's choices, dealt out in turn, option by option: no ballot gets one twice, or more than its share. In
    a budget, the dearest options first, each to the ballots that have most left."""
    choices: list[list[int]] = [[] for _ in range(ballots)]
    if not shape.costs:
        dealt = [option for option, count in enumerate(row) for _ in range(count)]
        for place, option in enumerate(dealt):
            choices[place % ballots].append(option)
        return choices
    for option in sorted(range(len(row)), key=lambda option: -shape.costs[option]):
        richest = sorted(range(ballots), key=lambda number: shape.cost(choices[number]))
        for number in richest[: row[option]]:
            choices[number].append(option)
    if any(len(chosen) > shape.most or shape.cost(chosen) > shape.budget for chosen in choices):
        raise LayoutUnknown(
            "these counts do not tell by themselves what stands on each paper ballot, within the budget: say it with "
            "--each FILE"
        )
    return choices


def paper_entries(context: BallotContext, ballots: int, counts: Sequence[Sequence[int]], seed: bytes) -> list[bytes]:
    """The entries, in the order of the log. `counts` fit the ballots (`audit.entry_rules.paper_counts_problem`). Raises
    LayoutUnknown."""
    return encrypt_choices(context, lay_out(context.questions, ballots, counts), seed)


def encrypt_choices(context: BallotContext, choices: Sequence[Choice], seed: bytes) -> list[bytes]:
    """The entries of ballots with these choices. Raises ChoiceInvalid."""
    bodies = [
        build_body(context, context.paper_commitment, choice, ballot_seed(context, seed, number))
        for number, choice in enumerate(choices)
    ]
    return [encode_paper_ballot(body) for body in sorted(bodies, key=context.ballot_id)]


def ballot_seed(context: BallotContext, seed: bytes, number: int) -> bytes:
    """The seed of ballot `number`, from 0, as they were laid out; 32 bytes."""
    return hkdf(seed, context.referendum, _INFO + number.to_bytes(4, "big"), SEED_BYTES)


def paper_header(entries: Sequence[bytes]) -> PaperBallots:
    """What two officers sign."""
    return PaperBallots(ballots=len(entries), root=paper_root(entries).hex())
