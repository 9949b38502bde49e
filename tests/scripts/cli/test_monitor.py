"""The commands of a monitor, on a published log that is served as files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Response, request

from stembus.audit.errors import CannotRead
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.hand_in import HandIn, Taken
from stembus.audit.monitor.vantage import Vantage
from stembus.ballot.errors import BallotRejected
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.ballot.voter.remote import RemoteBox
from stembus.scripts import served_pages
from stembus.scripts.cli.client import log_client
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.scripts.watching import Watching
from stembus.webvote.theme import plain_theme
from tests.audit.monitor.conftest import Folder, grow
from tests.audit.witness.builders import KEY, ask, served
from tests.browser.conftest import free_port, start_site
from tests.conftest import Finished


def look(url: str, rehearsal: Rehearsal, folder: Path, *more: str, status: int = 4) -> Result:
    identity = rehearsal.office.referendum.hex()
    command = ["monitor", url, "--referendum", identity, "--keep", str(folder), "--once", *more]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def both(opened: Finished, tmp_path: Path) -> tuple[Rehearsal, Rehearsal]:
    made = opened.rehearsal(tmp_path / "shown"), opened.rehearsal(tmp_path / "hidden")
    for rehearsal in made:
        rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    return made


def test_a_monitor_follows_a_log_that_grows_and_keeps_one_copy(
    both: tuple[Rehearsal, Rehearsal], tmp_path: Path
) -> None:
    rehearsal, _ = both
    folder = tmp_path / "watch"
    with served(Folder(rehearsal.office.public)) as url:
        first = look(url, rehearsal, folder).stdout
        grow(rehearsal, 1, 2)
        second = look(url, rehearsal, folder).stdout
    sizes = [int(found[1]) for text in (first, second) if (found := re.search(r"(\d+) entries", text))]
    assert sizes[1] == sizes[0] + 2
    assert len([path for path in (folder / "copies").iterdir() if path.is_dir()]) == 1


def test_an_address_that_goes_back_or_away_is_no_breach(both: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    rehearsal, old = both
    grow(rehearsal, 1)
    folder = Folder(rehearsal.office.public)
    with served(folder) as url:
        look(url, rehearsal, tmp_path / "watch")
        folder.root = old.office.public
        assert "COULD NOT BE CHECKED" in look(url, rehearsal, tmp_path / "watch", status=8).stdout
        folder.up = False
        assert "COULD NOT BE CHECKED" in look(url, rehearsal, tmp_path / "watch", status=8).stdout
        folder.up, folder.root = True, rehearsal.office.public
        look(url, rehearsal, tmp_path / "watch")


def test_a_host_that_shows_one_monitor_another_log_is_caught_and_judged(
    both: tuple[Rehearsal, Rehearsal], tmp_path: Path
) -> None:
    shown, hidden = both
    grow(shown, 1)
    grow(hidden, 1, 2)
    folder = tmp_path / "watch"
    with served(Folder(shown.office.public)) as url, served(Folder(hidden.office.public)) as other:
        calm = look(url, shown, folder, "--also", other)
        assert "more than was verified here" in calm.stdout
        grow(shown, 2, word="told to the others")
        told = look(url, shown, folder, "--also", other, status=1).stdout
    assert f"LOOK: {other}: ANOTHER HISTORY" in told
    (proof,) = (folder / "evidence").iterdir()
    judged = CliRunner().invoke(main, ["judge", str(proof)])
    assert (judged.exit_code, "a key that calls itself" in judged.stdout) == (0, True)
    key = (shown.office.public / "log.vkey").read_text()
    judged = CliRunner().invoke(main, ["judge", str(proof), "--key", key])
    assert (judged.exit_code, "the key of stembus.example.org" in judged.stdout) == (0, True)
    other = CliRunner().invoke(main, ["judge", str(proof), "--key", str(KEY)])
    assert (other.exit_code, "about another key" in other.stdout) == (2, True)
    proof.write_text(proof.read_text().replace("entries", "", 1)[:-5])
    assert CliRunner().invoke(main, ["judge", str(proof)]).exit_code == 2


@pytest.mark.parametrize(("first", "second"), [((1,), (1,)), ((1, 2), (1,)), ((1,), (1, 2))])
def test_a_host_that_changes_its_story_is_caught_by_what_was_kept(
    both: tuple[Rehearsal, Rehearsal], tmp_path: Path, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    shown, hidden = both
    grow(shown, *first)
    grow(hidden, *second, word="another")
    host = Folder(shown.office.public)
    with served(host) as url:
        look(url, shown, tmp_path / "watch")
        host.root = hidden.office.public
        told = look(url, shown, tmp_path / "watch", status=1).stdout
    assert f"LOOK: {url}: ANOTHER HISTORY" in told
    (proof,) = (tmp_path / "watch" / "evidence").iterdir()
    assert CliRunner().invoke(main, ["judge", str(proof)]).exit_code == 0


def test_a_host_that_shows_another_head_and_withholds_its_log_is_caught(
    both: tuple[Rehearsal, Rehearsal], tmp_path: Path
) -> None:
    """The kept copy and that head are the proof; and when the host is honest again, nobody is blamed for it."""
    shown, hidden = both
    grow(shown, 1)
    grow(hidden, 1, word="another")
    forked = tmp_path / "forked"
    forked.mkdir()
    (forked / "checkpoint").write_bytes((hidden.office.public / "checkpoint").read_bytes())
    host = Folder(shown.office.public)
    with served(host) as url:
        look(url, shown, tmp_path / "watch")
        host.root = forked
        told = look(url, shown, tmp_path / "watch", status=1).stdout
        assert f"LOOK: {url}: ANOTHER HISTORY" in told
        host.root = shown.office.public
        assert "V6" not in look(url, shown, tmp_path / "watch").stdout
    assert len(list((tmp_path / "watch" / "evidence").iterdir())) == 1


def test_heads_that_nobody_signed_leave_nothing_behind(both: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    shown, _ = both
    host = Folder(shown.office.public)
    with served(host) as url:
        look(url, shown, tmp_path / "watch")
        for number in range(3):
            junk = tmp_path / str(number)
            shutil.copytree(shown.office.public, junk)
            head = parse_checkpoint((junk / "checkpoint").read_bytes())
            (junk / "checkpoint").write_bytes(replace(head, size=90_000_000 + number).to_bytes())
            host.root = junk
            CliRunner().invoke(
                main,
                [
                    "monitor",
                    url,
                    "--referendum",
                    shown.office.referendum.hex(),
                    "--keep",
                    str(tmp_path / "watch"),
                    "--once",
                ],
            )
        assert len(list((tmp_path / "watch" / "copies").iterdir())) == 1
        host.root = shown.office.public
        look(url, shown, tmp_path / "watch")


def test_a_running_monitor_shows_its_page(both: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    rehearsal, _ = both
    port = free_port()
    with served(Folder(rehearsal.office.public)) as url:
        command = [
            sys.executable, "-m", "stembus.scripts.cli.main", "monitor", url, "--keep", str(tmp_path / "watch"),
            "--referendum", rehearsal.office.referendum.hex(), "--listen", str(port), "--every", "10",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ))
        try:
            page = ""
            for _ in range(300):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                        page = answer.read().decode()
                except OSError:
                    page = ""
                if "All that was seen is in order" in page:
                    break
                time.sleep(0.1)
            assert "SOUND SO FAR" in page
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def test_what_cannot_be_meant_is_named(both: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    rehearsal, _ = both
    with served(Folder(rehearsal.office.public)) as url:
        wrong = CliRunner().invoke(
            main, ["monitor", url, "--referendum", "xyz", "--keep", str(tmp_path / "w"), "--once"]
        )
    assert wrong.exit_code == 2
    assert not (tmp_path / "w").exists()
    for places in (["mirror.example.org"], [url, "--also", "mirror.example.org"], [url, "--witness", "x"]):
        wrong = CliRunner().invoke(main, ["monitor", *places, "--referendum", "0" * 64, "--keep", str(tmp_path / "w")])
        assert (wrong.exit_code, "is no address" in wrong.output) == (2, True)
    (tmp_path / "x").write_bytes(b"\0")
    judged = CliRunner().invoke(main, ["judge", str(tmp_path / "x")])
    assert (judged.exit_code, "proves nothing" in judged.stdout) == (2, True)


def test_a_monitor_notices_that_voters_are_served_another_page(tmp_path: Path) -> None:
    site = start_site(tmp_path / "site", 4)
    office, watch = site.office(), tmp_path / "watch"

    def seen() -> str:
        command = ["monitor", f"{site.url}log", "--referendum", office.referendum.hex(), "--keep", str(watch)]
        result = CliRunner().invoke(main, [*command, "--once", "--pages"])
        assert result.exit_code == 4, result.output
        return result.stdout

    def alter(answer: Response) -> Response:
        if answer.mimetype == "text/html" and request.path.endswith("/nl/vote"):
            answer.set_data(answer.get_data() + b"<script src=/other.js></script>")
        return answer

    try:
        assert "LOOK" not in seen(), "the log names no page yet"
        log_client(office, "1", plain_theme("056 00 00 00", invite_to_test=0))
        assert "LOOK" not in seen()
        site.server.app.app.after_request_funcs[None].append(alter)
        assert "LOOK: voters are served other files than the log names, 1 of " in seen()
        [kept] = (watch / "evidence").iterdir()
        assert kept.name.startswith("served-")
        assert kept.read_bytes().endswith(b"<script src=/other.js></script>")
        site.server.app.app.after_request_funcs[None].remove(alter)
        assert "LOOK" not in seen()
    finally:
        site.server.stop()


def test_a_site_that_does_not_answer_is_asked_for_one_page_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, asked = start_site(tmp_path / "site", 4), []
    office = site.office()
    try:
        log_client(office, "1", plain_theme("056 00 00 00", invite_to_test=0))

        def silent(url: str, policy: str | None) -> tuple[str, bytes]:
            asked.append((url, policy))
            raise CannotRead("timed out")

        monkeypatch.setattr(served_pages, "_fetch", silent)
        command = ["monitor", f"{site.url}log", "--referendum", office.referendum.hex(), "--keep", str(tmp_path / "w")]
        told = CliRunner().invoke(main, [*command, "--once", "--pages"]).stdout
    finally:
        site.server.stop()
    assert len(asked) == 1
    found = re.search(r"not known now: (\d+) of (\d+) files could not be fetched", told)
    assert found is not None
    assert found[1] == found[2]
    assert "LOOK" not in told


def test_a_refusal_and_the_form_stay_when_the_logs_address_goes_away(
    both: tuple[Rehearsal, Rehearsal], opened: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log and box may be in one hand: taking the log away must not take the accusation away."""
    rehearsal, _ = both
    context, voting_pass = rehearsal.office.context(), rehearsal.token(*opened.letters[5])
    ballot = sign_ballot(context, voting_pass, prepare(context, voting_pass, [[1]]), 0)

    def refuse(self: RemoteBox, raw: bytes, earlier: bytes = b"") -> None:
        raise BallotRejected("V19", "no")

    monkeypatch.setattr(RemoteBox, "cast", refuse)
    place, keep = Folder(rehearsal.office.public), tmp_path / "watch"
    with served(place) as url:
        watching = Watching(url, rehearsal.office.referendum, keep, [], 1, taking=True)
        watching.look()
        hand_in = HandIn(keep, lambda: watching.parties)
        assert hand_in.take(ballot) is Taken.KEPT
        assert any("refuses ballot 1" in alarm for alarm in watching.look().alarms())
        place.up = False
        for again in (watching, Watching(url, rehearsal.office.referendum, keep, [], 1, taking=True)):
            assert any("refuses ballot 1" in alarm for alarm in again.look().alarms())
            taking = HandIn(keep, lambda again=again: again.parties)  # type: ignore[misc]
            assert taking.take(ballot) is Taken.KEPT
            app = MonitorApp(keep, lambda again=again: again.last, time.time, 1000, taking)  # type: ignore[misc]
            page = ask(app, "GET", "/").body.decode()  # type: ignore[arg-type]
            assert "<form" in page
            assert 'class="alarm"' in page


