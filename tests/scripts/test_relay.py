"""A ballot that the box refused its voter: a monitor checks it, brings it to the box, and looks for it in the log."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.hand_in import HandIn, Taken
from stembus.audit.monitor.handed import BALLOTS, PROMISES
from stembus.audit.monitor.watch import Relayed, Round
from stembus.ballot.errors import BallotRejected, CastOutOfTurn, NotOpen
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.ballot.voter.remote import RemoteBox
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.scripts.watching import Watching
from tests.audit.witness.builders import ask
from tests.browser.conftest import Site, start_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    served = start_site(tmp_path_factory.mktemp("relay"), 20)
    yield served
    served.server.stop()


def signed(site: Site) -> bytes:
    """As the page saves it for an observer: cast by nobody yet."""
    rehearsal = Rehearsal(site.root, start=int(time.time()))
    voting_pass = rehearsal.token(*site.letter())
    context = rehearsal.office.context()
    return sign_ballot(context, voting_pass, prepare(context, voting_pass, ((1,),)), 0)


@pytest.fixture
def watching(site: Site, tmp_path: Path) -> Watching:
    for name in (PROMISES, BALLOTS):
        (tmp_path / name).mkdir()
    return Watching(f"{site.url}log", site.office().referendum, tmp_path, [], 1, taking=True)


def states(watching: Watching) -> list[Relayed]:
    return [one.state for one in watching.look().brought]


def test_a_refused_ballot_is_brought_to_the_box_and_found_in_the_log(
    site: Site, watching: Watching, tmp_path: Path
) -> None:
    (tmp_path / BALLOTS / "of-a-voter").write_bytes(signed(site))
    assert states(watching) == [Relayed.TAKEN]
    (promise,) = (tmp_path / PROMISES).iterdir()
    assert promise.name.startswith("relayed-")
    assert [handed.text for handed in watching.look().handed] == ["not due yet"]
    end = time.monotonic() + 60
    while states(watching) != [Relayed.LOGGED]:
        assert time.monotonic() < end
        time.sleep(0.5)
    assert list(watching.look().alarms()) == []
    assert list((tmp_path / PROMISES).iterdir()) == [], "the box has kept it"
    assert (tmp_path / BALLOTS / "of-a-voter").exists(), "what somebody put there by hand is theirs"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (BallotRejected("V19", "no"), Relayed.REFUSED),
        (CastOutOfTurn("later"), Relayed.REFUSED),
        (NotOpen("voting is closed"), Relayed.REFUSED),
        (ServiceUnreachable("no answer"), Relayed.UNANSWERED),
    ],
)
def test_what_the_box_answers_is_told_and_only_a_refusal_alarms(
    site: Site, watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Exception, state: Relayed
) -> None:
    (tmp_path / BALLOTS / "jan-peeters").write_bytes(signed(site))

    def cast(self: RemoteBox, raw: bytes, earlier: bytes = b"") -> None:
        raise answer

    monkeypatch.setattr(RemoteBox, "cast", cast)
    seen = watching.look()
    assert [one.state for one in seen.brought] == [state]
    told = "the ballot box refuses ballot 1, which every check here accepts"
    assert any(alarm.startswith(told) for alarm in seen.alarms()) == (state is Relayed.REFUSED)
    app = MonitorApp(tmp_path, lambda: seen, time.time, 1000)
    page, metrics = (ask(app, "GET", path).body.decode() for path in ("/", "/metrics"))  # type: ignore[arg-type]
    assert f"{state.value}: 1" in page
    assert f'stembus_monitor_ballots{{state="{state.name.lower()}"}} 1' in metrics
    assert "jan-peeters" not in page + metrics


def test_a_promise_of_another_ballot_is_no_promise(
    site: Site, watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = signed(site), signed(site)
    (tmp_path / BALLOTS / "x").write_bytes(one)
    right = RemoteBox.cast
    monkeypatch.setattr(RemoteBox, "cast", lambda self, raw, earlier=b"": right(self, other))
    assert states(watching) == [Relayed.FALSE]
    assert len(list((tmp_path / PROMISES).iterdir())) == 1, "it is evidence"


def test_what_is_no_ballot_is_never_sent(
    site: Site, watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = signed(site)
    for name, data in (("a", b""), ("b", raw[:-1] + bytes([raw[-1] ^ 1])), ("c", raw + b"x"), ("d", b"x" * 100_000)):
        (tmp_path / BALLOTS / name).write_bytes(data)
    (tmp_path / BALLOTS / "folder").mkdir()
    monkeypatch.setattr(RemoteBox, "cast", lambda *_: pytest.fail("it was sent"))
    assert states(watching) == [Relayed.INVALID] * 4


# What was brought over the network


@pytest.fixture
def hand_in(watching: Watching, tmp_path: Path) -> HandIn:
    watching.look()
    return HandIn(tmp_path, lambda: watching.parties)


def test_one_ballot_signed_for_two_turns_makes_no_box_a_refuser(
    site: Site, watching: Watching, hand_in: HandIn, tmp_path: Path
) -> None:
    """An honest box refuses the second one, whose number is that of the first, and shows which one that is."""
    rehearsal = Rehearsal(site.root, start=int(time.time()))
    context, voting_pass = rehearsal.office.context(), rehearsal.token(*site.letter())
    body = prepare(context, voting_pass, ((1,),))
    first, again = (sign_ballot(context, voting_pass, body, seq) for seq in (0, 1))
    assert hand_in.take(first) is Taken.KEPT
    assert states(watching) == [Relayed.TAKEN]
    assert hand_in.take(again) is Taken.KEPT
    assert sorted(state.name for state in states(watching)) == ["SAME", "TAKEN"]
    seen = watch_until(watching, lambda seen: seen.settled[0] == 1)
    assert [one.state for one in seen.brought] == [Relayed.SAME]
    assert list(seen.alarms()) == []


def test_what_is_found_in_the_log_makes_room_and_stays_counted(
    site: Site, watching: Watching, hand_in: HandIn, tmp_path: Path
) -> None:
    ballot = signed(site)
    assert hand_in.take(ballot) is Taken.KEPT
    watch_until(watching, lambda seen: seen.settled == (1, 0))
    assert list((tmp_path / BALLOTS).iterdir()) == []
    assert hand_in.take(ballot) is Taken.LOGGED
    app = MonitorApp(tmp_path, lambda: watching.last, time.time, 1000, hand_in)
    page = ask(app, "GET", "/").body.decode()  # type: ignore[arg-type]
    assert "staat in het openbare logboek: 1" in page
    assert hashlib.sha256(ballot).hexdigest()[:16] not in page


def test_promises_for_far_batches_alarm_and_hide_no_broken_one(site: Site, watching: Watching, hand_in: HandIn) -> None:
    """The box drops a ballot, and hands in promises of it for batches that never come."""
    office, dropped = site.office(), signed(site)
    key, digest = office.signing_key("box"), hashlib.sha256(dropped).digest()
    number = office.context().ballot_id(dropped[1 : 1 + office.context().body_bytes])
    for batch in (10**9, 10**9 + 1, 1):
        promise = make_promise(office.referendum, digest, number, batch, key)
        assert hand_in.take(encode_promise(promise)) is Taken.KEPT
    assert hand_in.take(dropped) is Taken.KEPT
    other = signed(site)
    RemoteBox(office.manifest.box.url).cast(other)
    watch_until(watching, lambda seen: seen.report.figures.batches > 0)
    told = list(watching.look().alarms())
    assert any("far ahead" in alarm for alarm in told)
    assert watch_until(watching, lambda seen: seen.settled[0] > 0).settled[0] == 1, "it was brought to the box at last"


def watch_until(watching: Watching, condition: Callable[[Round], bool]) -> Round:
    end = time.monotonic() + 60
    while not condition(seen := watching.look()):
        assert time.monotonic() < end, seen
        time.sleep(0.5)
    return seen
