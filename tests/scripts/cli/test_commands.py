"""The command line on a whole referendum by hand, and how it answers bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.eligibility.credential_authority import CODED_COLUMNS
from stembus.ballot.eligibility.own_csv import read_csv
from stembus.scripts.cli import office as office_commands
from stembus.scripts.cli import trustee_steps as trustee_commands
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import demo_draft
from tests.conftest import Finished

BEFORE, OPENS, LATER = "2019-10-01T09:00:00+02:00", "2019-10-14T09:00:00+02:00", "2019-10-15T09:00:00+02:00"
CLOSED = "2019-10-20T18:05:00+02:00"
NUMBER = "[0-9a-f]{4}(?: [0-9a-f]{4}){15}"
PARTIES = ("trustee-1", "trustee-2", "officer-1", "officer-2", "registrar-1", "witness-1", "box", "log", "client")
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")

    def call(*arguments: object, at: str = BEFORE, status: int = 0, answer: str | None = None) -> Result:
        monkeypatch.setenv("STEMBUS_CLOCK", at)
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=answer)
        assert result.exit_code == status, (arguments, result.output, result.exception)
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


def _set_up(run: Run, folder: Path, floor: int = 1, healing: int = 0) -> None:
    run("new", folder)
    for party in PARTIES:
        run("key", "make", folder, party)
    (folder / "referendum.toml").write_text(
        demo_draft(12, 3, floor=floor, batch_tokens=1, quorum=1, healing_seconds=healing)
    )
    run("check", folder)
    run("define", folder)
    run("services", "create", folder)
    for step in ("commit", "reveal", "share", "confirm", "drill"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number)
    write_register(folder / "register.csv", 12, date(2019, 10, 14), 1)
    assert "12 people may vote" in run("roll", "import", folder, folder / "register.csv", "--dry-run").output
    run("roll", "import", folder, folder / "register.csv")
    run("credentials", "make", folder)


def test_an_election_key_that_was_cut_off_is_made_good_by_the_same_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kortrijk"
    run("new", folder)
    for party in PARTIES:
        run("key", "make", folder, party)
    (folder / "referendum.toml").write_text(demo_draft(12, 3, floor=1, batch_tokens=1, quorum=1))
    run("define", folder)
    for step in ("commit", "reveal", "share", "confirm"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number)
    run("trustee", "drill", folder, "--number", 1)
    with monkeypatch.context() as patch:
        patch.setattr(trustee_commands, "elect", lambda office: False)
        run("trustee", "drill", folder, "--number", 2)
    told = run("status", folder).output
    assert "the election key is still to be logged" in told
    assert "do not agree" not in told
    again = run("trustee", "drill", folder, "--number", 2)
    assert "logged: the election key" in again.output
    assert "stembus roll import" in again.output
    assert "phase       keyed" in run("status", folder).output


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("residence_date", "resident_date", "eligibility: there is no field resident_date"),
        ('age_date = "2019-10-14"', 'age_date = "2019-02-30"', "eligibility.age_date: write it like 2019-10-14"),
        ('age_date = "2019-10-14"', "age_date = 2019-10-14", "eligibility.age_date: needs a text in quotes"),
        ("official_count = 12", 'official_count = "12"', "eligibility.official_count: needs a whole number"),
        ("minimum_age = 16", "minimum_age = 151", "eligibility.minimum_age: must be at most 150"),
        ("[eligibility]", "[eligible]", "eligibility is missing"),
        ('languages = ["nl", "en", "fr"]', "languages = 3", "languages: needs a list"),
    ],
)
def test_a_register_is_counted_only_by_a_draft_that_says_who_may_vote(
    run: Run, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    write_register(tmp_path / "register.csv", 12, date(2019, 10, 14), 1)
    draft = demo_draft(12, 3)
    assert old in draft
    changed = draft.replace(old, new).replace(
        "[eligibility.description]", "[eligible.description]" if "eligible" in new else "[eligibility.description]"
    )
    (tmp_path / "referendum.toml").write_text(changed)
    refused = run("roll", "import", tmp_path, tmp_path / "register.csv", "--dry-run", status=1)
    assert problem in refused.output


def _letters(folder: Path) -> list[tuple[str, str, str]]:
    born = {line.split(",")[4]: line.split(",")[3] for line in (folder / "register.csv").read_text().splitlines()}
    rows = read_csv(folder / "authority" / "codes.csv", CODED_COLUMNS)
    return [(row[0], row[7], born[row[3]]) for row in rows]


def test_an_official_runs_a_referendum_from_draft_to_result(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    letters = _letters(folder)
    public, identity = folder / "public", (folder / "referendum.id").read_text().strip()
    assert "voting opens at" in run("open", folder, status=1).output
    run("open", folder, at=OPENS)
    assert "already done" in run("open", folder, at=OPENS).output
    for _, code, born in letters[:5]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    again = run(
        "vote", folder, "--code", letters[0][1], "--factor", letters[0][2], "--choice", "2", at=OPENS, answer="cast"
    )
    assert "this replaces your earlier vote" in again.output
    assert "cast number" not in run("status", folder, at=OPENS).output
    run("roll", "strike", folder, letters[10][0], at=OPENS)
    assert "codes.csv" in run("credentials", "destroy", folder, "--printed", "13", "--made-elsewhere", at=OPENS).output
    assert not (folder / "authority" / "codes.csv").exists()
    run("credentials", "replace", folder, letters[11][0], "spare-00001", at=OPENS)
    assert "already" in run("credentials", "replace", folder, letters[11][0], "spare-00001", at=OPENS).output
    run("incident", folder, "--text", "nl=De website lag tien minuten plat.", at=OPENS)
    assert "batch 1" in run("seal", folder, at=LATER).output
    promise = next((folder / "voters").glob("*/promise.json"))
    assert "ballots are accepted until" in run("close", folder, at=LATER, status=1).output
    run("close", folder, at=CLOSED)
    run("paper", folder, "--ballots", 1, "--counts", "1,0", at=CLOSED)
    for step in ("intent", "decrypt"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number, at=CLOSED)
    assert "already done" in run("trustee", "decrypt", folder, "--number", 1, at=CLOSED).output
    run("trustee", "rehearse", folder, "--number", 1, at=CLOSED)
    assert "the paper result" in run("paper", folder, "--ballots", 1, "--counts", "1,0", at=CLOSED).output
    run("tally", folder, at=CLOSED)
    run("publish", folder, "--to", tmp_path / "bundle.zip", at=CLOSED)
    output = run("verify", tmp_path / "bundle.zip", "--referendum", identity, "--workers", 1).output
    assert re.search("5  Nee\n +1  Ja\n +0  blank\n +outcome: rejected\n", output)
    assert "HOLDS" in output
    kept = run("verify", public, "--referendum", identity, "--promise", promise, "--workers", 1).output
    assert re.search("evidence     kept: the ballot is entry [0-9]+, in batch 1\n", kept)
    run("verify", public, "--workers", 1, status=3)
    run("verify", public, "--referendum", "00" * 32, "--workers", 1, status=1)
    assert '"manifest"' in run("show", public, 0).output


def test_a_trustee_in_a_hurry_shuts_out_no_paper_votes(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    letters = _letters(folder)
    for _, code, born in letters[:3]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    run("roll", "strike", folder, letters[5][0], at=OPENS)
    run("close", folder, at=CLOSED)
    for words in (("trustee", "intent", folder, "--number", 1), ("tally", folder)):
        assert "their votes are not logged yet" in run(*words, at=CLOSED, status=1).output
    run("paper", folder, "--ballots", 1, "--counts", "1,0", at=CLOSED)
    for step in ("intent", "decrypt"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number, at=CLOSED)
    run("tally", folder, at=CLOSED)


def test_paper_votes_are_logged_when_and_as_they_can_be(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    counted = ("paper", folder, "--ballots", 1, "--counts", "1,0")
    assert "after the close" in run(*counted, status=1).output
    run("open", folder, at=OPENS)
    run("close", folder, at=CLOSED)
    assert "nobody was struck" in run(*counted, at=CLOSED, status=1).output
    for wrong in ("1", "1,0,0"):
        told = run("paper", folder, "--ballots", 1, "--counts", wrong, at=CLOSED, status=1).output
        assert "question 1 has 2 options" in told
    assert "give --counts 1 times" in run("paper", folder, "--ballots", 1, at=CLOSED, status=2).output
    for wrong in ("2,0", "1,1"):
        run("paper", folder, "--ballots", 1, "--counts", wrong, at=CLOSED, status=1)
    for wrong in ("one,0", "-1,0"):
        run("paper", folder, "--ballots", 1, "--counts", wrong, at=CLOSED, status=2)


def test_a_few_paper_votes_need_the_root_that_somebody_else_computed(run: Run, tmp_path: Path) -> None:
    """The floor is 3."""
    folder = tmp_path / "kortrijk"
    _set_up(run, folder, floor=3)
    run("open", folder, at=OPENS)
    letters = _letters(folder)
    for _, code, born in letters[:4]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    for number, _, _ in letters[5:8]:
        run("roll", "strike", folder, number, at=OPENS)
    run("close", folder, at=CLOSED)
    counted = ("paper", folder, "--ballots", 2, "--counts", "0,2")
    first = run(*counted, at=CLOSED).output
    seed = folder / "officer-1" / "paper.seed"
    assert re.search("^root [0-9a-f]{64}$", first, re.M)
    assert seed.stat().st_mode & 0o777 == 0o600
    assert run(*counted, at=CLOSED).output == first
    identity = (folder / "referendum.id").read_text().strip()
    elsewhere = ("paper-root", folder / "public", "--referendum", identity, "--seed", seed)
    other = run(*elsewhere, "--ballots", 2, "--counts", "1,1").output.splitlines()[0].split()[1]
    assert "not the one that was typed" in run(*counted, "--root", other, at=CLOSED, status=1).output
    assert seed.exists()
    for wrong in ("abc", "HEX", f"root {other}"):
        assert "64 hexadecimal digits" in run(*counted, "--root", wrong, at=CLOSED, status=2).output
    assert (
        "not the first officer's"
        in run(*elsewhere, "--ballots", 2, "--counts", "1,1", "--root", "00" * 32, status=1).output
    )
    assert "3 voters were struck" in run("paper", folder, "--ballots", 4, "--counts", "0,4", at=CLOSED, status=1).output
    assert (
        "have no root"
        in run("paper", folder, "--ballots", 3, "--counts", "0,3", "--root", other, at=CLOSED, status=1).output
    )
    aside = seed.rename(seed.with_name("aside"))
    assert "is not here" in run(*counted, "--root", other, at=CLOSED, status=1).output
    seed.write_bytes(b"short")
    assert "holds 5 bytes" in run(*counted, at=CLOSED, status=1).output
    aside.rename(seed)
    same = run(*elsewhere, "--ballots", 2, "--counts", "0,2").output.splitlines()[0].split()[1]
    run(*counted, "--root", same.upper(), at=CLOSED)
    assert not seed.exists()
    said = run("verify", folder / "public", "--referendum", identity, "--workers", 1, status=4).output
    assert "3 struck for paper before the close; how they voted is said before the count" in said
    entries = int(re.findall(r"log +([0-9]+) entries", said)[0])
    assert "paper_ballot_id" in run("show", folder / "public", entries - 1).output
    assert "already done" in run(*counted, "--root", same, at=CLOSED).output
    assert "nobody can tell" in run("paper", folder, "--ballots", 2, "--counts", "1,1", at=CLOSED).output
    assert "for good" in run(*counted, "--root", other, at=CLOSED, status=1).output
    assert "for good" in run("paper", folder, "--ballots", 1, "--counts", "0,1", at=CLOSED, status=1).output
    for step in ("intent", "decrypt"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number, at=CLOSED)
    run("tally", folder, at=CLOSED)
    said = run("verify", folder / "public", "--referendum", identity, "--workers", 1).output
    assert "6 of 12 (50.0 %), 2 of them on paper" in said
    assert re.search("4  Nee\n +2  Ja\n", said)
    assert "too few to be shown apart" in said


def test_a_referendum_that_nobody_decrypts_is_ended_after_two_weeks(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    ending = ("abandon", folder, "--text", "nl=Een sleutel is weg.", "--yes")
    assert "nothing to be counted yet" in run(*ending, status=1).output
    run("open", folder, at=OPENS)
    for _, code, born in _letters(folder)[:3]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    run("close", folder, at=CLOSED)
    for number in (1, 2):
        run("trustee", "intent", folder, "--number", number, at=CLOSED)
    run("trustee", "decrypt", folder, "--number", 1, "--out", tmp_path / "late.json", at=CLOSED)
    assert "already" not in run("trustee", "decrypt", folder, "--number", 2, "--out", tmp_path / "two.json").output
    assert "14 days" in run(*ending, at="2019-10-25T12:00:00+02:00", status=1).output
    run(*ending, at="2019-11-10T12:00:00+01:00")
    assert "already done" in run(*ending, at="2019-11-10T12:00:00+01:00").output
    assert "ended without a result" in run("trustee", "decrypt", folder, "--number", 1, status=1).output
    identity = (folder / "referendum.id").read_text().strip()
    verify = ("verify", folder / "public", "--referendum", identity, "--workers", 1)
    assert "ABANDONED" in run(*verify, status=9).output
    one = ("--decryption", tmp_path / "late.json")
    assert "1 trustees have decrypted" in run(*verify, *one, status=9).output
    said = run(*verify, *one, "--decryption", tmp_path / "two.json", status=1).output
    assert "though 2 trustees have decrypted" in said
    assert "There is no result" not in run("status", folder).output


def test_a_decryption_that_comes_while_the_end_is_checked_is_not_overlooked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an honest office could void the referendum: such an end is false for ever."""
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    for _, code, born in _letters(folder)[:3]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    run("close", folder, at=CLOSED)
    real, late = office_commands.demand_uncountable, "2019-11-10T12:00:00+01:00"

    def slowly(log: VerifiedLog) -> None:
        real(log)
        run("trustee", "intent", folder, "--number", 1, at=late)

    ending = ("abandon", folder, "--text", "nl=Een sleutel is weg.", "--yes")
    with monkeypatch.context() as patch:
        patch.setattr(office_commands, "demand_uncountable", slowly)
        assert "read it again" in run(*ending, at=late, status=1).output
    run(*ending, at=late)


