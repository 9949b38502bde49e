"""A PostgreSQL server of one's own: the machine's programs, a Unix socket, no network, gone afterwards.

For tests, and for `make load`. Decides nothing about what is stored; leaves to `prepare` where the programs are.
"""

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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from stembus.scripts.develop.prepare import Unprepared, find_postgres

_TRIES = 300


@dataclass(frozen=True)
class PrivatePostgres:
    """`folder` holds the socket; anybody on this machine may connect. `process` is the server's number."""

    folder: Path
    process: int


def new_database(folder: Path) -> str:
    """The URL of a fresh, empty one, at the server whose socket lies in `folder`."""
    name = f"stembus_{uuid.uuid4().hex}"
    with psycopg.connect(f"host={folder} user=stembus dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    return f"postgresql+psycopg://stembus@/{name}?host={folder}"


@contextmanager
def private_postgres(durable: bool) -> Iterator[PrivatePostgres]:
    """As root it runs as nobody. Not `durable`, it never waits for the disk. Raises Unprepared when there is no
    PostgreSQL here, or it does not start."""
    programs = find_postgres()
    if programs is None:
        raise Unprepared("there is no PostgreSQL here; make test says how to get it")
    folder = Path(tempfile.mkdtemp(prefix="stembus-pg-"))
    try:
        folder.chmod(0o711)  # users of other services reach the socket; the data have a folder of their own
        options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data = str(folder / "data")
        initdb = [str(programs / "initdb"), "-D", data, "-U", "stembus", "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run([*initdb, "--locale=C"], check=True, **options)
        command = [str(programs / "postgres"), "-D", data, "-k", str(folder), "-h", "", *([] if durable else ["-F"])]
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(command, stderr=log, **options)
        try:
            _wait(server, folder)
            yield PrivatePostgres(folder, server.pid)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _wait(server: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(_TRIES):
        try:
            psycopg.connect(f"host={folder} user=stembus dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
        if server.poll() is not None:
            break
    raise Unprepared(f"PostgreSQL did not start:\n{(folder / 'server.log').read_text()}")
