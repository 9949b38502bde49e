"""What `make apart` and `make rehearsal` share: the browser's flags, the timer that seals, and how a run ends."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stembus.scripts.develop.apart.party import NotApart

BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """In a thread, which ends soon after its event is set."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=[ended], daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def sealing(seal: Callable[[], object], pause: float) -> Iterator[None]:
    """The timer, with so many seconds between. A run that fails shows at the end, as it would to who watches it."""
    failed: list[str] = []

    def work(ended: threading.Event) -> None:
        while not ended.wait(pause):
            try:
                seal()
            except NotApart as error:
                failed.append(str(error))

    with meanwhile(work):
        yield
    if failed:
        raise NotApart(f"{len(failed)} times: {failed[-1]}")


def conclude(root: Path, held: bool, keep: bool) -> int:
    """The exit status. The folder of a run that held is not needed any more."""
    if held and not keep:
        shutil.rmtree(root)
    else:
        print(f"kept: {root}")
    print("everything held" if held else "NOT everything held")
    return 0 if held else 1
