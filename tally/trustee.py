"""One trustee: every step from the key ceremony to the count.

Works on the *published* log, which it verifies by itself before every step, and on its own secret file. The steps
are in `ceremony` and `count`, what they share in `member`.
"""

from __future__ import annotations

from stembus.tally.ceremony import CeremonySteps, make_election_key
from stembus.tally.count import CountSteps

__all__ = ["Trustee", "make_election_key"]


class Trustee(CeremonySteps, CountSteps):
    """`secrets` is the content of the secret file, `save` writes it back durably."""
