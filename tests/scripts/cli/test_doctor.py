"""`stembus doctor` says go or no go, by its words and by its exit status."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stembus.scripts.cli.main import main
from tests.conftest import Finished


@pytest.fixture
def folder(opened: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(opened.root, tmp_path / "kortrijk")
    monkeypatch.setenv("STEMBUS_CLOCK", "2019-10-14T09:00:00+02:00")
    monkeypatch.delenv("STEMBUS_PASSPHRASE", raising=False)
    return tmp_path / "kortrijk"


def doctor(folder: Path, *options: str) -> Result:
    result = CliRunner().invoke(main, ["doctor", str(folder), *options])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_warnings_alone_are_go_and_no_passphrase_is_asked(folder: Path) -> None:
    result = doctor(folder)
    assert result.exit_code == 0
    assert "WARN         desk accounts: " in result.output
    assert "go: 0 failures, 4 warnings, 0 not checked here" in result.output


def test_a_failure_is_no_go(folder: Path) -> None:
    (folder / "box" / "box.db").unlink()
    result = doctor(folder)
    assert result.exit_code == 1
    assert "\nno go: 1 failures" in result.output


def test_monitoring_gets_one_object_and_the_same_status(folder: Path) -> None:
    told = json.loads(doctor(folder, "--json").output)
    assert told["go"] is True
    assert {"check", "verdict", "text"} == set(told["checks"][0])
    (folder / "registrar-1" / "pepper").unlink()
    result = doctor(folder, "--json")
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert told["go"] is False
    assert [item["check"] for item in told["checks"] if item["verdict"] == "FAIL"] == ["pepper"]


def test_a_folder_that_is_not_there_or_empty_is_no_go(tmp_path: Path) -> None:
    assert doctor(tmp_path / "nowhere").exit_code == 1
    assert doctor(tmp_path).exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_certificates_are_looked_at_when_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", away)
    assert doctor(folder).exit_code == 0
    asked = doctor(folder, "--certificates")
    assert asked.exit_code == 1
    assert "FAIL         certificate vote.example.org:443: it cannot be seen" in asked.output


def test_a_damaged_manifest_is_one_failure_with_certificates_too(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    assert "no go: 1 failures" in doctor(folder, "--certificates").output
