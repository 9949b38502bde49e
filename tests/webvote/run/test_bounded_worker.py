"""gunicorn with the product's worker: clients that do not finish are let go, and nobody else is."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.conftest import free_port

SETTINGS = """
from stembus.webvote.run import gunicorn_settings
from stembus.webvote.run.bounded_worker import BoundedWorker

class Hurried(BoundedWorker):
    request_seconds = {seconds}

worker_class, threads = Hurried, {threads}
control_socket_disable = gunicorn_settings.control_socket_disable
loglevel = gunicorn_settings.loglevel
"""
APP = """
import time

def app(environ, start):
    body = b"" if environ["PATH_INFO"] == "/unread" else environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/long":
        time.sleep(4)
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
WHOLE = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwhole"


class Served:
    def __init__(self, folder: Path, seconds: float, threads: int) -> None:
        self.port = free_port()
        (folder / "settings.py").write_text(SETTINGS.format(seconds=seconds, threads=threads))
        (folder / "small.py").write_text(APP)
        command = [sys.executable, "-m", "gunicorn", "--config", "settings.py", "--bind", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen([*command, "small:app"], cwd=folder, stderr=subprocess.PIPE, text=True)
        for _ in range(150):
            try:
                self.connect().close()
                return
            except OSError:
                time.sleep(0.1)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def ask(self, request: bytes) -> bytes:
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts one, and stops it whatever happens; its log must stay empty."""
    started: list[Served] = []

    def start(seconds: float, threads: int = 2) -> Served:
        started.append(Served(tmp_path, seconds, threads))
        return started[-1]

    yield start
    assert [served.stop() for served in started] == [""] * len(started)


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve(1)


@pytest.mark.parametrize("half", [b"POST / HT", WHOLE[:30], WHOLE[:-1]])
def test_threads_that_wait_for_half_a_request_are_freed(served: Served, half: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(served.connect()).sendall(half)
        assert served.ask(WHOLE).endswith(b"whole")


def test_a_byte_now_and_then_is_no_reason_to_wait_on(served: Served) -> None:
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"POST / HTTP/1.1\r\nX: ")
            while not ended.wait(0.2):
                connection.sendall(b"x")
        except OSError:
            pass

    with ExitStack() as stack:
        slow = [threading.Thread(target=drip, args=[stack.enter_context(served.connect())]) for _ in range(4)]
        for thread in slow:
            thread.start()
        assert served.ask(WHOLE).endswith(b"whole")
        ended.set()
        for thread in slow:
            thread.join()


def test_a_request_that_is_in_whole_is_worked_on_for_longer(served: Served) -> None:
    """Also one that waits for a thread meanwhile: there are two threads for three such requests."""
    request, answers = WHOLE.replace(b"POST /", b"POST /long"), []
    asking = [threading.Thread(target=lambda: answers.append(served.ask(request))) for _ in range(3)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert [answer[-5:] for answer in answers] == [b"whole"] * 3


def test_refused_clients_that_stay_are_waited_for_beside_the_main_loop(serve: Callable[..., Served]) -> None:
    """The app answers before it has read; gunicorn alone would wait for each of them in turn, and accept nobody."""
    served = serve(1, threads=16)
    with ExitStack() as stack:
        for _ in range(32):
            refused = WHOLE[:-1].replace(b"POST /", b"POST /unread")
            stack.enter_context(served.connect()).sendall(refused)
        assert served.ask(WHOLE).endswith(b"whole")


def test_without_the_deadline_such_clients_stop_the_service(serve: Callable[..., Served]) -> None:
    """Why there is a worker of our own: gunicorn itself waits without end."""
    served = serve(3600)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(served.connect()).sendall(WHOLE[:-1])
        with served.connect() as connection:
            connection.settimeout(4)
            connection.sendall(WHOLE)
            with pytest.raises(TimeoutError):
                connection.recv(1)
