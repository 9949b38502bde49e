"""A host that lies, or fails: never a result that is not so, never a share released, and an outage is no breach."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner, Result

from stembus.audit.durable import STAGED
from stembus.audit.errors import CannotRead
from stembus.audit.formats.ballot_shape import SECOND
from stembus.audit.formats.cast_ballot import BallotContext, CastBallot, parse_ballot
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import Cancel, Incident, Share
from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.log import address, hurried_http
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace, MemoryPlace
from stembus.audit.verify import verify
from stembus.audit.verify.ballots import context_of
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.crypto.elgamal import Ciphertext, add_ciphertexts
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import generator_times
from stembus.crypto.sealed import new_box_key, open_sealed
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.errors import StepOutOfTurn
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import Trustee
from tests.conftest import Finished
from tests.log_view import read_log
from tests.tampered.hostile_host import (
    PORTAL,
    Answer,
    Asked,
    HostileHost,
    Lie,
    first,
    flipped,
    hosting,
    later,
    on,
    when,
    with_entries,
)

ALARMS = ("BREACH", "tamper", "forge", "contradict", "must hold")
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Impatient readers, and a look at what they leave behind."""
    monkeypatch.setattr(address, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(address, "PATIENCE_SECONDS", 5.0)
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")
    monkeypatch.setenv("STEMBUS_CLOCK", "2019-10-21T09:00:00+02:00")

    def call(*arguments: object, status: int | Outcome | None = None) -> Result:
        words = [str(argument) for argument in arguments]
        if words[0] == "verify":
            words += ["--workers", "1"]
        result = CliRunner().invoke(main, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exception)
        expected = status.status if isinstance(status, Outcome) else status
        assert expected is None or result.exit_code == expected, (words, result.output)
        if isinstance(status, Outcome) and words[0] == "verify" and "--json" not in words:
            assert f"{status.word}: {status.sentence}" in result.output
        return result

    return call


def assert_outage(result: Result) -> None:
    assert result.exit_code == Outcome.UNCHECKED.status, result.output
    assert not any(word in result.output for word in ALARMS), result.output


def by_id(referendum: Finished) -> tuple[str, str]:
    return "--referendum", referendum.referendum.hex()


@dataclass(frozen=True)
class Growing:
    """One log at three moments: 200 entries or so, 320 or so, and 340 or so."""

    referendum: bytes
    moments: list[Path]

    @property
    def id(self) -> tuple[str, str]:
        return "--referendum", self.referendum.hex()

    def size(self, moment: int) -> int:
        return parse_checkpoint((self.moments[moment] / "checkpoint").read_bytes()).size


def incidents(rehearsal: Rehearsal, numbers: range) -> list[bytes]:
    return [rehearsal.office.officers_sign(Incident(number=n, text={"nl": f"voorval {n}"}), 1) for n in numbers]


@pytest.fixture(scope="session")
def growing(opened: Finished, tmp_path_factory: pytest.TempPathFactory) -> Growing:
    root = tmp_path_factory.mktemp("growing")
    rehearsal = opened.rehearsal(root / "office")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    moments = []
    number = 1
    for target in (200, 320, 340):
        more = target - rehearsal.office.log().size
        rehearsal.office.log().append(incidents(rehearsal, range(number, number + more)))
        number += more
        moments.append(root / f"at-{target}")
        shutil.copytree(rehearsal.office.public, moments[-1])
    rehearsal.office.dispose()
    return Growing(opened.referendum, moments)


@pytest.fixture(scope="session")
def closed(opened: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """20 voted, the first twice; two incidents stand before the close, and nobody has announced anything."""
    root = tmp_path_factory.mktemp("closed")
    rehearsal = opened.rehearsal(root)
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    for number, (code, factor) in enumerate(opened.letters[:20]):
        voting_pass = rehearsal.token(code, factor)
        rehearsal.cast(voting_pass, [[int(number < 7)]])
        if number == 0:
            rehearsal.cast(voting_pass, [[1]], seq=1)
    rehearsal.office.log().append(incidents(rehearsal, range(1, 3)))
    rehearsal.close()
    rehearsal.office.dispose()
    return Finished(root, opened.referendum, opened.letters)


def home(root: Path, number: int, where: Path) -> Path:
    """A trustee's own machine: nothing but its key file."""
    shutil.copytree(root / f"trustee-{number}", where / f"trustee-{number}")
    return where


# Which outcome has which status


def test_an_honest_host_is_verified_like_its_folder(run: Run, finished: Finished) -> None:
    with hosting(finished.public) as host:
        output = run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED).output
    assert output == run("verify", finished.public, *by_id(finished), status=0).output
    assert len(host.paths()) == len(set(host.paths()))


def test_each_outcome_has_its_status_at_an_address(
    run: Run, finished: Finished, opened: Finished, tmp_path: Path
) -> None:
    junk = tmp_path / "junk"
    junk.write_bytes(b"no promise")
    batch = next(
        index + 1 + entry.body.size  # type: ignore[union-attr]
        for index, _, entry in read_log(FolderPlace(finished.public)).entries()
        if entry.type == "batch"
    )
    with hosting(finished.public) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED)
        run("verify", host.url, *by_id(finished), "--promise", junk, status=Outcome.NO_EVIDENCE)
        run("verify", host.url, *by_id(finished), "--receipt", junk, status=Outcome.NO_EVIDENCE)
        run("verify", host.url, status=Outcome.UNANCHORED)
        run("verify", host.url, "--referendum", "00" * 32, status=Outcome.BREACH)
        run("verify", host.url, "--referendum", "00", status=2)
        host.lie = on(f"checkpoints/{batch}", lambda honest: replace(honest, body=without_last_line(honest.body)))
        run("verify", host.url, *by_id(finished), status=Outcome.FAULTS)
        host.lie = on("log.vkey", flipped)
        run("verify", host.url, *by_id(finished), status=Outcome.BREACH)
        host.lie = on("", Answer(b"", 503))
        run("verify", host.url, *by_id(finished), status=8)
    with hosting(opened.public) as host:
        run("verify", host.url, *by_id(opened), status=Outcome.UNFINISHED)
    for name, end, outcome in (("few", close_without_votes, Outcome.NOT_COUNTED), ("off", cancel, Outcome.CANCELLED)):
        rehearsal = opened.rehearsal(tmp_path / name)
        end(rehearsal)
        rehearsal.office.dispose()
        with hosting(rehearsal.office.public) as host:
            run("verify", host.url, *by_id(opened), status=outcome)


