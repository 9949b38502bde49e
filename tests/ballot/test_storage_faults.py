"""Storage that fails and processes that die: what was acknowledged stays, and nothing happens twice."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from stembus.audit.durable import write_durably
from stembus.audit.formats.entry_bodies import Batch
from stembus.audit.formats.receipt import Promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.errors import TokenAlreadyIssued
from stembus.ballot.issuance.token import VotingPass
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.ballot.conftest import Poll, patch_log_writes
from tests.conftest import Finished, prepare

VOTERS = 20


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Second votes alone make a batch."""
    root = tmp_path_factory.mktemp("opened")
    rehearsal, letters = prepare(root, batch_tokens=0)
    return Finished(root, rehearsal.office.referendum, letters)


class Fault(OSError):
    """The storage failed."""


class Counted:
    """Fails at its `call`-th use: before the work (lost), or after it (stored although it failed)."""

    def __init__(self, call: int, stored: bool) -> None:
        self.left = call
        self._stored = stored

    def around(self, work: Callable[[], None]) -> None:
        self.left -= 1
        if self.left == 0 and not self._stored:
            raise Fault("lost")
        work()
        if self.left == 0:
            raise Fault("stored although it failed")


@contextmanager
def commits_fail(engine: Engine, call: int, stored: bool) -> Iterator[Counted]:
    counted, commit = Counted(call, stored), engine.dialect.do_commit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.dialect, "do_commit", lambda connection: counted.around(lambda: commit(connection)))
        yield counted


@contextmanager
def writes_fail(call: int, stored: bool) -> Iterator[Counted]:
    counted = Counted(call, stored)
    with pytest.MonkeyPatch.context() as patch:
        patch_log_writes(patch, lambda path, data: counted.around(lambda: write_durably(path, data)))
        yield counted


def logged(poll: Poll) -> dict[bytes, int]:
    """Batch by cast hash; a ballot that stands twice fails here."""
    log = poll.reopen().office.log()
    reader = log.reader()
    found: dict[bytes, int] = {}
    for index, entry in log.entries():
        if isinstance(entry.body, Batch):
            for position in range(index + 1, index + 1 + entry.body.size):
                digest = hashlib.sha256(reader.entry(position)).digest()
                assert digest not in found, "a ballot stands in the log twice"
                found[digest] = entry.body.number
    return found


def assert_kept(poll: Poll, promises: dict[bytes, Promise]) -> None:
    """The log holds what was promised, where it was promised, and nothing else."""
    assert logged(poll) == {hashlib.sha256(raw).digest(): promise.batch for raw, promise in promises.items()}


def assert_counts(poll: Poll, total: list[int]) -> None:
    poll.rehearsal.tally()
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    assert report.result.questions[0].total == total


both = pytest.mark.parametrize("stored", [False, True], ids=["lost", "stored although it failed"])


@both
def test_a_failed_commit_while_issuing_is_made_good_by_asking_again(poll: Poll, stored: bool) -> None:
    registrar = poll.office.registrar()
    call, failed = 0, True
    while failed:
        call += 1
        voting_pass, request = poll.ask(call)
        with commits_fail(registrar._engine, call, stored):
            try:
                registrar.issue(request)
                failed = False
            except Fault:
                pass
        answer = registrar.issue(request)
        assert poll.take(voting_pass, answer).complete
        assert poll.reopen().office.registrar().issue(request) == answer
        with pytest.raises(TokenAlreadyIssued):
            registrar.issue(poll.ask(call)[1])
        assert registrar.issued_count() == call
    assert call > 1


@both
def test_a_failed_commit_of_a_wrong_factor_is_never_free_of_charge(poll: Poll, stored: bool) -> None:
    """At worst a try counts although its answer was lost; the voter still has the others."""
    registrar = poll.office.registrar()
    for call in range(1, 4):
        wrong = poll.ask(call, factor="1900-01-01")[1]
        with commits_fail(registrar._engine, call, stored), pytest.raises(Exception):  # noqa: B017
            registrar.issue(wrong)
        assert poll.token(call).complete


@both
@pytest.mark.parametrize("change", ["strike", "replace"])
def test_a_failed_commit_at_the_help_desk_is_made_good_by_doing_it_again(poll: Poll, stored: bool, change: str) -> None:
    registrar, number = poll.office.registrar(), poll.numbers()[0]
    spare = poll.spares[0].public
    call = partial(registrar.strike, number) if change == "strike" else partial(registrar.replace, number, spare)
    with commits_fail(registrar._engine, 1, stored), pytest.raises(Fault):
        call()
    assert call() == poll.credential(0)
    assert call() == poll.credential(0)
    assert registrar.enrolled() == len(poll.letters) + (change == "replace")


@both
def test_a_failed_commit_while_casting_is_made_good_by_casting_again(poll: Poll, stored: bool) -> None:
    box, voting_pass = poll.office.box, poll.token(0)
    promises = {}
    for seq in range(3):
        raw = poll.ballot(voting_pass, [[seq % 2]], seq)
        with commits_fail(box._engine, 1, stored), pytest.raises(Fault):
            box.cast(raw)
        promises[raw] = box.cast(raw)
        assert box.cast(raw) == promises[raw]
        assert box.accepted() == seq + 1
    poll.until_close()
    poll.rehearsal.close()
    assert_kept(poll, promises)
    assert_counts(poll, [1, 0])


