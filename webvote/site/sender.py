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
from markupsafe import Markup

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
    contact = theme.contact(g.language)
    return {
        "sender": theme.said.name,
        "logo": theme.logo is not None,
        "colours_integrity": integrity,
        "contact_language": contact[0] if contact else "",
        "contact": contact[1] if contact else None,
        "places": theme.said.places,
        "privacy": theme.said.privacy,
        "statement": theme.said.accessibility,
        "film": theme.film(g.language) is not None,
        "invite_to_test": theme.said.invite_to_test,
        "said": _text,
        "plain": lambda text: _chosen(text)[1],
        "date": _date,
        "direction": Locale.parse(g.language).text_direction,
    }


def _chosen(text: Text) -> tuple[str, str]:
    """In the page's language, or in the first that there is; and which that is."""
    if isinstance(text, str):
        return g.language, text
    if g.language in text or not text:
        return g.language, text.get(g.language, "")
    return next(iter(text.items()))


def _text(text: Text) -> Markup:
    """Marked with its language (WCAG 2.2, 3.1.2); of one shape in all languages, so that words can be exchanged."""
    return Markup('<span lang="{}">{}</span>').format(*_chosen(text))


def _date(day: date) -> str:
    return str(format_date(day, "d MMMM y", rebase=False))


def _logo(data: bytes, mimetype: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.headers["Content-Security-Policy"] = theme_policy()
    return response


def _film(theme: Theme) -> Response:
    found = theme.film(g.language)
    if found is None or not found[0].is_file():
        abort(404)
    response = send_file(found[0], mimetype=found[1], conditional=True, max_age=3600)
    response.headers["Content-Security-Policy"] = theme_policy()
    return response
