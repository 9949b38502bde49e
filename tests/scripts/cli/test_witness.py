"""The commands of a witness, and of a log whose witnesses are elsewhere; and a real witness that is killed again."""

from __future__ import annotations

import http.client
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stembus.audit.errors import NoteInvalid
from stembus.audit.log.log_list import parse_log_list
from stembus.audit.log.note import Checkpoint, cosignatures
from stembus.audit.log.policy import parse_policy
from stembus.audit.log.verifier_key import ED25519, VerifierKey, parse_verifier_key
from stembus.audit.witness.app import WitnessApp
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.refusals import SizeDiffers
from stembus.ballot.errors import WitnessUnreachable
from stembus.ballot.log_operator.remote_witness import RemoteWitness
from stembus.crypto.signing import SigningKey
from stembus.scripts.cli.main import main
from stembus.scripts.cli.witness import open_witness
from stembus.scripts.rehearsal.referendum import demo_draft
from tests.audit.witness.builders import KEY, ORIGIN, proof, served, tree

Run = Callable[..., Result]
NAME = "university.example/w"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")
    monkeypatch.setenv("STEMBUS_CLOCK", "2019-10-01T09:00:00+02:00")

    def call(*arguments: object, status: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == status, (arguments, result.output, result.exception)
        assert "Traceback" not in result.output
        return result

    return call


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    run("witness", "create", tmp_path / "w", "--name", NAME)
    return tmp_path / "w"


def test_a_witness_is_made_once_and_says_its_keys(run: Run, folder: Path) -> None:
    again = run("witness", "create", folder, "--name", "another.example/w")
    assert "already done" in again.output
    key = parse_verifier_key(again.stdout.strip())
    assert key.name == NAME, "its name does not change"
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600


def test_a_witness_may_have_a_second_key(run: Run, tmp_path: Path) -> None:
    made = run("witness", "create", tmp_path / "w", "--name", NAME, "--ml-dsa-44")
    assert [parse_verifier_key(line).algorithm for line in made.stdout.split()] == [b"\x04", b"\x06"]


@pytest.mark.parametrize("name", ["", "with space", "a+b", "é.example", "x" * 101, "-x"])
def test_a_name_that_no_manifest_could_hold_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    assert "is no name of a witness" in run("witness", "create", tmp_path / "w", f"--name={name}", status=1).output
    assert not (tmp_path / "w").exists()


def test_logs_are_followed_by_key_and_by_list(run: Run, folder: Path, tmp_path: Path) -> None:
    other = VerifierKey("other.example.org", ED25519, SigningKey.generate().public)
    (tmp_path / "list").write_text(f"logs/v0\n\nvkey {other}\nqpd 24\ncontact x\n\nvkey nonsense\n")
    told = run("witness", "follow", folder, KEY, tmp_path / "list").output
    assert f"{ORIGIN}: followed from now on" in told
    assert "left out" in told
    assert f"{other.name}: already done" in run("witness", "follow", folder, tmp_path / "list").output
    shown = run("witness", "show", folder)
    assert sorted(line.split() for line in shown.stdout.splitlines()) == [["0", ORIGIN], ["0", other.name]]


@pytest.mark.parametrize(("log", "told"), [("nonsense", "there is no file nonsense"), ("x+y+z", "is no verifier key")])
def test_what_is_no_log_is_named(run: Run, folder: Path, log: str, told: str) -> None:
    assert told in run("witness", "follow", folder, log, status=1).output


def test_a_list_that_is_none_is_named_by_its_path(run: Run, folder: Path, tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfeo\x00", b"<html>", b"origin a\n"):
        (tmp_path / "list").write_bytes(content)
        told = run("witness", "follow", folder, tmp_path / "list", status=1).output
        assert f"{tmp_path / 'list'} is no list of logs" in told


def test_a_folder_without_a_witness_is_named(run: Run, tmp_path: Path) -> None:
    for step in (("follow", tmp_path, KEY), ("show", tmp_path), ("serve", tmp_path)):
        told = run("witness", *step, status=1).output
        assert "there is no witness in" in told
        assert "stembus witness create" in told
    assert list(tmp_path.iterdir()) == []


def test_what_was_seen_and_is_lost_is_not_followed_anew_by_the_way(run: Run, folder: Path) -> None:
    run("witness", "follow", folder, KEY)
    FollowedLogs(folder / "logs").path(ORIGIN).unlink()
    assert "is lost" in run("witness", "follow", folder, KEY, status=1).output
    assert "followed from now on" in run("witness", "follow", folder, KEY, "--anew").output


def test_one_damaged_log_hides_no_other(run: Run, folder: Path) -> None:
    other = VerifierKey("other.example.org", ED25519, SigningKey.generate().public)
    run("witness", "follow", folder, KEY, other)
    FollowedLogs(folder / "logs").path(ORIGIN).write_text("damaged")
    (folder / "logs" / ("a" * 64)).mkdir()
    shown = run("witness", "show", folder).stdout
    assert "0  other.example.org" in shown
    assert shown.count(", is damaged") == 2


def test_a_witness_whose_key_is_gone_is_not_made_again_under_its_name(run: Run, folder: Path) -> None:
    run("witness", "follow", folder, KEY)
    (folder / "witness.key").unlink()
    assert "whose key is gone" in run("witness", "create", folder, "--name", NAME, status=1).output
    assert "there is no witness" in run("witness", "show", folder, status=1).output


def test_only_who_serves_follows(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root would leave files there that the service cannot read."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert "belongs to another user" in run("witness", "follow", folder, KEY, status=1).output


def test_an_address_that_cannot_be_listened_at_is_named(folder: Path) -> None:
    """In a process of its own: the server leaves its socket to the end of the process."""

    def said(*options: object) -> str:
        command = [
            sys.executable,
            "-m",
            "stembus.scripts.cli.main",
            "witness",
            "serve",
            str(folder),
            *map(str, options),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "cannot listen at nonsense.invalid" in said("--host", "nonsense.invalid")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = said("--port", taken.getsockname()[1])
    assert "cannot listen at 127.0.0.1" in told
    assert "answers at" not in told


def test_a_witness_that_forgot_all_does_not_serve(run: Run, folder: Path) -> None:
    (folder / "logs").rmdir()
    for step in (("serve", folder), ("show", folder), ("follow", folder, KEY), ("create", folder, "--name", NAME)):
        assert "is gone; bring back its newest copy" in run("witness", *step, status=1).output
    assert not (folder / "logs").exists()


def test_another_partys_key_is_no_witness(run: Run, folder: Path, tmp_path: Path) -> None:
    run("key", "make", tmp_path, "log")
    (folder / "witness.key").write_bytes((tmp_path / "log" / "log.key").read_bytes())
    assert "the key of a party of the kind log" in run("witness", "serve", folder, status=1).output


# A log whose witnesses are elsewhere


@pytest.fixture
def office(run: Run, tmp_path: Path) -> Path:
    root = tmp_path / "kortrijk"
    run("new", root)
    for party in ("trustee-1", "trustee-2", "officer-1", "officer-2", "registrar-1", "box", "log", "client"):
        run("key", "make", root, party)
    (root / "referendum.toml").write_text(demo_draft(12, 3, floor=1, quorum=1))
    return root


def test_a_log_is_enrolled_and_defined_with_witnesses_elsewhere(run: Run, office: Path, tmp_path: Path) -> None:
    told = run("log", "enrol", office, "--contact", "stembus@kortrijk.example")
    assert told.stdout.splitlines()[1:] == ["qpd 970", "contact stembus@kortrijk.example"]
    (tmp_path / "list").write_text(told.stdout)
    (log_key,) = parse_log_list(told.stdout).keys
    keys = []
    for name in ("university.example/w", "newspaper.example/w"):
        made = run("witness", "create", tmp_path / name, "--name", name, "--ml-dsa-44").stdout.split()
        keys.append(made[len(keys)])
        run("witness", "follow", tmp_path / name, tmp_path / "list")
    policy = tmp_path / "policy"
    policy.write_text(
        f"witness a {keys[0]} https://witness.university.example\nwitness b {keys[1]} https://w.newspaper.example\n"
        "group one 1 a b\nquorum one\n"
    )
    taken = run("log", "witnesses", office, policy)
    assert "witness_quorum = 1" in taken.output
    assert "NOT YET, at https://witness.university.example" in taken.output
    run("log", "witnesses", office, policy)
    assert "witnesses: 2, quorum 1" in run("check", office).output
    told = run("define", office, status=1).output
    assert "too few witnesses have seen the definition, so it is not published yet" in told
    assert "newspaper.example/w: it does not answer" in told
    printed = parse_policy(run("log", "policy", office).stdout.encode())
    assert [listed.key for listed in printed.logs] == [log_key]
    assert [str(witness.key) for witness in printed.witnesses] == keys
    moved = policy.read_text().replace("https://w.", "https://w2.")
    policy.write_text(moved)
    assert "NOT YET, at https://w2.newspaper.example" in run("log", "witnesses", office, policy).output
    policy.write_text(moved.replace("group one 1", "group one 2"))
    assert "its quorum is 2, and in this referendum 1" in run("log", "witnesses", office, policy, status=1).output
    assert (office / "witnesses.policy").read_text() == moved
    policy.write_text(moved)
    (office / "referendum.toml").unlink()  # the frozen definition says the log's origin
    assert "NOT YET, at https://w2.newspaper.example" in run("log", "witnesses", office, policy).output


@pytest.mark.parametrize(
    ("draft", "told"),
    [
        (None, "there is no draft"),
        ("", "lacks parties.log_origin"),
        ("parties = 1", "lacks parties.log_origin"),
        ("[parties]\nlog_origin = 1", "lacks parties.log_origin"),
        ("[parties", "is not valid TOML"),
    ],
)
def test_witnesses_are_not_tried_without_the_logs_origin(
    run: Run, office: Path, tmp_path: Path, draft: str | None, told: str
) -> None:
    key = run("witness", "create", tmp_path / "w", "--name", "a/w").stdout.strip()
    (tmp_path / "policy").write_text(f"witness a {key} https://a.example\nquorum a\n")
    (office / "referendum.toml").unlink()
    if draft is not None:
        (office / "referendum.toml").write_text(draft)
    taken = run("log", "witnesses", office, tmp_path / "policy").output
    assert "not tried, at https://a.example" in taken
    assert told in taken
    assert (office / "witnesses.policy").read_bytes() == (tmp_path / "policy").read_bytes()


def test_a_quorum_that_the_draft_does_not_have_is_never_frozen(run: Run, office: Path, tmp_path: Path) -> None:
    keys = [run("witness", "create", tmp_path / name, "--name", f"{name}/w").stdout.strip() for name in ("a", "b")]
    text = f"witness a {keys[0]} https://a.example\nwitness b {keys[1]} https://b.example\ngroup c 2 a b\nquorum c\n"
    (tmp_path / "policy").write_text(text)
    run("log", "witnesses", office, tmp_path / "policy")
    for step in ("check", "define"):
        assert "its quorum is 2, and in this referendum 1" in run(step, office, status=1).output
    assert not (office / "manifest.json").exists()
    (tmp_path / "policy").write_text(text.replace("quorum c", "quorum none"))
    assert "asks for no cosignature" in run("log", "witnesses", office, tmp_path / "policy", status=1).output


def test_witnesses_in_another_order_are_the_same(run: Run, office: Path, tmp_path: Path) -> None:
    keys = [run("witness", "create", tmp_path / name, "--name", f"{name}/w").stdout.strip() for name in ("a", "b")]
    lines = [f"witness {name} {key} https://{name}.example\n" for name, key in zip("ab", keys, strict=True)]
    for order in (lines, lines[::-1]):
        (tmp_path / "policy").write_text("".join([*order, "group c 1 a b\nquorum c\n"]))
        run("log", "witnesses", office, tmp_path / "policy")
    assert "run elsewhere" in run("key", "make", office, "witness-1", status=1).output


def test_a_witness_is_tried_before_it_is_frozen(run: Run, office: Path, tmp_path: Path) -> None:
    """One that follows the log, one that does not, and one at whose address another one answers."""
    enrolled = tmp_path / "log.txt"
    enrolled.write_text(run("log", "enrol", office, "--contact", "x").stdout)
    with ExitStack() as stack:
        keys, urls = [], []
        for name in ("a", "b"):
            keys.append(run("witness", "create", tmp_path / name, "--name", f"{name}/w").stdout.strip())
            urls.append(stack.enter_context(served(WitnessApp(open_witness(tmp_path / name)))))
        run("witness", "follow", tmp_path / "a", enrolled)
        text = f"witness a {keys[0]} {urls[0]}\nwitness b {keys[1]} {urls[1]}\ngroup c 1 a b\nquorum c\n"
        (tmp_path / "policy").write_text(text)
        told = run("log", "witnesses", office, tmp_path / "policy").output
        assert "with this key, and follows this log" in told
        assert f"NOT YET, at {urls[1]}: it does not follow this log" in told
        run("witness", "follow", tmp_path / "b", enrolled)
        swapped = text.replace(urls[0], "URL").replace(urls[1], urls[0]).replace("URL", urls[1])
        (tmp_path / "policy").write_text(swapped)
        assert run("log", "witnesses", office, tmp_path / "policy").output.count("has another key") == 2
        (tmp_path / "policy").write_text(text.replace(urls[1], urls[0]))
        told = run("log", "witnesses", office, tmp_path / "policy", status=1).output
        assert "have the same address" in told


def test_a_policy_from_a_pipe_is_kept_as_it_was_read(run: Run, office: Path, tmp_path: Path) -> None:
    (key,) = run("witness", "create", tmp_path / "w", "--name", NAME).stdout.split()
    os.mkfifo(tmp_path / "pipe")
    text = f"witness a {key} https://w.example\nquorum a\n"
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(text))
    writer.start()
    run("log", "witnesses", office, tmp_path / "pipe")
    writer.join()
    assert (office / "witnesses.policy").read_text() == text


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("referendum.toml", "minimum_seconds = 600", "minimum_seconds = inf"),
        ("referendum.toml", 'log_origin = "', 'log_origin = "kort rijk+x'),
        ("keys/log.json", '"key": "', '"key": "zz'),
        ("keys/log.json", '"key": "', '"key": "00'),
    ],
)
def test_what_no_log_can_have_is_not_enrolled(run: Run, office: Path, file: str, old: str, new: str) -> None:
    path = office / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    refused = run("log", "enrol", office, "--contact", "x", status=1)
    assert "stembus: error:" in refused.output
    assert refused.stdout == ""


def test_witnesses_that_take_others_places_are_refused(run: Run, office: Path, tmp_path: Path) -> None:
    run("key", "make", office, "witness-1")
    (key,) = run("witness", "create", tmp_path / "w", "--name", NAME).stdout.split()
    (tmp_path / "policy").write_text(f"witness a {key} https://w.example\nquorum a\n")
    before = (office / "keys" / "witness-1.json").read_bytes()
    assert "is the key of another witness" in run("log", "witnesses", office, tmp_path / "policy", status=1).output
    assert (office / "keys" / "witness-1.json").read_bytes() == before
    assert not (office / "witnesses.policy").exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("witness a {key}", "does not say where university.example/w answers"),
        ("witness a {key} http://w.example", "write https://"),
        ("witness a {key} nowhere", "is no address"),
        (
            "witness a {key} https://w.example\nwitness b {second} https://w.example\ngroup c 1 a b",
            "two keys have the name",
        ),
        ("", "line 2: 'a' is no witness"),
    ],
)
def test_a_policy_that_does_not_help_is_named(run: Run, office: Path, tmp_path: Path, line: str, told: str) -> None:
    key, second = run("witness", "create", tmp_path / "w", "--name", NAME, "--ml-dsa-44").stdout.split()
    quorum = "c" if "group c" in line else "a"
    (tmp_path / "policy").write_text(f"{line.format(key=key, second=second)}\nquorum {quorum}\n")
    assert told in run("log", "witnesses", office, tmp_path / "policy", status=1).output
    assert not (office / "witnesses.policy").exists()


