"""A moment as people read it on paper: in the referendum's own time, in their language."""

from __future__ import annotations

from datetime import datetime

from babel.dates import format_datetime


def written(moment: datetime, language: str) -> str:
    """As the pages write it."""
    return str(format_datetime(moment, "EEEE d MMMM y, HH:mm", locale=language))
