"""The command that reads a register: what it says before anything is written, and that none of it is about a person."""

from __future__ import annotations

import csv
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stembus.scripts.cli.main import main
from stembus.scripts.register_text import line_ranges
from tests.ballot.eligibility.registers import row, write_rows


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    folder = tmp_path / "office"
    assert CliRunner().invoke(main, ["new", str(folder)]).exit_code == 0
    path = folder / "referendum.toml"
    text = re.sub(r'age_date = "[^"]*"', 'age_date = "2019-10-14"', path.read_text(), count=1)
    path.write_text(re.sub(r"official_count = \d+", "official_count = 300", text))
    return folder


def roll(draft: Path, *more: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["roll", "import", str(draft), *more, "--dry-run"])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def people() -> list[list[str]]:
    """300 who may vote, of whom 30 lost the zero of their number; and 40 children."""
    good = [row(f"19{40 + k % 50}-0{1 + k % 9}-1{k % 10}", k + 1) for k in range(270)]
    young = [row(f"200{k % 3}-01-0{1 + k % 9}", k + 300) for k in range(30)]
    for person in young:
        person[0] = person[0].lstrip("0")
    return [*good, *young, *(row("2008-02-03", k + 1) for k in range(40))]


def test_the_lost_zeros_of_young_adults_stand_out_by_number_and_with_what_to_do(draft: Path, tmp_path: Path) -> None:
    register = write_rows(tmp_path / "r.csv", people())
    told = roll(draft, str(register)).stdout
    assert "270 people may vote" in told
    assert "30: the national number has fewer than eleven digits" in told
    assert "lines 272-301" in told
    assert "restore_zeros = true" in told
    assert "40: younger than 16 on 2019-10-14" in told
    assert "that is 30 fewer than the official count of the draft, 300" in told
    (draft / "register.toml").write_text("restore_zeros = true\n")
    told = roll(draft, str(register)).stdout
    assert "300 people may vote" in told
    assert "that is the official count of the draft" in told


def test_nothing_that_is_said_names_a_person(draft: Path, tmp_path: Path) -> None:
    rows = people()
    rows += [row(serial=400, last_name="Zonderling", street=""), row(serial=401, street="=Zonderling")]
    result = roll(draft, str(write_rows(tmp_path / "r.csv", rows)))
    said = result.stdout + result.stderr
    for word in ("Zonderling", "Leiestraat", *(person[0] for person in rows)):
        assert word not in said


def test_the_faulty_lines_go_into_a_private_file_and_over_none(draft: Path, tmp_path: Path) -> None:
    rows = [row(), row(serial=2, last_name=""), row(serial=3, street="=1+1"), ["=a", *row(serial=4)[1:]], row()]
    register, faults = write_rows(tmp_path / "r.csv", rows), tmp_path / "to-mend.csv"
    roll(draft, str(register), "--faults", str(faults))
    assert stat.S_IMODE(faults.stat().st_mode) == 0o600
    with faults.open(encoding="utf-8-sig", newline="") as file:
        (_, *lines) = list(csv.reader(file))
    assert [line[0] for line in lines] == ["3", "4", "5", "6"]
    assert lines[3][1].endswith("an earlier line (2)")
    assert lines[2][2].startswith("'=a")
    assert "exists" in roll(draft, str(register), "--faults", str(faults), status=1).stderr


def test_a_language_that_is_none_is_said_and_costs_nobody_a_vote(draft: Path, tmp_path: Path) -> None:
    rows = [row(), row(serial=2, language="de"), row(serial=3, language="")]
    told = roll(draft, str(write_rows(tmp_path / "r.csv", rows))).stdout
    assert "3 people may vote" in told
    assert "1 with language 'de', which is none of the referendum's: the letter is in nl" in told
    assert "1 with no language: the letter is in nl" in told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r'age_date = "[^"]*"', "age_date = 2019-10-14"),
        (r'age_date = "[^"]*"', 'age_date = "14-10-2019"'),
        (r"minimum_age.*", ""),
        (r"postcodes = .*", "postcodes = [8500]"),
        (r"languages = .*", 'languages = "nl"'),
        (r"languages = .*", "languages = []"),
    ],
)
def test_a_faulty_draft_is_refused_in_a_sentence(draft: Path, tmp_path: Path, old: str, new: str) -> None:
    path = draft / "referendum.toml"
    path.write_text(re.sub(old, new, path.read_text(), count=1))
    told = roll(draft, str(write_rows(tmp_path / "r.csv", [row()])), status=1).stderr
    assert "draft" in told or "age_date" in told or "languages" in told


def test_many_lines_are_told_as_ranges() -> None:
    assert line_ranges([2, 3, 4, 7, 9, 10]) == "2-4, 7, 9-10"
    assert line_ranges(range(1, 40, 2)) == "1, 3, 5, 7, 9, 11 and 14 more"
