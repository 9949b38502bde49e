"""Runs the commands of the pages, in the order of the page, in an empty folder.

A shell reads each line: comments, variables and `$(...)` mean what they mean to a reader who pastes it. The
`stembus` commands then run in this process. A line that is neither run nor in NOT_RUN fails.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from stembus.audit.clock import SimulatedClock
from stembus.audit.formats.manifest import parse_time
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.verifier_key import ED25519, VerifierKey
from stembus.audit.verify import verify
from stembus.ballot.eligibility.credential_authority import CODED_COLUMNS
from stembus.ballot.eligibility.own_csv import read_csv
from stembus.ballot.office.definition import read_draft
from stembus.crypto.signing import SigningKey
from stembus.scripts.cli.main import main
from stembus.scripts.develop.sample import BUNDLE, FOLDER, IDENTITY
from stembus.scripts.rehearsal.made_up_register import write_register
from tests.conftest import prepare
from tests.docs.pages import PAGES, ROOT, blocks, commands

# Why a command is not run here.
NOT_RUN = {
    "make demo": "takes three minutes; the smaller one below it is run",
    "make run": "serves until it is stopped; tests/browser votes on such a server",
    "make test": "it is what runs this test",
    "make check": "make test begins with it",
    "make verify-sample": "it installs; its second half is the verification two blocks below it, which is run",
    "make lock": "asks the package registry for new versions",
    "make lock-release": "asks the package registry for new versions",
    "make sbom": "it installs, and nothing else needs it",
    "make client": "make test begins with it",
    "make wheel": "CI's .ci/run does it",
    "stembus board kortrijk": "serves until it is stopped; tests/scripts/cli/test_trustee_home.py works at one",
    "stembus witness serve university": "serves until it is stopped; tests/scripts/cli/test_witness.py kills one",
    "pip install .": "CI's .ci/base-install does it",
    "stembus client compare --fresh": "fetches packages; tests/scripts/cli/test_client.py runs it without --fresh",
    "go build": "tests/docs/test_go_program.py does it",
    "./check_log bundle": "tests/docs/test_go_program.py does it",
    "pre-commit install": "changes the checkout's hooks",
}


def _not_run(line: str) -> bool:
    words = line.split("#")[0].strip()
    return any(words == name or (name == "go build" and name in words) for name in NOT_RUN)


class Terminal:
    """A folder in which lines of a page are run."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.replace: dict[str, str] = {}
        self.typed: dict[str, str] = {}
        monkeypatch.chdir(folder)
        monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")
        monkeypatch.setenv("STEMBUS_DESK_PASSWORD", "rehearsal-desk")
        self.setenv = monkeypatch.setenv
        # What is printed to be pasted names the program as it was called.
        monkeypatch.setattr(sys, "argv", [".venv/bin/stembus"])

    def run(self, line: str) -> str:
        for placeholder, value in self.replace.items():
            line = line.replace(placeholder, value)
        # `make demo ARGS=...` is this command; .venv is where make puts the program.
        line = re.sub(r'^make demo ARGS="(.*)"', r"stembus demo \1", line).removeprefix(".venv/bin/")
        shell = 'stembus() { printf "%s\\0" "$@"; }\n' + line
        split = subprocess.run(["bash", "-euc", shell], cwd=self.folder, capture_output=True, text=True, check=True)
        arguments = split.stdout.split("\0")[:-1]
        assert arguments, f"not a command of stembus, and not in NOT_RUN: {line}"
        command = " ".join(arguments[:2])
        result = CliRunner().invoke(main, arguments, input=self.typed.get(command, ""))
        assert result.exit_code == 0, (line, result.output, result.exception)
        return result.output


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(tmp_path, monkeypatch)


