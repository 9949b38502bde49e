"""The worked example in the protocol page is what the script prints."""

from __future__ import annotations

from pathlib import Path

from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.scripts.develop.example_referendum import make_example
from stembus.scripts.develop.worked_example import write_page

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_the_protocol_page_contains_the_worked_example_as_it_is_now() -> None:
    chapter = PROTOCOL.read_text(encoding="utf-8").split("\n## 2. Worked example\n")[1].split("\n## ")[0]
    example = write_page()
    start = chapter.index(example.split("\n", 1)[0])
    assert chapter[start:].strip() == example.strip()


def test_every_entry_of_the_worked_example_parses() -> None:
    manifest, *entries = make_example().entries
    assert parse_manifest(manifest).questions
    assert [parse_entry(raw).type for raw in entries] == ["commit", "reveal", "confirm", "drill", "election-key"]
