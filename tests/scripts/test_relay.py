"""A ballot that the box refused its voter: a monitor checks it, brings it to the box, and looks for it in the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.watch import PROMISES, Relayed
from stembus.ballot.errors import BallotRejected, CastOutOfTurn, NotOpen
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.ballot.voter.remote import RemoteBox
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.scripts.relay import BALLOTS
from stembus.scripts.watching import Watching
from tests.audit.witness.builders import ask
from tests.browser.conftest import Site, start_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    served = start_site(tmp_path_factory.mktemp("relay"), 8)
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
    return Watching(f"{site.url}log", site.office().referendum, tmp_path, [], 1)


def states(watching: Watching) -> list[Relayed]:
    return [one.state for one in watching.look().brought]


def test_a_refused_ballot_is_brought_to_the_box_and_found_in_the_log(
    site: Site, watching: Watching, tmp_path: Path
) -> None:
    (tmp_path / BALLOTS / "of-a-voter").write_bytes(signed(site))
    assert states(watching) == [Relayed.TAKEN]
    (promise,) = (tmp_path / PROMISES).iterdir()
    assert promise.name.startswith("relayed-")
    end = time.monotonic() + 60
    while states(watching) != [Relayed.LOGGED]:
        assert time.monotonic() < end
        time.sleep(0.5)
    seen = watching.look()
    assert [handed.text for handed in seen.handed] == ["kept"]
    assert list(seen.alarms()) == []


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
