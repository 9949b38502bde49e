"""Lists of another length in any entry: a named finding, and a report that can be read, never an end of the work."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import MemoryPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import HEAD
from stembus.audit.verify.report import Report, Verdict
from stembus.scripts.report_text import print_report, report_data
from tests.tampered.forge import Forge, judge, new_forge
from tests.tampered.paper import letters

Path = tuple[Any, ...]
CHANGES = {"emptied": lambda _: [], "cut": lambda value: value[:-1], "doubled": lambda value: value * 2}


def _lists(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for name in value:
            yield from _lists(value[name], (*path, name))
    elif isinstance(value, list):
        yield path
        for number in range(len(value)):
            yield from _lists(value[number], (*path, number))


def _at(body: Any, path: Path) -> Any:
    for part in path:
        body = body[part]
    return body


def _entries(place: MemoryPlace) -> list[bytes]:
    reader = TileReader(place, parse_checkpoint(place.files[HEAD]).size)
    return [reader.entry(index) for index in range(reader.size)]


def _printed(report: Report) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_report(report, "")
    return out.getvalue()


@pytest.fixture(scope="module")
def whole(budget_parts: dict[str, Any]) -> tuple[Forge, list[bytes]]:
    """A budget with paper votes, counted."""
    forge = new_forge(budget_parts)
    forge.struck = letters(20, 24)(forge)
    forge.paper = {"ballots": 4, "counts": [[1, 0, 2, 1]]}
    return forge, _entries(forge.build())


@pytest.mark.parametrize("change", CHANGES)
def test_a_list_of_another_length_is_a_finding_that_can_be_read(whole: tuple[Forge, list[bytes]], change: str) -> None:
    forge, entries = whole
    tried: set[tuple[str, Path]] = set()
    for index, raw in enumerate(entries[1:], 1):
        if raw[:1] != b"{":
            continue
        entry = json.loads(raw)
        for path in _lists(entry["body"]):
            if (entry["type"], path) in tried:
                continue
            tried.add((entry["type"], path))
            body = json.loads(raw)["body"]
            _at(body, path[:-1])[path[-1]] = CHANGES[change](_at(body, path))
            changed = list(entries)
            changed[index] = forge.entry(entry["type"], body, [signature["by"] for signature in entry["signatures"]])
            report = judge(forge, forge.bundle(changed))
            where = f"{entry['type']}, {path}"
            assert report.faults, where
            assert not report.has(Verdict.UNCHECKED), (where, report.faults)
            assert report.outcome.word in _printed(report)
            assert json.dumps(report_data(report))
    assert {kind for kind, _ in tried} >= {"reveal", "election-key", "close", "paper-result", "result"}