def cast_round(poll: Poll, passes: list[VotingPass], promises: dict[bytes, Promise]) -> None:
    """Three voters vote, again."""
    seq = len(promises) // 3
    group, seq = divmod(seq, 5)
    for voting_pass in passes[3 * group : 3 * group + 3]:
        raw = poll.ballot(voting_pass, [[seq % 2]], seq)
        promises[raw] = poll.office.box.cast(raw)


@both
@pytest.mark.parametrize("restart", [False, True], ids=["goes on", "restarts"])
def test_a_failed_commit_while_sealing_loses_and_doubles_nothing(poll: Poll, stored: bool, restart: bool) -> None:
    passes = [poll.token(voter) for voter in range(6)]
    promises: dict[bytes, Promise] = {}
    current, call, failed = poll, 0, True
    while failed:
        call += 1
        cast_round(current, passes, promises)
        current.wait(600)
        with commits_fail(current.office.box._engine, call, stored) as counted:
            with suppress(Fault):
                current.rehearsal.seal()
            failed = counted.left <= 0
        current = current.reopen() if restart else current
        while current.rehearsal.seal() is not None:
            pass
        assert current.office.box.pending() == 0
        assert_kept(current, promises)
    assert call > 2
    current.until_close()
    current.rehearsal.close()
    assert_kept(current, promises)


@both
@pytest.mark.parametrize("restart", [False, True], ids=["goes on", "restarts"])
def test_a_failed_write_of_the_log_while_sealing_loses_and_doubles_nothing(
    lite: Poll, stored: bool, restart: bool
) -> None:
    """A full disk, then room again: the batch is published as promised, by the same process or the next."""
    passes = [lite.token(voter) for voter in range(9)]
    promises: dict[bytes, Promise] = {}
    current, call, failed = lite, 0, True
    while failed:
        call += 1
        cast_round(current, passes, promises)
        current.wait(600)
        with writes_fail(call, stored) as counted:
            with suppress(Fault):
                current.rehearsal.seal()
            failed = counted.left <= 0
        current = current.reopen() if restart else current
        while current.rehearsal.seal() is not None:
            pass
        assert_kept(current, promises)
    assert call > 3
    current.until_close()
    current.rehearsal.close()
    assert_kept(current, promises)
    current.rehearsal.tally()
    report = verify(FolderPlace(current.office.public), current.office.referendum)
    assert report.established
    assert report.figures.ballots == len(promises)


@both
def test_a_failed_commit_while_closing_is_made_good_by_closing_again(poll: Poll, stored: bool) -> None:
    promises: dict[bytes, Promise] = {}
    cast_round(poll, [poll.token(voter) for voter in range(3)], promises)
    poll.until_close()
    with commits_fail(poll.office.registrar()._engine, 1, stored), pytest.raises(Fault):
        poll.rehearsal.close()
    for call in (1, 2):
        with commits_fail(poll.office.box._engine, call, stored), pytest.raises(Fault):
            poll.rehearsal.close()
    poll.rehearsal.close()
    assert_kept(poll, promises)
    assert_counts(poll, [3, 0])


# Processes that die

_PROJECT = Path(__file__).parents[2]


def run(root: Path, work: Path, moment: int, lines: int, what: str) -> bool:
    """True when the process came to its end; False when it was killed."""
    arguments = [str(root), str(work), str(moment), str(lines), what]
    child = subprocess.run(
        [sys.executable, "-m", "tests.ballot.killed", *arguments], cwd=_PROJECT, capture_output=True, text=True
    )
    assert child.returncode in (0, -signal.SIGKILL), child.stderr
    return child.returncode == 0


@pytest.mark.parametrize("seed", [1, 3])
def test_processes_killed_at_random_lines_lose_and_double_nothing(opened: Finished, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    root, work = tmp_path / "copy", tmp_path / "voters"
    office = opened.rehearsal(root).office
    manifest = office.manifest
    work.mkdir()
    lines = "".join(f"{code} {factor}\n" for code, factor in opened.letters[:VOTERS])
    (work / "letters").write_text(lines)
    kills, ended = 0, False
    while not ended and kills < 12:
        ended = run(root, work, manifest.opens_at + 7200 * kills, int(10 ** chance.uniform(1, 3.6)), "vote")
        kills += not ended
    assert ended or run(root, work, manifest.opens_at + 7200 * kills, 0, "vote")
    assert kills > 3
    end = manifest.closes_at + manifest.grace_seconds
    for _ in range(6):
        if run(root, work, end, int(10 ** chance.uniform(1, 3)), "close"):
            break
    after = Rehearsal(root)
    after.clock.move_to(end)
    poll = Poll(after, opened.letters)
    if after.office.log().order.phase.value == "open":
        after.close()
    after.office.log().cosign()

    stands = logged(poll)
    promised = dict(line.split() for line in (work / "acknowledged").read_text().splitlines())
    assert {digest.hex(): str(batch) for digest, batch in stands.items()} == promised
    sizes = Counter(path.name.partition(".")[0] for path in work.glob("*.ballot"))
    assert sum(sizes.values()) == len(stands)
    assert len(sizes) == VOTERS
    assert after.office.registrar().issued_count() == VOTERS
    last = [(voter + (voter % 3 == 0)) % 2 for voter in range(VOTERS)]
    assert_counts(poll, [last.count(0), last.count(1)])
    poll.end()
