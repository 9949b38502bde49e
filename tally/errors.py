"""The named refusals of trustees' tools and of the tally."""

from __future__ import annotations


class TallyError(Exception):
    """Root of every refusal that `tally` raises on purpose."""


class KeyFileInvalid(TallyError):
    """A secret file does not hold a trustee's key."""


class LogNotTrusted(TallyError):
    """The published log did not verify; the trustee does nothing."""


class StepOutOfTurn(TallyError):
    """A step of the ceremony or tally that cannot be taken now; the message says what is missing."""


class StepDone(TallyError):
    """This step was taken already; nothing changed."""


class MustNotCount(TallyError):
    """The rules forbid decryption: below the privacy floor or the minimum."""


class ReferendumCancelled(TallyError):
    """The referendum was cancelled; nothing is decrypted."""


class ReferendumEnded(TallyError):
    """The referendum was ended without a result; nothing is decrypted."""


class OtherTreeAnnounced(TallyError):
    """This trustee has announced another tree, or other sums; it never announces or decrypts a second one."""


class DealerFaulty(TallyError):
    """A share does not match its dealer's commitments; complain."""

    def __init__(self, dealer: int) -> None:
        super().__init__(f"the share of trustee {dealer} is faulty; publish a complaint, which voids this attempt")
        self.dealer = dealer


PAPER_MISSING = (
    "people were struck for paper, and their votes are not logged yet; the office runs: stembus paper DIR --help"
)