def without_last_line(note: bytes) -> bytes:
    return b"".join(note.splitlines(keepends=True)[:-1])


def close_without_votes(rehearsal: Rehearsal) -> None:
    rehearsal.close()
    rehearsal.result()


def cancel(rehearsal: Rehearsal) -> None:
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 3600)
    rehearsal.office.log().append([rehearsal.office.officers_sign(Cancel(text={"nl": "gestopt"}))])


# Outages say nothing about the log

PAGE = Answer(PORTAL, headers=(("Content-Type", "text/html"),))
FAILURES: dict[str, Answer | Callable[[Answer], Answer]] = {
    "an error of the server": Answer(b"oops", 500),
    "overloaded": Answer(b"", 503),
    "forbidden": Answer(b"", 403),
    "too many requests": Answer(b"", 429),
    "the page of a network's login": PAGE,
    "that page, in chunks": replace(PAGE, framing="chunks"),
    "a redirect to another host": Answer(b"", 302, headers=(("Location", "http://other.invalid/log/"),)),
    "a redirect in a circle": Answer(b"", 302, headers=(("Location", "?again"),)),
    "a redirect to a file on this machine": Answer(b"", 302, headers=(("Location", "file:///etc/passwd"),)),
    "a redirect without end": Answer(b"x", 302, headers=(("Location", "?again"),), endless=True),
    "an error without end": Answer(b"x", 500, endless=True),
    "compressed": lambda honest: replace(honest, headers=(("Content-Encoding", "gzip"),)),
    "short of its length": lambda honest: replace(honest, cut=len(honest.body) // 2),
    "short in chunks": lambda honest: replace(honest, framing="chunks", cut=len(honest.body) // 2),
    "nothing at all": lambda honest: replace(honest, cut=0),
    "short, and nobody says how long": lambda honest: replace(honest, framing="nothing", cut=len(honest.body) // 2),
    "a part, and it says so": lambda honest: replace(honest, status=206, body=honest.body[:40]),
}


@pytest.mark.parametrize("path", ["tile/entries/000", "issuance/1", "log.vkey"])
@pytest.mark.parametrize("failure", list(FAILURES))
def test_an_outage_is_no_breach_whatever_fails(run: Run, finished: Finished, failure: str, path: str) -> None:
    with hosting(finished.public, on(path, FAILURES[failure])) as host:
        assert_outage(run("verify", host.url, *by_id(finished)))


@pytest.mark.parametrize("failure", list(FAILURES))
def test_an_outage_of_the_whole_host_is_no_breach(run: Run, finished: Finished, failure: str, tmp_path: Path) -> None:
    with hosting(finished.public, on("", FAILURES[failure])) as host:
        assert_outage(run("verify", host.url, *by_id(finished)))
        assert_outage(run("verify", host.url, *by_id(finished), "--keep", tmp_path / "kept"))
        assert_outage(run("show", host.url, "0", *by_id(finished)))
        where = home(finished.root, 1, tmp_path)
        assert_outage(run("trustee", "rehearse", where, "--place", host.url, *by_id(finished)))


@pytest.mark.parametrize("failure", ["overloaded", "short of its length", "short in chunks", "nothing at all"])
def test_an_outage_that_passes_is_waited_for(run: Run, finished: Finished, failure: str) -> None:
    with hosting(finished.public, on("", FAILURES[failure], first)) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED)


def test_nothing_that_listens_is_no_breach(run: Run, finished: Finished, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert_outage(run("verify", url, *by_id(finished)))
        assert_outage(run("verify", url, *by_id(finished), "--keep", tmp_path / "kept"))
    assert_outage(run("verify", "http://host.invalid", *by_id(finished)))
    assert_outage(run("verify", "http://", *by_id(finished)))
    assert_outage(run("verify", "http://[", *by_id(finished)))


@pytest.mark.parametrize("path", ["checkpoint", "tile/entries/000"])
def test_no_head_or_no_first_entry_is_no_log(run: Run, finished: Finished, path: str) -> None:
    with hosting(finished.public, on(path, Answer(b"", 404))) as host:
        result = run("verify", host.url, *by_id(finished))
    assert_outage(result)
    assert "no log is published there" in result.output


@pytest.mark.parametrize("page", [PORTAL, bytes(70_000), b"", b"\0\xff"])
def test_whatever_stands_where_a_head_should_is_no_breach(
    run: Run, finished: Finished, page: bytes, tmp_path: Path
) -> None:
    with hosting(finished.public, on("checkpoint", Answer(page))) as host:
        assert_outage(run("verify", host.url, *by_id(finished)))
        assert_outage(run("verify", host.url, *by_id(finished), "--keep", tmp_path / "kept"))


def test_an_endless_head_is_no_breach_and_an_endless_list_is_one(
    run: Run, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hosting(finished.public, on("checkpoint", Answer(endless=True))) as host:
        assert_outage(run("verify", host.url, *by_id(finished)))
    with hosting(finished.public, on("log.vkey", Answer(b"x", endless=True))) as host:
        assert "longer than its bound" in run("verify", host.url, *by_id(finished), status=Outcome.BREACH).output


@pytest.mark.parametrize("path", ["tile/0/000", "credentials", "issuance/1", "log.vkey"])
def test_a_file_that_a_standing_host_does_not_have_is_a_breach(run: Run, finished: Finished, path: str) -> None:
    with hosting(finished.public, on(path, Answer(b"", 404))) as host:
        assert "V1 " in run("verify", host.url, *by_id(finished), status=Outcome.BREACH).output


def test_a_log_that_is_taken_away_while_it_is_read_is_no_breach(run: Run, finished: Finished) -> None:
    for path in ("tile/0/000", "credentials", "issuance/1", "checkpoints/"):
        gone: list[str] = []

        def lie(asked: Asked, honest: Answer, path: str = path, gone: list[str] = gone) -> Answer | None:
            gone.extend([path] if asked.path.startswith(path) else [])
            return Answer(b"", 404) if gone else None

        with hosting(finished.public, lie) as host:
            assert_outage(run("verify", host.url, *by_id(finished)))


def test_a_slow_host_is_given_up_and_a_patient_one_is_not(
    run: Run, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hurried_http, "TIMEOUT_SECONDS", 0.2)
    with hosting(finished.public, on("credentials", lambda honest: replace(honest, pause=0.5))) as host:
        assert_outage(run("verify", host.url, *by_id(finished)))
    with hosting(finished.public, on("", lambda honest: replace(honest, pause=0.02))) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED)


def test_a_crawling_transfer_is_given_up(run: Run, finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hurried_http, "GRACE_SECONDS", -1)
    with hosting(finished.public) as host:
        result = run("verify", host.url, *by_id(finished))
    assert_outage(result)
    assert "comes too slowly" in result.output


def test_a_redirect_within_the_host_is_followed(run: Run, finished: Finished) -> None:
    def lie(asked: Asked, honest: Answer) -> Answer | None:
        if asked.path.startswith("moved/"):
            return Answer((finished.public / asked.path.removeprefix("moved/")).read_bytes())
        return Answer(b"", 301, headers=(("Location", f"/moved/{asked.path}"),)) if honest.status == 200 else None

    with hosting(finished.public, lie) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED)


@pytest.mark.parametrize(
    ("asked", "target", "followed"),
    [
        ("http://a.example/log/x", "https://a.example/log/x", True),
        ("https://a.example/log/x", "http://a.example/log/x", False),
        ("http://a.example/log/x", "https://b.example/log/x", False),
        ("https://a.example/log/x", "https://a.example:8443/log/x", False),
        ("https://a.example/log/x", "https://a.example/other", True),
        ("https://a.example/log/x", "https://user@a.example/other", False),
    ],
)
def test_a_redirect_never_leaves_the_host_or_its_encryption(asked: str, target: str, followed: bool) -> None:
    request, body = urllib.request.Request(asked), io.BytesIO()
    try:
        made = address._SameHost().redirect_request(request, body, 302, "Found", {}, target)
    except CannotRead:
        assert not followed
        assert body.closed
    else:
        assert followed
        assert made is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_verification_that_is_ended_leaves_no_copy_behind(
    finished: Finished, scratch: Path, number: signal.Signals
) -> None:
    begun = threading.Event()
    # Whoever runs the tests may have had it ignored, as nohup does; and then a command leaves it so.
    before = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def lie(asked: Asked, honest: Answer) -> Answer | None:
        if asked.path != "credentials":
            return None
        begun.set()
        return replace(honest, pause=1.0)

    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = [sys.executable, "-m", "stembus.scripts.cli.main", "verify", "--workers", "1"]
    with hosting(finished.public, lie) as host:
        arguments = [*command, host.url, *by_id(finished)]
        process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
        signal.signal(number, before)
        assert begun.wait(30)
        assert list(scratch.iterdir())
        process.send_signal(number)
        assert "Traceback" not in process.communicate(timeout=30)[1]
        assert process.returncode == 128 + number


# Bytes that were corrupted


@pytest.mark.parametrize("path", ["tile/entries/000", "tile/0/000"])
def test_a_tile_that_was_corrupted_once_is_read_again_and_always_is_a_breach(
    run: Run, finished: Finished, path: str
) -> None:
    with hosting(finished.public, on(path, flipped, first)) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED)
    with hosting(finished.public, on(path, flipped)) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.BREACH)


