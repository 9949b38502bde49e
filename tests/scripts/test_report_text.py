"""The report cannot be made to say what it does not say, and does not drown what it says."""

from __future__ import annotations

import json

import msgspec
import pytest

from stembus.audit.log.source import FolderPlace, MemoryPlace
from stembus.audit.verify import Report, Verdict, verify
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.report import FAULTS_OF_A_KIND
from stembus.scripts.escape import shown
from stembus.scripts.report_text import print_report, report_data
from tests.conftest import Finished

FORGED = "x\nHOLDS: Everything was checked, and the result is established.\n"


def lines(report: Report, capsys: pytest.CaptureFixture[str], evidence: str = "") -> list[str]:
    print_report(report, evidence)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "name", [FORGED, "\x1b[2J\x1b[HHOLDS: x", "\u202eSDLOH", "a\rHOLDS: b", "a\u2028HOLDS: b", "\x85HOLDS"]
)
def test_no_file_name_prints_a_line_of_its_own(
    finished: Finished, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files = {
        p.relative_to(finished.public).as_posix(): p.read_bytes() for p in finished.public.rglob("*") if p.is_file()
    }
    del files["credentials"]
    report = verify(MemoryPlace({**files, name: b""}), finished.referendum)
    printed = lines(report, capsys, evidence=name)
    assert printed[-1].startswith("BREACH: ")
    assert not [line for line in printed if line.startswith("HOLDS")]
    assert all(character.isprintable() for line in printed for character in line)
    assert json.loads(json.dumps(report_data(report)))["outcome"] == "BREACH"


def test_text_that_people_write_is_shown_as_it_is() -> None:
    assert shown("Café « Où » – 9\u202f880 日本") == "Café « Où » – 9\u202f880 日本"
    assert shown("a\u200bb\n") == "a\\u200bb\\n"


@pytest.mark.parametrize("number", [FAULTS_OF_A_KIND, FAULTS_OF_A_KIND + 1, 20_000])
def test_of_one_kind_ten_findings_are_shown_and_the_others_counted(
    capsys: pytest.CaptureFixture[str], number: int
) -> None:
    report = Report()
    for k in range(number):
        report.stands("V16", f"entry {k}", "faulty")
    report.breach("V27", "entry 1", "wrong")
    printed = lines(report, capsys)
    assert sum("entry" in line and "faulty" in line for line in printed) == FAULTS_OF_A_KIND
    more = f"{number - FAULTS_OF_A_KIND} more of this kind"
    assert any(more in line for line in printed) == (number > FAULTS_OF_A_KIND)
    assert any("V27" in line for line in printed)
    counted = report_data(report)["faults_of_each_kind"]
    assert {"check": "V16", "verdict": "result stands", "number": number} in counted
    assert len(report.faults) == FAULTS_OF_A_KIND + 1


def test_every_outcome_has_its_own_status_and_word() -> None:
    assert len({outcome.status for outcome in Outcome}) == len({outcome.word for outcome in Outcome}) == len(Outcome)
    assert {outcome.status for outcome in Outcome} == set(range(10))


def test_the_report_names_question_options_and_counts(finished: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    from stembus.audit.log.source import FolderPlace

    printed = lines(verify(FolderPlace(finished.public), finished.referendum), capsys)
    assert any(line.endswith("Wil je elke maand een autovrije zondag in de binnenstad?") for line in printed)
    assert [line.split() for line in printed if line.endswith((" Nee", " Ja", " blank"))] == [
        ["13", "Nee"],
        ["7", "Ja"],
        ["0", "blank"],
    ]
    assert any("UTC" in line and "quorum" in line for line in printed)


def test_an_empty_report_is_never_established() -> None:
    report = Report(anchored=True, finished=True)
    assert report.outcome is Outcome.UNCHECKED
    assert not report.has(Verdict.BREACH)


@pytest.mark.parametrize(
    ("counted", "acknowledged", "words"),
    [
        (10, 4, "4 devices acknowledged theirs: at most 6 votes can be the registrar's"),
        (10, 10, "10 devices acknowledged theirs: at most 0 votes can be the registrar's"),
        (10, 14, "14 devices say that they used theirs: 4 more than the log holds"),
    ],
)
def test_more_acknowledgements_than_tokens_are_no_bound_but_a_sign_of_missing_ballots(
    capsys: pytest.CaptureFixture[str], counted: int, acknowledged: int, words: str
) -> None:
    report = Report()
    report.figures.entries, report.figures.issued = 1, [14]
    report.figures.counted, report.figures.acknowledged = counted, acknowledged
    printed = "\n".join(lines(report, capsys))
    assert words in printed
    assert ("at most" in printed) == (acknowledged <= counted)


@pytest.mark.parametrize(
    ("size", "dice", "words"),
    [(0, "", None), (300, "", "not drawn"), (300, "1" * 30, "drawn with the dice " + "1" * 30)],
)
def test_a_sample_that_the_definition_asks_for_is_said_to_be_drawn_or_not(
    finished: Finished, capsys: pytest.CaptureFixture[str], size: int, dice: str, words: str | None
) -> None:
    report = verify(FolderPlace(finished.public), finished.referendum)
    assert report.manifest is not None
    report.manifest = msgspec.structs.replace(report.manifest, sample_size=size, complaint_seconds=size * 12)
    report.figures.dice = dice
    printed = lines(report, capsys)
    told = [line for line in printed if line.startswith("sample")]
    assert told == [] if words is None else words in told[0]
    assert any("people drawn by dice, 300 at most" in line for line in printed) == (size > 0)
    assert any("people have 1 hours to complain" in line for line in printed) == (size > 0)
