"""The minutes: the verifier's own figures and no others, in a form that can be read aloud, and only of what holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pypdfium2
import pytest
from click.testing import CliRunner, Result

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import Report, verify
from stembus.audit.verify.sample import Drawn
from stembus.scripts.cli.main import main
from stembus.scripts.minutes_document import TEMPLATE, render_minutes
from stembus.tally.minutes import Answers, NoMinutes, minutes_values
from tests.ballot.eligibility.test_letter_print import document, texts
from tests.conftest import Finished

TIMES = ("Monday 14 October 2019, 09:00", "Sunday 20 October 2019, 18:00")


@pytest.fixture
def report(finished: Finished) -> Report:
    return verify(FolderPlace(finished.public), finished.referendum)


def values(report: Report, drawn: Drawn | None = None, answers: Answers | None = None, language: str = "en") -> dict:  # type: ignore[type-arg]
    return minutes_values(report, language, "1.0", "Sunday 20 October 2019, 18:05", TIMES, drawn, answers)


def run(*words: object, status: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def test_every_figure_is_the_verifications(report: Report) -> None:
    pdf, page = render_minutes(values(report), TEMPLATE.read_bytes())
    printed, read = " ".join(texts(pdf)), re.sub("<[^>]+>", " ", page.decode())
    assert report.result is not None
    assert report.manifest is not None
    figures = report.figures
    sentences = [
        f"{report.result.participants} of {figures.official_count}",
        f"{figures.counted} used; {figures.excluded} ballots",
        f"at most {figures.unacknowledged} votes",
        "it holds",
    ]
    for text in (printed, " ".join(read.split())):
        for sentence in sentences:
            assert sentence in text
        for asked, counted in zip(report.manifest.questions, report.result.questions, strict=True):
            assert asked.text["en"] in text
            for option, total in zip(asked.options, counted.total, strict=True):
                assert re.search(rf"{re.escape(option.text['en'])} .*\b{total}\b", text)
    assert report.referendum is not None
    assert report.referendum.hex() in page.decode()


@pytest.mark.parametrize("language", ["nl", "fr", "en"])
def test_minutes_are_written_in_each_language_and_tagged_for_screen_readers(report: Report, language: str) -> None:
    pdf, page = render_minutes(values(report, language=language), TEMPLATE.read_bytes())
    with document(pdf) as opened:
        assert pypdfium2.raw.FPDFCatalog_IsTagged(opened)
    assert b"pdfuaid:part" in pdf
    assert f'<html lang="{language}">' in page.decode()
    assert "{" not in re.sub("<style.*?</style>", "", page.decode())


@pytest.mark.parametrize("answers", [None, Answers(2, 1), Answers(0, 0)])
def test_the_sample_and_what_its_answers_bound_stand_in_them(report: Report, answers: Answers | None) -> None:
    drawn = Drawn("1" * 30, 500, tuple(bytes([k]) * 32 for k in range(60)))
    told = " ".join(texts(render_minutes(values(report, drawn, answers), TEMPLATE.read_bytes())[0]))
    assert "60 of the 500 people" in told
    assert ("with 95 % confidence at most" in told) == (answers is not None)
    with pytest.raises(NoMinutes, match="60 people were drawn"):
        values(report, drawn, Answers(50, 11))


def test_there_are_no_minutes_of_what_no_verification_establishes(
    opened: Finished, finished: Finished, report: Report, tmp_path: Path
) -> None:
    with pytest.raises(NoMinutes, match="this log has none"):
        values(verify(FolderPlace(opened.public), opened.referendum))
    with pytest.raises(NoMinutes, match="can be written in nl"):
        values(report, language="de")
    report.breach("V27", "result", "planted")
    with pytest.raises(NoMinutes):
        values(report)


def test_the_command_writes_both_and_the_signed_ones_are_logged(finished: Finished, tmp_path: Path) -> None:
    rehearsal = finished.rehearsal(tmp_path / "office")
    office, folder = rehearsal.office, tmp_path / "minutes"
    write = ("minutes", "write", office.public, "--referendum", office.referendum.hex(), "--to", folder)
    told = run(*write)
    assert "HOLDS" in told.stdout
    assert {path.name for path in folder.iterdir()} == {"minutes.pdf", "minutes.html"}
    assert "Proces-verbaal" in (folder / "minutes.html").read_text(encoding="utf-8")
    assert "exists already" in run(*write, status=1).stderr
    other = tmp_path / "english"
    run(*write[:-1], other, "--language", "en")
    assert "Minutes of the count" in (other / "minutes.html").read_text(encoding="utf-8")
    assert "Invalid value" in run(*write[:-1], tmp_path / "x", "--language", "xx", status=2).stderr


def test_a_log_that_does_not_verify_gets_none(finished: Finished, tmp_path: Path) -> None:
    rehearsal = finished.rehearsal(tmp_path / "office")
    tile = next(path for path in (rehearsal.office.public / "tile" / "entries").rglob("*") if path.is_file())
    data = bytearray(tile.read_bytes())
    data[len(data) // 2] ^= 1
    tile.write_bytes(bytes(data))
    write = ("minutes", "write", rehearsal.office.public, "--referendum", rehearsal.office.referendum.hex())
    run(*write, "--to", tmp_path / "minutes", status=1)
    assert not (tmp_path / "minutes").exists()


def test_words_from_a_manifest_are_no_markup(report: Report) -> None:
    made = values(report)
    made["title"] = '#panic("x") *bold* <script>alert(1)</script> $x$ @ref'
    pdf, page = render_minutes(made, TEMPLATE.read_bytes())
    assert '#panic("x") *bold* <script>' in " ".join(texts(pdf))
    assert "<script>alert" not in page.decode()
    assert json.dumps(made)
