"""What a verification comes to: one word, one sentence and one exit status for each outcome.

The same words serve every tool that looks at a published log. docs/protocol.md, section 15, has the table.
"""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """Where several apply, the first of this order counts."""

    BREACH = (1, "BREACH", "What is published contradicts itself or the rules: no result may rest on it.")
    UNCHECKED = (8, "COULD NOT BE CHECKED", "The files could not be read, or not all of them; this says nothing about "
                 "the referendum. Try again, or elsewhere.")  # fmt: skip
    NO_EVIDENCE = (2, "NO EVIDENCE", "What was handed in proves nothing about this referendum.")
    UNANCHORED = (3, "UNANCHORED", "What is published is consistent, but nobody said which referendum it must be: "
                  "compare the id with a letter.")  # fmt: skip
    CANCELLED = (6, "CANCELLED", "The referendum was cancelled; it has no result.")
    ABANDONED = (9, "ABANDONED", "Too few trustees decrypted in time; the referendum ended without a result.")
    FAULTS = (5, "FAULTS", "Rules were broken in what is listed; what was counted does not depend on it.")
    UNFINISHED = (4, "SOUND SO FAR", "Everything published until now is in order; the referendum is not finished.")
    NOT_COUNTED = (7, "NOT COUNTED", "Too few took part; by its own rules the referendum is not counted, and nothing "
                   "was decrypted.")  # fmt: skip
    ESTABLISHED = (0, "HOLDS", "Everything was checked, and the result is established.")

    def __init__(self, status: int, word: str, sentence: str) -> None:
        self.status = status
        self.word = word
        self.sentence = sentence


EXIT_USAGE = 2
