"""Questions as a manifest has them, for tests that define other ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LANGUAGES = ("nl", "en", "fr")
NO_BUDGET = {"budget": None, "unit": None, "funding": None}


def texts(text: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES, text)


def option(text: str, cost: int | None = None) -> dict[str, Any]:
    return {"text": texts(text), "cost": cost}


def choose(options: Sequence[str], most: int, text: str = "Wat?") -> dict[str, Any]:
    listed = [option(name) for name in options]
    return {"kind": "choose", "text": texts(text), "options": listed, "max_choices": most, "accepts": None} | NO_BUDGET


def budget(
    costs: Sequence[int], total: int, most: int | None = None, funding: str = "most-votes-then-cheapest"
) -> dict[str, Any]:
    """Projects of these costs."""
    options = [option(f"project {number}", cost) for number, cost in enumerate(costs, 1)]
    return {
        "kind": "budget",
        "text": texts("Welke projecten?"),
        "options": options,
        "max_choices": most or len(costs),
        "accepts": None,
        "budget": total,
        "unit": texts("euro"),
        "funding": funding,
    }
