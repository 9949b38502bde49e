"""A draft is frozen only if a voter can read every text and tell every option from the others."""

from __future__ import annotations

import copy
import re
import sys
import tomllib
from datetime import datetime
from typing import Any

import pytest

from stembus.audit.errors import ManifestInvalid
from stembus.ballot.errors import DefinitionInvalid
from stembus.ballot.office.definition import make_manifest, read_keys
from stembus.ballot.office.look_alike import _looks, look_alike
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft

Keys = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    root = tmp_path_factory.mktemp("keys")
    Rehearsal(root).keys()
    return read_keys(root / "keys")


@pytest.fixture
def draft() -> dict[str, Any]:
    return copy.deepcopy(tomllib.loads(demo_draft(400, 10)))


def _options(draft: dict[str, Any], first: str, second: str, languages: tuple[str, ...] = ("nl", "en", "fr")) -> None:
    for option, text in zip(draft["questions"][0]["options"], (first, second), strict=True):
        option["text"].update(dict.fromkeys(languages, text))


@pytest.mark.parametrize(
    ("first", "second"),
    [("Nee", "Ja"), ("Plan 1", "Plan 2"), ("een", "één"), ("Ja", "Ja, tenzij"), ("Plan A", "Plan B"), ("是", "否")],
)
def test_options_that_differ_are_taken(draft: dict[str, Any], keys: Keys, first: str, second: str) -> None:
    _options(draft, first, second)
    assert make_manifest(draft, keys).questions[0].options[0].text["nl"] == first


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ja", "Jа"),  # the second a is Cyrillic
        ("Ja", "JA"),
        ("Plan 1", "Plan l"),
        ("Plan I", "Plan l"),
        ("Plan 0", "Plan O"),
        ("Boom", "Boorn"),
        ("a-b", "a–b"),
        ("wijk", "wĳk"),
        ("Straße", "STRASSE"),
        ("Αlpha", "Alpha"),  # the first A is Greek
    ],
)
def test_options_that_look_alike_are_refused_by_name(
    draft: dict[str, Any], keys: Keys, first: str, second: str
) -> None:
    _options(draft, first, second, ("en",))
    with pytest.raises(ManifestInvalid, match="question 1: options 1 and 2 look alike in en"):
        make_manifest(draft, keys)


@pytest.mark.parametrize("text", ["Ja ", "Ja\u200b", "Ja\u00a0", "\u200b", "", "Ja\u0308", "\u202eaJ"])
def test_a_text_that_cannot_be_seen_whole_is_refused_by_the_name_of_its_field(
    draft: dict[str, Any], keys: Keys, text: str
) -> None:
    _options(draft, text, "Nee", ("fr",))
    with pytest.raises(ManifestInvalid, match="question 1, option 1, in fr: the text "):
        make_manifest(draft, keys)
    _options(draft, "Ja", "Nee", ("fr",))
    draft["title"]["en"] = text
    with pytest.raises(ManifestInvalid, match="title, in en: the text "):
        make_manifest(draft, keys)


@pytest.mark.parametrize(("characters", "fits"), [(100, True), (240, False)])
def test_a_definition_that_no_log_entry_can_hold_is_refused(
    draft: dict[str, Any], keys: Keys, characters: int, fits: bool
) -> None:
    question = _budget(draft)
    question["options"] = [
        {"cost": 1, "text": dict.fromkeys(("nl", "en", "fr"), f"{number:03}" + "x" * characters)}
        for number in range(90)
    ]
    question["max_choices"] = 90
    if fits:
        assert make_manifest(draft, keys)
        return
    with pytest.raises(ManifestInvalid, match=r"manifest: would be \d+ bytes, and a log entry holds 65535"):
        make_manifest(draft, keys)


@pytest.mark.parametrize("url", ["https://", "https://Box.example.org", "https://box.example.org:443"])
def test_an_address_that_has_another_spelling_is_refused_by_the_name_of_its_field(
    draft: dict[str, Any], keys: Keys, url: str
) -> None:
    draft["parties"]["box_url"] = url
    with pytest.raises(ManifestInvalid, match=r"parties\.box_url: "):
        make_manifest(draft, keys)


