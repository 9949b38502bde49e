"""The pages' languages: which there are, and that it is the visitor's click that chooses one.

The language is the first part of every address; what a browser prefers is never asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, abort, g, request
from flask_babel import Babel

from stembus.audit.formats.manifest import Manifest
from stembus.webvote.static_files import INTERFACE_LANGUAGES

ZONE = "Europe/Brussels"


def choose_language(app: Flask, manifest: Manifest) -> None:
    """Those of a referendum; templates get what they need to speak one."""
    speak(app, [code for code in manifest.languages if code in INTERFACE_LANGUAGES] or ["en"])

    @app.context_processor
    def chosen() -> dict[str, object]:
        return {
            "manifest": manifest,
            "rehearsal": not manifest.binding,
            # A referendum whose languages the pages do not speak is shown in its own first one.
            "texts": g.language if g.language in manifest.languages else manifest.languages[0],
            "translated": g.language != manifest.languages[0],
        }


def speak(app: Flask, languages: Sequence[str]) -> None:
    """Sets up translations; views get no `language`, and without one in the address it is the first."""
    app.config.update(
        STEMBUS_LANGUAGES=languages, BABEL_DEFAULT_TIMEZONE=ZONE, BABEL_TRANSLATION_DIRECTORIES="translations"
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=lambda: g.get("language", languages[0]))

    @app.url_value_preprocessor
    def choose(endpoint: str | None, values: dict[str, str] | None) -> None:
        # That nothing is here is said in the language of the address, too.
        first = request.path.split("/")[1]
        g.language = first if endpoint is None and first in languages else languages[0]
        if endpoint is None:
            return
        language = (values or {}).pop("language", None)
        if language is not None and language not in languages:
            abort(404)
        g.language = language or languages[0]

    @app.url_defaults
    def keep(endpoint: str, values: dict[str, str]) -> None:
        if app.url_map.is_endpoint_expecting(endpoint, "language"):
            values.setdefault("language", g.language)

    known = {code: INTERFACE_LANGUAGES[code] for code in languages}
    app.context_processor(lambda: {"language": g.language, "languages": known})
