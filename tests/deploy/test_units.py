"""The units of `deploy/` as systemd reads them, and what they promise about each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.units import DEPLOY, SERVICES, UNITS, parse_unit, read_environment

HARDENING = DEPLOY / "stembus-.service.d" / "hardening.conf"
TIMER = DEPLOY / "office" / "stembus-seal.timer"
RECORD = "/srv/stembus/letters"  # of the issuance record
GROUPS = {"registrar": ["stembus-letters"], "desk": ["stembus-letters"], "box": [], "site": ["stembus-public"]}
RUNNING = [f"stembus-{name}.service" for name in (*SERVICES, "seal", "witness")]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of units, with programs that exist, which `systemd-analyze` asks for."""
    units = tmp_path / "units"
    units.mkdir()
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in (*UNITS.values(), TIMER):
        text = re.sub(r"/opt/stembus/bin/\S+", str(program), path.read_text())
        (units / path.name).write_text(text.replace("/usr/bin/logger", str(program)))
    shutil.copytree(HARDENING.parent, units / HARDENING.parent.name)
    return units


def analyze(units: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments]
    environment = {"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin", "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def complaints(done: subprocess.CompletedProcess[str], units: Path) -> list[str]:
    return [line for line in done.stderr.splitlines() if str(units) in line or "stembus" in line]


def verify(units: Path) -> list[str]:
    names = sorted(str(path) for path in units.glob("stembus-*") if path.is_file() and "@" not in path.name)
    # A unit by that name, whoever fails.
    alarm = units / "stembus-alarm@test.service"
    if not alarm.exists():
        alarm.symlink_to("stembus-alarm@.service")
    return complaints(analyze(units, "verify", "--man=no", *names, str(alarm)), units)


def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    assert len(UNITS) == 7
    assert verify(installed) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("stembus-box.service", "Restart=often"),
        ("stembus-seal.timer", "OnCalendar=each minute"),
        ("stembus-.service.d/hardening.conf", "ProtectSystem=stricter"),
        ("stembus-alarm@.service", "NoSuchName=yes"),
    ],
)
def test_a_line_that_systemd_does_not_take_is_found(installed: Path, file: str, line: str) -> None:
    path = installed / file
    path.write_text(path.read_text() + f"\n[{'Timer' if 'timer' in file else 'Service'}]\n{line}\n")
    assert verify(installed) != []


@pytest.mark.parametrize("name", RUNNING)
def test_a_units_exposure_is_small_by_systemds_own_measure(installed: Path, name: str) -> None:
    """Of 100; a service without any wall has 96. What is left is the network."""
    exposure = ["security", "--offline=yes", "--threshold=25", "--no-pager", str(installed / name)]
    assert analyze(installed, *exposure).returncode == 0
    (installed / HARDENING.parent.name / HARDENING.name).write_text("[Service]\n")
    assert analyze(installed, *exposure).returncode != 0


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_user_and_at_most_one_folder_that_no_other_writes(name: str) -> None:
    unit = parse_unit(UNITS[f"stembus-{name}.service"].read_text())
    others = [parse_unit(UNITS[f"stembus-{other}.service"].read_text()) for other in SERVICES if other != name]
    assert unit.get("User") == unit.get("Group") == f"stembus-{name}"
    assert unit.get("User") not in [other.get("User") for other in others]
    folders = unit.all("ReadWritePaths")
    own = [folder for folder in folders if folder != RECORD]
    assert len(own) == (0 if name == "site" else 1)
    assert not set(own) & {folder for other in others for folder in other.all("ReadWritePaths")}
    assert (RECORD in folders) == (name in ("registrar", "desk"))
    assert unit.all("SupplementaryGroups") == GROUPS[name]
    assert unit.get("Restart") == "on-failure"
    assert unit.get("UMask") == ("0027" if name == "box" else "0077")
    assert f"stembus.webvote.run.wsgi:{name}()" in unit.command()


def test_sealing_is_what_the_box_is_but_for_its_command_and_the_network() -> None:
    """One user, one folder, one passphrase; only sealing asks a registrar elsewhere."""
    box, seal = (parse_unit(UNITS[f"stembus-{name}.service"].read_text()) for name in ("box", "seal"))
    for name in ("User", "Group", "Environment", "EnvironmentFile", "UMask", "ReadWritePaths"):
        assert box.all(name) == seal.all(name) != []
    assert box.all("IPAddressDeny") == ["any"]
    assert seal.all("IPAddressDeny") == []


def test_a_witness_is_alone_with_what_it_has_seen() -> None:
    unit = parse_unit(UNITS["stembus-witness.service"].read_text())
    assert unit.get("User") == unit.get("Group") == "stembus-witness"
    assert unit.all("ReadWritePaths") == ["/srv/stembus/witness"]
    assert (unit.get("UMask"), unit.get("Restart"), unit.all("IPAddressDeny")) == ("0077", "on-failure", ["any"])
    assert unit.command()[1:4] == ["witness", "serve", "/srv/stembus/witness"]


def test_sealing_that_fails_raises_the_alarm_of_its_name() -> None:
    unit = parse_unit(UNITS["stembus-seal.service"].read_text())
    assert unit.get("Type") == "oneshot"
    assert unit.get("OnFailure") == "stembus-alarm@%N.service"
    assert "-" not in unit.get("ExecStart")[0], "a dash would hide the exit status"
    assert parse_unit(TIMER.read_text()).get("OnCalendar") == "minutely"


def test_no_file_has_a_passphrase_in_it() -> None:
    filled = [
        f"{path.name}: {name}"
        for path in DEPLOY.rglob("*.env")
        for name, value in read_environment(path.read_text()).items()
        if "PASSPHRASE" in name and value
    ]
    assert filled == []


def test_only_who_has_a_key_gets_a_passphrase() -> None:
    files = {name: parse_unit(UNITS[f"stembus-{name}.service"].read_text()).all("EnvironmentFile") for name in SERVICES}
    assert files == {
        "registrar": ["/etc/stembus/registrar.env"],
        "desk": [],
        "box": ["/etc/stembus/box.env"],
        "site": ["/etc/stembus/site.env"],
    }


def test_the_guide_installs_every_file() -> None:
    guides = (DEPLOY.parent / "docs" / f"{name}-guide.md" for name in ("administrator", "witness"))
    guide = "".join(path.read_text() for path in guides)
    patterns = re.findall(r"deploy/[^\s`)]+", guide)
    named = {path for pattern in patterns for path in DEPLOY.parent.glob(pattern)}
    named |= {below for path in named for below in path.rglob("*")}
    missing = [str(path) for path in DEPLOY.rglob("*") if path.is_file() and path not in named]
    assert missing == []
    assert [pattern for pattern in patterns if not any(DEPLOY.parent.glob(pattern))] == []


def test_the_trial_mounts_files_that_are_there() -> None:
    """All that is tried of it."""
    compose = (DEPLOY / "trial" / "compose.yaml").read_text()
    assert compose.startswith("# UNTRIED")
    mounted = re.findall(r"- (\.\./[a-z]\S+?):", compose)
    assert len(mounted) == 7
    assert [path for path in mounted if not (DEPLOY / "trial" / path).is_file()] == []
