"""What all letters of a referendum have in common: from the manifest, the city's theme, and a template.

Decides which words of these go on paper, and how a time is written there. The layout is the template's, and what is
one voter's is in `ballot.eligibility.letter_print`.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from stembus.audit.formats.manifest import Manifest, Option, Question
from stembus.ballot.eligibility.letter_print import TEMPLATE, LettersInvalid, Look
from stembus.scripts.local_time import written
from stembus.scripts.question_text import amount
from stembus.webvote.theme import Text, Theme

WRITTEN = ("nl", "fr", "en")  # the languages in which the template speaks


def letter_look(manifest: Manifest, referendum: bytes, theme: Theme, template: Path | None) -> Look:
    """Raises LettersInvalid where nobody could vote or be helped with what the letter would say."""
    languages = tuple(language for language in manifest.languages if language in WRITTEN)
    if manifest.languages[0] not in languages:
        raise LettersInvalid(
            f"letters are written in {', '.join(WRITTEN)}, and the text that counts is in {manifest.languages[0]}; "
            "make them from codes.csv with another program"
        )
    if not theme.said.name or not theme.said.contact:
        raise LettersInvalid(
            "a letter says who sends it and whom to call: give the city's theme with name and contact (--theme FOLDER; "
            "stembus theme new makes one)"
        )
    logo = theme.logo
    values: dict[str, Any] = {
        "title": manifest.title[languages[0]],
        "titles": {language: manifest.title[language] for language in languages},
        "sender": _said(theme.said.name, languages[0]),
        "address": theme.said.address,
        "rehearsal": not manifest.binding,
        "logo": f"/{logo.name}" if logo is not None else None,
        "opens": {language: written(datetime.fromisoformat(manifest.opens), language) for language in languages},
        "closes": {language: written(datetime.fromisoformat(manifest.closes), language) for language in languages},
        "questions": [
            {
                "text": dict(question.text),
                "most": question.max_choices,
                "options": [_option(question, option, languages) for option in question.options],
            }
            for question in manifest.questions
        ],
        "counts": languages[0],
        "factor": manifest.second_factor.kind,
        "site": re.sub(r"\Ahttps?://", "", manifest.client.url).rstrip("/"),
        "contact": {language: _contact(theme, language) for language in languages},
        "places": [
            {
                "name": {language: _said(place.name, language) for language in languages},
                "address": place.address,
                "times": {language: _said(place.times, language) for language in languages},
                "offers": list(place.offers),
            }
            for place in theme.said.places
        ],
        "referendum": " ".join(re.findall("....", referendum.hex())),
    }
    source = (template or TEMPLATE).read_bytes()
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LettersInvalid(f"{template} is not in UTF-8: save it with that encoding") from None
    if re.search(r"@(preview|local)/", text):
        raise LettersInvalid(f"{template} takes a package from elsewhere; letters are made from what lies here alone")
    files = {logo.name: logo.data} if logo is not None else {}
    return Look(
        values,
        text.encode("utf-8"),
        files,
        f"{manifest.client.url.rstrip('/')}/",
        languages,
        referendum,
        manifest.opens_at,
    )


def _option(question: Question, option: Option, languages: tuple[str, ...]) -> dict[str, str]:
    """With what it costs."""
    cost = {one: "" if option.cost is None else f" ({amount(question, option.cost, one)})" for one in languages}
    return {language: f"{option.text[language]}{cost[language]}" for language in languages}


def _said(text: Text, language: str) -> str:
    """In that language, or in the first one that there is."""
    return text if isinstance(text, str) else text.get(language, next(iter(text.values()), ""))


def _contact(theme: Theme, language: str) -> dict[str, str] | None:
    found = theme.contact(language)
    return {"telephone": found[1].telephone, "hours": found[1].hours} if found is not None else None
