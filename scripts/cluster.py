"""The workers of a Dask cluster, for the heavy work of a verification.

Decides that a cluster without workers is waited for a little and then done without. What a worker says is believed, so
a cluster is for who has machines of their own. Leaves lost work to `patient_executor`.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from stembus.audit.verify.outcome import EXIT_USAGE
from stembus.scripts.patient_executor import PatientExecutor
from stembus.scripts.shell import fail, say

_ANSWER_SECONDS = 10  # for a scheduler
_LOOK_SECONDS = 5
_PATIENCE_SECONDS = 15  # without any worker


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Ends the command where Dask is not there, or no scheduler answers."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        fail("--scheduler needs Dask; install it with: pip install 'stembus[cluster]'", status=EXIT_USAGE)
    if not _answers(address):
        told = f"no Dask scheduler answers at {address}"
        fail(told, "it is started with: dask scheduler; its address is like tcp://10.0.0.7:8786", EXIT_USAGE)
    client: Any = Client(address, timeout=_ANSWER_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    ended = threading.Event()
    with client, PatientExecutor(lambda: client.get_executor(pure=False)) as executor:
        watcher = threading.Thread(target=_watch, args=(client, executor, ended), daemon=True)
        watcher.start()
        try:
            yield executor
        finally:
            ended.set()
            watcher.join()


def _answers(address: str) -> bool:
    """Whether anything listens there; a client of the library would wait, and complain at its end."""
    match = re.fullmatch(r"(?:tcp|tls)://([^/\s]+):([0-9]{1,5})", address)
    try:
        if match is not None:
            socket.create_connection((match[1].strip("[]"), int(match[2])), _ANSWER_SECONDS).close()
        return match is not None
    except (OSError, OverflowError):
        return False


def _watch(client: Any, executor: PatientExecutor, ended: threading.Event) -> None:
    alone = 0
    while not ended.wait(_LOOK_SECONDS):
        alone = 0 if _workers(client) else alone + _LOOK_SECONDS
        if alone >= _PATIENCE_SECONDS:
            say("the cluster has no worker any more; what is left is done here")
            executor.give_up()
            return


def _workers(client: Any) -> int:
    """None are there while the scheduler does not answer."""
    try:
        return len(client.nthreads())
    except Exception:
        return 0
