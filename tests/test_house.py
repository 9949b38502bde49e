"""The house keeps its own rules: every room is looked at, arrows run one way, files stay short, openings hand on."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("crypto", "audit", "ballot", "tally", "webvote", "scripts")
LONGEST = 300


def sources(suffix: str = ".py") -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob(f"*{suffix}")]
    return [path for path in found if "node_modules" not in path.parts]


def test_no_file_of_the_product_is_longer_than_it_should_be() -> None:
    files = sources() + sources(".ts")
    assert len(files) > 150
    long = {str(path.relative_to(ROOT)): n for path in files if (n := len(path.read_text().splitlines())) > LONGEST}
    assert long == {}


def test_every_file_opens_with_what_it_is() -> None:
    silent = [path for path in sources() if path.read_text() and not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_a_packages_opening_only_hands_names_on() -> None:
    for path in sources():
        if path.name == "__init__.py":
            kinds = {type(node) for node in ast.parse(path.read_text()).body}
            assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign}, path


# What each room may take from outside the standard library; the walls of pyproject.toml name what it may not.
OUTSIDE = {
    "crypto": {"coincurve", "cryptography", "nacl", "gmpy2"},
    "audit": {"msgspec"},
    "tally": {"msgspec"},
}


def imported(path: Path) -> set[str]:
    """The top-level names of all imports, wherever in the file they stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("room", OUTSIDE)
def test_the_lower_rooms_take_nothing_else_from_outside(room: str) -> None:
    allowed = OUTSIDE[room] | {"stembus"} | sys.stdlib_module_names
    taken = {str(path): imported(path) - allowed for path in sources() if path.is_relative_to(ROOT / room)}
    assert {path: names for path, names in taken.items() if names} == {}


def test_only_the_engine_makes_a_verified_log() -> None:
    made = [path for path in sources() if re.search(r"\bENGINE\b|\bVerifiedLog\(", path.read_text())]
    names = sorted(path.relative_to(ROOT).as_posix() for path in made)
    assert names == ["audit/verify/engine.py", "audit/verify/verified_log.py"]


def test_what_decides_on_a_log_takes_no_place() -> None:
    """Trustees and evidence read what was verified, and nothing else."""
    deciding = [*ROOT.glob("tally/*.py"), ROOT / "audit" / "verify" / "voter_evidence.py"]
    assert len(deciding) > 5
    for path in deciding:
        assert not re.search(r"audit\.log\.(source|places|snapshot|zip_file|tile_reader)", path.read_text()), path


def test_nothing_is_imported_behind_the_walls_back() -> None:
    """The walls see import statements, and no names in strings."""
    hidden = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "importlib" in imported(path) or re.search(r"\b__import__\b|^import stembus$", path.read_text(), re.M)
    ]
    assert sorted(hidden) == ["scripts/cli/client.py", "scripts/develop/prepare.py", "scripts/report_text.py"], (
        "the build script; a look for venv; the installed version"
    )


def link_tree(into: Path, packages: Path) -> None:
    """What `make walls` makes, of other packages."""
    (into / "stembus").mkdir(parents=True)
    for room in ROOMS:
        (into / "stembus" / room).symlink_to(packages / room)
    for name in ("__init__.py", "py.typed"):
        (into / "stembus" / name).symlink_to(ROOT / "stembus" / name)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All packages, to plant faults in; and a tree of links to them."""
    folder = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    link_tree(folder / ".walls", folder)
    return folder


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, cwd=folder / ".walls", capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("crypto/group.py", "import stembus.audit.bounds"),
        ("crypto/elgamal.py", "import stembus.crypto.proofs"),
        ("webvote/security.py", "import stembus.webvote.site.app"),
        ("audit/log/merkle.py", "import stembus.audit.formats.manifest"),
        ("audit/formats/entries.py", "import stembus.audit.verify.report"),
        ("ballot/issuance/registrar.py", "import stembus.ballot.box.ballot_box"),
        ("ballot/box/ballot_box.py", "import stembus.ballot.issuance.registrar"),
        ("tally/count.py", "import stembus.ballot.errors"),
        ("ballot/voter/session.py", "import flask"),
        ("audit/verify/engine.py", "import sqlalchemy"),
    ],
)
def test_an_arrow_that_runs_back_is_found(copy: Path, file: str, line: str) -> None:
    target = copy / file
    before = target.read_text()
    target.write_text(f"{before}\n{line}  # noqa\n")
    try:
        done = run(copy, "lint-imports", "--config", "../pyproject.toml", "--no-cache")
    finally:
        target.write_text(before)
    assert done.returncode == 1, done.stdout
    assert re.search("[1-9] broken", done.stdout), done.stdout


def test_without_a_planted_arrow_the_copy_is_sound(copy: Path) -> None:
    done = run(copy, "lint-imports", "--config", "../pyproject.toml", "--no-cache")
    assert done.returncode == 0, done.stdout


def test_types_are_checked_in_every_room(tmp_path: Path) -> None:
    """mypy looks through the links: a fault in any room is found, and no room is passed over in silence."""
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
        (tmp_path / room / "fault.py").write_text('count: int = "one"\n')
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    link_tree(tmp_path / ".walls", tmp_path)
    done = run(tmp_path, "mypy", "--config-file", "../pyproject.toml")
    assert done.returncode == 1
    for room in ROOMS:
        assert f"stembus/{room}/fault.py:1" in done.stdout


def test_a_bare_import_is_refused(tmp_path: Path) -> None:
    """It would make a second copy of every class beside the one that `stembus.` names."""
    for room in ROOMS:
        code = f"import {room}\n\nprint({room})\n"
        command = [str(Path(sys.executable).with_name("ruff")), "check", "--config", str(ROOT / "pyproject.toml"), "-"]
        done = subprocess.run(command, input=code, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "TID251" in done.stdout, done.stdout + done.stderr
