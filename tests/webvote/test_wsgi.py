"""The apps apart: each from its own settings, under gunicorn, and a whole vote over the network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ballot.office import NotReady
from scripts.cli_serve import make_rehearsal
from tests.browser.conftest import free_port
from webvote.wsgi import settings, site


def test_settings_come_from_a_file_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "site.toml"
    file.write_text('public = "/srv/a"\nhelp_line = "056 1"\n')
    monkeypatch.setenv("STEMBUS_SETTINGS", str(file))
    monkeypatch.setenv("STEMBUS_PUBLIC", "/srv/b")
    assert settings() == {"STEMBUS_PUBLIC": "/srv/b", "STEMBUS_HELP_LINE": "056 1"}
    file.write_text("colour = 'red'")
    with pytest.raises(NotReady, match="STEMBUS_COLOUR"):
        settings()


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEMBUS_PUBLIC", raising=False)
    with pytest.raises(NotReady, match="STEMBUS_PUBLIC"):
        site()


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Registrar, box and site under gunicorn, each its own process, behind paths that the manifest names."""
    root = tmp_path_factory.mktemp("apart")
    ports = {name: free_port() for name in ("site", "registrar", "box")}
    services = [f"http://127.0.0.1:{ports[name]}" for name in ("registrar", "box")]
    make_rehearsal(root, 60, ports["site"], 6, *services)
    environment = os.environ | {
        "STEMBUS_DIR": str(root), "STEMBUS_PUBLIC": str(root / "public"), "STEMBUS_PASSPHRASE": "rehearsal",
    }  # fmt: skip
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
                f"webvote.wsgi:{name}()",
            ],
            env=environment,
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
    program = [sys.executable, "-c", "from scripts.cli import main; main()", "vote", url, "--referendum", referendum]
    program += ["--code", code, "--factor", born, "--choice", "2", "--yes", "--keep"]
    done = subprocess.run([*program, str(tmp_path / "kept")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "promised for batch 1" in done.stdout
    refused = subprocess.run([*program, str(tmp_path / "other")], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "stembus: error: this letter has had its token" in refused.stderr
