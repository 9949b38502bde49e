"""Who is asked whether they voted: a sample of the people who asked for a token, which nobody chose.

Decides the draw, from the log right after its close and from dice that were thrown in public after it. A root alone
could be ground by whoever writes the log; dice alone would have to be believed. Decides also what the answers bound.
Leaves who asks, and what is done about it, to people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

from stembus.audit.formats.entry_bodies import Close, Sample
from stembus.audit.log.source import Place
from stembus.audit.verify.verified_lists import issued_by
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Drawn:
    """`credentials` of the people who are to be asked, in the order of their lots, out of `people` who asked for a
    token."""

    dice: str
    people: int
    credentials: tuple[bytes, ...]


def drawn_sample(log: VerifiedLog, place: Place) -> Drawn | None:
    """Whom the sample in the log names; None where none stands there. Raises CannotRead when `place`, from which the
    issuance lists are read again, gives others than were verified."""
    dice, close, closed = "", None, 0
    for index, _, entry in log.entries():
        if isinstance(entry.body, Close):
            close, closed = entry.body, index + 1
        elif isinstance(entry.body, Sample):
            dice = entry.body.dice
    if close is None or not dice:
        return None
    lists = (issued_by(log, place, close, number) for number in range(1, len(close.issuance) + 1))
    people = {line.credential for issued in lists for line in issued}
    drawn = draw_sample(log.referendum, log.tree.root_at(closed), dice, log.manifest.sample_size, people)
    return Drawn(dice, len(people), tuple(drawn))


def draw_sample(referendum: bytes, root: bytes, dice: str, drawn: int, credentials: Iterable[bytes]) -> list[bytes]:
    """The `drawn` credentials that come first by their lot, in that order; all, if there are no more. `root` is that of
    the log right after `close`, `dice` the digits thrown; `credentials` are those on any registrar's issuance list."""
    seed = Transcript("sample").add("referendum", referendum).add("root", root).add("dice", dice.encode("ascii"))
    start = Transcript("lot").add("sample", seed.digest())
    return sorted(set(credentials), key=lambda credential: start.copy().add("credential", credential).digest())[:drawn]


def most_who_did_not_vote(people: int, asked: int, denied: int) -> int:
    """Of `people`, of whom `asked` were drawn without looking and `denied` among these did not vote themselves: how
    many in all did not, at most, with 95 % confidence. The largest number with which so few denials, or fewer, would
    still come in more than one of twenty draws (hypergeometric distribution, exact)."""
    if not 0 <= denied <= asked <= people:
        raise ValueError("of the people some are asked, and of these some deny")
    low, high = denied, people - (asked - denied)
    while low < high:
        middle = (low + high + 1) // 2
        if _is_plausible(people, asked, denied, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _is_plausible(people: int, asked: int, denied: int, absent: int) -> bool:
    """Each term of the sum follows from the one before."""
    present = people - absent
    first = max(0, asked - present)
    few, term = 0, comb(absent, first) * comb(present, asked - first)
    for count in range(first, denied + 1):
        few += term
        term = term * (absent - count) * (asked - count) // ((count + 1) * (present - asked + count + 1))
    return 20 * few > comb(people, asked)
