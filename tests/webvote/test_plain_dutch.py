"""The pages speak Dutch that most people read with ease (level B1): short sentences, no words of offices."""

from __future__ import annotations

import re
from statistics import mean

from tests.webvote.test_catalogues import entries

LONGEST, AVERAGE = 20, 10  # words in a sentence
# Words for which everyday Dutch has another one, or which only people of the trade know.
HARD = (
    "aangaande", "alsmede", "alvorens", "authenti", "betreffende", "bovengenoemd", "conform", "credential", "cryptogra",
    "derhalve", "desbetreffend", "dienen te", "dient te", "doch", "echter", "encryp", "geschiedt", "hash", "hetgeen",
    "houdende", "indien", "inzake", "krachtens", "middels", "mits", "nochtans", "omtrent", "onverminderd", "ontsleutel",
    "reeds", "teneinde", "tevens", "thans", "token", "uiterlijk op", "verificatie", "verifiëren", "vermits",
    "versleutel", "voornoemd", "zulks",
)  # fmt: skip
# What is told to voters; the result page also speaks to auditors, with a term here and there.
FOR_AUDITORS = re.compile(r"versleuteld|Ondertekende laatste stand")


def sentences() -> list[str]:
    found = []
    for text in entries("nl").values():
        found += [part for part in re.split(r"(?<=[.!?:])\s+", text) if part]
    return found


def words(sentence: str) -> list[str]:
    return re.findall(r"[\w’'-]+", re.sub(r"%\(\w+\)s|\{\w+\}", "x", sentence))


def test_no_sentence_is_long() -> None:
    assert [text for text in sentences() if len(words(text)) > LONGEST] == []
    assert mean(len(words(text)) for text in sentences()) <= AVERAGE


def test_no_sentence_has_a_word_of_offices_or_of_the_trade() -> None:
    told = [text for text in sentences() if not FOR_AUDITORS.search(text)]
    assert [text for text in told for word in HARD if re.search(rf"\b{word}", text, re.IGNORECASE)] == []


def test_voters_are_spoken_to_in_one_way() -> None:
    formal = re.compile(r"\b(u|uw|uzelf)\b")
    assert [text for text in sentences() if formal.search(text)] == []


def test_the_checks_on_words_find_what_they_look_for() -> None:
    assert len(words("Je stem, die al op slot is, telt {count} keer.")) == 10
    assert any(re.search(rf"\b{word}", "Indien u reeds stemde") for word in HARD)
