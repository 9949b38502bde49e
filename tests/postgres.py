"""A private PostgreSQL server for tests: the machine's binaries, a Unix socket, no network, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stembus.scripts.develop.prepare import find_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    """Runs for the whole session; yields the folder of its socket. As root it runs as nobody."""
    programs = find_postgres()
    if programs is None:
        pytest.fail("there is no PostgreSQL here; make test says how to get it", pytrace=False)
    folder = Path(tempfile.mkdtemp(prefix="stembus-pg-"))
    folder.chmod(0o711)  # users of other services reach the socket; the data have a folder of their own
    options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = str(folder / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", "stembus", "-A", "trust", "-E", "UTF8", "-N"]
    subprocess.run([*initdb, "--locale=C"], check=True, **options)
    with (folder / "server.log").open("wb") as log:
        command = [str(programs / "postgres"), "-D", data, "-k", str(folder), "-h", "", "-F"]
        server = subprocess.Popen(command, stderr=log, **options)
        try:
            _wait(server, folder)
            yield folder
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    shutil.rmtree(folder)


def _wait(server: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(300):
        try:
            psycopg.connect(f"host={folder} user=stembus dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
        if server.poll() is not None:
            break
    pytest.fail(f"PostgreSQL did not start:\n{(folder / 'server.log').read_text()}", pytrace=False)


@pytest.fixture
def postgres_url(postgres_server: Path) -> str:
    """The URL of a fresh, empty database."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"host={postgres_server} user=stembus dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    return f"postgresql+psycopg://stembus@/{name}?host={postgres_server}"