def _lines(page: str) -> list[tuple[str, str]]:
    """(heading, line) of each command that is to be run."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [(b.heading, line) for b in blocks(text) if b.kind == "sh" for line in commands(b.text)]
    return [(heading, line) for heading, line in found if not _not_run(line)]


# Instead of a step of the way; a test of its own runs it.
FEW = "A few paper votes"


def _run_page(page: str, terminal: Terminal, before: Callable[[str], None], after: Callable[[str, str], None]) -> None:
    for heading, line in _lines(page):
        if heading != FEW:
            before(heading)
            after(line, terminal.run(line))


ELIGIBLE = 12  # as the population service says


class Rehearsing:
    """What an official does besides typing commands: edits the draft, reads letters, waits for the hour."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.draft = terminal.folder / "kortrijk" / "referendum.toml"
        self.outputs: list[str] = []
        self.clock = SimulatedClock(0)
        terminal.typed |= {"credentials destroy": f"{ELIGIBLE + 1}\n"}  # and one spare letter
        terminal.replace |= {"--ballots 120 --counts 70,45 --again 120:70,45": "--ballots 1 --counts 1,0 --again 1:1,0"}

    def before(self, heading: str) -> None:
        """A quarter of an hour passes before each command; sections begin when their title says."""
        if self.draft.exists():
            draft = read_draft(self.draft)
            opens, closes = parse_time(draft["opens"]), parse_time(draft["closes"]) + draft["grace_seconds"]
            begins = {
                "Before the letters": opens - 7 * 86_400,
                "The key ceremony": opens - 7 * 86_400,
                "The letters": opens - 6 * 86_400,
                "Before the opening: go or no go": opens - 86_400,
                "Voting": opens,
                "Backups": opens,
                "The count": closes,
                "Asking people": closes + 86_400,
                "After the result": closes + 30 * 86_400,
            }[heading]
            self.clock.move_to(max(self.clock.now() + 900, begins))
            self.terminal.setenv("STEMBUS_CLOCK", datetime.fromtimestamp(self.clock.now(), UTC).isoformat())

    def after(self, line: str, output: str) -> None:
        self.outputs.append(output)
        if line.startswith("stembus new"):
            self._edit(clock='"simulated"', minimum_participants=1, online=1, paper=1, minimum_tokens=1)
            self._edit(memory_kib=8, passes=1)
        if "--dry-run" in line:
            assert f"{ELIGIBLE} people may vote" in output
            self._edit(official_count=ELIGIBLE)
        if line.startswith("stembus define"):
            found = re.search(r"^[0-9a-f]{64}$", output, re.M)
            assert found
            self.terminal.replace["ID"] = found[0]
        if line.startswith("stembus credentials make"):
            self._read_letters()

    def _edit(self, **values: object) -> None:
        text = self.draft.read_text(encoding="utf-8")
        for name, value in values.items():
            text, changed = re.subn(rf"^{name} = \S+", f"{name} = {value}", text, flags=re.M)
            assert changed == 1, name
        self.draft.write_text(text, encoding="utf-8")

    def _read_letters(self) -> None:
        rows = list(read_csv(self.terminal.folder / "kortrijk" / "authority" / "codes.csv", CODED_COLUMNS))
        with (self.terminal.folder / "register.csv").open(encoding="utf-8", newline="") as file:
            born = {row["street"]: row["birth_date"] for row in csv.DictReader(file)}
        examples = ("012345678", "023456789", "034567890")
        self.terminal.replace |= {example: row[0] for example, row in zip(examples, rows, strict=False)}
        code, street = rows[3][7], rows[3][3]
        self.terminal.typed["vote kortrijk"] = f"{code}\n{born[street]}\n2\ncast\n"


def test_the_officials_guide_leads_from_an_empty_folder_to_a_verified_result(terminal: Terminal) -> None:
    write_register(terminal.folder / "register.csv", ELIGIBLE, date.today() + timedelta(days=30), 1)
    (terminal.folder / "minutes.pdf").write_bytes(b"%PDF-1.7 what was decided")
    official = Rehearsing(terminal)
    _run_page("docs/official-guide.md", terminal, official.before, official.after)
    everything = "".join(official.outputs)
    assert "batch 1 stands in the log" in everything
    assert "\ngo: 0 failures" in everything
    assert "files are in kortrijk-backup-1" in everything
    assert everything.count("HOLDS") == 4
    assert "minutes.pdf is published" in everything
    assert "the log states that 2 things were destroyed" in everything
    assert "HOLDS" in official.outputs[-1]
    assert "turnout      2 of 12 (16.7 %), 1 of them on paper" in official.outputs[-1]


