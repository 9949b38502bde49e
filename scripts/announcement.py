"""Texts with which a city announces its referendum: the call, the last days, the result. In Dutch, French and English.

Decides what stands in them: only what the definition or a verified log says. The words are in `announcements`; where
they are printed is for the city.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

from stembus.audit.formats.entry_bodies import Result
from stembus.audit.formats.manifest import Manifest
from stembus.scripts.local_time import written

LANGUAGES = ("nl", "fr", "en")
_FOLDER = Path(__file__).with_name("announcements")


@cache
def _words(language: str) -> dict[str, str]:
    found = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {name: str(text) for name, text in found.items()}


def call(manifest: Manifest, identity: str, language: str) -> str:
    questions = "\n".join(f"- {question.text[language]}" for question in manifest.questions)
    return _words(language)["call"].format(**_known(manifest, identity, language), questions=questions)


def reminder(manifest: Manifest, identity: str, language: str) -> str:
    return _words(language)["reminder"].format(**_known(manifest, identity, language))


def result(manifest: Manifest, identity: str, language: str, found: Result) -> str:
    """`found` is of a log that verified."""
    counts = "\n".join(_counts(manifest, language, found)) or _words(language)["nothing"]
    known = _known(manifest, identity, language)
    people = {"participants": found.participants, "all": manifest.eligibility.official_count}
    return _words(language)["result"].format(**known, **people, counts=counts)


def _counts(manifest: Manifest, language: str, found: Result) -> Iterator[str]:
    for question, counted in zip(manifest.questions, found.questions, strict=False):
        yield f"\n{question.text[language]}"
        for option, total in zip(question.options, counted.total, strict=True):
            yield f"- {option.text[language]}: {total}"
        if question.max_choices == 1:
            yield f"- {_words(language)['blank']}: {found.participants - sum(counted.total)}"


def _known(manifest: Manifest, identity: str, language: str) -> dict[str, str]:
    return {
        "title": manifest.title[language],
        "opens": written(datetime.fromisoformat(manifest.opens), language),
        "closes": written(datetime.fromisoformat(manifest.closes), language),
        "url": manifest.client.url,
        "identity": identity,
    }
