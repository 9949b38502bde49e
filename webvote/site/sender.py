"""What the pages say of the city that sends them, and the files of its theme.

Decides in which language a text of the theme is shown, and marks one that is in another than the page's. Leaves what
may stand in a theme to `webvote.theme`.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import date
from functools import partial

from babel import Locale
from flask import Flask, Response, abort, g, send_file
from flask_babel import format_date
from markupsafe import Markup, escape

from stembus.webvote.csp import theme_policy
from stembus.webvote.theme import Text, Theme

FOLDER = "theme"


def add_sender(app: Flask, theme: Theme) -> None:
    """Serves the theme's files, and gives templates what it says."""
    sheet = theme.style.encode("ascii")
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(sheet).digest()).decode("ascii")
    app.add_url_rule(f"/{FOLDER}/colours.css", "colours", lambda: Response(sheet, mimetype="text/css"))
    if theme.logo is not None:
        app.add_url_rule(f"/{FOLDER}/{theme.logo.name}", "logo", partial(_logo, theme.logo.data, theme.logo.mimetype))
    app.add_url_rule(f"/<language>/{FOLDER}/film", "film", partial(_film, theme))
    app.context_processor(partial(_said, theme, integrity))


def theme_paths(theme: Theme) -> list[str]:
    """Of the files that every page loads, below the client's address. A film is content, and large: it is not one."""
    return [f"{FOLDER}/colours.css", *([f"{FOLDER}/{theme.logo.name}"] if theme.logo else [])]


def _said(theme: Theme, integrity: str) -> dict[str, object]:
    return {
        "sender": theme.said.name,
        "logo": theme.logo is not None,
        "colours_integrity": integrity,
        "contact": theme.contact(g.language),
        "places": theme.said.places,
        "privacy": theme.said.privacy,
        "statement": theme.said.accessibility,
        "film": theme.film(g.language) is not None,
        "invite_to_test": theme.said.invite_to_test,
        "said": _text,
        "date": _date,
        "direction": Locale.parse(g.language).text_direction,
    }


def _text(text: Text) -> Markup:
    """In the page's language, or in the first that there is, marked as such (WCAG 2.2, 3.1.2)."""
    if isinstance(text, str):
        return escape(text)
    if g.language in text or not text:
        return escape(text.get(g.language, ""))
    language, words = next(iter(text.items()))
    return Markup('<span lang="{}">{}</span>').format(language, words)


def _date(day: date) -> str:
    return str(format_date(day, "d MMMM y", rebase=False))


def _logo(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.headers["Content-Security-Policy"] = theme_policy()
    return response


def _film(theme: Theme) -> Response:
    path = theme.film(g.language)
    if path is None or not path.is_file():
        abort(404)
    return send_file(path, conditional=True, max_age=3600)