def test_the_close_is_run_once_more_when_missing_ballots_were_handed_in(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder, healing=900)
    run("open", folder, at=OPENS)
    _, code, born = _letters(folder)[0]
    run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    first = run("close", folder, at=CLOSED).output
    assert "can still hand it in again, until 2019-10-20 18:2" in first
    assert f"next: after that: stembus close {folder}" in first
    assert "hand it in again" in run("close", folder, at=CLOSED).output
    assert "phase       open" in run("status", folder, at=CLOSED).output
    assert "voting is closed: 1 ballots, 1 batches" in run("close", folder, at="2019-10-20T18:40:00+02:00").output


def test_a_voter_can_test_a_ballot_and_rebuild_it_elsewhere(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    _, code, born = _letters(folder)[0]
    arguments = ["vote", str(folder), "--code", code, "--factor", born]
    # A wrong answer is asked again; who stops at the question whether to cast has used nothing up.
    stopped = CliRunner().invoke(main, arguments, input="7\n1,2\nno\n2\n")
    assert stopped.exit_code == 1
    for problem in ("this question has the options 1 to 2", "this question allows at most 1", "'no' is no answer"):
        assert problem in stopped.output
    assert "tokens      0 of" in run("status", folder, at=OPENS).output
    result = CliRunner().invoke(main, [*arguments, "--choice", "2"], input="test\ncast\n")
    assert result.exit_code == 0, result.output
    shown = re.search(rf"^ballot ({NUMBER})$", result.output, re.MULTILINE)
    rebuild = re.search(r"stembus (rebuild .*)", result.output)
    assert shown
    assert rebuild
    rebuilt = run(*rebuild[1].split(), at=OPENS).output
    assert shown[1] in rebuilt
    assert "Ja" in rebuilt
    # The new ballot has its own number, shown before the question; the tracking code is that number.
    again = re.findall(rf"^ballot ({NUMBER})$", result.output, re.MULTILINE)
    cast = re.search(rf"^cast: ballot ({NUMBER}), promised", result.output, re.MULTILINE)
    assert cast
    assert again == [shown[1], cast[1]]
    assert cast[1] != shown[1]


def test_who_casts_and_who_tests_a_ballot_see_the_same_until_they_say_so(run: Run, tmp_path: Path) -> None:
    """Nothing tells the program who will test: no option, and no question before the number."""
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    said = []
    for (_, code, born), answer in zip(_letters(folder), ("cast\n", "test\ncast\n"), strict=False):
        output = run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer=answer).output
        before, number, _ = re.split(rf"^ballot ({NUMBER})$", output, maxsplit=1, flags=re.MULTILINE)[:3]
        assert number.replace(" ", "") not in before
        said.append((before, output.partition(number)[2].partition("cast it, or test it first")[0]))
    assert said[0] == said[1]
    run("vote", folder, "--yes", status=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "nowhere"], "there is no folder nowhere"),
        (["key", "make", ".", "mayor-1"], "is no party"),
        (["key", "make", ".", "trustee"], "is no party"),
        (["define", "."], "no draft"),
    ],
)
def test_bad_input_ends_in_an_error_and_a_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    output = run(*arguments, status=1).output
    assert "stembus: error:" in output
    assert message in output


