"""Where the services of a faults run keep their databases: a copy is made, brought back, or all is lost.

Decides how an administrator copies an SQLite file and a PostgreSQL database; the server is a private one, with a Unix
socket, without a network, gone afterwards. Leaves to the rows what of it happens when.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg

from stembus.scripts.develop.prepare import Unprepared, find_postgres

_START_SECONDS = 60


class Store(Protocol):
    """One service's database."""

    url: str

    def copy(self, to: Path) -> None:
        """A consistent copy, while the service runs."""

    def bring_back(self, copy: Path) -> None:
        """The copy in the place of what is there; the service is stopped."""

    def lose(self) -> None:
        """All of it; the service is stopped."""


class SqliteStore:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path.absolute()}"

    def copy(self, to: Path) -> None:
        with closing(sqlite3.connect(self._path, timeout=60)) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)

    def bring_back(self, copy: Path) -> None:
        self.lose()
        shutil.copy(copy, self._path)

    def lose(self) -> None:
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)


class PostgresServer:
    """Runs from the start until `stop`. As root it runs as nobody. Raises Unprepared where there is none."""

    def __init__(self) -> None:
        programs = find_postgres()
        if programs is None:
            raise Unprepared("there is no PostgreSQL here; make test says how to get it")
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="stembus-faults-pg-"))
        self.folder.chmod(0o711)
        self._options: dict[str, Any] = {"cwd": self.folder, "stdout": subprocess.DEVNULL}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        initdb = [str(programs / "initdb"), "-D", "data", "-U", "stembus", "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run([*initdb, "--locale=C"], check=True, **self._options)
        self._server = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [str(self.programs / "postgres"), "-D", "data", "-k", str(self.folder), "-h", ""]
        with (self.folder / "server.log").open("ab") as log:
            server = subprocess.Popen(command, stderr=log, **self._options)
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and server.poll() is None:
            ready = [str(self.programs / "pg_isready"), "--quiet", "-h", str(self.folder), "-U", "stembus"]
            if subprocess.run(ready, check=False).returncode == 0:
                return server
            time.sleep(0.1)
        raise Unprepared(f"PostgreSQL did not start: {(self.folder / 'server.log').read_text()[-500:]}")

    def _where(self, name: str) -> str:
        return f"host={self.folder} user=stembus dbname={name}"

    def restart(self, how: signal.Signals, away: float) -> None:
        """SIGQUIT stops at once, as a crash does; SIGINT breaks connections first. `away` is in seconds."""
        self._server.send_signal(how)
        self._server.wait(_START_SECONDS)
        time.sleep(away)
        self._server = self._start()

    def stop(self) -> None:
        self._server.send_signal(signal.SIGINT)
        self._server.wait(_START_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self._where("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def run(self, program: str, arguments: Sequence[str]) -> None:
        subprocess.run([str(self.programs / program), "-h", str(self.folder), "-U", "stembus", *arguments], check=True)


class PostgresStore:
    """A database of its own on the server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._name = f"faults_{uuid.uuid4().hex}"
        self.url = f"postgresql+psycopg://stembus@/{self._name}?host={server.folder}"
        self._create()

    def _create(self) -> None:
        self._server.execute(f"CREATE DATABASE {self._name} TEMPLATE template0")

    def copy(self, to: Path) -> None:
        self._server.run("pg_dump", ["-Fc", "-f", str(to), self._name])

    def bring_back(self, copy: Path) -> None:
        self.lose()
        self._server.run("pg_restore", ["-d", self._name, str(copy)])

    def lose(self) -> None:
        self._server.execute(f"DROP DATABASE {self._name} WITH (FORCE)")
        self._create()
