"""Shared fixtures: a small referendum that ran to its result, and cheap key files for tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stembus.crypto.sealed
from stembus.ballot.log_operator.admission import Admission
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft

if TYPE_CHECKING:
    from tests.tampered.forge import Forge


# Files that take minutes, the longest first. They are begun first, so that no core waits at the end for another.
LONG = (
    "browser/test_crowd.py", "scripts/develop/test_faults.py", "browser/test_budget.py",
    "ballot/test_whole_referendums.py", "engines/test_engines.py", "ballot/test_no_order.py",
    "webvote/run/test_wsgi.py", "scripts/cli/test_track.py", "ballot/issuance/test_registrar_with_record.py",
    "ballot/log_operator/test_growing_log.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    place = {tests / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))


@pytest.fixture(autouse=True, scope="session")
def _cheap_secret_files() -> Iterator[None]:
    """Test keys do not need a slow passphrase hash; the format is the same."""
    patch = pytest.MonkeyPatch()
    patch.setattr(stembus.crypto.sealed, "_OPS", 1)
    patch.setattr(stembus.crypto.sealed, "_MEMORY", 8192)
    yield
    patch.undo()


@pytest.fixture
def careless_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log writer that looks at no entry's contents, so that the verifier has to."""
    monkeypatch.setattr(Admission, "_problem", lambda self, body: None)


@dataclass(frozen=True)
class Finished:
    """A referendum's folder after the tally, and what happened in it."""

    root: Path
    referendum: bytes
    letters: list[tuple[str, str]]

    @property
    def public(self) -> Path:
        return self.root / "public"

    def rehearsal(self, root: Path) -> Rehearsal:
        """A private copy to go on with or to damage."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Rehearsal(root)


PROJECTS = "".join(
    [
        '[[questions]]\nkind = "choose"\nmax_choices = 1\n',
        'text = { nl = "Welk plein eerst?", en = "Which square first?", fr = "Quelle place d\'abord ?" }\n',
        *(
            f'[[questions.options]]\ntext = {{ nl = "Plein {name}", en = "Square {name}", fr = "Place {name}" }}\n'
            for name in ("Noord", "Oost", "West")
        ),
        "\n",
    ]
)


BUDGET = "\n".join(
    [
        '[[questions]]\nkind = "budget"\nbudget = 100\nmax_choices = 2\nfunding = "most-votes-then-cheapest"\n',
        'unit = { nl = "euro", en = "euro", fr = "euro" }\n',
        '[questions.text]\nnl = "Welke projecten?"\nen = "Which projects?"\nfr = "Quels projets ?"\n',
        *(
            f"[[questions.options]]\ncost = {cost}\n"
            f'text = {{ nl = "Project {name}", en = "Project {name}", fr = "Projet {name}" }}\n'
            for name, cost in (("A", 40), ("B", 25), ("C", 61), ("D", 10))
        ),
        "\n",
    ]
)


def prepare(
    root: Path,
    eligible: int = 40,
    margin: int = 25,
    question: str = "",
    paper_floor: int | None = None,
    **draft: object,
) -> tuple[Rehearsal, list[tuple[str, str]]]:
    """A referendum that has just opened, and its letters. `question` takes the place of the usual one; `paper_floor` is
    the online floor unless stated."""
    rehearsal = Rehearsal(root)
    rehearsal.keys()
    values: dict[str, object] = {"floor": 1, "batch_tokens": 3, **draft}
    text = demo_draft(eligible, 10, **values)
    if paper_floor is not None:
        text = text.replace(f"paper = {values['floor']}", f"paper = {paper_floor}")
    if question:
        text = text[: text.index("[[questions]]")] + question + text[text.index("[eligibility]") :]
    text = text.replace("minimum_margin_permille = 25", f"minimum_margin_permille = {margin}")
    return rehearsal, define_and_open(rehearsal, text, eligible)


def define_and_open(rehearsal: Rehearsal, draft: str, eligible: int) -> list[tuple[str, str]]:
    """From the keys to the open referendum; returns the letters."""
    register = rehearsal.office.root / "register.csv"
    rehearsal.define(draft)
    rehearsal.ceremony()
    write_register(register, eligible, date(2019, 10, 14), 2)
    rehearsal.import_roll(register)
    rehearsal.credentials()
    rehearsal.open()
    return rehearsal.letters(register)


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A referendum of 40 voters, open, without a vote. Copy it before use. A batch may hold one ballot."""
    root = tmp_path_factory.mktemp("opened")
    rehearsal, letters = prepare(root, paper_floor=4, batch_tokens=1)
    return Finished(root, rehearsal.office.referendum, letters)


@pytest.fixture(scope="session")
def opened_crowd(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same, but for a batch of three tokens at least: so one is held back until the next has three as well."""
    root = tmp_path_factory.mktemp("crowd")
    rehearsal, letters = prepare(root, paper_floor=4)
    return Finished(root, rehearsal.office.referendum, letters)


@pytest.fixture(scope="session")
def opened_healing(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same, where missing ballots can be handed in for a quarter of an hour after the last batch."""
    root = tmp_path_factory.mktemp("healing")
    rehearsal, letters = prepare(root, paper_floor=4, healing_seconds=900)
    return Finished(root, rehearsal.office.referendum, letters)


@pytest.fixture(scope="session")
def parts(opened_crowd: Finished) -> dict[str, Any]:
    """What forged logs start from: every key of that referendum, and voters with tokens."""
    from tests.tampered.forge import load_parts

    return load_parts(opened_crowd.root)


@pytest.fixture(scope="session")
def opened_projects(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same with a question in which one of three projects may be chosen."""
    root = tmp_path_factory.mktemp("projects")
    rehearsal, letters = prepare(root, question=PROJECTS, paper_floor=4)
    return Finished(root, rehearsal.office.referendum, letters)


@pytest.fixture(scope="session")
def opened_budget(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same with four projects that cost 40, 25, 61 and 10 of a budget of 100; two may be chosen."""
    root = tmp_path_factory.mktemp("budget")
    rehearsal, letters = prepare(root, question=BUDGET, paper_floor=4)
    return Finished(root, rehearsal.office.referendum, letters)


@pytest.fixture(scope="session")
def budget_parts(opened_budget: Finished) -> dict[str, Any]:
    from tests.tampered.forge import load_parts

    return load_parts(opened_budget.root)


@pytest.fixture(scope="session")
def project_parts(opened_projects: Finished) -> dict[str, Any]:
    from tests.tampered.forge import load_parts

    return load_parts(opened_projects.root)


@pytest.fixture
def forge(parts: dict[str, Any]) -> Forge:
    """Two batches of six ballots, counted; nothing is wrong with it yet."""
    from tests.tampered.forge import new_forge

    return new_forge(parts)


@pytest.fixture(scope="session")
def finished(opened: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """20 of 40 voted, one of them twice, in two batches; no wins 13 to 7."""
    root = tmp_path_factory.mktemp("finished")
    rehearsal = opened.rehearsal(root)
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    for number, (code, factor) in enumerate(opened.letters[:20]):
        voting_pass = rehearsal.token(code, factor)
        rehearsal.cast(voting_pass, [[int(number < 7)]])
        if number == 0:
            rehearsal.cast(voting_pass, [[1]], seq=1)
        if number == 9:
            rehearsal.clock.move_to(rehearsal.clock.now() + 3600)
            assert rehearsal.seal() == 1
    rehearsal.close()
    rehearsal.tally()
    return Finished(root, opened.referendum, opened.letters)
