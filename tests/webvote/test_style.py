"""Every text of the pages can be read on what is behind it, on light and on dark pages (WCAG 2.2, 1.4.3, 1.4.11)."""

from __future__ import annotations

import re

import pytest

from stembus.webvote.contrast import contrast
from stembus.webvote.static_files import STATIC
from stembus.webvote.theme import DARK, LIGHT

STYLE = (STATIC / "style.css").read_text(encoding="utf-8")
TEXT, SIGN = 4.5, 3.0
# What stands on what, and how well it must be told from it.
PAIRS = [
    *((text, paper, TEXT) for text in ("ink", "dim", "accent", "red", "green") for paper in ("paper", "soft")),
    ("ink", "notice", TEXT), ("on-accent", "accent", TEXT), ("on-gold", "gold", TEXT), ("accent", "notice", TEXT),
    *((sign, "paper", SIGN) for sign in ("line", "focus", "accent", "other-bar", "red")),
]  # fmt: skip


def scheme(name: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    return found | dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark)) if name == "dark" else found


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("front", "behind", "least"), PAIRS)
def test_what_is_written_can_be_read(name: str, front: str, behind: str, least: float) -> None:
    colours = scheme(name)
    assert contrast(colours[front], colours[behind]) >= least


def test_a_dark_page_has_a_colour_of_its_own_for_every_one() -> None:
    assert scheme("light").keys() == scheme("dark").keys()
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert set(re.findall(r"--[a-z-]+:", light)) == set(re.findall(r"--[a-z-]+:", dark))


def test_no_rule_has_a_colour_that_does_not_change_with_the_scheme() -> None:
    rules = STYLE[STYLE.rindex(":root {") :]
    fixed = set(re.findall(r"[^\n]*(?:#[0-9a-f]{3,6})[^\n]*", rules[rules.index("}") :]))
    # Codes for cameras, and the city's logo, stand on white.
    assert all(".qr" in rule or ".logo" in rule for rule in fixed)


def test_a_theme_is_held_against_the_very_papers_of_the_pages() -> None:
    assert (scheme("light")["paper"], scheme("light")["soft"]) == LIGHT
    assert (scheme("dark")["paper"], scheme("dark")["soft"]) == DARK
