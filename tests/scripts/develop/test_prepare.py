"""What is missing on a machine is installed where that is allowed, and otherwise said in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.scripts.develop import prepare as module
from stembus.scripts.develop.prepare import (
    CHROMIUM,
    NEEDS,
    POSTGRES,
    Machine,
    Need,
    Unprepared,
    find_chromium,
    find_nginx,
    find_postgres,
    main,
    prepare,
    run_quietly,
)  # fmt: skip


class Fake:
    """A machine that notes what is run on it. `cures` are the packages whose installation helps."""

    def __init__(
        self,
        apt: bool = True,
        right: list[str] | None = None,
        cures: tuple[str, ...] = (),
        fails: dict[str, str] | None = None,
    ) -> None:
        self.apt, self.right, self.cures, self.fails = apt, right, cures, fails or {}
        self.ran: list[list[str]] = []
        self.said: list[str] = []
        self.installed: set[str] = set()

    def needs(self, *packages: str) -> list[Need]:
        return [
            Need(f"the {name}", f"{name} is used", name, f"get {name}", lambda name=name: name in self.installed)  # type: ignore[misc]
            for name in packages
        ]

    def run(self, command: list[str]) -> str | None:
        self.ran.append(command)
        for word, complaint in self.fails.items():
            if word in command:
                return complaint
        self.installed |= {word for word in command if word in self.cures}
        return None

    def machine(self) -> Machine:
        return Machine(self.apt, self.right, self.run, self.said.append)


def refused(fake: Fake, *packages: str) -> str:
    with pytest.raises(Unprepared) as error:
        prepare("make test", fake.needs(*packages), fake.machine)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_machine_that_has_everything_is_not_even_looked_at() -> None:
    fake = Fake()
    fake.installed = {"a", "b"}

    def never() -> Machine:
        raise AssertionError

    prepare("make test", fake.needs("a", "b"), never)


def test_with_the_right_only_what_is_missing_is_installed_and_each_package_has_its_line() -> None:
    fake = Fake(right=[], cures=("b", "c"))
    fake.installed = {"a"}
    prepare("make test", fake.needs("a", "b", "c"), fake.machine)
    assert [command[-1] for command in fake.ran[:1]] == ["update"]
    install = fake.ran[1]
    assert {"install", "--no-install-recommends", "--yes", "b", "c"} <= set(install)
    assert "a" not in install
    assert fake.said == [
        "installing the Debian package b (the b): b is used", "installing the Debian package c (the c): c is used",
    ]  # fmt: skip


def test_sudo_stands_before_every_command() -> None:
    fake = Fake(right=["sudo", "-n"], cures=("b",))
    prepare("make test", fake.needs("b"), fake.machine)
    assert [command[:2] for command in fake.ran] == [["sudo", "-n"]] * 2


def test_without_the_right_one_sentence_names_packages_and_command() -> None:
    fake = Fake()
    assert refused(fake, "a", "b") == (
        "make test needs the a, the b; run: sudo apt-get install --no-install-recommends a b"
    )
    assert fake.ran == fake.said == []


def test_another_system_is_told_how_to_get_each() -> None:
    fake = Fake(apt=False, right=[])
    assert refused(fake, "a", "b") == "make test needs the a, the b: get a; get b"
    assert fake.ran == []


def test_a_network_that_is_away_is_one_sentence() -> None:
    fake = Fake(right=[], fails={"update": "E: Temporary failure resolving", "install": "E: Unable to fetch"})
    assert refused(fake, "a") == (
        "make test needs the a, and apt-get failed (E: Temporary failure resolving, then E: Unable to fetch); "
        "check the network, then run it again"
    )


def test_a_list_that_cannot_be_renewed_is_no_failure_when_installing_works() -> None:
    fake = Fake(right=[], cures=("a",), fails={"update": "E: a foreign repository"})
    prepare("make test", fake.needs("a"), fake.machine)
    assert fake.installed == {"a"}


def test_a_package_that_does_not_help_is_told() -> None:
    assert "needs the a, which is not found" in refused(Fake(right=[]), "a")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty path and empty usual places. Returns the folder on the path."""
    for name in (CHROMIUM, POSTGRES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(module, "BROWSER_PLACES", (str(tmp_path / "usual" / "chromium"),))
    monkeypatch.setattr(module, "NGINX_PLACES", (str(tmp_path / "usual" / "sbin" / "nginx"),))
    monkeypatch.setattr(module, "SERVER_PLACES", (str(tmp_path / "usual" / "postgresql" / "*" / "bin"),))
    return tmp_path / "path"


def test_a_browser_is_found_by_its_variable_then_on_the_path_then_in_usual_places(
    nothing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_chromium() is None
    usual = program(tmp_path / "usual" / "chromium")
    assert find_chromium() == usual
    on_path = program(nothing / "google-chrome")
    assert find_chromium() == on_path
    named = program(tmp_path / "mine")
    monkeypatch.setenv(CHROMIUM, str(named))
    assert find_chromium() == named
    named.chmod(0o644)
    with pytest.raises(Unprepared, match=CHROMIUM):
        find_chromium()


def test_a_server_is_found_with_initdb_beside_it_the_newest_first(
    nothing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / "usual" / "postgresql"
    for version in ("9", "15", "16"):
        program(usual / version / "bin" / "postgres")
    assert find_postgres() is None
    for version in ("9", "15"):
        program(usual / version / "bin" / "initdb")
    assert find_postgres() == usual / "15" / "bin"
    program(nothing / "postgres")
    assert find_postgres() == usual / "15" / "bin"
    program(nothing / "initdb")
    assert find_postgres() == nothing
    monkeypatch.setenv(POSTGRES, str(usual / "9" / "bin"))
    assert find_postgres() == usual / "9" / "bin"
    monkeypatch.setenv(POSTGRES, str(usual / "16" / "bin"))
    with pytest.raises(Unprepared, match=POSTGRES):
        find_postgres()


def test_a_proxy_is_found_on_the_path_then_in_usual_places(nothing: Path, tmp_path: Path) -> None:
    assert find_nginx() is None
    usual = program(tmp_path / "usual" / "sbin" / "nginx")
    assert find_nginx() == usual
    on_path = program(nothing / "nginx")
    assert find_nginx() == on_path


def test_a_wrong_variable_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHROMIUM, "/nowhere/chromium")
    assert main(["test"]) == f"stembus: error: {CHROMIUM} names /nowhere/chromium, which is not a program"


def test_a_python_that_is_too_old_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST", (99, 0))
    assert "needs Python 3.11 or newer" in (main(["base"]) or "")


def test_the_environment_of_the_demo_needs_one_package_and_the_tests_more() -> None:
    assert [need.package for need in NEEDS["base"]] == ["python3-venv"]
    tested = {need.package for need in NEEDS["test"]}
    assert {"postgresql", "chromium", "nginx", "systemd", "fonts-dejavu-core"} <= tested
    assert set(NEEDS["base"]) <= set(NEEDS["test"])


def test_a_failed_command_gives_its_last_complaint() -> None:
    assert run_quietly(["sh", "-c", "echo E: first; echo E: second >&2; echo noise; exit 1"]) == "E: second"
    assert run_quietly(["sh", "-c", "exit 3"]) == "exit status 3"
    assert run_quietly(["true"]) is None