def test_a_place_without_a_log_could_not_be_checked(run: Run, tmp_path: Path) -> None:
    for command in (["show", str(tmp_path), "0"], ["verify", str(tmp_path), "--workers", "1"]):
        output = run(*command, status=8).output
        assert "no log is published there" in output
        assert "BREACH" not in output


def test_programs_read_that_nothing_could_be_checked(run: Run, tmp_path: Path) -> None:
    report = json.loads(run("verify", tmp_path, "--json", "--workers", "1", status=8).stdout)
    assert (report["outcome"], report["exit_status"]) == ("COULD NOT BE CHECKED", 8)
    assert report["faults"][0]["verdict"] == "could not be checked"


def test_a_place_that_is_not_there_could_not_be_checked(run: Run) -> None:
    assert "there is nothing at nowhere" in run("verify", "nowhere", "--referendum", "00" * 32, status=8).output


def test_a_malformed_id_is_a_usage_error(run: Run, finished: Finished) -> None:
    assert "64 hexadecimal digits" in run("verify", finished.public, "--referendum", "xyz", status=2).output


def test_every_command_has_help_with_an_example(run: Run) -> None:
    for name, command in main.commands.items():
        text = run(name, "--help").output
        subcommands = getattr(command, "commands", None)
        for sub in subcommands or ():
            text += run(name, sub, "--help").output
        assert "Example:" in text, name


def test_a_report_as_json_carries_verdict_figures_and_faults(run: Run, finished: Finished) -> None:
    import json

    identity = finished.referendum.hex()
    output = run("verify", finished.public, "--referendum", identity, "--json", "--workers", 2).stdout
    report = json.loads(output)
    assert report["exit_status"] == 0
    assert report["faults"] == []
    assert report["result"]["questions"][0]["total"] == [13, 7]
