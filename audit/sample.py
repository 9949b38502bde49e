"""Who is asked whether they voted: a sample of the people who asked for a token, which nobody chose.

Decides the draw, from the log right after its close and from dice that were thrown in public after it. A root alone
could be ground by whoever writes the log; dice alone would have to be believed. Leaves who asks, and what follows from
the answers, to people.
"""

from __future__ import annotations

from collections.abc import Iterable

from stembus.crypto.transcript import Transcript


def draw_sample(referendum: bytes, root: bytes, dice: str, drawn: int, credentials: Iterable[bytes]) -> list[bytes]:
    """The `drawn` credentials that come first by their lot, in that order; all, if there are no more. `root` is that of
    the log right after `close`, `dice` the digits thrown; `credentials` are those on any registrar's issuance list."""
    seed = Transcript("sample").add("referendum", referendum).add("root", root).add("dice", dice.encode("ascii"))
    start = Transcript("lot").add("sample", seed.digest())
    return sorted(set(credentials), key=lambda credential: start.copy().add("credential", credential).digest())[:drawn]
