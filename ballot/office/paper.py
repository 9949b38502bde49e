"""Paper votes that are too few to be counted apart: laid out as ballots, and encrypted from one seed.

Whoever has the seed and has counted the paper gets the same entries, byte for byte: so a second officer and observers
rebuild them before anything is signed, and the seed is destroyed after it. Only the sums of all ballots are ever
decrypted, so which choices of different questions come together on one of these ballots says nothing. Decides layout
and seeds. Leaves what such an entry is to `audit.formats.paper_ballot`.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import PaperBallots
from stembus.audit.formats.paper_ballot import encode_paper_ballot, paper_root
from stembus.ballot.voter.encrypt import build_body
from stembus.crypto.derive import hkdf

SEED_BYTES = 32
_INFO = b"stembus/v1 paper ballot"


def lay_out(ballots: int, counts: Sequence[Sequence[int]]) -> list[list[list[int]]]:
    """The choices on each of so many ballots, which together have these counts. Each question's choices are dealt out
    in turn, option by option: no ballot gets one twice, or more than its share."""
    choices: list[list[list[int]]] = [[[] for _ in counts] for _ in range(ballots)]
    for question, row in enumerate(counts):
        dealt = [option for option, count in enumerate(row) for _ in range(count)]
        for place, option in enumerate(dealt):
            choices[place % ballots][question].append(option)
    return choices


def paper_entries(context: BallotContext, ballots: int, counts: Sequence[Sequence[int]], seed: bytes) -> list[bytes]:
    """The entries, in the order of the log. `counts` fit the ballots (`audit.entry_rules.paper_counts_problem`)."""
    bodies = [
        build_body(context, context.paper_commitment, choice, ballot_seed(context, seed, number))
        for number, choice in enumerate(lay_out(ballots, counts))
    ]
    return [encode_paper_ballot(body) for body in sorted(bodies, key=context.ballot_id)]


def ballot_seed(context: BallotContext, seed: bytes, number: int) -> bytes:
    """The seed of ballot `number`, from 0, as they were laid out; 32 bytes."""
    return hkdf(seed, context.referendum, _INFO + number.to_bytes(4, "big"), SEED_BYTES)


def paper_header(entries: Sequence[bytes]) -> PaperBallots:
    """What two officers sign."""
    return PaperBallots(ballots=len(entries), root=paper_root(entries).hex())
