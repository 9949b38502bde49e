"""The table of requirements: every line has a row, and all that a row names is there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
NAME = r"CoE \d+|CNIL [123]-\d\d|OEV [\d.a-d]+"
ROWS = re.findall(rf"^\| ({NAME}) \| ([^|]+) \| (met|in part|not met|the city's) \| ([^|]+) \|$", PAGE, re.M)
EXPECTED = [f"CoE {number}" for number in range(1, 50)]
EXPECTED += [f"CNIL {level}-{n:02}" for level, most in ((1, 11), (2, 7), (3, 5)) for n in range(1, most + 1)]
ARTICLES = ("3a 3b 3c 3d", "5.1 5.2a 5.2b 5.3a 5.3b", "7 8.2 8.3 9", "10.1 10.2 11.1 12 13 14 15 16")
EXPECTED += [f"OEV {article}" for line in ARTICLES for article in line.split()]


def test_every_requirement_has_one_row_in_order() -> None:
    assert [row[0] for row in ROWS] == EXPECTED
    assert len(re.findall(r"^\| (CoE|CNIL|OEV) ", PAGE, re.M)) == len(ROWS), "a row of another form"


def _problems(evidence: str) -> list[str]:
    problems = []
    for path, name in re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", evidence):
        file = ROOT / path
        if not file.exists():
            problems.append(f"there is no {path}")
        elif not name:
            problems.append(f"which test of {path}?")
        elif not re.search(rf"^def {name}\(", file.read_text(encoding="utf-8"), re.M):
            problems.append(f"{path} has no test {name}")
    return problems


@pytest.mark.parametrize(("name", "state", "evidence"), [(row[0], row[2], row[3]) for row in ROWS])
def test_what_a_row_names_is_there(name: str, state: str, evidence: str) -> None:
    assert _problems(evidence) == [], name
    if state in ("met", "in part"):
        assert re.search(r"`tests/|\]\(", evidence), f"{name} is said to be {state}, and nothing shows it"


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    assert _problems("`tests/no_such.py`") == ["there is no tests/no_such.py"]
    assert _problems("`tests/docs/test_requirements.py`") == ["which test of tests/docs/test_requirements.py?"]
    assert _problems("`tests/docs/test_requirements.py::no_such`")
    assert _problems("`tests/docs/test_requirements.py::test_a_link_that_leads_nowhere_is_noticed`") == []