def test_an_alarm_about_the_host_that_is_over_is_still_told(both: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    shown, hidden = both
    grow(hidden, 1, word="another")
    grow(shown, 1)
    keep = tmp_path / "watch"
    with served(Folder(shown.office.public)) as url, served(Folder(hidden.office.public)) as other:
        seen = Watching(url, shown.office.referendum, keep, [Vantage(other)], 1).look()
        assert (len(list(seen.of_the_host())), seen.earlier) == (1, ())
        calm = Watching(url, shown.office.referendum, keep, [], 1).look()
    [(text, moment)] = calm.earlier
    assert "ANOTHER HISTORY" in text
    assert moment == seen.ended
    app = MonitorApp(keep, lambda: calm, time.time, 1000)
    page = ask(app, "GET", "/").body.decode()  # type: ignore[arg-type]
    assert "Seen earlier, and not at the last look" in page


def test_the_server_takes_no_body_that_no_file_can_have(site_of_monitor: str) -> None:
    host, port = site_of_monitor.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /hand-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert b" 413 " in connection.recv(1000)


@pytest.fixture
def site_of_monitor(both: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> Iterator[str]:
    """A monitor's page, as the command serves it."""
    port = free_port()
    with served(Folder(both[0].office.public)) as url:
        command = [str(Path(sys.executable).with_name("stembus")), "monitor", url, "--referendum"]
        command += [
            both[0].office.referendum.hex(),
            "--keep",
            str(tmp_path / "kept"),
            "--listen",
            str(port),
            "--hand-in",
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/"
            process.terminate()
