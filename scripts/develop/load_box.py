"""The ballot box of `make load`, as a city serves it, and clients that cast at it.

The box is gunicorn with the settings of `deploy/`, and no proxy in front; each cast comes on a connection of its own,
as nginx hands it on. Decides how time is measured: an answer's latency counts from the moment at which its cast was
due, not from when a client was free, and processor time is what the kernel charged to processes. Leaves what is cast,
and how fast, to `load`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stembus.scripts.rehearsal.referendum import PASSPHRASE

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60
ANSWER_SECONDS = 60


class LoadFailed(Exception):
    """The box does not run, or does not do what it should; the message is for people."""


@dataclass(frozen=True)
class Answer:
    """`seconds` from when the cast was due to the last byte; `body` is a promise if `status` is 200."""

    seconds: float
    status: int
    body: bytes


@dataclass(frozen=True)
class Box:
    port: int
    workers: tuple[int, ...]


def environment(folder: Path) -> dict[str, str]:
    """Of the box and of `stembus seal`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEMBUS_")}
    return kept | {"STEMBUS_DIR": str(folder), "STEMBUS_PASSPHRASE": PASSPHRASE}


@contextmanager
def serve_box(folder: Path, workers: int) -> Iterator[Box]:
    """Raises LoadFailed with what it said, when it does not start."""
    port = _free_port()
    program = [str(Path(sys.executable).with_name("gunicorn")), "--bind", f"127.0.0.1:{port}"]
    program += ["--config", "python:stembus.webvote.run.gunicorn_settings", "--workers", str(workers)]
    log = folder / "gunicorn.log"
    with log.open("wb") as said:
        command = [*program, "stembus.webvote.run.wsgi:box()"]
        master = subprocess.Popen(command, env=environment(folder), stdout=said, stderr=said)
    try:
        yield Box(port, _await_workers(master, port, workers, log))
    finally:
        master.terminate()
        master.wait(60)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _await_workers(master: subprocess.Popen[bytes], port: int, workers: int, log: Path) -> tuple[int, ...]:
    """Until each has loaded the app: it has said so, once."""
    for _ in range(_START_SECONDS * 10):
        if master.poll() is not None:
            break
        loaded = log.read_text().count("settings of this service")
        if loaded == workers and len(found := _children(master.pid)) == workers:
            if ask(port, b"").status == 0:
                raise LoadFailed("the ballot box was started and does not answer")
            return tuple(found)
        time.sleep(0.1)
    raise LoadFailed(f"the ballot box did not start: {log.read_text().strip()}")


def _children(process: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def processor_seconds(processes: Sequence[int]) -> float:
    """User's and kernel's time of these processes so far, in steps of a hundredth of a second."""
    return sum(sum(_times(process)[:2]) for process in processes)


def family_seconds(process: int) -> float:
    """The same of a server that starts a process for each connection, those included that have ended."""
    return sum(_times(process)) + processor_seconds(_children(process))


def _times(process: int) -> tuple[float, float, float, float]:
    """User, system, and the same of children that ended; seconds."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # a child that ended at this moment
        return 0.0, 0.0, 0.0, 0.0
    user, system, ended_user, ended_system = (int(word) / _TICKS for word in words[11:15])
    return user, system, ended_user, ended_system


def ask(port: int, ballot: bytes) -> Answer:
    """Casts it. The status is 0 when no whole answer came."""
    start = time.perf_counter()
    head = b"POST /cast HTTP/1.1\r\nHost: box\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n"
    said = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(ballot) + ballot)
            while part := connection.recv(65536):
                said += part
    except OSError:
        said = b""
    first, _, body = said.partition(b"\r\n\r\n")
    status = int(first.split()[1]) if first.startswith(b"HTTP/1.1 ") else 0
    return Answer(time.perf_counter() - start, status, body)


def cast_all(port: int, ballots: Sequence[bytes], clients: int, rate: float | None) -> list[Answer]:
    """In the ballots' order. `rate` casts fall due each second; without it, each client casts as soon as it has its
    answer, and a cast is due when it begins."""
    answers: list[Answer | None] = [None] * len(ballots)
    turn, taken, start = threading.Lock(), iter(range(len(ballots))), time.perf_counter()

    def work() -> None:
        while True:
            with turn:
                number = next(taken, None)
            if number is None:
                return
            late = 0.0
            if rate is not None:
                wait = start + number / rate - time.perf_counter()
                time.sleep(max(0.0, wait))
                late = max(0.0, -wait)
            answer = ask(port, ballots[number])
            answers[number] = Answer(answer.seconds + late, answer.status, answer.body)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answer for answer in answers if answer is not None]