@pytest.mark.parametrize("path", ["credentials", "issuance/1", "log.vkey", "checkpoints/"])
def test_a_file_that_was_corrupted_once_is_fetched_again_even_into_a_kept_copy(
    run: Run, finished: Finished, tmp_path: Path, path: str
) -> None:
    with hosting(finished.public, on(path, flipped, first)) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED)
        host.forget()
        run("verify", host.url, *by_id(finished), "--keep", tmp_path / "once", status=Outcome.ESTABLISHED)
        host.lie = on(path, flipped)
        run("verify", host.url, *by_id(finished), "--keep", tmp_path / "always", status=Outcome.BREACH)
        host.lie = on("checkpoint", lambda _: Answer(b"", 503), lambda asked: asked.path == "checkpoint")
        assert_outage(run("verify", host.url, *by_id(finished), "--keep", tmp_path / "always"))
        host.lie = None
        run("verify", host.url, *by_id(finished), "--keep", tmp_path / "always", status=Outcome.ESTABLISHED)
    for folder in [*(tmp_path / "once").iterdir(), *(tmp_path / "always").iterdir()]:
        run("verify", folder, *by_id(finished), status=Outcome.ESTABLISHED)


def test_a_lie_that_fits_together_does_not_stay_in_a_kept_copy(
    run: Run, growing: Growing, forked: list[Path], tmp_path: Path
) -> None:
    keep = tmp_path / "kept"
    with hosting(growing.moments[1]) as host:
        # Files of another history below the honest head, for one visit.
        host.lie = lambda asked, _: (
            Answer((forked[1] / asked.path).read_bytes()) if asked.path.startswith("tile/") else None
        )
        run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.BREACH)
        host.lie, host.public = None, growing.moments[2]
        run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.UNFINISHED)
        host.public = growing.moments[1]
        assert_outage(run("verify", host.url, *growing.id, "--keep", keep))


