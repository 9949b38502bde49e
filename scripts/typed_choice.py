"""A choice as people type it, on the command line or in a file of paper ballots.

Decides how an answer is written: numbers of options from 1, with commas, or the word blank. Nothing at all is no
answer, so that a script's empty variable never becomes a blank vote. Leaves what a question allows to
`ballot.voter.encrypt`.
"""

from __future__ import annotations

import re

from stembus.ballot.voter.encrypt import ChoiceInvalid

_NUMBERS = re.compile(r"[0-9]{1,5}(?:,[0-9]{1,5})*", re.ASCII)


def typed_answer(text: str) -> list[int]:
    """The chosen options of one question, from 0. Raises ChoiceInvalid."""
    answer = "".join(text.split()).lower()
    if answer == "blank":
        return []
    if not _NUMBERS.fullmatch(answer):
        raise ChoiceInvalid(f"{text!r} is no answer: write numbers of options with commas, like 1 or 2,5; or blank")
    return [int(part) - 1 for part in answer.split(",")]
