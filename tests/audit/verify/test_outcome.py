"""What a verification comes to is in the protocol's table, line by line: words, statuses, and their order."""

from __future__ import annotations

import re
from pathlib import Path

from stembus.audit.verify.outcome import Outcome

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"
SAID_OTHERWISE = {"unfinished": "SOUND SO FAR"}


def test_the_outcomes_are_those_of_the_protocols_table_in_its_order() -> None:
    table = PROTOCOL.read_text(encoding="utf-8").partition("| outcome | status |")[2].partition("\n\n")[0]
    lines = re.findall(r"^\| ([a-z ]+) \| (\d) \|", table, re.MULTILINE)
    assert [(SAID_OTHERWISE.get(word, word.upper()), int(status)) for word, status in lines] == [
        (outcome.word, outcome.status) for outcome in Outcome
    ]
