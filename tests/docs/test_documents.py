"""What the pages name exists: kinds of blocks, commands with their options, modules, make targets, files, links."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import click
import msgspec
import pytest

from stembus.audit.formats.manifest import Question
from stembus.audit.formats.manifest_rules import check_manifest, parse_manifest
from stembus.audit.log.source import FolderPlace
from stembus.ballot.eligibility.register_columns import Settings
from stembus.ballot.office.definition import whole_question
from stembus.scripts.cli.main import main
from tests.conftest import Finished
from tests.docs.pages import KINDS, PAGES, ROOT, anchors, blocks, links, named_commands, spans, without_blocks
from tests.log_view import read_log

LABEL = "stembus/v1"  # the first field of a transcript; not a path


MADE = {"demo", "run", "dist"}  # folders that commands make
TOP = {path.name for path in ROOT.iterdir()} - MADE
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.M))


def _block_problems(page: str) -> list[str]:
    problems = [f"a block of kind {b.kind!r} under {b.heading!r}" for b in blocks(page) if b.kind not in KINDS]
    if len(re.findall(r"^```", page, re.M)) != 2 * len(blocks(page)):
        problems.append("a fence without an end")
    return problems


def _command_problem(words: list[str]) -> str | None:
    """Walks down to the command, and lets it parse the rest; what an option takes is not looked at."""
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        if rest[0] == "COMMAND":
            return None
        if rest[0] not in command.commands:
            return f"there is no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    if not rest:
        return None
    try:
        _, left, _ = command.make_parser(click.Context(command)).parse_args(list(rest))
    except click.UsageError as error:
        return error.format_message()
    return f"too many words: {' '.join(left)}" if left else None


def _named_problems(page: str) -> list[str]:
    problems = []
    for line in named_commands(page):
        words = _words(line)
        if words and words[0] in ("stembus", ".venv/bin/stembus") and (problem := _command_problem(words)):
            problems.append(f"{line}: {problem}")
        if len(words) > 1 and words[0] == "make" and words[1] not in TARGETS:
            problems.append(f"{line}: the Makefile has no such target")
        if "-m" in words[:2] and words[0].endswith("python") and importlib.util.find_spec(words[2]) is None:
            problems.append(f"{line}: there is no such module")
    rooms = "crypto|audit|ballot|tally|webvote|scripts"
    for name, function in re.findall(rf"(stembus\.(?:{rooms})(?:\.\w+)*)(?::(\w+)\(\))?", page):
        if _module_missing(name):
            problems.append(f"{name}: there is no such module")
        elif function and not hasattr(importlib.import_module(name), function):
            problems.append(f"{name}: there is no {function}() in this module")
    return problems


def _words(line: str) -> list[str]:
    """What a shell would split the line into; the output of a command inside is one word."""
    try:
        return shlex.split(re.sub(r"\$\([^)]*\)", "OUTPUT", line), comments=True)
    except ValueError:
        return []


def _module_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ModuleNotFoundError:
        return True


def _path_problems(page: str) -> list[str]:
    problems = []
    for span in spans(page):
        path = span.split(":")[0].rstrip("/")
        in_tree = path.split("/")[0] in TOP and ("/" in span or "." in path)
        looks_like_ours = in_tree or ("/" not in path and path.endswith(".md"))
        if not looks_like_ours or " " in span or span.startswith(LABEL) or "..." in span:
            continue
        if not (ROOT / path).exists() and not (ROOT / "docs" / path).exists():
            problems.append(f"{span}: the repository has no such file")
    return problems


def _link_problems(place: Path, page: str) -> list[str]:
    problems = []
    for link in links(page):
        if re.match(r"[a-z]+://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (place.parent / path).resolve() if path else place
        if not target.exists():
            problems.append(f"{link}: the repository has no such file")
        elif anchor and anchor not in anchors(page if target == place else target.read_text(encoding="utf-8")):
            problems.append(f"{link}: there is no such heading")
    return problems


def _problems(place: Path, page: str) -> list[str]:
    return [*_block_problems(page), *_named_problems(page), *_path_problems(page), *_link_problems(place, page)]


@pytest.mark.parametrize("place", PAGES, ids=lambda place: place.name)
def test_what_a_page_names_exists(place: Path) -> None:
    assert _problems(place, place.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("place", PAGES, ids=lambda place: place.name)
def test_lines_that_can_be_broken_are_not_longer_than_120_characters(place: Path) -> None:
    text = without_blocks(place.read_text(encoding="utf-8"))
    assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith(("|", "<img"))] == []


def test_the_example_of_a_forgery_is_one_of_the_collection() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = next(block.text for block in blocks(page) if block.text.startswith("@forgery"))
    assert f"\n\n{example}\n\n" in (ROOT / "tests" / "tampered" / "ballots.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("# A\n\n```\nls\n```\n", "a block of kind ''"),
        ("# A\n\n```bash\nls\n```\n", "a block of kind 'bash'"),
        ("# A\n\n```sh\nls\n", "a fence without an end"),
        ("```sh\nstembus verfy x\n```\n", "there is no command verfy"),
        ("Run `stembus trustee decide DIR`.", "there is no command decide"),
        ("Run `stembus verify PLACE\n--referendom ID`.", "No such option"),
        ("Run `stembus verify A B --referendum ID`.", "too many words: B"),
        ("Run `make tests`.", "no such target"),
        ("Run `python -m stembus.scripts.develop.sampel`.", "no such module"),
        ("See `stembus.webvote.wsgi`.", "no such module"),
        ("Run `gunicorn stembus.webvote.run.wsgi:desks()`.", "there is no desks()"),
        ("See `webvote/wsgi.py`.", "no such file"),
        ("See `CONTRIBUTE.md`.", "no such file"),
        ("See [this](docs/protocoll.md).", "no such file"),
        ("See [this](docs/protocol.md#4-manifesto).", "no such heading"),
        ('<img src="docs/screens/99.png">', "no such file"),
        ("# A b\n\nSee [this](#a-c).", "no such heading"),
    ],
)
def test_a_page_that_names_what_does_not_exist_is_found_out(page: str, problem: str) -> None:
    found = _problems(ROOT / "README.md", page)
    assert len(found) >= 1
    assert problem in found[0]


def test_a_page_that_names_what_exists_is_left_alone() -> None:
    page = (
        "# A, b: c\n\n```sh\nmake demo   # slow\nstembus verify PLACE --referendum ID\n```\n\n```text\nx\n```\n"
        "`stembus verify --help`, `stembus trustee`, `make test`, `docs/protocol.md`, `audit/verify/`, `voters.csv`,\n"
        "[here](#a-b-c), [there](docs/protocol.md#4-manifest), [outside](https://example.org/x).\n"
    )
    assert _problems(ROOT / "README.md", page) == []


def test_what_the_guides_show_of_a_draft_or_of_the_registers_settings_fits(opened: Finished) -> None:
    manifest = parse_manifest(read_log(FolderPlace(opened.public)).manifest_raw)
    shown = [block for page in PAGES for block in blocks(page.read_text(encoding="utf-8")) if block.kind == "toml"]
    assert shown
    for block in shown:
        drafted = tomllib.loads(block.text)
        if "questions" not in drafted:
            assert msgspec.convert(drafted, Settings, strict=True).columns
            continue
        questions = [msgspec.convert(whole_question(asked), Question, strict=True) for asked in drafted["questions"]]
        check_manifest(msgspec.structs.replace(manifest, questions=questions))
