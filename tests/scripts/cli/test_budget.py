"""A budget on the command line: voted, a few paper ballots, counted, a sample drawn, handed to Pabulib."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.sample import most_who_did_not_vote
from stembus.scripts.rehearsal.referendum import demo_draft
from tests.conftest import BUDGET
from tests.scripts.cli.test_commands import CLOSED, OPENS, Run, _letters, _set_up, run

assert run

DICE = "523416243511236541236452164313"


@pytest.fixture
def voted(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five voted online for projects of 40, 25, 61 and 10 of a budget of 100; four were struck; the voting is over."""

    def draft(*arguments: object, **changes: object) -> str:
        text = demo_draft(*arguments, **changes, sample_size=4)  # type: ignore[arg-type]
        return text[: text.index("[[questions]]")] + BUDGET + text[text.index("[eligibility]") :]

    monkeypatch.setattr("tests.scripts.cli.test_commands.demo_draft", draft)
    folder = tmp_path / "kortrijk"
    _set_up(run, folder, floor=5)
    run("open", folder, at=OPENS)
    letters = _letters(folder)
    for (_, code, born), choice in zip(letters, ("1,2", "1", "3,2", "blank", "2,4"), strict=False):
        run("vote", folder, "--code", code, "--factor", born, "--choice", choice, at=OPENS, answer="cast")
    for number, _, _ in letters[8:12]:
        run("roll", "strike", folder, number, at=OPENS)
    over = run(
        "vote", folder, "--code", letters[5][1], "--factor", letters[5][2], "--choice", "1,3", at=OPENS, status=1
    )
    assert "allows 100 in all; this is 1 too much" in over.output
    asked = run("vote", folder, "--code", letters[5][1], "--factor", letters[5][2], at=OPENS, answer="1,3\n3\ncast\n")
    assert "1  Project A, 40 euro" in asked.output
    assert "this question allows 100 in all; this is 1 too much" in asked.output
    run("close", folder, at=CLOSED)
    return folder


def count(run: Run, folder: Path) -> None:
    for step in ("intent", "decrypt"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number, at=CLOSED)
    run("tally", folder, at=CLOSED)


def test_a_few_paper_ballots_of_a_budget_are_counted_from_their_counts(run: Run, voted: Path) -> None:
    counts = ("--ballots", 3, "--counts", "1,1,0,2")
    root = run("paper", voted, *counts, at=CLOSED).output.split("root ")[1].split()[0]
    run("paper", voted, *counts, "--root", root, at=CLOSED)
    count(run, voted)
    identity = (voted / "referendum.id").read_text().strip()
    report = verify(FolderPlace(voted / "public"), bytes.fromhex(identity))
    assert report.faults == []
    assert report.result is not None
    [counted] = report.result.questions
    assert (counted.total, counted.online, counted.funded) == ([3, 4, 2, 3], None, [0, 1, 3])
    told = run("verify", voted / "public", "--referendum", identity, "--workers", 1).output
    assert "4  Project B, 25 euro: funded" in told
    assert "funded: 3 projects, for 75 euro" in told
    exported = run("pabulib", voted / "public", "--referendum", identity).output.splitlines()
    assert "2;25;4;Project B;1" in exported
    assert exported[-2:] == ["VOTES", "voter_id;vote"]