def test_a_breach_that_the_host_does_not_show_twice_could_not_be_checked(run: Run, finished: Finished) -> None:
    def lie(asked: Asked, honest: Answer) -> Answer | None:
        if asked.path == "credentials":
            return flipped(honest) if asked.nth == 1 else Answer(b"", 503)
        return None

    with hosting(finished.public, lie) as host:
        assert_outage(run("verify", host.url, *by_id(finished)))


@pytest.mark.parametrize("path", ["credentials", "issuance/1", "log.vkey", "checkpoints/"])
def test_another_file_beside_the_log_is_a_breach(run: Run, finished: Finished, path: str) -> None:
    with hosting(finished.public, on(path, flipped)) as host:
        run("verify", host.url, *by_id(finished), status=Outcome.BREACH)


# A log that grows while it is read


class Grown:
    """Shows one moment until `after` is asked for, then a later one; what the log has outgrown is deleted."""

    def __init__(self, earlier: Path, now: Path, after: str, late: str = "\0") -> None:
        self._earlier, self._now, self._after, self._late = earlier, now, after, late
        self.grown = False

    def __call__(self, asked: Asked, _: Answer) -> Answer:
        folder = self._now if self.grown and not asked.path.startswith(self._late) else self._earlier
        self.grown = self.grown or asked.path.startswith(self._after)
        file = folder / asked.path
        return Answer(file.read_bytes()) if file.is_file() else Answer(b"", 404)


@pytest.mark.parametrize(("before", "now"), [(0, 1), (0, 2), (1, 2)])
@pytest.mark.parametrize("after", ["checkpoint", "tile/entries/000", "tile/0/000", "log.vkey"])
def test_a_log_that_grows_while_it_is_read_verifies_or_asks_to_come_again(
    run: Run, growing: Growing, after: str, before: int, now: int
) -> None:
    with hosting(growing.moments[now], Grown(growing.moments[before], growing.moments[now], after)) as host:
        result = run("verify", host.url, *growing.id)
    if result.exit_code == Outcome.UNFINISHED.status:
        assert f"{growing.size(before)} entries" in result.output
    else:
        assert_outage(result)
        assert "grew while it was read" in result.output


def test_a_partial_tile_that_became_full_is_read_from_the_full_one(run: Run, growing: Growing, tmp_path: Path) -> None:
    shutil.copytree(growing.moments[1], tmp_path / "log")
    for folder in list((tmp_path / "log" / "tile").rglob("000.p")):
        shutil.rmtree(folder)
    with hosting(tmp_path / "log", Grown(growing.moments[0], tmp_path / "log", "checkpoint")) as host:
        output = run("verify", host.url, *growing.id, status=Outcome.UNFINISHED).output
    assert f"{growing.size(0)} entries" in output
    assert "tile/entries/000" in host.paths()


def test_a_folder_with_files_of_a_newer_head_is_verified_up_to_its_own(
    run: Run, growing: Growing, tmp_path: Path
) -> None:
    shutil.copytree(growing.moments[1], tmp_path / "log")
    shutil.copy(growing.moments[0] / "checkpoint", tmp_path / "log" / "checkpoint")
    output = run("verify", tmp_path / "log", *growing.id, status=Outcome.UNFINISHED).output
    assert "newer than the head" in output
    assert f"{growing.size(0)} entries" in output


# Copies that are kept


def copies(keep: Path) -> list[int]:
    return sorted(int(folder.name.split("-")[0]) for folder in keep.iterdir() if folder.is_dir())


def test_a_copy_that_was_cut_off_goes_on_without_fetching_twice(run: Run, growing: Growing, tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    with hosting(growing.moments[1], on("spares", Answer(b"", 503))) as host:
        assert_outage(run("verify", host.url, *growing.id, "--keep", keep))
        got = {asked.path for asked in host.log} - {"spares", "checkpoint"}
        assert "credentials" in got
        host.lie = None
        host.forget()
        run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.UNFINISHED)
        assert not got & set(host.paths())
        host.forget()
        run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.UNFINISHED)
        assert host.paths() == ["checkpoint"]
    assert copies(keep) == [growing.size(1)]


