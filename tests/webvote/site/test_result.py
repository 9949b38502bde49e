"""The result page in its languages: a tie is called a tie, and where no margin is asked none is spoken of."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from stembus.audit.formats.entry_bodies import QuestionResult, Result
from stembus.audit.formats.manifest import Question
from stembus.audit.log.source import MemoryPlace
from stembus.audit.rules import outcome, ranking
from stembus.webvote.site.app import create_site_app
from stembus.webvote.site.log_summary import SummaryReader
from stembus.webvote.site.result import charts
from tests.conftest import Finished, prepare
from tests.questions import choose
from tests.tampered.end import end
from tests.tampered.forge import Forge, load_parts, new_forge
from tests.tampered.paper import few, letters
from tests.tampered.tally import electorate

TIE = {"nl": "Gelijke stand", "en": "A tie: yes and no", "fr": "Égalité"}
WON = {"nl": "gewonnen", "en": "won", "fr": "l’emporte"}


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 to 6, where the manifest asks for no margin."""
    root = tmp_path_factory.mktemp("tied")
    prepare(root, margin=0)
    forge = new_forge(load_parts(root))
    electorate(6, 6)(forge)
    return written(forge.build(), tmp_path_factory.mktemp("public"))


def written(place: MemoryPlace, folder: Path) -> Path:
    for path, data in place.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.mark.parametrize("language", ["nl", "en", "fr"])
def test_the_page_calls_a_tie_a_tie_and_names_no_winner(tied: Path, finished: Finished, language: str) -> None:
    page = create_site_app(tied).test_client().get(f"/{language}/result").get_data(as_text=True)
    assert TIE[language] in page
    assert WON[language] not in page
    decided = create_site_app(finished.public).test_client().get(f"/{language}/result").get_data(as_text=True)
    assert TIE[language] not in decided
    assert WON[language] in decided


@pytest.mark.parametrize("page", ["", "result"])
def test_a_margin_is_spoken_of_only_where_one_is_asked(tied: Path, finished: Finished, page: str) -> None:
    texts = [
        create_site_app(public).test_client().get(f"/en/{page}").get_data(as_text=True)
        for public in (tied, finished.public)
    ]
    assert ["percentage points" in text for text in texts] == [False, True]


def test_options_of_equal_count_are_named_and_bars_stand_in_order_of_votes(finished: Finished) -> None:
    published = SummaryReader(finished.public).now()
    question = choose(list("abcd"), 2, "Which?")
    manifest = msgspec.structs.replace(published.manifest, questions=[msgspec.convert(question, Question)])

    def drawn(total: list[int]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        word = outcome(manifest, manifest.questions[0], total, 20)
        counted = QuestionResult(
            online=total, paper=[0] * 4, total=total, outcome=word, ranking=ranking(total), funded=None
        )
        result = Result(
            status="counted",
            online_ballots=20,
            paper_ballots=0,
            participants=20,
            trustees=[1, 2],
            questions=[counted],
        )
        (chart,) = charts(replace(published, manifest=manifest, result=result), "en")
        return tuple(bar.text for bar in chart.bars), chart.tied

    assert drawn([3, 9, 3, 1]) == (("b", "a", "c", "d"), (("a", "c"),))
    assert drawn([3, 9, 2, 1]) == (("b", "a", "c", "d"), ())


FEW = {"nl": "te weinig om ze apart te tonen", "en": "too few to be shown apart", "fr": "trop peu nombreux"}
NO_RESULT = {"nl": "konden niet geteld worden", "en": "could not be counted", "fr": "pu être comptés"}


@pytest.mark.parametrize("language", ["nl", "en", "fr"])
def test_a_few_paper_votes_are_in_the_totals_and_no_part_is_shown(forge: Forge, tmp_path: Path, language: str) -> None:
    """The log is read on, past ballots that stand after the close."""
    few(letters(20, 24), 3, (1, 2))(forge)
    client = create_site_app(written(forge.build(), tmp_path)).test_client()
    page = client.get(f"/{language}/result").get_data(as_text=True)
    assert FEW[language] in page
    assert re.findall(r"<tr><th scope=.row.>(\w+)</th><td>(\d+)</td><td>[\d,.]+</td></tr>", page) == [
        ("Ja" if language == "nl" else "Yes" if language == "en" else "Oui", "6")
        if number
        else ("Nee" if language == "nl" else "No" if language == "en" else "Non", "9")
        for number in range(2)
    ]
    assert client.get("/bundle.zip").status_code == 200


@pytest.mark.parametrize("language", ["nl", "en", "fr"])
def test_an_end_without_a_result_is_said_with_its_reason(forge: Forge, tmp_path: Path, language: str) -> None:
    end(forge)
    client = create_site_app(written(forge.build(), tmp_path)).test_client()
    for page in ("", "result"):
        assert NO_RESULT[language] in client.get(f"/{language}/{page}").get_data(as_text=True)
    assert "Te weinig sleutels." in client.get(f"/{language}/").get_data(as_text=True)
    assert client.get("/bundle.zip").status_code == 200