def test_paper_ballots_that_counts_do_not_tell_are_given_one_by_one(run: Run, voted: Path, tmp_path: Path) -> None:
    """61 and 25, and 40 and 25: with the dearest first, the third project has the second ballot for itself."""
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("3,2\n1,2\nblank\n")
    second.write_text("blank\n2,1\n2,3\n")
    made = run("paper", voted, "--ballots", 3, "--each", first, at=CLOSED)
    root = made.output.split("root ")[1].split()[0]
    assert "--each FILE" in made.output
    identity = (voted / "referendum.id").read_text().strip()
    rebuilt = ("paper-root", voted / "public", "--referendum", identity, "--ballots", 3, "--each", second)
    assert f"root {root}" in run(*rebuilt, "--seed", voted / "officer-1" / "paper.seed", "--root", root).output
    for text, problem in (
        ("3,2\n1,2\n", "has 2 ballots, and --ballots says 3"),
        ("1,3\nblank\nblank\n", "line 1: question 1 allows 100 in all; this is 1 too much"),
        ("blank\n1,2,4\nblank\n", "line 2: question 1 allows at most 2"),
        ("blank\nblank\n5\n", "line 3: question 1 has the options 1 to 4"),
        ("blank\nblank\n1,1\n", "line 3: question 1 has the options 1 to 4, each at most once"),
        ("blank\nblank\nyes\n", "line 3: 'yes' is no answer"),
        ("blank\nblank\n1 2\n", "line 3: 2 answers to 1 questions"),
    ):
        first.write_text(text)
        assert problem in run("paper", voted, "--ballots", 3, "--each", first, at=CLOSED, status=1).output
    other = run("paper", voted, "--ballots", 3, "--each", second, "--counts", "1,1,1,0", at=CLOSED, status=1)
    assert "do not have these counts, but --counts 1,2,1,0" in other.output
    run("paper", voted, "--ballots", 3, "--each", second, "--root", root, at=CLOSED)
    count(run, voted)
    report = verify(FolderPlace(voted / "public"), bytes.fromhex(identity))
    assert report.faults == []
    assert report.result is not None
    assert report.result.questions[0].total == [3, 5, 3, 1]


def test_counts_that_cost_more_than_the_ballots_can_spend_are_refused(run: Run, voted: Path) -> None:
    refused = run("paper", voted, "--ballots", 2, "--counts", "2,0,2,0", at=CLOSED, status=1)
    assert "cost more than the paper ballots can spend" in refused.output


def test_a_sample_is_logged_once_and_drawn_again_from_the_log(run: Run, voted: Path) -> None:
    run("paper", voted, "--ballots", 0, at=CLOSED)
    identity = (voted / "referendum.id").read_text().strip()
    assert "4 people are to be drawn, with dice" in run("status", voted, at=CLOSED).output
    assert "no sample" in run("drawn", voted / "public", "--referendum", identity, status=1).output
    for dice in ("123", "7" * 30, DICE + "1"):
        assert "30 digits" in run("sample", voted, "--dice", dice, at=CLOSED, status=2).output
    first = run("sample", voted, "--dice", f"{DICE[:5]} {DICE[5:]}", at=CLOSED)
    again = run("sample", voted, "--dice", DICE, at=CLOSED)
    assert "already done" in again.output
    drawn = [line for line in first.output.splitlines() if len(line) == 64]
    assert len(set(drawn)) == 4
    assert [line for line in again.output.splitlines() if len(line) == 64] == drawn
    published = (voted / "public" / "issuance" / "1").read_text()
    assert all(person in published for person in drawn)
    other = run("sample", voted, "--dice", DICE[::-1], at=CLOSED, status=1)
    assert "another sample stands in the log for good" in other.output
    count(run, voted)
    told = run("verify", voted / "public", "--referendum", identity, "--workers", 1).output
    assert f"drawn with the dice {DICE}" in told
    assert "HOLDS" in told
    assert "sample " not in run("status", voted, at=CLOSED).output
    redrawn = run("drawn", voted / "public", "--referendum", identity).output.splitlines()
    assert [line for line in redrawn if len(line) == 64] == drawn
    people = len(published.splitlines())
    bound = run("drawn", voted / "public", "--referendum", identity, "--denied", 1, "--silent", 1).output
    most = most_who_did_not_vote(people, 4, 2)
    assert f"of the {people} people who asked for a token, at most {most} did not vote themselves" in bound
    run("drawn", voted / "public", "--referendum", identity, "--denied", 4, "--silent", 1, status=2)


def test_only_a_budget_with_a_result_is_handed_to_pabulib(run: Run, voted: Path) -> None:
    identity = (voted / "referendum.id").read_text().strip()
    early = run("pabulib", voted / "public", "--referendum", identity, status=1)
    assert "there is no verified result" in early.output
    run("paper", voted, "--ballots", 0, at=CLOSED)
    count(run, voted)
    assert (
        "no question 2" in run("pabulib", voted / "public", "--referendum", identity, "--question", 2, status=1).output
    )
