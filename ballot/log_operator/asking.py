"""Asking several witnesses one question.

Decides that witnesses elsewhere are asked side by side, each for as long as its own patience lasts, and that nobody
waits for the last ones once enough have answered. What comes later is dropped: they are asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TypeVar

from stembus.audit.witness.witness import WitnessService

GRACE_SECONDS = 0.5  # that the others have once enough have answered
Answer = TypeVar("Answer")


def ask_all(
    witnesses: Sequence[WitnessService],
    question: Callable[[WitnessService], Answer | None],
    is_enough: Callable[[Sequence[Answer]], bool],
) -> list[Answer]:
    """The answers that are not None. `question` raises nothing; it runs in a thread of its own for each witness that is
    elsewhere, and here for the others."""
    answers: SimpleQueue[Answer | None] = SimpleQueue()
    waiting, deadline = 0, monotonic()
    for witness in witnesses:
        if witness.patience is not None:
            threading.Thread(target=lambda one=witness: answers.put(question(one)), daemon=True).start()
            waiting, deadline = waiting + 1, max(deadline, monotonic() + witness.patience)
    found = [answer for witness in witnesses if witness.patience is None and (answer := question(witness)) is not None]
    while waiting:
        if is_enough(found):
            deadline = min(deadline, monotonic() + GRACE_SECONDS)
        try:
            answer = answers.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            break
        waiting -= 1
        if answer is not None:
            found.append(answer)
    return found
