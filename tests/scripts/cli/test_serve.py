"""`stembus serve`: what keeps it from serving is said in one line, before anything is announced."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stembus.scripts.cli.desk import desk
from stembus.scripts.cli.serve import serve
from stembus.scripts.rehearsal.local import make_rehearsal
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.scripts.shell import CalmGroup
from stembus.webvote import static_files
from stembus.webvote.run.single_process import Together
from tests.browser.conftest import free_port

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("STEMBUS_DESK_PASSWORD", raising=False)
    monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")

    # Whatever fails to refuse would serve for ever.
    monkeypatch.setattr(Together, "serve", lambda _: pytest.fail("it serves"))

    def call(*arguments: object, status: int = 1) -> Result:
        result = CliRunner().invoke(CalmGroup("stembus", commands=[serve, desk]), [str(a) for a in arguments])
        assert result.exit_code == status, (arguments, result.output, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


def test_a_port_in_use_is_told_before_anything_is_announced(run: Run, tmp_path: Path) -> None:
    port = free_port()
    make_rehearsal(tmp_path / "run", 60, port, 4)
    with socket.create_server(("127.0.0.1", port)):
        output = run("serve", "--fresh", tmp_path / "run").output
    assert f"stembus: error: http://127.0.0.1:{port}/ cannot be served: Address already in use" in output
    assert "stembus: hint: " in output
    assert "voting page" not in output


def test_pages_without_their_client_are_not_served(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_files, "WEBVOTE", tmp_path)
    output = run("serve", "--fresh", tmp_path / "run").output
    assert output.startswith("stembus: error: the browser client is not built, static/client/check.js is missing")
    assert not (tmp_path / "run").exists()


def test_options_for_a_fresh_rehearsal_are_not_silently_ignored(run: Run, tmp_path: Path) -> None:
    make_rehearsal(tmp_path / "run", 60, free_port(), 4)
    assert "fixed" in run("serve", "--fresh", tmp_path / "run", "--minutes", "5").output


def test_a_rehearsal_that_is_over_is_not_called_open(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_rehearsal(tmp_path / "run", 60, free_port(), 4)
    from stembus.audit.clock import RealClock

    now = RealClock().now()
    monkeypatch.setattr(RealClock, "now", lambda _: now + 3601)
    output = run("serve", "--fresh", tmp_path / "run").output
    assert "is over" in output
    assert "for a new one remove that folder" in output


def test_a_fresh_rehearsal_takes_no_folder_that_holds_other_things(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "is not empty" in run("serve", "--fresh", tmp_path).output
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_referendum_of_other_addresses_is_not_served_here(run: Run, tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path / "city")
    rehearsal.keys()
    rehearsal.define(demo_draft(40, 10, clock="real"))
    output = run("serve", tmp_path / "city").output
    assert "not to this machine alone" in output
    assert "stembus: hint: in the draft of a local one" in output


def test_the_desks_commands_make_nothing_in_a_wrong_folder(run: Run, tmp_path: Path) -> None:
    for arguments in (("log", tmp_path), ("remove", tmp_path, "an"), ("add", tmp_path, "an")):
        assert "holds no frozen referendum" in run("desk", *arguments).output
    assert list(tmp_path.iterdir()) == []


def test_an_officers_account_is_made_and_ended_on_the_command_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rehearsal(tmp_path / "run", 60, free_port(), 4)
    assert "set STEMBUS_DESK_PASSWORD" in run("desk", "add", tmp_path / "run", "an").output
    assert "small letters" in run("desk", "add", tmp_path / "run", "An").output
    monkeypatch.setenv("STEMBUS_DESK_PASSWORD", "a long password")
    run("desk", "add", tmp_path / "run", "an", status=0)
    run("desk", "remove", tmp_path / "run", "an", status=0)
    output = run("desk", "log", tmp_path / "run", status=0).output
    assert "officers: none" in output
    assert [line.split()[1:3] for line in output.splitlines()[1:]] == [["an", "enlist"], ["an", "dismiss"]]
