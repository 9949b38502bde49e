"""An answer is typed as numbers from 1, or as the word blank; nothing typed is no answer."""

from __future__ import annotations

import pytest

from stembus.ballot.voter.encrypt import ChoiceInvalid
from stembus.scripts.typed_choice import typed_answer


@pytest.mark.parametrize(
    ("text", "chosen"), [("1", [0]), ("2,5", [1, 4]), (" 2, 5 ", [1, 4]), ("blank", []), ("Blank", [])]
)
def test_numbers_or_blank_are_an_answer(text: str, chosen: list[int]) -> None:
    assert typed_answer(text) == chosen


@pytest.mark.parametrize(
    "text", ["", " ", ",", "1,", ",1", "1,,2", "yes", "-1", "+1", "1_0", "1.5", "\u0661", "1;2", "1" * 6]
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ChoiceInvalid, match="is no answer: write numbers of options with commas"):
        typed_answer(text)
