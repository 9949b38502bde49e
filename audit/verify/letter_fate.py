"""What the published lists say of one letter: whether somebody asked for a token with it.

For its owner, who alone can make its credential from the code. Decides the facts, from a log that was verified; all
lists are read and searched here, so nobody is told which letter is meant. Leaves the words, and whom to call, to its
callers. Whether a token was *used*, no list says, unless its device acknowledged that; and whether registrars left a
line out, which they could as long as other tokens stay unused, none can.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stembus.audit.formats.entry_bodies import Close, Replace, Roll
from stembus.audit.formats.lists import CREDENTIALS, SPARES
from stembus.audit.log.source import Place
from stembus.audit.state_machine import Phase
from stembus.audit.verify.verified_lists import issued_by, keys_of, struck_by
from stembus.audit.verify.verified_log import VerifiedLog


class Kind(Enum):
    """Of a credential."""

    LETTER = "a letter"
    SPARE = "a spare letter that took no other's place"
    REPLACEMENT = "a spare letter that took another's place"
    REPLACED = "a letter that another one replaced"
    STRANGER = "no letter of this referendum"


@dataclass(frozen=True, slots=True)
class LetterFate:
    """`asked`, `acknowledged` and `struck` are numbers of registrars; all are empty before the close, and where voting
    was cancelled before it."""

    kind: Kind
    closed: bool
    cancelled: bool = False
    asked: tuple[int, ...] = ()
    acknowledged: tuple[int, ...] = ()
    struck: tuple[int, ...] = ()


def fate_of_letter(log: VerifiedLog, place: Place, credential: bytes) -> LetterFate:
    """`place` is that from which the log was verified. Raises CannotRead when its lists are other ones now."""
    roll, close, replaced, replacements = _entries(log)
    kind = _kind(place, roll, credential, replaced, replacements)
    if close is None:
        return LetterFate(kind, closed=False, cancelled=log.phase is Phase.CANCELLED)
    asked, acknowledged, struck = [], [], []
    for number in range(1, len(close.issuance) + 1):
        for line in issued_by(log, place, close, number):
            if line.credential == credential:
                asked.append(number)
                if line.acknowledgement:
                    acknowledged.append(number)
        if credential in struck_by(log, place, close, number):
            struck.append(number)
    return LetterFate(kind, True, False, tuple(asked), tuple(acknowledged), tuple(struck))


def _entries(log: VerifiedLog) -> tuple[Roll | None, Close | None, set[bytes], set[bytes]]:
    roll, close = None, None
    replaced, replacements = set(), set()
    for _, _, entry in log.entries():
        if isinstance(entry.body, Roll):
            roll = entry.body
        elif isinstance(entry.body, Close):
            close = entry.body
        elif isinstance(entry.body, Replace):
            replaced.add(bytes.fromhex(entry.body.struck))
            replacements.add(bytes.fromhex(entry.body.replacement))
    return roll, close, replaced, replacements


def _kind(place: Place, roll: Roll | None, credential: bytes, replaced: set[bytes], replacements: set[bytes]) -> Kind:
    if roll is None:
        return Kind.STRANGER
    if credential in replaced:
        return Kind.REPLACED
    if credential in replacements:
        return Kind.REPLACEMENT
    if credential in keys_of(place, CREDENTIALS, roll.count, roll.credentials_root):
        return Kind.LETTER
    spares = keys_of(place, SPARES, roll.spares, roll.spares_root)
    return Kind.SPARE if credential in spares else Kind.STRANGER