def test_a_contact_is_one_line_and_the_log_has_a_key(run: Run, office: Path) -> None:
    for contact in ("", " ", "a\nb"):
        assert "one line" in run("log", "enrol", office, "--contact", contact, status=1).output
    (office / "keys" / "log.json").unlink()
    assert "no key of the log yet" in run("log", "enrol", office, "--contact", "x", status=1).output


# A real one


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "stembus.scripts.cli.main", "witness", "serve", str(folder), "--port", str(port)]
    environment = {**os.environ, "STEMBUS_PASSPHRASE_WITNESS": "rehearsal"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def await_answer(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            assert connection.getresponse().status == 200
            connection.close()
            return
        time.sleep(0.05)
    raise AssertionError("the witness does not answer")


class Liars:
    """Whoever holds a log's key and shows a tree of its own at each size. Keeps what the witness signed."""

    def __init__(self, port: int, public: bytes) -> None:
        self._url, self._public = f"http://127.0.0.1:{port}", public
        self.signed: dict[int, set[tuple[bytes, ...]]] = {}
        self.requests, self.over = 0, threading.Event()
        self._guard = threading.Lock()
        self._newest: tuple[bytes, ...] = ()
        self._tried: dict[bytes, tuple[bytes, ...]] = {}

    def run(self, number: int) -> None:
        dice, witness = random.Random(number), RemoteWitness(NAME, self._url, 5.0)
        while not self.over.is_set():
            known = self._newest
            grown = (*known, *(f"{number} {dice.random()}".encode() for _ in range(dice.randint(1, 3))))
            checkpoint = tree(*grown)
            with self._guard:
                self.requests += 1
                self._tried[checkpoint.root] = grown
            try:
                lines = witness.add_checkpoint(checkpoint, len(known), proof(len(known), grown))
            except SizeDiffers:
                continue
            except (WitnessUnreachable, NoteInvalid):  # it is dead
                time.sleep(0.01)
                continue
            self.keep(replace(checkpoint, signatures=tuple(lines)))

    def keep(self, head: Checkpoint) -> None:
        """What was signed: as it came back, or as it lies on the witness's disk because it was killed after that."""
        valid, problems = cosignatures(head, [(NAME, self._public)])
        assert (len(valid), problems) == (1, [])
        with self._guard:
            entries = self._tried[head.root]
            self.signed.setdefault(head.size, set()).add(entries)
            self._newest = max(self._newest, entries, key=len)


def test_a_witness_that_is_killed_again_and_again_signs_one_history(run: Run, folder: Path) -> None:
    run("witness", "follow", folder, KEY)
    public = parse_verifier_key(run("witness", "create", folder, "--name", NAME).stdout.strip()).public
    port = free_port()
    liars = Liars(port, public)
    running = [threading.Thread(target=liars.run, args=(number,)) for number in range(8)]
    dice, rounds = random.Random(7), 6
    try:
        for round_ in range(rounds):
            with serving(folder, port) as process:
                await_answer(port)
                if not round_:
                    for thread in running:
                        thread.start()
                time.sleep(0.3 + dice.random())
                process.send_signal(signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL
            head = FollowedLogs(folder / "logs").read(ORIGIN).head
            assert head is not None
            liars.keep(head)
    finally:
        liars.over.set()
        for thread in running:
            thread.join()
    assert all(len(trees) == 1 for trees in liars.signed.values()), "two trees of one size"
    histories = [entries for _, (entries,) in sorted(liars.signed.items())]
    for one, other in itertools.pairwise(histories):
        assert other[: len(one)] == one, "a tree that does not continue the one before"
    assert liars.requests > 5 * len(histories) > 250, "most were late, and all tried"
