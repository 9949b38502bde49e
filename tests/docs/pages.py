"""Reads the pages: their fenced blocks, the commands in them, and what stands in backticks and links.

Decides the convention for fences, which CONTRIBUTING.md states. Leaves running and judging to the tests.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/kit/*.md")])
KINDS = {
    "sh": "commands that a test runs, one after the other",
    "text": "output, a layout or an example; not run",
    "toml": "questions of a draft; a test reads them as a draft's",
    "go": "a program that a test builds and runs",
}
_FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```[ ]*$", re.M | re.S)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block, the heading above it, and the word after the fence."""

    heading: str
    kind: str
    text: str


def blocks(page: str) -> list[Block]:
    found = []
    for match in _FENCE.finditer(page):
        headings = _HEADING.findall(without_blocks(page[: match.start()]))
        found.append(Block(headings[-1] if headings else "", match["kind"].strip(), match["text"]))
    return found


def without_blocks(page: str) -> str:
    return _FENCE.sub("\n", page)


def spans(page: str) -> list[str]:
    """What stands in backticks, outside fenced blocks; line breaks inside are spaces."""
    return [" ".join(text.split()) for text in _SPAN.findall(without_blocks(page))]


def links(page: str) -> list[str]:
    return [first or second for first, second in _LINK.findall(without_blocks(page))]


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as the usual web front ends for Git make them."""
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(without_blocks(page))]
    return {text.replace(" ", "-") for text in plain}


def commands(text: str) -> list[str]:
    """The commands of a block. A comment is what a shell takes for one: from a `#` after a space to the line's end."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line for line in joined.splitlines() if shlex.split(line, comments=True)]


def named_commands(page: str) -> Iterator[str]:
    """Every command that a page names: in blocks of commands, and in backticks."""
    for block in blocks(page):
        if block.kind == "sh":
            yield from commands(block.text)
    yield from spans(page)
