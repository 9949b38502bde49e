"""The worked example in the protocol page is what the script prints."""

from __future__ import annotations

from pathlib import Path

from stembus.scripts.develop.worked_example import write_page

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_the_protocol_page_contains_the_worked_example_as_it_is_now() -> None:
    chapter = PROTOCOL.read_text(encoding="utf-8").split("\n## 2. Worked example\n")[1].split("\n## ")[0]
    example = write_page()
    start = chapter.index(example.split("\n", 1)[0])
    assert chapter[start:].strip() == example.strip()
