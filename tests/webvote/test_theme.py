"""The city as sender: what a theme folder may hold, and what the pages show of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from stembus.webvote.contrast import contrast
from stembus.webvote.run.client_hashes import served_hashes
from stembus.webvote.site.app import create_site_app
from stembus.webvote.site.log_summary import SummaryReader
from stembus.webvote.theme import DARK, EXAMPLE, LIGHT, NO_THEME, READABLE, Theme, ThemeInvalid, load_theme, plain_theme
from tests.conftest import Finished

Change = Callable[[str, str], Theme]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "theme"))


@pytest.fixture
def changed(folder: Path) -> Change:
    """The example with one text in place of another."""

    def load(old: str, new: str) -> Theme:
        path = folder / "theme.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return load_theme(folder)

    return load


def site(opened: Finished, theme: Theme) -> FlaskClient:
    return create_site_app(opened.public, theme).test_client()


def read(client: FlaskClient, path: str) -> str:
    with client.get(path) as answer:
        assert answer.status_code == 200
        return answer.get_data(as_text=True)


def test_the_contrast_of_black_on_white_is_the_highest_and_of_equals_the_lowest() -> None:
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == 21
    assert contrast("#123456", "#123456") == 1
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54  # the well-known lightest grey that is readable on white


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[contact.nl]", "[contact.nl", "theme.toml"),
        ("invite_to_test = 20", "invite_to_tests = 20", "there is no field invite_to_tests"),
        ("invite_to_test = 20", "invite_to_test = -1", "invite_to_test: must be at least 0"),
        ('telephone = "056 00 00 01"', 'telephone = "the desk"', "telephone must be a telephone number"),
        ('light = "#123a5e"', 'light = "blue"', "light must be a colour like #123a5e"),
        ('logo = "logo.svg"', 'logo = "../logo.svg"', "logo must be the name of a file beside it"),
        ('logo = "logo.svg"', 'logo = "stad.svg"', "there is no file"),
        ('logo = "logo.svg"', 'logo = "theme.toml"', "must be an .svg or a .png file"),
        (
            'offers = ["kiosk", "help"]',
            'offers = ["beer"]',
            "'beer' cannot stand here; it is one of kiosk, paper,",
        ),
        ('status = "partially"', 'status = "mostly"', "'mostly' cannot stand here; it is one of fully, partially, not"),
        ("assessed = 2026-11-01", 'assessed = "soon"', "a date without quotes, such as 2026-11-01"),
        ("# [film]\n# nl", "[film]\nnl", "gebarentaal-nl.mp4, and there is no such film"),
        ('# [film]\n# nl = "gebarentaal-nl.mp4"', '[film]\nnl = "theme.toml"', "must be an .mp4 or a .webm file"),
        ('# [film]\n# nl = "gebarentaal-nl.mp4"', '[film]\nnl = "page.html"', "must be an .mp4 or a .webm file"),
        ('contact = "privacy@', 'contact = "privacy ', "must be an e-mail address"),
        ("shortcomings = {", "tested_with = {", "accessibility.shortcomings must say"),
        ("[contact.fr]", "[contact.de]", "contact.de: the pages speak nl, en, fr, and not de"),
        ("invite_to_test = 20", f"invite_to_test = {'1' * 5000}", "a number that is too long"),
        ("invite_to_test = 20", f"invite_to_test = {'[' * 3000}", "parts within parts without end"),
        ('address = "Marktplein 1', 'address = "\\u202e1', "places.address holds an invisible character"),
        ('name = {nl = "Stad', 'name = {"x onload=1" = "a", nl = "Stad', "is no name of a field, and no language"),
        ('hours = "op werk', f'hours = "{"a" * 2000}', "contact.nl.hours is longer than 2000 characters"),
    ],
)
def test_what_cannot_stand_in_a_theme_is_named(changed: Change, old: str, new: str, words: str) -> None:
    with pytest.raises(ThemeInvalid, match=re.escape(words)):
        changed(old, new)


def test_a_theme_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThemeInvalid, match=r"there is no file .*; `stembus theme new` makes an example"):
        load_theme(tmp_path / "nowhere")


def test_a_logo_that_loads_slowly_is_refused(folder: Path) -> None:
    (folder / "logo.svg").write_bytes(b"<svg" + b" " * 199_996)
    load_theme(folder)
    (folder / "logo.svg").write_bytes(b"<svg" + b" " * 199_997)
    with pytest.raises(ThemeInvalid, match="has 200001 bytes"):
        load_theme(folder)


@pytest.mark.parametrize("data", [b"", b"hi", b"\x89PNG\r\n"])
def test_a_logo_that_is_no_such_picture_is_refused(folder: Path, data: bytes) -> None:
    (folder / "logo.svg").write_bytes(data)
    with pytest.raises(ThemeInvalid, match="does not begin like"):
        load_theme(folder)


@pytest.mark.parametrize("name", ["theme.toml", "logo.svg"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_ordinary_files_are_read(folder: Path, name: str, kind: str) -> None:
    path = folder / name
    path.unlink()
    if kind == "link":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(ThemeInvalid, match="is no ordinary file"):
        load_theme(folder)


def test_a_theme_that_is_no_text_is_named(folder: Path) -> None:
    (folder / "theme.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ThemeInvalid, match="is not UTF-8"):
        load_theme(folder)


@pytest.mark.parametrize(("name", "shown"), [("light", "#123a5e"), ("dark", "#9cc4ee")])
def test_a_colour_is_taken_as_long_as_it_can_be_read(changed: Change, name: str, shown: str) -> None:
    """The greys on both sides of the border."""
    behind = LIGHT if name == "light" else DARK
    greys = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
    readable = [grey for grey in greys if min(contrast(grey, other) for other in behind) >= READABLE]
    edge = greys.index(readable[-1] if name == "light" else readable[0])
    beyond = greys[edge + 1 if name == "light" else edge - 1]
    theme = changed(f'{name} = "{shown}"', f'{name} = "{greys[edge]}"')
    assert greys[edge] in theme.style
    with pytest.raises(ThemeInvalid, match=f"colours.{name} {beyond} cannot be read on a {name} page"):
        changed(f'{name} = "{greys[edge]}"', f'{name} = "{beyond}"')


def test_every_page_shows_the_sender_and_loads_its_colours(opened: Finished) -> None:
    client = site(opened, load_theme(EXAMPLE))
    for page in (
        "",
        "vote",
        "kiosk",
        "check",
        "track",
        "letter",
        "help",
        "easy",
        "privacy",
        "accessibility",
        "result",
        "none",
    ):
        with client.get(f"/nl/{page}") as answer:
            text = answer.get_data(as_text=True)
        assert 'alt="Stad Voorbeeld"' in text
        assert 'href="/theme/colours.css" crossorigin integrity="sha384-' in text
    assert "--accent: #123a5e" in read(client, "/theme/colours.css")
    with client.get("/theme/logo.svg") as answer:
        assert answer.mimetype == "image/svg+xml"
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_each_language_has_its_own_help_desk_and_the_first_one_helps_out(opened: Finished, changed: Change) -> None:
    client = site(opened, load_theme(EXAMPLE))
    assert 'href="tel:056000000"' in read(client, "/nl/help")
    assert 'href="tel:056000001"' in read(client, "/fr/help")
    without = changed('[contact.fr]\ntelephone = "056 00 00 01"\nhours = "les jours ouvrables de 9 à 17 heures"\n', "")
    text = read(site(opened, without), "/fr/help")
    assert 'href="tel:056000000"' in text
    assert '<span lang="nl">, op werkdagen' in text, "what is in another language is marked"


def test_a_text_that_is_in_another_language_is_marked(opened: Finished, changed: Change) -> None:
    client = site(opened, load_theme(EXAMPLE))
    assert '<span lang="fr">l&#39;imprimeur' in read(client, "/fr/privacy")
    only = site(opened, changed(', fr = "l\'imprimeur des lettres", en = "the printer of the letters"', ""))
    assert '<span lang="nl">de drukker' in read(only, "/fr/privacy")


def test_a_name_in_one_language_alone_stands_in_an_attribute_as_text(opened: Finished, changed: Change) -> None:
    theme = changed(', fr = "Ville d\'Exemple", en = "City of Example"}', ', fr = "\\"><b>"}')
    client = site(opened, theme)
    assert 'alt="Stad Voorbeeld"' in read(client, "/en/vote")
    assert "<b>" not in read(client, "/fr/vote")


def test_what_a_city_writes_is_shown_as_text(opened: Finished, changed: Change) -> None:
    theme = changed('address = "Marktplein 1, 8000 Voorbeeld"', 'address = "<b>1</b>"')
    assert "&lt;b&gt;1&lt;/b&gt;" in read(site(opened, theme), "/nl/help")


def test_the_places_stand_where_somebody_cannot_vote(opened: Finished) -> None:
    text = read(site(opened, load_theme(EXAMPLE)), "/nl/vote")
    for step in ("step-old", "step-blocked", "step-stop"):
        section = text[text.index(f'id="{step}"') :]
        assert "Bibliotheek" in section[: section.index("</section>")]


def test_the_legal_statement_and_the_controller_are_the_citys(opened: Finished) -> None:
    client = site(opened, load_theme(EXAMPLE))
    statement = read(client, "/nl/accessibility")
    assert "gedeeltelijk" in statement
    assert "1 november 2026" in statement
    assert "de Vlaamse Ombudsdienst" in statement
    assert "privacy@example.org" in read(client, "/nl/privacy")


def test_without_a_theme_the_pages_say_what_is_missing(opened: Finished) -> None:
    client = site(opened, plain_theme("056 1 2 3 4"))
    assert "nog niet gepubliceerd" in read(client, "/nl/accessibility")
    assert "nog niet gezegd wie verantwoordelijk is" in read(client, "/nl/privacy")
    assert "staat waar" in read(client, "/nl/help")
    with client.get("/theme/logo.svg") as answer:
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "language"),
    [("/fr/nothing-here", "fr"), ("/en/a/b", "en"), ("/nl/nothing-here", "nl"), ("/xx/vote", "nl"), ("/nothing", "nl")],
)
def test_that_nothing_is_here_is_said_in_the_language_of_the_address(
    opened: Finished, path: str, language: str
) -> None:
    with site(opened, load_theme(EXAMPLE)).get(path, follow_redirects=True) as answer:
        assert answer.status_code == 404
        assert f'<html lang="{language}"' in answer.get_data(as_text=True)


def test_a_film_in_sign_language_is_shown_in_its_language_alone(
    opened: Finished, folder: Path, changed: Change
) -> None:
    (folder / "gebarentaal-nl.mp4").write_bytes(b"0123456789")
    client = site(opened, changed("# [film]\n# nl", "[film]\nnl"))
    assert 'src="/nl/theme/film"' in read(client, "/nl/easy")
    assert "<video" not in read(client, "/fr/easy")
    with client.get("/nl/theme/film", headers={"Range": "bytes=2-4"}) as answer:
        assert (answer.status_code, answer.get_data(), answer.mimetype) == (206, b"234", "video/mp4")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    with client.get("/fr/theme/film") as answer:
        assert answer.status_code == 404


def test_the_deadline_goes_into_a_calendar(opened: Finished) -> None:
    with site(opened, load_theme(EXAMPLE)).get("/nl/deadline.ics") as answer:
        assert answer.mimetype == "text/calendar"
        calendar = Calendar.from_ical(answer.get_data())
    [event] = calendar.walk("VEVENT")
    manifest = SummaryReader(opened.public).now().manifest
    assert event.end == datetime.fromtimestamp(manifest.closes_at, UTC)
    assert str(event["summary"]).endswith(manifest.title["nl"])
    assert str(event["summary"]).startswith("Stemmen kan tot")
    assert event.start == event.end, "nobody takes the hour before for the end"


def test_the_log_names_the_theme(opened: Finished, changed: Change) -> None:
    before = served_hashes(opened.public, load_theme(EXAMPLE))
    after = served_hashes(opened.public, changed('light = "#123a5e"', 'light = "#124000"'))
    differing = {path for path in before if before[path] != after[path]}
    # Every page names the hash of its style sheet.
    assert differing == {path for path in before if not path.startswith(("static/", "theme/logo"))}


@pytest.mark.parametrize("name", ["check", "track", "letter", "help", "vote", "easy"])
def test_an_address_without_a_language_leads_to_the_page(opened: Finished, name: str) -> None:
    """As a letter prints it, and as people type it."""
    with site(opened, NO_THEME).get(f"/{name}") as answer:
        assert (answer.status_code, answer.location) == (302, f"/nl/{name}")


def test_a_byte_order_mark_is_no_mistake(folder: Path) -> None:
    path = folder / "theme.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    load_theme(folder)


@pytest.mark.parametrize("page", ["vote", "kiosk"])
@pytest.mark.parametrize("binding", [False, True])
def test_before_a_vote_is_cast_the_page_says_whether_it_is_a_real_one(
    opened: Finished, page: str, binding: bool
) -> None:
    app = create_site_app(opened.public, plain_theme("056 11 22 33"))
    app.context_processor(lambda: {"rehearsal": not binding})
    text = read(app.test_client(), f"/en/{page}")
    assert ("This is a real vote: it counts." in text, 'class="rehearsal"' in text) == (binding, not binding)
