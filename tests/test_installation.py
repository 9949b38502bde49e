"""An installed Stembus takes one name in site-packages, and no name from others. Needs no network, and no Node."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STRANGERS = ("crypto", "audit", "scripts", "strangers")


@dataclass(frozen=True)
class Installed:
    """A fresh environment with Stembus in it, and the names in site-packages before and after."""

    python: Path
    before: frozenset[str]
    after: frozenset[str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        folder = self.python.parent
        return subprocess.run(
            [folder / command[0], *command[1:]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, program: str) -> str:
        done = self.run("python", "-c", program)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    venv = tmp_path_factory.mktemp("installation") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = next(venv.glob("lib/python*/site-packages"))
    for name in STRANGERS:
        (site / name).mkdir()
        (site / name / "__init__.py").write_text(f"whose = 'the stranger {name}'\n")
    # Dependencies and hatchling are those of the tests; the checkout's own .pth file is not read from there.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    before = frozenset(path.name for path in site.iterdir())
    pip = [
        venv / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--ignore-installed", ROOT], check=True, cwd=venv)
    return Installed(venv / "bin" / "python", before, frozenset(path.name for path in site.iterdir()))


def test_one_name_is_taken(installed: Installed) -> None:
    new = sorted(installed.after - installed.before)
    assert new[0] == "stembus"
    assert len(new) == 2
    assert new[1].startswith("stembus-")
    assert new[1].endswith(".dist-info")


def test_other_peoples_packages_stay_theirs_and_ours_are_ours(installed: Installed) -> None:
    for name in ("crypto", "audit", "scripts"):
        assert installed.ask(f"import {name}; print({name}.whose)") == f"the stranger {name}"
        file = installed.ask(f"import stembus.{name}; print(stembus.{name}.__file__)")
        assert file.endswith(f"/site-packages/stembus/{name}/__init__.py")
        assert installed.ask(f"import stembus.{name}; print(hasattr(stembus.{name}, 'whose'))") == "False"


def test_a_stranger_is_no_part_of_the_package(installed: Installed) -> None:
    assert installed.ask("import strangers; print(strangers.whose)") == "the stranger strangers"
    done = installed.run("python", "-c", "import stembus.strangers")
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'stembus.strangers'" in done.stderr


def test_the_command_runs(installed: Installed) -> None:
    assert installed.run("stembus", "--version").stdout == f"stembus, version {version('stembus')}\n"
    assert installed.run("stembus", "--help").returncode == 0


def test_what_only_a_checkout_needs_is_left_out(installed: Installed) -> None:
    package = Path(installed.ask("import stembus; print(stembus.__file__)")).parent
    for path in ("scripts/develop", "webvote/client", "tests", "webvote/translations/babel.cfg"):
        assert not (package / path).exists()
    assert not list(package.rglob("*.po"))
