"""Showing what comes from outside: file names, titles, what a server answered."""

from __future__ import annotations

_SPACES = "\u00a0\u202f"  # that typographers put into numbers and before signs


def shown(text: str) -> str:
    """On one line, and without a character that acts on the screen or cannot be seen."""
    return "".join(c if c.isprintable() or c in _SPACES else c.encode("unicode_escape").decode() for c in text)
