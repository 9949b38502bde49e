"""The apps apart: each from its own settings, under gunicorn, and a whole vote over the network."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.office.settings import SettingsInvalid, load_settings
from stembus.scripts.rehearsal.local import make_rehearsal
from stembus.webvote import static_files
from stembus.webvote.run.wsgi import APP_LOAD_ERROR, site
from tests.browser.conftest import free_port
from tests.conftest import Finished


def test_settings_come_from_a_file_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "site.toml"
    file.write_text('public = "/srv/a"\ntheme = "/srv/theme"\n')
    monkeypatch.setenv("STEMBUS_SETTINGS", str(file))
    monkeypatch.setenv("STEMBUS_PUBLIC", "/srv/b")
    assert dict(load_settings().values) == {"PUBLIC": "/srv/b", "THEME": "/srv/theme"}
    file.write_text("colour = 'red'")
    with pytest.raises(SettingsInvalid, match="colour"):
        load_settings()


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("STEMBUS_PUBLIC", raising=False)
    with pytest.raises(SystemExit) as ended:
        site()
    assert ended.value.code == APP_LOAD_ERROR
    assert capsys.readouterr().err == (
        "stembus: error: site: set STEMBUS_PUBLIC, in the environment or in the file that STEMBUS_SETTINGS names\n"
    )


def test_pages_without_their_client_are_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEMBUS_PUBLIC", str(tmp_path))
    monkeypatch.setattr(static_files, "WEBVOTE", tmp_path)
    with pytest.raises(SystemExit) as ended:
        site()
    assert ended.value.code == APP_LOAD_ERROR
    said = capsys.readouterr().err
    assert said.startswith("stembus: error: site: the browser client is not built, static/client/check.js is missing")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("registrar", {}, "STEMBUS_DIR"),
        ("box", {"STEMBUS_DIR": "/nowhere"}, "no frozen referendum"),
        ("desk", {"STEMBUS_DIR": "/dev/null"}, "no frozen referendum|Not a directory"),
        ("site", {"STEMBUS_PUBLIC": "/nowhere"}, "is not a folder"),
    ],
)
def test_gunicorn_stops_with_one_sentence(name: str, settings: dict[str, str], words: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STEMBUS_")} | settings
    program = [
        sys.executable,
        "-m",
        "gunicorn",
        "--bind",
        f"127.0.0.1:{free_port()}",
        f"stembus.webvote.run.wsgi:{name}()",
    ]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert not Path("/nowhere").exists()
    assert "Traceback" not in done.stderr
    assert re.search(f"stembus: error: {name}: .*({words})", done.stderr), done.stderr


def test_a_service_waits_for_a_database_that_is_not_up_yet(opened: Finished, tmp_path: Path) -> None:
    """As when a machine starts: gunicorn stays, and its workers try again."""
    opened.rehearsal(tmp_path).office.dispose()
    settings = tmp_path / "settings.toml"
    settings.write_text('box_database = "postgresql+psycopg://x@127.0.0.1:1/y"\n')
    settings.chmod(0o600)
    mark = tmp_path / "box" / "database"
    made = mark.read_text()
    mark.write_text(made.replace("sqlite", "postgresql"))
    own = {
        "STEMBUS_DIR": str(tmp_path),
        "STEMBUS_PASSPHRASE": "rehearsal",
        "STEMBUS_CLOCK": "2019-10-15T09:00:00+02:00",
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STEMBUS_")} | own
    port = free_port()
    program = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "stembus.webvote.run.wsgi:box()"]
    with (tmp_path / "said").open("wb") as said:
        running = subprocess.Popen(program, env=environment, stderr=said)
    try:
        for _ in range(300):
            if (tmp_path / "said").read_text().count("stembus: box waits: the database") >= 2:
                break
            time.sleep(0.2)
        assert running.poll() is None
        mark.write_text(made)
        settings.unlink()
        _wait(port)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=30)
    assert "Traceback" not in (tmp_path / "said").read_text()
    assert (tmp_path / "said").read_text().count("box waits") >= 2


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Registrar and desk of one organisation, box and site of another, each its own process under gunicorn, behind
    addresses that the manifest names. Returns the folder of the box, in which nothing of the registrar is left."""
    root, elsewhere = tmp_path_factory.mktemp("apart"), tmp_path_factory.mktemp("registrar")
    ports = {name: free_port() for name in ("site", "registrar", "box", "desk")}
    services = [f"http://127.0.0.1:{ports[name]}" for name in ("registrar", "box")]
    make_rehearsal(root, 60, ports["site"], 6, *services)
    for party in ("registrar-1", "desk"):
        shutil.move(root / party, elsewhere / party)
    shutil.copy(root / "manifest.json", elsewhere)
    common = {"STEMBUS_PUBLIC": str(root / "public"), "STEMBUS_PASSPHRASE": "rehearsal"}
    folders = {"site": root, "box": root, "registrar": elsewhere, "desk": elsewhere}
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--bind",
                f"127.0.0.1:{port}",
                "--workers",
                "1",
                f"stembus.webvote.run.wsgi:{name}()",
            ],
            env=os.environ | common | {"STEMBUS_DIR": str(folders[name])},
            stderr=subprocess.DEVNULL,
        )
        for name, port in ports.items()
    ]
    try:
        for port in ports.values():
            _wait(port)
        yield root
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(timeout=30)


def _wait(port: int) -> None:
    for _ in range(150):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers on port {port}")


def test_the_python_voter_votes_over_the_network(apart: Path, tmp_path: Path) -> None:
    code, born = (apart / "voters.csv").read_text().splitlines()[0].split(",")
    referendum = (apart / "referendum.id").read_text().strip()
    url = json.loads((apart / "manifest.json").read_text())["client"]["url"]
    program = [
        sys.executable,
        "-c",
        "from stembus.scripts.cli.main import main; main()",
        "vote",
        url,
        "--referendum",
        referendum,
    ]
    program += ["--code", code, "--factor", born, "--choice", "2", "--keep"]
    cast = partial(subprocess.run, input="cast", capture_output=True, text=True, check=False)
    done = cast([*program, str(tmp_path / "kept")])
    assert done.returncode == 0, done.stderr
    assert "promised for batch 1" in done.stdout
    refused = cast([*program, str(tmp_path / "other")])
    assert refused.returncode == 1
    assert "stembus: error: this letter has had its token" in refused.stderr


def test_a_batch_is_sealed_with_the_count_of_a_registrar_elsewhere(apart: Path, tmp_path: Path) -> None:
    code, born = (apart / "voters.csv").read_text().splitlines()[1].split(",")
    referendum = (apart / "referendum.id").read_text().strip()
    url = json.loads((apart / "manifest.json").read_text())["client"]["url"]
    stembus = [sys.executable, "-c", "from stembus.scripts.cli.main import main; main()"]
    environment = os.environ | {"STEMBUS_PASSPHRASE": "rehearsal"}
    voter = ["--code", code, "--factor", born, "--choice", "1", "--keep", str(tmp_path / "kept")]
    steps = [["vote", url, "--referendum", referendum, *voter], ["seal", str(apart)], ["status", str(apart)]]
    for step in steps:
        done = subprocess.run(
            [*stembus, *step], input="cast", capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
    assert "1 batches" in done.stdout
    assert not (apart / "registrar-1").exists()
    report = verify(FolderPlace(apart / "public"), bytes.fromhex(referendum))
    assert report.faults == []
