"""The result page in its languages: a tie is called a tie, and where no margin is asked none is spoken of."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stembus.audit.formats.entry_bodies import QuestionResult, Result
from stembus.audit.formats.manifest import Question
from stembus.audit.log.source import MemoryPlace
from stembus.audit.rules import funded, outcome, ranking
from stembus.webvote.site.app import create_site_app
from stembus.webvote.site.log_summary import SummaryReader
from stembus.webvote.site.result import charts
from tests.conftest import Finished, prepare
from tests.questions import budget, choose
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


Drawn = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def drawn(public: Path, asked: dict[str, Any], total: list[int]) -> Drawn:
    """Texts of the bars in their order, and of the options that are tied, when 20 people took part."""
    published = SummaryReader(public).now()
    question = msgspec.convert(asked, Question)
    manifest = msgspec.structs.replace(published.manifest, questions=[question])
    word = outcome(manifest, question, total, 20)
    paid = funded(question, total) if question.kind == "budget" else None
    counted = QuestionResult(
        online=total, paper=[0] * len(total), total=total, outcome=word, ranking=ranking(total), funded=paid
    )
    result = Result(
        status="counted", online_ballots=20, paper_ballots=0, participants=20, trustees=[1, 2], questions=[counted]
    )
    (chart,) = charts(replace(published, manifest=manifest, result=result), "en")
    return tuple(bar.text for bar in chart.bars), chart.tied


def test_options_of_equal_count_are_named_and_bars_stand_in_order_of_votes(finished: Finished) -> None:
    asked = choose(list("abcd"), 2, "Which?")
    assert drawn(finished.public, asked, [3, 9, 3, 1]) == (("b", "a", "c", "d"), (("a", "c"),))
    assert drawn(finished.public, asked, [3, 9, 2, 1]) == (("b", "a", "c", "d"), ())


@pytest.mark.parametrize(
    ("funding", "order"), [("most-votes-then-cheapest", "3 2 1"), ("most-votes-then-listed", "3 1 2")]
)
def test_projects_stand_in_the_order_in_which_they_are_paid(finished: Finished, funding: str, order: str) -> None:
    bars, tied = drawn(finished.public, budget([60, 50, 40], 100, funding=funding), [3, 3, 5])
    assert bars == tuple(f"project {number}" for number in order.split())
    assert tied == (("project 1", "project 2"),)


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
