"""The minutes as documents: PDF to be signed, HTML to be read, both from one template, so that they cannot differ.

Decides form alone; the words are in `minutes.typ`, the figures are of `tally.minutes`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typst

from stembus.tally.minutes import NoMinutes

TEMPLATE = Path(__file__).with_name("minutes.typ")


def render_minutes(values: dict[str, Any], template: bytes) -> tuple[bytes, bytes]:
    """PDF, tagged for screen readers (PDF/UA-1), and HTML. Raises NoMinutes with what Typst says."""
    files = {"main.typ": template, "data.json": json.dumps(values).encode("ascii")}
    try:
        pdf: bytes = typst.compile(files, format="pdf", pdf_standards=["ua-1"])  # type: ignore[call-overload]
        page: bytes = typst.compile(files, format="html")  # type: ignore[call-overload]
    except typst.TypstError as error:
        raise NoMinutes(f"the minutes could not be written: {error}") from None
    return pdf, page