def test_the_next_copy_takes_over_what_stays_and_each_verifies_by_itself(
    run: Run, growing: Growing, tmp_path: Path
) -> None:
    keep = tmp_path / "kept"
    for moment in (0, 1, 2):
        with hosting(growing.moments[moment]) as host:
            run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.UNFINISHED)
    assert not {"tile/entries/000", "tile/0/000"} & set(host.paths())
    assert copies(keep) == [growing.size(moment) for moment in (0, 1, 2)]
    for folder in sorted(path for path in keep.iterdir() if path.is_dir()):
        output = run("verify", folder, *growing.id, status=Outcome.UNFINISHED).output
        assert f"{int(folder.name.split('-')[0])} entries" in output
        assert "V1" not in output


def test_a_copy_of_a_log_that_grew_meanwhile_verifies_by_itself(run: Run, growing: Growing, tmp_path: Path) -> None:
    lie = Grown(growing.moments[0], growing.moments[1], "checkpoint")
    with hosting(growing.moments[1], lie) as host:
        run("verify", host.url, *growing.id, "--keep", tmp_path / "kept", status=Outcome.UNFINISHED)
    (folder,) = (path for path in (tmp_path / "kept").iterdir() if path.is_dir())
    assert "V1" not in run("verify", folder, *growing.id, status=Outcome.UNFINISHED).output


def test_an_older_head_than_the_kept_one_is_an_old_copy_and_no_breach(
    run: Run, growing: Growing, tmp_path: Path
) -> None:
    keep = tmp_path / "kept"
    for moment in (2, 0):
        with hosting(growing.moments[moment]) as host:
            result = run("verify", host.url, *growing.id, "--keep", keep)
    assert_outage(result)
    assert "an old copy answers" in result.output


