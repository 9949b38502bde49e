"""Files that people hand to a monitor over the network: which are kept, how many, and what is kept of their coming."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.monitor import hand_in
from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.hand_in import FILE_BYTES, OF_ONE, HandIn, Parties, Taken
from stembus.audit.monitor.handed import BALLOTS, DECRYPTIONS, PROMISES, files_in, logged_ballots
from stembus.audit.monitor.page import SCRIPT_SOURCE
from stembus.audit.monitor.watch import Relayed, watch
from stembus.audit.monitor.words import NAMES, WORDS, said
from stembus.audit.verify import verify
from stembus.audit.verify.promised_ballot import Verdict
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.audit.witness.builders import ask
from tests.conftest import Finished


def parties(rehearsal: Rehearsal) -> Parties:
    office = rehearsal.office
    context = office.context()
    return Parties(office.manifest, office.referendum, context, dict(logged_ballots(rehearsal.verified(), context)))


def signed(rehearsal: Rehearsal, letter: tuple[str, str], number: int = 1) -> list[bytes]:
    """Ballots of one token."""
    context, voting_pass = rehearsal.office.context(), rehearsal.token(*letter)
    return [sign_ballot(context, voting_pass, prepare(context, voting_pass, [[1]]), seq) for seq in range(number)]


@pytest.fixture
def voting(opened: Finished, tmp_path: Path) -> Rehearsal:
    rehearsal = opened.rehearsal(tmp_path / "office")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    return rehearsal


def test_a_ballot_is_kept_once_and_without_the_time_of_its_coming(
    voting: Rehearsal, opened: Finished, tmp_path: Path
) -> None:
    (ballot,) = signed(voting, opened.letters[0])
    taking = HandIn(tmp_path, lambda: parties(voting))
    assert [taking.take(ballot), taking.take(ballot)] == [Taken.KEPT, Taken.KEPT]
    (path,) = files_in(tmp_path / BALLOTS)
    assert path.read_bytes() == ballot
    assert path.stat().st_mtime == 0


def test_a_promise_and_a_decryption_are_kept_each_in_its_folder(
    voting: Rehearsal, finished: Finished, opened: Finished, tmp_path: Path
) -> None:
    _, promise = voting.cast(voting.token(*opened.letters[0]), [[1]])
    assert HandIn(tmp_path, lambda: parties(voting)).take(encode_promise(promise)) is Taken.KEPT
    counted = finished.rehearsal(tmp_path / "counted")
    log = counted.verified()
    (decryption, *_) = [raw for _, raw, entry in log.entries() if entry.type == "partial-decryption"]
    assert HandIn(tmp_path, lambda: parties(counted)).take(decryption) is Taken.KEPT
    assert len(files_in(tmp_path / PROMISES)) == len(files_in(tmp_path / DECRYPTIONS)) == 1


def test_what_nobody_of_this_referendum_signed_is_not_kept(
    voting: Rehearsal, opened: Finished, finished: Finished, tmp_path: Path
) -> None:
    (ballot,) = signed(voting, opened.letters[0])
    _, promise = voting.cast(voting.token(*opened.letters[1]), [[1]])
    log = finished.rehearsal(tmp_path / "counted").verified()
    entries = {entry.type: raw for _, raw, entry in log.entries()}
    keep, taking = tmp_path / "keep", HandIn(tmp_path / "keep", lambda: parties(voting))
    damaged = ballot[:-1] + bytes([ballot[-1] ^ 1])
    forged = encode_promise(msgspec.structs.replace(promise, signature="00" * 64))
    decryption = entries["partial-decryption"].replace(b'"trustee":2', b'"trustee":3')
    wrong = [b"", b"\x01", b"{}", b"\xff" * 2000, damaged, ballot + b"x", ballot[:-1], forged, decryption]
    assert [taking.take(data) for data in (damaged, forged, decryption)] == [Taken.INVALID] * 3
    wrong += [entries["close"], b"[" * 10_000, b"\xff\xd8photo"]
    assert {taking.take(data) for data in wrong} == {Taken.INVALID, Taken.NO_SUCH_FILE}
    assert not keep.exists()


def test_one_voter_can_hand_in_a_few_and_others_still_can(
    voting: Rehearsal, opened: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = HandIn(tmp_path, lambda: parties(voting))
    several = signed(voting, opened.letters[0], OF_ONE + 1)
    assert [taking.take(ballot) for ballot in several] == [Taken.KEPT] * OF_ONE + [Taken.TOO_MANY]
    assert taking.take(several[0]) is Taken.KEPT
    assert taking.turned_away == 1
    monkeypatch.setattr(hand_in, "OF_ALL", OF_ONE + 1)
    (other,), (last,) = signed(voting, opened.letters[1]), signed(voting, opened.letters[2])
    assert [taking.take(other), taking.take(last)] == [Taken.KEPT, Taken.TOO_MANY]


def test_before_a_log_was_verified_nothing_is_taken(voting: Rehearsal, opened: Finished, tmp_path: Path) -> None:
    (ballot,) = signed(voting, opened.letters[0])
    assert HandIn(tmp_path, lambda: None).take(ballot) is Taken.NOT_NOW
    assert HandIn(tmp_path, lambda: replace(parties(voting), context=None)).take(ballot) is Taken.NOT_NOW


def test_a_file_that_is_being_written_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".ballot.0123abcd.new").write_bytes(b"half")
    (tmp_path / "ballot").write_bytes(b"whole")
    (tmp_path / "folder").mkdir()
    assert [path.name for path in files_in(tmp_path)] == ["ballot"]
    assert files_in(tmp_path / "none") == []


def test_what_stands_in_the_log_takes_no_room(voting: Rehearsal, opened: Finished, tmp_path: Path) -> None:
    """Everybody has all of it, and the box promises it again to anybody who asks."""
    first, promise = voting.cast(voting.token(*opened.letters[0]), [[1]])
    taking = HandIn(tmp_path, lambda: parties(voting))
    voting.seal()
    assert taking.take(first) is Taken.LOGGED
    assert taking.take(encode_promise(promise)) is Taken.LOGGED
    key, referendum = voting.office.signing_key("box"), voting.office.referendum
    digest, number = bytes.fromhex(promise.cast_hash), bytes.fromhex(promise.ballot_id)
    early = make_promise(referendum, digest, number, 0, key)
    renamed = make_promise(referendum, digest, b"x" * 32, promise.batch, key)
    assert [taking.take(encode_promise(one)) for one in (early, renamed)] == [Taken.KEPT, Taken.KEPT]


def test_promises_for_far_batches_do_not_push_out_the_one_that_is_due(
    voting: Rehearsal, opened: Finished, tmp_path: Path
) -> None:
    _, promise = voting.cast(voting.token(*opened.letters[0]), [[1]])
    key, taking = voting.office.signing_key("box"), HandIn(tmp_path, lambda: parties(voting))
    digest, number = bytes.fromhex(promise.cast_hash), bytes.fromhex(promise.ballot_id)
    far = [make_promise(voting.office.referendum, digest, number, 10**9 + k, key) for k in range(OF_ONE + 1)]
    assert [taking.take(encode_promise(one)) for one in far] == [Taken.KEPT] * OF_ONE + [Taken.TOO_MANY]
    assert taking.take(encode_promise(promise)) is Taken.KEPT
    kept = [path.read_bytes() for path in files_in(tmp_path / PROMISES)]
    assert encode_promise(promise) in kept
    assert len(kept) == OF_ONE


def test_every_answer_and_state_has_words_in_every_language() -> None:
    for language, words in WORDS.items():
        assert language in NAMES
        assert {taken.value for taken in Taken} | {413, 0, 1} == set(words.answers)
        assert set(words.states) == set(Relayed)
        assert set(words.verdicts) == set(Verdict)
        every = [*words.answers.values(), *words.states.values(), *words.verdicts.values()]
        assert all(every)
        assert len(set(words.states.values())) == len(Relayed)


# Over HTTP


def app_of(rehearsal: Rehearsal, folder: Path, taking: bool = True) -> MonitorApp:
    seen = watch(verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum), [], folder)
    kept = HandIn(folder, lambda: parties(rehearsal)) if taking else None
    return MonitorApp(folder, lambda: replace(seen, ended=int(time.time())), time.time, 100, kept)


def test_the_status_of_an_answer_says_what_became_of_a_file(
    voting: Rehearsal, opened: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, (ballot,) = app_of(voting, tmp_path), signed(voting, opened.letters[0])
    answers = [ask(app, "POST", "/hand-in", body) for body in (ballot, ballot, b"x")]  # type: ignore[arg-type]
    assert [answer.status for answer in answers] == [200, 200, 415]
    assert answers[0].body.decode() == f"{said(200)}\n"
    long = ask(app, "POST", "/hand-in", b"", CONTENT_LENGTH=str(FILE_BYTES + 1))  # type: ignore[arg-type]
    unsaid = ask(app, "POST", "/hand-in", b"", CONTENT_LENGTH="")  # type: ignore[arg-type]
    assert (long.status, unsaid.status) == (413, 411)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(hand_in, "write_undated", full)
    (other,) = signed(voting, opened.letters[1])
    answer = ask(app, "POST", "/hand-in", other)  # type: ignore[arg-type]
    assert (answer.status, answer.errors) == (503, "stembus: error: OSError: nothing can be kept\n")


def test_a_monitor_that_takes_nothing_offers_nothing(voting: Rehearsal, opened: Finished, tmp_path: Path) -> None:
    (ballot,) = signed(voting, opened.letters[0])
    closed = app_of(voting, tmp_path, taking=False)
    assert ask(closed, "POST", "/hand-in", ballot).status == 405  # type: ignore[arg-type]
    assert "<form" not in ask(closed, "GET", "/").body.decode()  # type: ignore[arg-type]
    assert not (tmp_path / BALLOTS).exists()


def test_the_page_takes_files_in_the_voters_languages_and_runs_no_other_script(
    voting: Rehearsal, tmp_path: Path
) -> None:
    answer = ask(app_of(voting, tmp_path), "GET", "/")  # type: ignore[arg-type]
    page = answer.body.decode()
    assert re.findall(r'<section lang="(..)" id', page) == voting.office.manifest.languages
    assert page.count("<script>") == 1
    assert SCRIPT_SOURCE in dict(answer.headers)["Content-Security-Policy"]