def test_a_few_paper_votes_are_logged_as_the_guide_says(terminal: Terminal) -> None:
    """In a referendum of its own: three people are struck, and four paper votes may be shown apart."""
    folder = terminal.folder / "kortrijk"
    folder.mkdir()
    rehearsal, letters = prepare(folder, eligible=12, paper_floor=4)
    office = rehearsal.office
    for code, factor in letters[:2]:
        rehearsal.cast(rehearsal.token(code, factor), [[1]])
    rows = read_csv(folder / "authority" / "codes.csv", CODED_COLUMNS)
    for row in list(rows)[9:]:
        office.letters().strike(row[0])
    rehearsal.close()
    terminal.setenv("STEMBUS_CLOCK", datetime.fromtimestamp(rehearsal.clock.now() + 60, UTC).isoformat())
    terminal.replace |= {"ID": office.referendum.hex(), "--ballots 7 --counts 3,4": "--ballots 3 --counts 1,2"}
    said: list[str] = []
    for heading, line in _lines("docs/official-guide.md"):
        if heading == FEW:
            said.append(terminal.run(line))
            if len(said) == 1:
                shutil.copy(office.paper_seed, terminal.folder)
                found = re.search(r"^root ([0-9a-f]{64})$", said[0], re.M)
                assert found
                terminal.replace["ROOT"] = found[1]
    assert len(said) == 3
    assert f"root {terminal.replace['ROOT']}\n" in said[1]
    assert not office.paper_seed.exists()
    rehearsal.clock.move_to(rehearsal.clock.now() + 120)
    rehearsal.tally()
    report = verify(FolderPlace(office.public), office.referendum)
    assert report.exit_status == 0
    assert report.result is not None
    assert report.result.questions[0].total == [1, 4]


def test_the_auditors_guide_verifies_the_sample(terminal: Terminal) -> None:
    identity = (FOLDER / IDENTITY).read_text(encoding="ascii").strip()
    terminal.replace |= {"BUNDLE": str(FOLDER / BUNDLE), " ID": f" {identity}"}
    outputs: list[str] = []
    _run_page("docs/auditor-guide.md", terminal, lambda heading: None, lambda line, output: outputs.append(output))
    assert "HOLDS" in outputs[0]
    assert '"type": "manifest"' in outputs[1]


def test_the_witness_guide_makes_a_witness(terminal: Terminal) -> None:
    vkey = str(VerifierKey("stembus.example.org/referendum", ED25519, SigningKey.generate().public))
    (terminal.folder / "log.txt").write_text(f"vkey {vkey}\nqpd 970\ncontact somebody\n")
    outputs: list[str] = []
    _run_page("docs/witness-guide.md", terminal, lambda heading: None, lambda line, output: outputs.append(output))
    assert "university.example/witness+" in outputs[0]
    assert "followed from now on" in outputs[1]


def _shape(text: str) -> list[str]:
    """Words and figures of an output, without what differs each time: seconds, keys, the number of batches."""
    text = re.sub(r"(?m)^(.{24})\s*\d+\.\d", r"\1 SECONDS", text)
    text = re.sub(r"[0-9a-f]{16,}", "HEX", text)
    return re.sub(r"\d+ batches", "N batches", text).splitlines()


def test_the_readme_shows_what_its_commands_print(terminal: Terminal) -> None:
    (terminal.folder / "docs").symlink_to(ROOT / "docs")
    outputs: list[str] = []
    _run_page("README.md", terminal, lambda heading: None, lambda line, output: outputs.append(output))
    verified, shown, replayed, again = outputs
    text = [block.text for block in blocks((ROOT / "README.md").read_text(encoding="utf-8")) if block.kind == "text"]
    assert text[0] in verified
    assert '"type": "manifest"' in shown
    assert "\n".join(_shape(text[1])) in "\n".join(_shape(replayed))
    assert "HOLDS" in again


@pytest.mark.parametrize("page", [str(path.relative_to(ROOT)) for path in PAGES])
def test_no_other_page_has_commands_that_nothing_runs(page: str) -> None:
    if page not in ("README.md", "docs/official-guide.md", "docs/auditor-guide.md", "docs/witness-guide.md"):
        assert _lines(page) == []


def test_a_line_that_nothing_runs_is_found_out(terminal: Terminal) -> None:
    with pytest.raises(AssertionError, match="not in NOT_RUN"):
        terminal.run("true   # stembus verify")


def test_a_command_that_fails_is_found_out(terminal: Terminal) -> None:
    with pytest.raises(AssertionError, match="there is no folder nowhere"):
        terminal.run("stembus status nowhere")
