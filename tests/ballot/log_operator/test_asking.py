"""Witnesses elsewhere: asked side by side, and none for longer than its answer is worth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import pytest

from stembus.audit.clock import SimulatedClock
from stembus.audit.errors import NoteInvalid
from stembus.audit.log.note import Checkpoint, NoteSignature
from stembus.audit.witness.app import WitnessApp
from stembus.audit.witness.refusals import SizeDiffers
from stembus.ballot.errors import WitnessUnreachable
from stembus.ballot.log_operator import asking
from stembus.ballot.log_operator.asking import ask_all
from stembus.ballot.log_operator.remote_witness import RemoteWitness
from tests.audit.witness.builders import NAME, ORIGIN, START, Application, following, proof, served, tree


class Elsewhere:
    """Answers with its name once it is let go."""

    def __init__(self, name: str, patience: float | None = 60.0) -> None:
        self.name, self.patience, self.go = name, patience, threading.Event()

    def add_checkpoint(self, *_: object) -> Sequence[NoteSignature]:
        raise AssertionError("the question asks otherwise here")


def wait(witness: object) -> str:
    assert isinstance(witness, Elsewhere)
    witness.go.wait(20)
    return witness.name


def test_a_quorum_of_live_answers_suffices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GRACE_SECONDS", 0.1)
    live, other, dead = Elsewhere("live"), Elsewhere("other"), Elsewhere("dead")
    live.go.set()
    other.go.set()
    started = monotonic()
    found = ask_all([dead, live, other], wait, lambda answers: len(answers) >= 2)
    assert sorted(found) == ["live", "other"]
    assert monotonic() - started < 10
    dead.go.set()


def test_one_that_is_a_little_later_than_the_quorum_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GRACE_SECONDS", 20)
    first, second = Elsewhere("first"), Elsewhere("second")
    first.go.set()

    def is_enough(answers: Sequence[str]) -> bool:
        if answers:
            second.go.set()
        return bool(answers)

    assert ask_all([first, second], wait, is_enough) == ["first", "second"]


def test_without_a_quorum_the_patience_ends_the_waiting() -> None:
    witnesses = [Elsewhere("a", 0.1), Elsewhere("b", 0.2)]
    assert ask_all(witnesses, wait, lambda _: False) == []
    for witness in witnesses:
        witness.go.set()


def test_the_near_are_asked_here_and_the_far_meanwhile() -> None:
    far, near, asked = Elsewhere("far"), Elsewhere("near", None), []

    def question(witness: object) -> str | None:
        asked.append(threading.current_thread() is threading.main_thread())
        if witness is near:
            far.go.set()
            near.go.set()
        return wait(witness)

    assert sorted(ask_all([far, near], question, lambda _: False)) == ["far", "near"]
    assert sorted(asked) == [False, True]


def test_one_without_an_answer_keeps_nobody_waiting() -> None:
    witnesses = [Elsewhere(str(number)) for number in range(5)]
    assert ask_all(witnesses, lambda _: None, lambda _: False) == []
    assert ask_all([], wait, lambda _: False) == []


# Over HTTP


def said(status: str, kind: str, body: bytes, *more: tuple[str, str]) -> Application:
    def app(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *more])
        return [body]

    return app


def test_a_witness_far_away_answers_like_one_that_is_here(tmp_path: Path) -> None:
    entries = [b"a", b"b", b"c"]
    with served(WitnessApp(following(tmp_path / "far"))) as url:
        far, near = RemoteWitness(NAME, f"{url}/"), following(tmp_path / "near", SimulatedClock(START))
        for witness in (far, near):
            assert len(witness.add_checkpoint(tree(*entries[:2]), 0, [])) == 1
            with pytest.raises(SizeDiffers) as differs:
                witness.add_checkpoint(tree(*entries), 0, [])
            assert differs.value.size == 2
        asked = (tree(*entries), 2, proof(2, entries))
        assert far.add_checkpoint(*asked) == near.add_checkpoint(*asked)


@pytest.mark.parametrize(
    ("app", "kind", "told"),
    [
        (
            said("404 Not Found", "text/plain", b"no such log\n"),
            WitnessUnreachable,
            "does not follow this log",
        ),
        (said("409 Conflict", "text/plain", b"12\n"), WitnessUnreachable, "answers 409"),
        (said("409 Conflict", "text/x.tlog.size", b"twelve\n"), NoteInvalid, "a number on a line"),
        (said("409 Conflict", "text/x.tlog.size", b"012\n"), NoteInvalid, "a number on a line"),
        (said("200 OK", "text/html", b"<html>login</html>\n"), NoteInvalid, "signature line"),
        (said("200 OK", "text/plain", b"\xff\n"), NoteInvalid, "UTF-8"),
        (said("200 OK", "text/plain", b""), NoteInvalid, "newline"),
        (
            said("302 Found", "text/plain", b"", ("Location", "http://127.0.0.1:1/add-checkpoint")),
            WitnessUnreachable,
            "answers 302",
        ),
        (said("503 Service Unavailable", "text/plain", b"x" * 100_000), WitnessUnreachable, "answers 503"),
    ],
)
def test_an_answer_that_is_none_is_named(app: Application, kind: type[Exception], told: str) -> None:
    with served(app) as url, pytest.raises(kind, match=told):
        RemoteWitness(NAME, url).add_checkpoint(tree(b"a"), 0, [])


def test_nobody_at_the_address_is_named() -> None:
    with served(said("200 OK", "text/plain", b"")) as url:
        pass
    with pytest.raises(WitnessUnreachable, match="does not answer"):
        RemoteWitness(NAME, url).add_checkpoint(tree(b"a"), 0, [])


def test_a_witness_that_says_nothing_is_given_up() -> None:
    silent = threading.Event()

    def app(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        silent.wait(20)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return [b""]

    with served(app) as url:
        with pytest.raises(WitnessUnreachable, match="does not answer"):
            RemoteWitness(NAME, url, patience=0.2).add_checkpoint(tree(b"a"), 0, [])
        silent.set()


def test_a_checkpoint_arrives_as_it_was_sent(tmp_path: Path) -> None:
    signed = tree(b"a")
    other = NoteSignature("stranger", b"abcd", bytes(64))
    with served(WitnessApp(following(tmp_path))) as url:
        checkpoint = Checkpoint(ORIGIN, 1, signed.root, (*signed.signatures, other))
        assert len(RemoteWitness(NAME, url).add_checkpoint(checkpoint, 0, [])) == 1
