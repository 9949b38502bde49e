"""A page of markdown, line by line, for what developers' tools print."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

WIDTH = 118


class Page:
    """Collects markdown."""

    def __init__(self, full: bool) -> None:
        self.full = full
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines += [*textwrap.wrap(text, WIDTH, break_on_hyphens=False), ""]

    def block(self, lines: Iterable[str]) -> None:
        self.lines += ["```text", *lines, "```", ""]

    def hex(self, data: bytes) -> str:
        """At most 32 bytes in full; the middle of anything longer is left out."""
        if self.full or len(data) <= 33:
            return data.hex()
        return f"{data[:16].hex()} ... {data[-8:].hex()}"

    def table(self, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        self.lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        self.lines += [f"| {' | '.join(row)} |" for row in rows]
        self.lines.append("")
