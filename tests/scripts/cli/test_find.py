"""Somebody lost the letter: an officer finds the voter number by name and address, and that is written down."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from stembus.ballot.eligibility.find_voter import find_voters
from stembus.ballot.eligibility.own_csv import LETTER_COLUMNS, write_csv
from stembus.ballot.errors import RollInvalid
from tests.scripts.cli.test_commands import Run, _set_up, run

__all__ = ["run"]

PEOPLE = [
    ["000000001", "Peeters", "Zoë", "Leiestraat 12 bus 3", "8500", "Kortrijk", "nl"],
    ["000000002", "Peeters", "Zoran", "Leiestraat 120", "8500", "Kortrijk", "nl"],
    ["000000003", "D'Hondt", "Anne-Marie", "Sint-Jansplein 1", "8510", "Marke", "nl"],
    *[[f"{k:09}", "Maes", "Jef", f"Voorstraat {k}", "8500", "Kortrijk", "nl"] for k in range(100, 111)],
]


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    path = tmp_path / "letters.csv"
    write_csv(path, PEOPLE, LETTER_COLUMNS)
    return path


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [
        ("peeters zoe", ["000000001"]),
        ("PEETERS", ["000000001", "000000002"]),
        ("zo leiestraat 8500", ["000000001", "000000002"]),
        ("d'hondt sint jansplein", ["000000003"]),
        ("anne marie", ["000000003"]),
        ("maes voorstraat 105", ["000000105"]),
    ],
)
def test_words_of_name_and_address_find_whom_they_fit(letters: Path, typed: str, numbers: list[str]) -> None:
    assert [one.number for one in find_voters(letters, typed)] == numbers


@pytest.mark.parametrize("typed", ["", " - ", "eeters", "maes", "nobody", "peeters gent"])
def test_words_of_nobody_or_of_too_many_show_nobody(letters: Path, typed: str) -> None:
    with pytest.raises(RollInvalid):
        find_voters(letters, typed)


def test_who_looked_for_whom_is_written_down_before_it_is_shown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    with (folder / "importer" / "letters.csv").open(encoding="utf-8", newline="") as file:
        number, last, first, street, *_ = list(csv.reader(file))[1]
    asked = ("roll", "find", folder, last, first, street, "--officer", "an.peeters")
    refused = run(*asked, status=1).output
    assert "an.peeters is no officer of this help desk" in refused
    assert number not in refused
    monkeypatch.setenv("STEMBUS_DESK_PASSWORD", "a long password")
    run("desk", "add", folder, "an.peeters")
    assert run(*asked).output.startswith(f"{number}  {first} {last}, {street}")
    assert f"an.peeters            find      {number}" in run("desk", "log", folder).output
