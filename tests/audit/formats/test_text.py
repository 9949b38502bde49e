"""A text for people has listed characters only, in one form, and says what is wrong with any other."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from stembus.audit.formats.text import CHARACTERS, SPACES, same_spaces, text_problem

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "text",
    [
        "Ja",
        "Voulez-vous un dimanche ?",
        "Voulez-vous un dimanche\u00a0?",
        "Voulez-vous un dimanche\u202f?",
        "één “vraag”: 5 € — of niet…",
        "Ναι",
        "Так",
        "نعم",
        "是的",
        "x" * 10,
    ],
)
def test_texts_as_people_write_them_are_taken(text: str) -> None:
    assert text_problem(text, 4000) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("\u00a0", "is empty"),
        ("\u200b", "U\\+200B ZERO WIDTH SPACE"),
        ("Ja\u200b", "U\\+200B ZERO WIDTH SPACE"),
        ("Ja\u200d", "U\\+200D"),
        ("J\u00ada", "U\\+00AD SOFT HYPHEN"),
        ("\u202eaJ", "U\\+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u2066Ja\u2069", "U\\+2066"),
        ("J\u034fa", "U\\+034F COMBINING GRAPHEME JOINER"),
        ("Ja\u3164", "U\\+3164 HANGUL FILLER"),
        ("Ja\u2800", "U\\+2800 BRAILLE PATTERN BLANK"),
        ("Ja\ufe0f", "U\\+FE0F"),
        ("Ja\ufeff", "U\\+FEFF"),
        ("Ja\U000e0061", "U\\+E0061"),
        ("Ja\udc80", "U\\+DC80"),
        ("a\x1b[31mb", "U\\+001B"),
        ("Ja\x7f", "U\\+007F"),
        ("Ja\nNee", "U\\+000A"),
        ("Ja\u2028", "U\\+2028"),
        ("\ue000", "U\\+E000"),
        ("cafe\u0301", "NFC"),
        ("\u212b", "NFC"),
        (" Ja", "space"),
        ("Ja ", "space"),
        ("Ja\u00a0", "space"),
        ("Ja  Nee", "two spaces"),
        ("Ja \u00a0Nee", "two spaces"),
        ("x" * 11, "longer than 10"),
    ],
)
def test_other_texts_are_refused_and_the_reason_is_named(text: str, problem: str) -> None:
    assert re.search(problem, text_problem(text, 10) or "")


def test_every_listed_character_is_visible_or_a_space_and_known_since_unicode_14() -> None:
    listed = set()
    for part in CHARACTERS.split():
        first, _, last = part.partition("-")
        listed |= set(range(int(first, 16), int(last or first, 16) + 1))
    kinds = {unicodedata.category(chr(code)) for code in listed} - {"Zs"}
    assert kinds.isdisjoint({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
    assert {chr(code) for code in listed if unicodedata.category(chr(code)) == "Zs"} == set(SPACES)


def test_the_page_lists_the_same_characters() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    section = page.split("### 3.7 ")[1].split("\n## ")[0]
    assert re.findall(r"\b[0-9A-F]{4}(?:-[0-9A-F]{4})?\b", section.split("```")[1]) == CHARACTERS.split()


def test_two_texts_that_differ_in_the_kind_of_space_are_one() -> None:
    assert same_spaces("Ja\u00a0of\u202fnee") == same_spaces("Ja of nee")
    assert same_spaces("Ja of nee") != same_spaces("Jaofnee")
