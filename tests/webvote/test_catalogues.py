"""The Dutch and French catalogues of the voting pages: complete, and true to the English source."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from stembus import webvote

PACKAGE = Path(webvote.__file__).parent
TRANSLATIONS = PACKAGE / "translations"
LANGUAGES = ("nl", "fr")
# What the client fills in ({left}), what Jinja fills in (%(moment)s), and a percent sign (%%).
PLACEHOLDER = re.compile(r"\{\w+\}|%\(\w+\)s|%%")
TERMS = {
    "voting pass": "stemsleutel",
    "ballot paper": "stembiljet",
    "ballot box": "stembus",
    "tracking code": "volgcode",
    "receipt": "ontvangstbewijs",
    "public log": "openbaar logboek",
    "public list": "openbare lijst",
    "the confirmation": "bevestiging",
    "help desk": "helpdesk",
    "witness": "getuige",
    "second device": "tweede toestel",
    "rehearsal": "oefening",
}
# A Dutch word that makes a claim, and the English one that it needs.
CLAIMS = {"stembus": "ballot box", "stembiljet": "ballot", "anoniem": "anonym"}


@pytest.fixture(scope="module")
def sources() -> set[str]:
    with (TRANSLATIONS / "babel.cfg").open(encoding="utf-8") as config:
        methods, options = parse_mapping_cfg(config)
    found = extract_from_dir(PACKAGE, methods, options, directory_filter=lambda path: Path(path).name != "client")
    return {text for _, _, text, _, _ in found}


def catalogue(language: str) -> Catalog:
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def entries(language: str) -> dict[str, str]:
    """Source to translation, without the header."""
    return {message.id: message.string for message in catalogue(language) if message.id}


def test_the_templates_have_strings(sources: set[str]) -> None:
    assert "Cast my vote" in sources
    assert len(sources) > 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_of_the_templates_is_translated(language: str, sources: set[str]) -> None:
    assert sorted(sources - entries(language).keys()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_catalogue_has_a_string_that_no_template_uses(language: str, sources: set[str]) -> None:
    assert sorted(entries(language).keys() - sources) == []
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_entry_is_fuzzy_or_empty(language: str) -> None:
    unfinished = [message.id for message in catalogue(language) if message.id and message.fuzzy]
    unfinished += [source for source, translation in entries(language).items() if not translation.strip()]
    assert unfinished == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_agree(language: str) -> None:
    for source, translation in entries(language).items():
        assert Counter(PLACEHOLDER.findall(source)) == Counter(PLACEHOLDER.findall(translation)), source


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_has_markup_or_a_bare_percent_sign(language: str) -> None:
    # Jinja formats every translation and takes it for safe HTML.
    for source, translation in entries(language).items():
        assert not re.search(r"[<>&%]", PLACEHOLDER.sub("", translation)), source


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_says_its_language_and_nothing_that_changes_by_itself(language: str) -> None:
    text = (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").read_text(encoding="utf-8")
    assert f'"Language: {language}\\n"' in text
    assert not re.search(r"Creation-Date|Revision-Date|Generated-By|^#:", text, re.MULTILINE)


def test_dutch_keeps_to_its_terms() -> None:
    for source, translation in entries("nl").items():
        for english, dutch in TERMS.items():
            assert english not in source.lower() or dutch in translation.lower(), (source, dutch)


def test_dutch_claims_nothing_that_the_english_does_not() -> None:
    for source, translation in entries("nl").items():
        for dutch, english in CLAIMS.items():
            assert dutch not in translation.lower() or english in source.lower(), (source, dutch)