def test_whoever_lacks_the_table_is_told_what_to_install(
    draft: dict[str, Any], keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs.confusables", None)
    _looks.cache_clear()
    with pytest.raises(DefinitionInvalid, match=r"officials' parts .*pip install"):
        make_manifest(draft, keys)


def test_texts_look_alike_in_both_directions_and_to_themselves() -> None:
    for one, other in (("Ja", "Jа"), ("Boom", "Boorn"), ("Ja", "Nee")):
        assert look_alike(one, other) is look_alike(other, one)
        assert look_alike(one, one)
        assert look_alike(other, other)


def _budget(draft: dict[str, Any]) -> dict[str, Any]:
    """The draft's question becomes a budget of two projects, in order."""
    texts = {"nl": "euro", "en": "euro", "fr": "euro"}
    question: dict[str, Any] = draft["questions"][0]
    question |= {"kind": "budget", "budget": 100, "unit": texts, "funding": "most-votes-then-listed"}
    del question["accepts"], question["max_choices"]
    for option, cost in zip(question["options"], (60, 70), strict=True):
        option["cost"] = cost
    return question


def test_a_budget_may_leave_out_how_many_projects_are_chosen(draft: dict[str, Any], keys: Keys) -> None:
    _budget(draft)
    assert make_manifest(draft, keys).questions[0].max_choices == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"unit": None}, "question 1: a budget also needs unit"),
        ({"funding": None, "budget": None}, "question 1: a budget also needs budget, funding"),
        (
            {"kind": "choose", "max_choices": 1},
            "only a question of the kind budget has budget, unit, funding, a cost of",
        ),
        ({"kind": "budgets"}, "question 1, kind: 'budgets' cannot stand here, but yes-no, choose or budget"),
        ({"budget": "100"}, "question 1, budget: needs a whole number, and has a text in quotes"),
        ({"budget": 99.5}, "question 1, budget: needs a whole number, and has a number with a fraction"),
        ({"budget": 0}, "question 1, budget: must be at least 1"),
        ({"budget": 2**32}, "question 1, budget: must be at most 4294967295"),
        ({"unit": {"nl": 3}}, "question 1, unit: needs a text in quotes, and has a whole number"),
        ({"cost": 3}, "question 1: there is no field cost here"),
        ({"text": None}, "question 1, text: needs a part with fields of its own, and has null"),
        ({"options": {"text": {}}}, "each option begins with a line [[questions.options]], and there is none"),
        ({"budget": 69}, "question 1, option 2: costs more than the whole budget, so nobody could choose it"),
    ],
)
def test_a_budget_that_does_not_fit_is_refused_by_the_name_of_its_field(
    draft: dict[str, Any], keys: Keys, change: dict[str, Any], problem: str
) -> None:
    _budget(draft).update(change)
    with pytest.raises((DefinitionInvalid, ManifestInvalid), match=re.escape(problem)):
        make_manifest(draft, keys)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"cost": None}, "question 1: a budget also needs a cost of option 2"),
        ({"cost": "70"}, "question 1, option 2, cost: needs a whole number, and has a text in quotes"),
        ({"cost": 0}, "question 1, option 2, cost: must be at least 1"),
        ({"price": 70}, "question 1, option 2: there is no field price here"),
    ],
)
def test_a_project_that_does_not_fit_is_refused_by_its_number(
    draft: dict[str, Any], keys: Keys, change: dict[str, Any], problem: str
) -> None:
    _budget(draft)["options"][1].update(change)
    with pytest.raises((DefinitionInvalid, ManifestInvalid), match=re.escape(problem)):
        make_manifest(draft, keys)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("opens", datetime(2026, 1, 1), "opens: needs a text in quotes, and has a time without quotes"),
        ("questions", None, "each question begins with a line [[questions]], and there is none"),
        ("questions", [3], "each question begins with a line [[questions]], and there is none"),
        ("parties", 3, "[parties] needs registrar_urls"),
        ("parties", {"registrar_urls": "https://registrar.example.org"}, "[parties] needs registrar_urls"),
        ("rules", {}, "rules: minimum_participants is missing"),
        ("binding", "no", "binding: needs true or false, and has a text in quotes"),
        ("languages", "nl", "languages: needs a list, and has a text in quotes"),
    ],
)
def test_a_part_of_another_kind_is_refused_by_its_name(
    draft: dict[str, Any], keys: Keys, name: str, value: object, problem: str
) -> None:
    draft[name] = value
    with pytest.raises(DefinitionInvalid, match=re.escape(problem)):
        make_manifest(draft, keys)
