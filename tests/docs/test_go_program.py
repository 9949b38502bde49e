"""The auditor's guide shows a Go program that checks a log with tools that are not ours. It builds with Debian 12's
Go and its package of golang.org/x/mod, accepts the sample, and refuses it when an entry is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from stembus.scripts.develop.sample import BUNDLE, FOLDER, IDENTITY

SOURCE = FOLDER / "check_log.go"
GUIDE = FOLDER.parent / "auditor-guide.md"
GOPATH = Path("/usr/share/gocode")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.fail("this test needs Debian's packages golang-go and golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOCACHE": str(folder / "cache")}
    made = folder / "check_log"
    built = subprocess.run(
        ["go", "build", "-o", str(made), str(SOURCE)], env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    with zipfile.ZipFile(FOLDER / BUNDLE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def _run(program: Path, bundle: Path) -> tuple[int, str]:
    done = subprocess.run([str(program), str(bundle)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_program_says_the_samples_id_and_that_the_root_is_the_signed_one(program: Path, bundle: Path) -> None:
    identity = (FOLDER / IDENTITY).read_text(encoding="ascii").strip()
    size = (bundle / "checkpoint").read_text(encoding="utf-8").splitlines()[1]
    expected = f"referendum {identity}\n{size} entries; the root is the signed one: true\n"
    assert _run(program, bundle) == (0, expected)


@pytest.mark.parametrize("place", [0, 1, 2, 1000, -1])
def test_the_program_does_not_say_true_when_one_byte_of_the_entries_is_changed(
    program: Path, bundle: Path, place: int
) -> None:
    path = next((bundle / "tile" / "entries").rglob("*.p/*"))
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    status, printed = _run(program, bundle)
    assert "true" not in printed
    assert status != 0 or "the root is the signed one: false" in printed


def test_the_program_refuses_a_checkpoint_that_the_log_did_not_sign(program: Path, bundle: Path) -> None:
    path = bundle / "checkpoint"
    text = path.read_text(encoding="utf-8")
    size = text.splitlines()[1]
    path.write_text(text.replace(f"\n{size}\n", f"\n{int(size) - 1}\n", 1), encoding="utf-8")
    status, printed = _run(program, bundle)
    assert status != 0
    assert "true" not in printed


def test_the_guide_shows_this_very_program() -> None:
    assert f"```go\n{SOURCE.read_text(encoding='utf-8')}```\n" in GUIDE.read_text(encoding="utf-8")


def test_the_program_is_formatted_as_go_formats(program: Path) -> None:
    done = subprocess.run(["gofmt", "-l", str(SOURCE)], capture_output=True, text=True, check=True)
    assert done.stdout == ""
