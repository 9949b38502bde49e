"""The tool that measures the tests plants what it says, the same ones each time, and judges them rightly."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stembus.scripts.develop import mutants as tool
from stembus.scripts.develop.mutant_kinds import Mutant, mutants_of, sample


def changes(source: str) -> set[str]:
    return {mutant.name.split(": ", 1)[1].rsplit(" #", 1)[0] for mutant in mutants_of("a.py", source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x < y", {"x < y -> x <= y", "x < y -> x >= y"}),
        ("a <= x <= b", {"a <= x <= b -> a < x <= b", "a <= x <= b -> a <= x < b"}),
        ("a and b", {"a and b -> a or b", "a and b -> a", "a and b -> b"}),
        ("x = t.add('p', p).end()", {"'p' -> 'pX'", "t.add('p', p) -> t"}),
        ("x = [a, b]", {"[a, b] -> [b]", "[a, b] -> [a]"}),
        ("x = {k: v}", {"{k: v} -> {}"}),
        ("x = f(by=a)", {"f(by=a) -> f()"}),
        ("x = y[a:]", {"a: -> :"}),
        ("check(x)", {"check(x) -> pass"}),
        ("while True: break", {"True -> False", "break -> continue"}),
        ("if x: raise E('too long')", {"x -> True", "x -> False", "raise E('too long') -> pass"}),
    ],
)
def test_each_kind_of_fault_is_planted(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""What it is."""',
        "import a.b",
        "@dataclass(frozen=True, slots=True)\nclass A:\n    x: int",
        "class A(Struct, frozen=True):\n    x: list[int]",
        "Status = Literal['counted', 'not']",
        "assert x < y",
        "x = 'a sentence'",
        "x = f'batch {n + 1}'",
        "x = y.encode('ascii')",
    ],
)
def test_what_no_test_should_notice_is_left(source: str) -> None:
    assert changes(source) == set()


def test_the_bounds_in_an_annotation_are_changed() -> None:
    source = "class A(Struct):\n    x: Annotated[int, Meta(ge=1)]"
    assert changes(source) == {"1 -> 2", "1 -> 0"}


def test_a_name_stays_when_other_lines_change() -> None:
    function = "def f(x):\n    return x < 3\n"
    before, after = (list(mutants_of("a.py", source)) for source in (function, f"y = 1\n\n\n{function}"))
    assert {mutant.name for mutant in before} < {mutant.name for mutant in after}
    assert len({mutant.name for mutant in after}) == len(after)


def test_a_change_elsewhere_moves_nothing_in_the_sample() -> None:
    many = [Mutant("a.py", 1, str(number), "") for number in range(2000)]
    chosen = sample(many)
    assert len(chosen) == 600
    without_one = sample([mutant for mutant in many if mutant is not chosen[10]])
    assert set(chosen) - set(without_one) == {chosen[10]}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one function and one test, which looks at one side of the boundary only."""
    root = tmp_path / "project"
    for name in (".ci", "crypto", "tests/crypto", "stembus"):
        (root / name).mkdir(parents=True)
    shutil.copy(tool.ROOT / "stembus/__init__.py", root / "stembus")
    (root / "audit").mkdir()
    (root / ".ci/accepted-mutants").write_text("# Nothing yet.\n")
    (root / "crypto/__init__.py").touch()
    (root / "crypto/age.py").write_text(
        "def adult(age: int) -> bool:\n    return age >= limit()\n\n\nlimit = lambda: 18\n"
    )
    test = "from stembus.crypto.age import adult\ndef test_age():\n    assert adult(40) and not adult(17)\n"
    (root / "tests/crypto/test_age.py").write_text(test)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    kept = {"JUDGED": root / ".ci/judged-mutants", "ACCEPTED": root / ".ci/accepted-mutants"}
    for name, value in ({"ROOT": root, "STORE": root / ".mutants"} | kept).items():
        monkeypatch.setattr(tool, name, value)
    tool.digest.cache_clear()
    tool.tests_of.cache_clear()
    return root


BOUNDARY = "crypto/age.py adult: age >= limit() -> age > limit() #1"


def test_a_fault_at_the_boundary_survives_until_a_test_stands_there(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (small / "crypto/age.py").read_bytes()
    assert tool.main([]) is None
    said = capsys.readouterr()
    assert f"crypto/age.py:2: {BOUNDARY}" in said.out
    assert "killed: crypto/age.py adult: age >= limit() -> age < limit() #1" in said.err
    assert (small / "crypto/age.py").read_bytes() == before

    test = small / "tests/crypto/test_age.py"
    test.write_text(test.read_text() + "    assert adult(18)\n")
    tool.digest.cache_clear()
    assert tool.main(["--only", "crypto/age.py"]) is None
    said = capsys.readouterr()
    assert BOUNDARY not in said.out
    assert f"killed: {BOUNDARY}" in said.err
    assert "age < limit()" not in said.err, "what was noticed is not judged again"


def test_an_accepted_mutant_is_counted_apart_and_must_exist(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (small / ".ci/accepted-mutants").write_text(f"# Nobody is exactly 18.\n{BOUNDARY}\n")
    assert tool.main([]) is None
    assert BOUNDARY not in capsys.readouterr().out
    (small / ".ci/accepted-mutants").write_text("# Old.\ncrypto/age.py gone: 1 -> 2 #1\n")
    assert "crypto/age.py gone" in (tool.main([]) or "")


def test_tests_that_fail_by_themselves_are_named(small: Path) -> None:
    (small / "tests/crypto/test_age.py").write_text("def test_age():\n    assert False\n")
    assert "tests/crypto/test_age.py" in (tool.main([]) or "")
