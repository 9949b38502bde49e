"""An executor for work that may be lost on its way: in processes that are killed, or on other machines.

Decides that a piece of work which failed is tried again, elsewhere if there is another place, and at last here: so what
a worker did, or did not do, is never a finding about a referendum. Only pure functions may be given to it. Leaves where
the work is done to who makes the executor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")
_TRIES = 3


@dataclass
class _Piece:
    """Work that somebody waits for, and how often it may still be tried elsewhere."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    left: int
    outer: Future[Any] = field(default_factory=Future)


class PatientExecutor(Executor):
    """`make` gives an executor; again when one is broken."""

    def __init__(self, make: Callable[[], Executor], tries: int = _TRIES) -> None:
        self._make = make
        self._tries = tries
        self._lock = threading.Lock()
        self._inner = make()
        self._here = ThreadPoolExecutor(1)
        self._given_up = False

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        if kwargs:
            raise TypeError("work is given its arguments by their places")
        piece = _Piece(fn, args, self._tries)
        self._try(piece)
        return piece.outer

    def give_up(self) -> None:
        """Nobody is elsewhere any more: what is not done yet is done here."""
        self._given_up = True
        with suppress(Exception):
            self._inner.shutdown(wait=False)

    def _try(self, piece: _Piece) -> None:
        if self._given_up or not piece.left:
            self._here.submit(_do, piece)
            return
        piece.left -= 1
        inner = self._inner
        try:
            future = inner.submit(piece.work, *piece.arguments)
        except RuntimeError:  # broken, or shut down
            self._renew(inner)
            self._try(piece)
            return
        future.add_done_callback(lambda done: self._settle(piece, done, inner))

    def _settle(self, piece: _Piece, done: Future[Any], inner: Executor) -> None:
        error = None if done.cancelled() else done.exception()
        if not done.cancelled() and error is None:
            piece.outer.set_result(done.result())
            return
        if isinstance(error, BrokenExecutor):
            self._renew(inner)
        self._try(piece)

    def _renew(self, broken: Executor) -> None:
        """Once for each executor that broke, however many pieces of work it had."""
        with self._lock:
            if self._inner is not broken or self._given_up:
                return
            self._inner = self._make()
        with suppress(Exception):
            broken.shutdown(wait=False)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with suppress(Exception):
            self._inner.shutdown(wait)
        self._here.shutdown(wait, cancel_futures=cancel_futures)


def _do(piece: _Piece) -> None:
    """Here, where an error is the work's own."""
    try:
        piece.outer.set_result(piece.work(*piece.arguments))
    except Exception as error:
        piece.outer.set_exception(error)
