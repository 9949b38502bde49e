"""What a dishonest ballot box can answer a monitor, and that none of it makes a refused ballot look well."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from stembus.audit.formats.cast_ballot import peek
from stembus.audit.formats.entry_bodies import Cancel
from stembus.audit.formats.receipt import Promise, encode_promise, make_promise
from stembus.audit.monitor.handed import BALLOTS, PROMISES, Handed, read_pile
from stembus.audit.monitor.watch import Relayed, Round, watch
from stembus.audit.verify.report import Report
from stembus.ballot.errors import (
    BallotRejected,
    Cancelled,
    CastOutOfTurn,
    Closed,
    DatabaseBehind,
    LogBehindDatabase,
    NotOpenYet,
)
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.issuance.token import VotingPass
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.ballot.voter.remote import RemoteBox
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.scripts.relay import RELAYED, relay
from tests.conftest import Finished

Answer = Callable[[bytes, bytes], Promise]


@pytest.fixture
def rehearsal(opened: Finished, tmp_path: Path) -> Rehearsal:
    made = opened.rehearsal(tmp_path / "office")
    made.clock.move_to(made.office.manifest.opens_at + 60)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (PROMISES, BALLOTS):
        (tmp_path / "keep" / name).mkdir(parents=True)
    return tmp_path / "keep"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    def set_answer(answer: Answer) -> None:
        monkeypatch.setattr(RemoteBox, "cast", lambda _, raw, earlier=b"": answer(raw, earlier))

    return set_answer


def ballot(rehearsal: Rehearsal, voting_pass: VotingPass, seq: int = 0, option: int = 1) -> bytes:
    context = rehearsal.office.context()
    return sign_ballot(context, voting_pass, prepare(context, voting_pass, ((option,),)), seq)


def put(folder: Path, raw: bytes, name: str = "jan") -> str:
    """Its hash."""
    (folder / BALLOTS / name).write_bytes(raw)
    return hashlib.sha256(raw).hexdigest()


def look(rehearsal: Rehearsal, folder: Path, after: str = "") -> Round:
    log = rehearsal.verified()
    pile = read_pile(log, folder)
    return replace(watch(Report(log=log), [], folder), brought=tuple(relay(log, folder, pile, after)))


def raising(error: Exception) -> Answer:
    def answer(_: bytes, __: bytes) -> Promise:
        raise error

    return answer


def states(seen: Round) -> list[Relayed]:
    return [one.state for one in seen.brought]


@pytest.mark.parametrize(
    "answer",
    [
        BallotRejected("V19", "no"),
        BallotRejected("x \ud800", "x \ud800" * 1000),
        CastOutOfTurn("a later one", None),
        CastOutOfTurn("a later one", b"\x01" * 900),
        Closed("voting is over"),
        NotOpenYet("soon"),
    ],
    ids=repr,
)
def test_a_valid_ballot_that_is_not_taken_while_voting_is_open_is_refused_in_whatever_words(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], answer: Exception, opened: Finished
) -> None:
    put(folder, ballot(rehearsal, rehearsal.token(*opened.letters[0])))
    answers(raising(answer))
    seen = look(rehearsal, folder)
    assert states(seen) == [Relayed.REFUSED]
    (alarm,) = seen.alarms()
    assert "refuses ballot 1" in alarm
    assert len(alarm) < 200
    alarm.encode()


@pytest.mark.parametrize(
    "answer",
    [ServiceUnreachable("no"), DatabaseBehind("own"), LogBehindDatabase("own"), Cancelled("so it says")],
    ids=lambda error: type(error).__name__,
)
def test_a_box_in_trouble_is_doubted_and_not_accused(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], answer: Exception, opened: Finished
) -> None:
    put(folder, ballot(rehearsal, rehearsal.token(*opened.letters[0])))
    answers(raising(answer))
    seen = look(rehearsal, folder)
    assert (states(seen), list(seen.alarms())) == ([Relayed.UNANSWERED], [])
    assert any("does not answer for it" in doubt for doubt in seen.doubts())


def test_a_box_that_shows_the_later_ballot_is_believed_and_one_that_shows_another_ones_is_not(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], opened: Finished
) -> None:
    own, other = rehearsal.token(*opened.letters[0]), rehearsal.token(*opened.letters[1])
    raw = ballot(rehearsal, own, 1)
    put(folder, raw)
    for shown, state in (
        (ballot(rehearsal, own, 2), Relayed.REPLACED),
        (ballot(rehearsal, own, 1, option=0), Relayed.TURN),
        (ballot(rehearsal, own, 0), Relayed.REFUSED),
        (raw, Relayed.REFUSED),
        (ballot(rehearsal, other, 2), Relayed.REFUSED),
    ):
        answers(raising(CastOutOfTurn("later", shown)))
        assert states(look(rehearsal, folder)) == [state]


def test_what_the_box_refused_is_still_refused_after_the_close(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], opened: Finished
) -> None:
    put(folder, ballot(rehearsal, rehearsal.token(*opened.letters[0])))
    answers(raising(BallotRejected("V19", "no")))
    look(rehearsal, folder)
    rehearsal.close()
    seen = look(rehearsal, folder)
    assert states(seen) == [Relayed.REFUSED]
    assert len(list(seen.alarms())) == 1


def test_what_the_box_took_and_dropped_is_an_alarm_after_the_close_and_who_comes_later_is_late(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], opened: Finished
) -> None:
    first, second = (ballot(rehearsal, rehearsal.token(*opened.letters[k])) for k in (0, 1))
    digest = put(folder, first, "a")
    answers(lambda raw, _: promised(rehearsal, raw, 1))
    assert states(look(rehearsal, folder)) == [Relayed.TAKEN]
    assert states(look(rehearsal, folder)) == [Relayed.TAKEN], "it has its promise, and is not asked for another"
    assert len(list((folder / PROMISES).iterdir())) == 1
    rehearsal.close()
    put(folder, second, "b")
    seen = look(rehearsal, folder)
    assert states(seen) == [Relayed.DROPPED, Relayed.LATE]
    assert "ballot 1: THE BALLOT BOX TOOK IT, AND IT IS NOT IN THE LOG" in seen.alarms()
    assert not (folder / RELAYED / hashlib.sha256(second).hexdigest()).exists()
    for path in (folder / RELAYED / digest, *(folder / PROMISES).iterdir()):
        assert path.stat().st_mtime == 0, "a file's time would be that of a vote"


def promised(rehearsal: Rehearsal, raw: bytes, batch: int, number: bytes | None = None) -> Promise:
    """As the box signs it, of whatever it likes."""
    office, digest = rehearsal.office, hashlib.sha256(raw).digest()
    number = number or peek(office.context(), raw)
    return make_promise(office.referendum, digest, number, batch, office.signing_key("box"))


@pytest.mark.parametrize("kind", ["another number", "another ballot"])
def test_a_promise_that_contradicts_its_ballot_is_kept_as_evidence(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], opened: Finished, kind: str
) -> None:
    raw = ballot(rehearsal, rehearsal.token(*opened.letters[0]))
    put(folder, raw)
    other = raw if kind == "another number" else raw + b"x"
    number = b"\xab" * 32 if kind == "another number" else None
    answers(lambda _, __: promised(rehearsal, other, 1, number))
    for _ in range(2):
        seen = look(rehearsal, folder)
        assert states(seen) == [Relayed.FALSE]
        assert any("SIGNED A PROMISE OF ANOTHER BALLOT" in alarm for alarm in seen.alarms())
    assert len(list((folder / PROMISES).iterdir())) == 1


def test_a_promised_ballot_that_is_missing_is_brought_with_its_promise(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], opened: Finished
) -> None:
    raw = ballot(rehearsal, rehearsal.token(*opened.letters[0]))
    put(folder, raw)
    said = encode_promise(promised(rehearsal, raw, 1))
    (folder / PROMISES / "of-the-voter").write_bytes(said)
    rehearsal.cast(rehearsal.token(*opened.letters[1]), [[1]])
    rehearsal.clock.move_to(rehearsal.clock.now() + 700)
    assert rehearsal.seal() == 1
    heard: list[bytes] = []

    def answer(raw: bytes, earlier: bytes) -> Promise:
        heard.append(earlier)
        return promised(rehearsal, raw, 2)

    answers(answer)
    assert states(look(rehearsal, folder)) == [Relayed.TAKEN]
    assert heard == [said]


def test_a_promise_beside_its_ballot_knows_that_the_voter_cast_again(
    rehearsal: Rehearsal, folder: Path, opened: Finished
) -> None:
    voting_pass = rehearsal.token(*opened.letters[0])
    raw = ballot(rehearsal, voting_pass)
    (folder / PROMISES / "p").write_bytes(encode_promise(promised(rehearsal, raw, 1)))
    rehearsal.cast(voting_pass, [[1]], 1)
    rehearsal.clock.move_to(rehearsal.clock.now() + 700)
    rehearsal.seal()

    def text() -> str:
        (handed,) = look(rehearsal, folder).handed
        assert isinstance(handed, Handed)
        return handed.text

    assert text() == "missing so far"
    put(folder, raw)
    assert text() == "superseded by the same token"


def test_a_box_that_does_not_answer_is_asked_once_in_a_look_and_another_ballot_is_first_next_time(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], opened: Finished
) -> None:
    raws = [ballot(rehearsal, rehearsal.token(*opened.letters[k])) for k in range(3)]
    for name, raw in zip("abc", raws, strict=True):
        put(folder, raw, name)
    asked: list[int] = []

    def answer(raw: bytes, _: bytes) -> Promise:
        asked.append(raws.index(raw))
        raise ServiceUnreachable("slow")

    answers(answer)
    after = ""
    for _ in range(3):
        seen = look(rehearsal, folder, after)
        assert states(seen) == [Relayed.UNANSWERED] * 3
        after = seen.brought[0].name
    assert asked == [0, 1, 2]


def test_what_lies_in_the_folder_and_cannot_be_used_stops_nothing_else(
    rehearsal: Rehearsal, folder: Path, answers: Callable[[Answer], None], opened: Finished
) -> None:
    (folder / BALLOTS / "a").symlink_to("x" * 300)
    (folder / BALLOTS / "b").symlink_to("b")
    os.mkfifo(folder / BALLOTS / "c")
    put(folder, ballot(rehearsal, rehearsal.token(*opened.letters[0])), "d")
    (folder / PROMISES).rmdir()
    answers(lambda raw, _: promised(rehearsal, raw, 1))
    found = {one.name: one.state for one in look(rehearsal, folder).brought}
    assert found["d"] is Relayed.TAKEN
    assert set(found) <= {"a", "b", "d"}
    assert len(list((folder / PROMISES).iterdir())) == 1


def test_a_cancelled_referendum_is_told_in_its_own_words(rehearsal: Rehearsal, folder: Path, opened: Finished) -> None:
    put(folder, ballot(rehearsal, rehearsal.token(*opened.letters[0])))
    office, body = rehearsal.office, Cancel(text={"nl": "Gestopt."})
    office.log().append([office.officers_sign(body)])
    assert states(look(rehearsal, folder)) == [Relayed.VOID]


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET = answer  # noqa: N815

        def log_message(self, format: str, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"factor-wrong","message":"x","left":1e999}',
        b"[" * 200_000,
        json.dumps({"error": "ballot-rejected", "message": "x", "check": []}).encode(),
        b"\xff",
    ],
    ids=["infinite", "deep", "no-text", "no-utf-8"],
)
def test_a_refusal_in_a_strange_form_is_no_answer(body: bytes) -> None:
    with answering(422, body, {}) as (url, _), pytest.raises((ServiceUnreachable, BallotRejected)):
        RemoteBox(url).cast(b"x")


def test_nobody_is_led_elsewhere_with_what_was_sent_to_a_service() -> None:
    with answering(200, b"{}", {}) as (inner, reached):
        for status in (301, 302, 303, 307, 308):
            with (
                answering(status, b"x" * 100_000, {"Location": f"{inner}/internal?do=it"}) as (url, _),
                pytest.raises(ServiceUnreachable),
            ):
                RemoteBox(url).cast(b"x")
    assert reached == []