@pytest.fixture(scope="session")
def forked(growing: Growing, opened: Finished, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Another history of the same log, signed and cosigned by the same keys, at the same sizes."""
    root = tmp_path_factory.mktemp("forked")
    rehearsal = opened.rehearsal(root / "office")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    moments, number = [], 1
    for moment in (0, 1, 2):
        more = growing.size(moment) - rehearsal.office.log().size
        entries = [
            rehearsal.office.officers_sign(Incident(number=n, text={"nl": f"iets anders {n}"}), 1)
            for n in range(number, number + more)
        ]
        rehearsal.office.log().append(entries)
        number += more
        moments.append(root / f"at-{moment}")
        shutil.copytree(rehearsal.office.public, moments[-1])
    rehearsal.office.dispose()
    return moments


@pytest.mark.parametrize(("kept", "shown"), [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1), (1, 2)])
def test_a_fork_is_a_breach_however_often_it_is_looked_at_and_both_heads_stay(
    run: Run, growing: Growing, forked: list[Path], tmp_path: Path, kept: int, shown: int
) -> None:
    keep = tmp_path / "kept"
    with hosting(growing.moments[kept]) as host:
        run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.UNFINISHED)
        host.public = forked[shown]
        for _ in range(2):
            output = run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.BREACH).output
            assert "V6" in output
            assert "keep both heads" in output
        # Evidence does not go away when the honest host is back.
        host.public = growing.moments[kept]
        run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.BREACH)
    heads = sorted((folder / "checkpoint").read_bytes() for folder in keep.iterdir() if folder.is_dir())
    assert heads == sorted((p / "checkpoint").read_bytes() for p in (growing.moments[kept], forked[shown]))


@pytest.mark.parametrize("size", [3, 300, 99_999_999])
def test_a_head_that_the_log_never_signed_neither_accuses_it_nor_stands_in_the_way(
    run: Run, growing: Growing, tmp_path: Path, size: int
) -> None:
    keep = tmp_path / "kept"

    def invented(honest: Answer) -> Answer:
        lines = honest.body.split(b"\n")
        lines[1] = str(size).encode()
        return replace(honest, body=b"\n".join(lines))

    with hosting(growing.moments[1]) as host:
        run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.UNFINISHED)
        host.lie = on("checkpoint", invented, lambda asked: asked.path == "checkpoint")
        output = run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.BREACH).output
        assert "V4" in output
        assert "both heads" not in output
        host.lie = None
        for moment in (1, 2):
            host.public = growing.moments[moment]
            run("verify", host.url, *growing.id, "--keep", keep, status=Outcome.UNFINISHED)


def test_a_head_that_witnesses_cosigned_later_replaces_the_kept_one(
    run: Run, finished: Finished, tmp_path: Path
) -> None:
    keep = tmp_path / "kept"
    lie = on("checkpoint", lambda honest: replace(honest, body=without_last_line(honest.body)))
    with hosting(finished.public, lie) as host:
        assert "V7" in run("verify", host.url, *by_id(finished), "--keep", keep, status=Outcome.BREACH).output
        host.lie = None
        run("verify", host.url, *by_id(finished), "--keep", keep, status=Outcome.ESTABLISHED)


def test_keeping_where_nothing_can_be_written_is_told(run: Run, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with hosting(finished.public) as host:
        run("verify", host.url, *by_id(finished), "--keep", tmp_path / "file", status=2)
        result = run("verify", host.url, *by_id(finished), "--keep", tmp_path / "file" / "below")
        assert_outage(result)
        assert "cannot be written" in result.output
        run("verify", finished.public, *by_id(finished), "--keep", tmp_path / "kept", status=2)


def test_two_processes_may_keep_in_one_folder_at_once(growing: Growing, tmp_path: Path, scratch: Path) -> None:
    keep = tmp_path / "kept"
    command = [sys.executable, "-W", "error", "-m", "stembus.scripts.cli.main"]
    with hosting(growing.moments[1], on("", lambda honest: replace(honest, pause=0.01))) as host:
        running = [
            subprocess.Popen(
                [*command, "verify", host.url, *growing.id, "--keep", str(keep), "--workers", "1"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(3)
        ]
        for process in running:
            output = process.communicate(timeout=60)[0]
            assert process.returncode == Outcome.UNFINISHED.status, output
    assert not list(keep.rglob(f"*{STAGED}"))


# What was verified is what is used: another answer to a later read changes nothing


def document(finished: Finished, folder: Path, run: Run) -> Finished:
    """The finished referendum with published minutes."""
    shutil.copytree(finished.root, folder)
    (folder.parent / "minutes.pdf").write_bytes(b"the minutes of the count")
    run("minutes", "log", folder, folder.parent / "minutes.pdf", status=0)
    return Finished(folder, finished.referendum, finished.letters)


LATER = [
    "tile/entries/",
    "tile/0/",
    "checkpoint",
    "checkpoints/",
    "credentials",
    "issuance/1",
    "documents/",
    "log.vkey",
]


def test_later_reads_that_lie_change_nothing_in_a_verification(run: Run, finished: Finished, tmp_path: Path) -> None:
    public = document(finished, tmp_path / "with", run).public
    honest = run("verify", public, *by_id(finished), "--json", status=0).stdout
    for path in LATER:
        with hosting(public, on(path, flipped, later)) as host:
            assert run("verify", host.url, *by_id(finished), "--json", status=0).stdout == honest
    with hosting(public, on("documents/", flipped)) as host:
        assert "V29" in run("verify", host.url, *by_id(finished), status=Outcome.FAULTS).output


@pytest.mark.parametrize("path", ["tile/entries/", "tile/0/", "checkpoint"])
def test_a_copy_that_is_kept_is_not_changed_by_later_lies(
    run: Run, finished: Finished, tmp_path: Path, path: str
) -> None:
    with hosting(
        finished.public, on(path, flipped, lambda asked: asked.head > 1 and asked.path != "checkpoint")
    ) as host:
        for _ in range(2):
            run("verify", host.url, *by_id(finished), "--keep", tmp_path / "kept", status=Outcome.ESTABLISHED)


class Fickle(MemoryPlace):
    """A place without a copy, whose later reads lie."""

    def __init__(self, public: Path, lie: Lie) -> None:
        super().__init__({p.relative_to(public).as_posix(): p.read_bytes() for p in public.rglob("*") if p.is_file()})
        self._lie = lie
        self._reads: Counter[str] = Counter()

    def _open(self, path: str) -> IO[bytes]:
        self._reads[path] += 1
        honest = super()._open(path).read()
        lied = self._lie(Asked(path, self._reads[path], 1), Answer(honest))
        return io.BytesIO(lied.body if lied else honest)


def ballots_at(public: Path) -> tuple[BallotContext, dict[int, CastBallot]]:
    view = read_log(FolderPlace(public))
    key = next(raw for _, raw, entry in view.entries() if entry.type == "election-key")
    context = context_of(view.manifest_raw, key)
    raws = {index: view.reader.entry(index) for index in range(view.head.size)}
    return context, {index: parse_ballot(context, raw) for index, raw in raws.items() if raw[:1] != b"{"}


def swapped_sums(public: Path) -> Lie:
    """Another ballot in place of the superseded cast, so that yes and no change places when it is subtracted."""
    _, ballots = ballots_at(public)
    last: dict[bytes, int] = {}
    for index, ballot in ballots.items():
        if ballot.token_key not in last or ballots[last[ballot.token_key]].seq < ballot.seq:
            last[ballot.token_key] = index
    (dead,) = set(ballots) - set(last.values())
    everything = add_ciphertexts(ballot.ciphertexts[0] for ballot in ballots.values())
    counted = add_ciphertexts(ballots[index].ciphertexts[0] for index in last.values())
    # Six voters more for yes, and six fewer for no: anybody can add that to a sum.
    turned = Ciphertext(counted.nonce_point, counted.blinded + generator_times(6 * (SECOND - 1)))
    fake = (everything - turned).to_bytes()
    raw = read_log(FolderPlace(public)).reader.entry(dead)

    def change(entries: list[bytes]) -> list[bytes]:
        return [*entries[:dead], raw[:33] + fake + raw[33 + len(fake) :], *entries[dead + 1 :]]

    return with_entries(change)


def test_a_superseded_cast_that_is_another_one_when_read_again_flips_no_result(run: Run, finished: Finished) -> None:
    lie = swapped_sums(finished.public)
    for reads in (later, lambda asked: asked.nth == 2):
        report = verify(Fickle(finished.public, when(reads, lie)), finished.referendum)
        assert report.outcome is Outcome.UNCHECKED
        assert report.log is None
        assert any("gave other entries when it was read again" in fault.message for fault in report.faults)
    with hosting(finished.public, when(later, lie)) as host:
        assert "13  Nee" in run("verify", host.url, *by_id(finished), status=Outcome.ESTABLISHED).output
        host.lie = lie
        run("verify", host.url, *by_id(finished), status=Outcome.BREACH)


def step(run: Run, name: str, host: HostileHost, referendum: Finished, where: Path, number: int = 1) -> Result:
    host.forget()
    out = where / f"{name}.json"
    out.unlink(missing_ok=True)
    arguments = (name, where, "--number", number, "--place", host.url, *by_id(referendum), "--out", out)
    result = run("trustee", *arguments)
    assert (result.exit_code == 0) == any(where.glob(f"{name}*.json")), result.output
    return result


def test_trustees_announce_and_decrypt_the_honest_sums_or_nothing(run: Run, closed: Finished, tmp_path: Path) -> None:
    office = shutil.copytree(closed.root, tmp_path / "office")
    lie = swapped_sums(closed.public)
    homes = {number: home(office, number, tmp_path / f"home-{number}") for number in (1, 2)}
    with hosting(office / "public", when(later, lie)) as host:
        for name in ("intent", "decrypt"):
            for number, where in homes.items():
                host.lie = lie
                assert step(run, name, host, closed, where, number).exit_code == 1
                host.lie = on("", flipped)
                assert step(run, name, host, closed, where, number).exit_code in (1, 8)
                host.lie = when(later, lie)
                assert step(run, name, host, closed, where, number).exit_code == 0
                run("submit", office, where / f"{name}.json", status=0)
        host.forget()
        run("tally", office, status=0)
        assert "13  Nee" in run("verify", host.url, *by_id(closed), status=Outcome.ESTABLISHED).output


def one_intent(closed: Finished, root: Path) -> Finished:
    rehearsal = closed.rehearsal(root)
    rehearsal.clock.move_to(rehearsal.office.manifest.closes_at + 3600)
    rehearsal.intents((1,))
    rehearsal.office.dispose()
    return Finished(root, closed.referendum, closed.letters)


def invented_intent(entries: list[bytes]) -> list[bytes]:
    """An intent of trustee 2 that nobody signed, in the place of an incident."""
    at = next(i for i, raw in enumerate(entries) if i and raw.endswith(b'"type":"incident"}'))
    fake = json.loads(entries[-1])
    fake["body"]["trustee"], fake["signatures"][0]["by"] = 2, "trustee/2"
    return [*entries[:at], json.dumps(fake, sort_keys=True, separators=(",", ":")).encode(), *entries[at + 1 :]]


def test_an_intent_that_nobody_signed_releases_no_decryption(run: Run, closed: Finished, tmp_path: Path) -> None:
    alone = one_intent(closed, tmp_path / "office")
    where = home(alone.root, 1, tmp_path / "home")
    lie = with_entries(invented_intent)
    for reads in (later, first, lambda _: True):
        with hosting(alone.public, when(reads, lie)) as host:
            result = step(run, "decrypt", host, alone, where)
            assert result.exit_code in (1, 8)
    place = Fickle(alone.public, when(later, lie))
    report = verify(place, alone.referendum)
    key = parse_trustee_key(Rehearsal(alone.root).office.secret("trustee-1"))
    with pytest.raises((StepOutOfTurn, CannotRead)):
        Trustee(key, lambda _: None, report.demand_log()).decrypt()


def test_a_cancelled_referendum_is_not_decrypted_for_its_prefix_and_intents(
    run: Run, closed: Finished, tmp_path: Path
) -> None:
    rehearsal = closed.rehearsal(tmp_path / "office")
    prefix = shutil.copytree(rehearsal.office.public, tmp_path / "prefix")
    rehearsal.clock.move_to(rehearsal.office.manifest.closes_at + 3600)
    cancel(rehearsal)
    homes = {number: home(tmp_path / "office", number, tmp_path / f"home-{number}") for number in (1, 2)}
    with hosting(prefix) as host:
        for number, where in homes.items():
            # That this is a prefix only, nothing shows; so nothing but an announcement may come of it.
            assert step(run, "intent", host, closed, where, number).exit_code == 0
        made = [(where / "intent.json").read_bytes() for where in homes.values()]

        def announced(entries: list[bytes]) -> list[bytes]:
            places = [i for i, raw in enumerate(entries) if i and raw.endswith(b'"type":"incident"}')]
            return [dict(zip(places, made, strict=True)).get(i, raw) for i, raw in enumerate(entries)]

        for reads in (later, first, lambda _: True):
            host.lie = when(reads, with_entries(announced))
            for number, where in homes.items():
                assert step(run, "decrypt", host, closed, where, number).exit_code in (1, 8)
        host.lie, host.public = None, rehearsal.office.public
        for number, where in homes.items():
            for name in ("intent", "decrypt"):
                output = step(run, name, host, closed, where, number)
                assert output.exit_code == 1
                assert "cancelled" in output.output
    rehearsal.office.dispose()


@pytest.fixture(scope="session")
def ceremony(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Three trustees have committed and revealed."""
    root = tmp_path_factory.mktemp("ceremony")
    rehearsal = Rehearsal(root)
    rehearsal.keys()
    rehearsal.define(demo_draft(40, 10, floor=1, batch_tokens=3))
    rehearsal._each_trustee(Trustee.commit)
    rehearsal._each_trustee(Trustee.reveal)
    rehearsal.office.dispose()
    return Finished(root, rehearsal.office.referendum, [])


def test_other_receiving_keys_at_a_later_read_get_no_share(run: Run, ceremony: Finished, tmp_path: Path) -> None:
    secret, public = new_box_key()

    def mine(entries: list[bytes]) -> list[bytes]:
        changed = []
        for index, raw in enumerate(entries):
            if index and raw.endswith(b'"type":"commit"}'):
                fake = json.loads(raw)
                fake["body"]["receiving_keys"] = [public.hex()] * 3
                raw = json.dumps(fake, sort_keys=True, separators=(",", ":")).encode()
            changed.append(raw)
        return changed

    where = home(ceremony.root, 1, tmp_path)
    with hosting(ceremony.public) as host:
        for reads in (lambda _: True, first):
            host.lie = when(reads, with_entries(mine))
            result = step(run, "share", host, ceremony, where)
            for path in where.glob("share*.json"):
                assert reads is first
                assert_not_mine(path, secret)
            assert (result.exit_code == 0) == (reads is first)
        host.lie = when(later, with_entries(mine))
        assert step(run, "share", host, ceremony, where).exit_code == 0
    shares = list(where.glob("share*.json"))
    assert len(shares) == 2
    for path in shares:
        assert_not_mine(path, secret)


def assert_not_mine(path: Path, secret: bytes) -> None:
    body = parse_entry(path.read_bytes()).body
    assert isinstance(body, Share)
    with pytest.raises(CryptoError):
        open_sealed(secret, bytes.fromhex(body.sealed))


@pytest.mark.parametrize("name", ["reveal", "share", "confirm", "complain"])
def test_a_ceremony_step_on_a_log_that_does_not_verify_shows_nothing(
    run: Run, ceremony: Finished, tmp_path: Path, name: str
) -> None:
    where = home(ceremony.root, 1, tmp_path)
    before = (where / "trustee-1" / "trustee.key").read_bytes()
    for lie in (on("tile/entries", flipped), on("checkpoint", flipped), on("tile/0/", Answer(b"", 404)), on("", PAGE)):
        with hosting(ceremony.public, lie) as host:
            assert step(run, name, host, ceremony, where).exit_code in (1, 8)
    assert (where / "trustee-1" / "trustee.key").read_bytes() == before


# Evidence, and what is shown


def broken_promise(finished: Finished, root: Path, at: Path) -> tuple[Path, bytes]:
    """A promise, rightly signed, for a ballot that the box dropped."""
    rehearsal = finished.rehearsal(root)
    context = rehearsal.office.box.context
    view = read_log(FolderPlace(finished.public))
    index = next(i for i, _, e in view.entries() if e.type == "batch" and e.body.number == 2) + 1  # type: ignore[union-attr]
    dropped = bytearray(view.reader.entry(index))
    dropped[-1] ^= 1
    ballot = parse_ballot(context, bytes(dropped))
    key = rehearsal.office.signing_key("box")
    at.write_bytes(encode_promise(make_promise(finished.referendum, ballot.cast_hash, ballot.ballot_id, 2, key)))
    rehearsal.office.dispose()
    return at, bytes(dropped)


def test_a_promise_is_not_kept_by_what_a_later_read_shows(run: Run, finished: Finished, tmp_path: Path) -> None:
    promise, dropped = broken_promise(finished, tmp_path / "office", tmp_path / "promise.json")
    view = read_log(FolderPlace(finished.public))
    at = next(i for i, _, e in view.entries() if e.type == "batch" and e.body.number == 2) + 1  # type: ignore[union-attr]
    lie = with_entries(lambda entries: [*entries[:at], dropped, *entries[at + 1 :]])
    for reads in (later, first, lambda _: True):
        with hosting(finished.public, when(reads, lie)) as host:
            output = run("verify", host.url, *by_id(finished), "--promise", promise, status=Outcome.BREACH).output
            assert "kept:" not in output
    for nth in (2, 3):
        report = verify(
            Fickle(finished.public, when(lambda asked, nth=nth: asked.nth >= nth, lie)), finished.referendum
        )
        assert "kept" not in check_voter_evidence(report, promise.read_bytes(), None).split(":")[0]
        assert report.outcome in (Outcome.BREACH, Outcome.UNCHECKED)


def test_what_is_shown_is_what_the_log_signed(run: Run, finished: Finished) -> None:
    honest = run("show", finished.public, 3, *by_id(finished), status=0).output
    other = with_entries(lambda entries: [*entries[:3], entries[4], entries[3], *entries[5:]])
    with hosting(finished.public, when(later, other)) as host:
        assert run("show", host.url, 3, *by_id(finished), status=0).output == honest
        host.lie = other
        output = run("show", host.url, 3, *by_id(finished), status=1).output
        assert "commit" not in output
        run("show", host.url, 10**6, *by_id(finished), status=1)
        host.lie = None
        run("show", host.url, 0, "--referendum", "00" * 32, status=1)


@pytest.mark.parametrize("command", ["served", "compare"])
def test_a_client_is_compared_with_a_log_that_verifies_or_not_at_all(
    run: Run, opened: Finished, tmp_path: Path, command: str
) -> None:
    for lie in (on("tile/entries", flipped), on("checkpoint", flipped), on("credentials", flipped)):
        with hosting(opened.public, lie) as host:
            output = run("client", command, host.url, *by_id(opened), status=1).output
            assert "does not verify" in output
            assert "  same" not in output
    with hosting(opened.public, on("", Answer(b"", 503))) as host:
        assert_outage(run("client", command, host.url, *by_id(opened)))
    with hosting(opened.public) as host:
        assert "not the one asked for" in run("client", command, host.url, "--referendum", "00" * 32, status=1).output
        run("client", command, host.url, status=2)
