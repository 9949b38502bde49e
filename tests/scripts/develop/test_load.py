"""The load driver, on a few ballots: what it counts, and that it notices a promise that was not kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.scripts.develop.load import KORTRIJK, lost_promises, parse_arguments, percentile, run
from stembus.scripts.develop.load_box import Answer, ask, cast_all, serve_box
from stembus.scripts.develop.load_material import copy_referendum, make_material, material

BALLOTS = 9


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("load")
    make_material(folder, BALLOTS)
    return folder


def test_the_smallest_kept_material_that_suffices_is_taken(cache: Path) -> None:
    found = material(cache, BALLOTS)
    assert found is not None
    assert len(set(found.ballots)) == BALLOTS
    assert material(cache, BALLOTS + 1) is None


def test_material_that_was_cut_short_is_made_again(cache: Path) -> None:
    mark = cache / str(BALLOTS) / "ballots.size"
    text = mark.read_text()
    mark.unlink()
    try:
        assert material(cache, 1) is None
    finally:
        mark.write_text(text)
    assert material(cache, 1) is not None


@pytest.mark.parametrize(("part", "found"), [(0.5, 5), (0.95, 10), (0.99, 10), (0.9, 9), (0.91, 10), (0.1, 1)])
def test_a_percentile_is_the_smallest_that_so_many_do_not_exceed(part: float, found: int) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], part) == found


def test_all_casts_of_kortrijk_fit_into_ten_minutes() -> None:
    assert round(KORTRIJK * 600) == 9880 + 200


def test_a_run_ends_with_every_promise_in_the_log(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--database", "postgresql", "--ballots", "4", "--pace", "5", "--seconds", "1", "--clients", "2"]
    assert run(parse_arguments([*words, "--cache", str(cache), "--work", str(tmp_path)])) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = {line[:46].strip(): line[46:].strip() for line in said.out.splitlines()}
    assert lines["promises kept in the log"] == f"{BALLOTS} of {BALLOTS}"
    assert lines["workers, database"] == "2, postgresql"
    assert list(tmp_path.iterdir()) == []


def test_a_promise_that_was_not_kept_is_named(cache: Path, tmp_path: Path) -> None:
    found = material(cache, BALLOTS)
    assert found is not None
    office = copy_referendum(found.folder, tmp_path / "referendum", "")
    with serve_box(office.root, 1) as box:
        answers = cast_all(box.port, found.ballots[:3], 2, None)
        refused = ask(box.port, found.ballots[3][:-1])
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert refused.status == 422
    wrong = lost_promises(office, found.ballots[:3], answers)
    assert wrong == ["promised for batch 1, and in the log in None"] * 3
    assert office.box.seal(office.count_statements) == 1
    assert lost_promises(office, found.ballots[:3], answers) == []
    assert lost_promises(office, found.ballots[:1], answers[1:2]) == ["the promise is for another ballot"]
    assert lost_promises(office, found.ballots[:1], [Answer(0.1, 0, b"")]) == ["answered with nothing: "]
    assert "no promise of this box" in lost_promises(office, found.ballots[:1], [Answer(0.1, 200, b"{}")])[0]
