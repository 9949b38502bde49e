"""What the log writer does not take, and what the verifier says when a careless one took it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import encode_entry, issued_digest, parse_entry, sign_entry
from stembus.audit.formats.entry_bodies import (
    Batch,
    Cancel,
    Client,
    ClientFile,
    Close,
    Complaint,
    Confirm,
    Incident,
    IssuedCount,
    Minutes,
    Open,
    Purge,
    Reveal,
    Roll,
)
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.report import Report, Verdict
from stembus.ballot.errors import EntryRefused, TooEarly
from stembus.ballot.office.office import Office
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.errors import StepOutOfTurn
from stembus.tally.trustee import Trustee, make_election_key
from tests.ballot.conftest import Poll
from tests.conftest import Finished
from tests.log_view import read_log


def signed(office: Office, body: Record, by: str) -> bytes:
    return encode_entry(body, [sign_entry(office.referendum, body, by, office.signing_key(by.replace("/", "-")))])


def checked(office: Office) -> Report:
    return verify(FolderPlace(office.public), office.referendum)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def client(*paths: str, release: str = "1") -> Client:
    return Client(release=release, files=[ClientFile(path=path, sha256="00" * 32) for path in paths])


def batch(office: Office, size: int, count: int | None = 0, registrar: str = "registrar-1", number: int = 1) -> Batch:
    digest = issued_digest(office.referendum, 1, number, count or 0)
    issued = [IssuedCount(count=count or 0, signature=office.signing_key(registrar).sign(digest).hex())]
    return Batch(number=1, size=size, issued=[] if count is None else issued)


CASES: dict[str, tuple[Callable[[Office], tuple[Record, str]], set[str]]] = {
    "an incident in another language": (lambda o: (Incident(number=1, text={"xx": "?"}), "officer/1"), {"V8"}),
    "an incident without a text": (lambda o: (Incident(number=1, text={"nl": ""}), "officer/1"), {"V8"}),
    "a blank incident": (lambda o: (Incident(number=1, text={"nl": " \u00a0"}), "officer/1"), {"V8"}),
    "escape codes": (lambda o: (Incident(number=1, text={"nl": "a\x1b[31mb"}), "officer/1"), {"V8"}),
    "bidi overrides": (lambda o: (Incident(number=1, text={"nl": "a", "en": "a\u202eb"}), "officer/1"), {"V8"}),
    "invisible characters": (lambda o: (Incident(number=1, text={"nl": "a\u200bb"}), "officer/1"), {"V8"}),
    "unsorted client files": (lambda o: (client("b", "a"), "client"), {"V29"}),
    "a client file twice": (lambda o: (client("a", "a"), "client"), {"V29"}),
    "a client without files": (lambda o: (client(), "client"), {"V29"}),
    "a client without a name": (lambda o: (client("a", release=" "), "client"), {"V29"}),
    "an empty batch": (lambda o: (batch(o, 0), "box"), {"V15"}),
    "an empty batch without counts": (lambda o: (batch(o, 0, None), "box"), {"V15", "V22"}),
    "a batch whose counts nobody signed": (lambda o: (batch(o, 0, 0, "box"), "box"), {"V15", "V22"}),
    "a batch with counts of another batch": (lambda o: (batch(o, 0, 0, number=2), "box"), {"V15", "V22"}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_log_takes_nothing_that_the_verifier_finds_wrong(lite: Poll, case: str) -> None:
    body, by = CASES[case][0](lite.office)
    log = lite.office.log()
    before, size = content(lite.office.root), log.size
    with pytest.raises(EntryRefused, match="nothing was added"):
        log.append([signed(lite.office, body, by)])
    assert (content(lite.office.root), log.size) == (before, size)
    assert log.order.phase.value == "open"


@pytest.mark.usefixtures("careless_log")
@pytest.mark.parametrize("case", CASES)
def test_no_party_alone_ends_a_referendum_through_a_careless_writer(lite: Poll, case: str) -> None:
    """The fault is named for ever, and the result stands all the same."""
    body, by = CASES[case][0](lite.office)
    lite.office.log().append([signed(lite.office, body, by)])
    report = checked(lite.office)
    assert {fault.check for fault in report.faults} >= CASES[case][1]
    assert {fault.verdict for fault in report.faults} == {Verdict.STANDS}
    assert (report.established, report.exit_status) == (True, 5)


def test_what_is_right_is_taken(lite: Poll) -> None:
    office, log = lite.office, lite.office.log()
    texts = {"nl": "De site lag plat. “Ça va”, zei €1 & 2/3 — 日本"}
    log.append([signed(office, Incident(number=1, text=texts), "officer/1")])
    log.append([signed(office, Incident(number=2, text={"nl": "Weer."}), "officer/2")])
    log.append([signed(office, client("a", "b"), "client")])
    assert checked(office).faults == []


def test_an_incident_is_not_told_twice_in_a_row(lite: Poll) -> None:
    office, log = lite.office, lite.office.log()
    log.append([signed(office, Incident(number=1, text={"nl": "a"}), "officer/1")])
    for reader in (log, lite.reopen().office.log()):
        with pytest.raises(EntryRefused, match="the same text"):
            reader.append([signed(office, Incident(number=2, text={"nl": "a"}), "officer/1")])
    log.append([signed(office, Incident(number=2, text={"nl": "b"}), "officer/1")])
    log.append([signed(office, Incident(number=3, text={"nl": "a"}), "officer/1")])
    assert checked(office).faults == []


def test_a_reason_for_cancelling_can_be_read(lite: Poll) -> None:
    office, log = lite.office, lite.office.log()
    with pytest.raises(EntryRefused, match="empty"):
        log.append([office.officers_sign(Cancel(text={"nl": "\t"}))])
    log.append([office.officers_sign(Cancel(text={"nl": "Er is brand."}))])
    assert checked(office).faults == []


def test_voting_opens_and_closes_at_its_times_only(opened: Finished, tmp_path: Path) -> None:
    """A hasty step of two officers would void the referendum for ever."""
    rehearsal = opened.rehearsal(tmp_path / "copy")
    office, manifest = rehearsal.office, rehearsal.office.manifest
    rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds - 1)
    close = office.officers_sign(Close(batches=0, ballots=0, issuance=[office.registrar().close(0).statement]))
    with pytest.raises(TooEarly, match="grace"):
        office.log().append([close])
    rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds)
    office.log().append([close])
    office.dispose()


def test_what_needs_a_checkpoint_of_its_own_ends_its_step(opened: Finished, tmp_path: Path) -> None:
    rehearsal = opened.rehearsal(tmp_path / "copy")
    office, manifest = rehearsal.office, rehearsal.office.manifest
    rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds)
    log, size = office.log(), office.log().size
    close = office.officers_sign(Close(batches=0, ballots=0, issuance=[office.registrar().close(0).statement]))
    words = office.officers_sign(Incident(number=1, text={"nl": "Om zes uur gesloten."}), 1)
    with pytest.raises(EntryRefused, match="the entry close ends a step of its own"):
        log.append([close, words])
    assert log.size == size
    log.append([words, close])
    assert (office.public / "checkpoints" / str(log.size)).exists()
    office.dispose()


@pytest.mark.parametrize(
    "changes",
    [{"count": 1}, {"root": "00" * 32}, {"struck": 1}, {"struck_root": "00" * 32}, {"signature": "00" * 64}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_close_states_what_the_registrar_signed(opened: Finished, tmp_path: Path, changes: dict[str, Any]) -> None:
    rehearsal = opened.rehearsal(tmp_path / "copy")
    office, manifest = rehearsal.office, rehearsal.office.manifest
    rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds)
    signed = office.registrar().close(0).statement
    for issuance in ([msgspec.structs.replace(signed, **changes)], [], [signed, signed]):
        with pytest.raises(EntryRefused, match="issuance"):
            office.log().append([office.officers_sign(Close(batches=0, ballots=0, issuance=issuance))])
    office.log().append([office.officers_sign(Close(batches=0, ballots=0, issuance=[signed]))])
    office.dispose()


@pytest.mark.parametrize(("shift", "opens"), [(-1, False), (0, True)])
def test_an_opening_before_its_time_is_refused(tmp_path: Path, shift: int, opens: bool) -> None:
    rehearsal = started(tmp_path)
    rehearsal.ceremony()
    office = rehearsal.office
    roll = Roll(count=40, credentials_root="00" * 32, spares=0, spares_root="00" * 32)
    office.log().append([office.officers_sign(roll)])
    rehearsal.clock._now = office.manifest.opens_at
    with pytest.raises(EntryRefused, match="another election key"):
        office.log().append([office.officers_sign(Open(election_key="00" * 32))])
    rehearsal.clock._now = office.manifest.opens_at + shift
    entry = office.officers_sign(Open(election_key=office.context().election_key.hex()))
    if opens:
        office.log().append([entry])
    else:
        with pytest.raises(TooEarly):
            office.log().append([entry])


def started(root: Path) -> Rehearsal:
    rehearsal = Rehearsal(root)
    rehearsal.keys()
    rehearsal.define(demo_draft(40, 10, floor=1))
    return rehearsal


def test_a_roll_of_another_count_is_refused(tmp_path: Path) -> None:
    rehearsal = started(tmp_path)
    rehearsal.ceremony()
    roll = Roll(count=39, credentials_root="00" * 32, spares=0, spares_root="00" * 32)
    with pytest.raises(EntryRefused, match="39 people where 40 are official"):
        rehearsal.office.log().append([rehearsal.office.officers_sign(roll)])


# Minutes


@pytest.fixture
def ended(finished: Finished, tmp_path: Path) -> Rehearsal:
    rehearsal = finished.rehearsal(tmp_path / "copy")
    rehearsal.clock.move_to(rehearsal.office.manifest.closes_at + 86_400)
    return rehearsal


def minutes(name: str = "minutes.pdf", data: bytes = b"%PDF") -> Minutes:
    return Minutes(name=name, sha256=hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("name", ["minutes.pdf", "", "../public/checkpoint", ".minutes", "a\u202eb.pdf"])
def test_minutes_need_their_document_first(ended: Rehearsal, name: str) -> None:
    log = ended.office.log()
    with pytest.raises(EntryRefused):
        log.append([signed(ended.office, minutes(name), "officer/1")])
    log.publish("documents/minutes.pdf", b"%PDF another")
    with pytest.raises(EntryRefused):
        log.append([signed(ended.office, minutes(name), "officer/1")])
    log.publish("documents/minutes.pdf", b"%PDF")
    log.append([signed(ended.office, minutes(), "officer/1")])
    assert checked(ended.office).faults == []


@pytest.mark.usefixtures("careless_log")
def test_minutes_that_nobody_has_do_not_take_the_result_away(ended: Rehearsal) -> None:
    ended.office.log().append([signed(ended.office, minutes(), "officer/1")])
    report = checked(ended.office)
    assert [(fault.check, fault.verdict) for fault in report.faults] == [("V1", Verdict.STANDS)]
    assert (report.established, report.exit_status) == (True, 5)


def test_a_purge_says_what_can_be_read(ended: Rehearsal) -> None:
    with pytest.raises(EntryRefused, match=r"U\+0007"):
        ended.office.log().append([ended.office.officers_sign(Purge(destroyed=["keys", "a\x07"]))])


# The ceremony


@pytest.fixture
def shared(tmp_path: Path) -> Rehearsal:
    rehearsal = started(tmp_path / "ceremony")
    for step in (Trustee.commit, Trustee.reveal, Trustee.share):
        rehearsal._each_trustee(step)
    return rehearsal


def wrong_confirm(rehearsal: Rehearsal, trustee: int) -> bytes:
    good = parse_entry(rehearsal.trustee(trustee).confirm()).body
    assert isinstance(good, Confirm)
    return signed(rehearsal.office, msgspec.structs.replace(good, joint_key="02" + "11" * 32), f"trustee/{trustee}")


@pytest.mark.parametrize("trustee", [1, 3])
def test_a_confirmation_of_another_key_is_refused(shared: Rehearsal, trustee: int) -> None:
    for number in range(1, trustee):
        shared.office.log().append([shared.trustee(number).confirm()])
    with pytest.raises(EntryRefused, match=f"trustee {trustee} confirmed another key"):
        shared.office.log().append([wrong_confirm(shared, trustee)])
    for number in range(trustee, 4):
        shared.office.log().append([shared.trustee(number).confirm()])
    shared.elect()
    assert checked(shared.office).faults == []


@pytest.mark.usefixtures("careless_log")
def test_a_confirmation_of_another_key_leaves_a_new_attempt(shared: Rehearsal) -> None:
    log = shared.office.log()
    log.append([shared.trustee(1).confirm()])
    log.append([shared.trustee(2).confirm()])
    log.append([wrong_confirm(shared, 3)])
    with pytest.raises(StepOutOfTurn, match="stembus trustee again"):
        make_election_key(read_log(FolderPlace(shared.office.public)))
    for number in (1, 2, 3):
        log.append([shared.trustee(number).commit(new_attempt=number == 1)])
    for step in (Trustee.reveal, Trustee.share, Trustee.confirm):
        shared._each_trustee(step)
    shared.elect()
    report = checked(shared.office)
    assert [(fault.check, fault.verdict) for fault in report.faults] == [("V11", Verdict.PASSED_OVER)]
    assert "trustee 3 confirmed another key" in report.faults[0].message
    assert (report.exit_status, report.figures.attempts) == (4, 2)


def test_an_election_key_that_the_messages_do_not_make_is_refused(shared: Rehearsal) -> None:
    shared._each_trustee(Trustee.confirm)
    shared._each_trustee(Trustee.drill)
    raw = make_election_key(shared.verified())
    body = parse_entry(raw).body
    for change in ({"joint_key": "02" + "11" * 32}, {"transcript": "00" * 32}, {"verification_keys": []}):
        with pytest.raises(EntryRefused, match="not the key"):
            shared.office.log().append([encode_entry(msgspec.structs.replace(body, **change))])
    shared.office.log().append([raw])


def test_a_reveal_of_something_else_is_refused(tmp_path: Path) -> None:
    rehearsal = started(tmp_path)
    rehearsal._each_trustee(Trustee.commit)
    good = parse_entry(rehearsal.trustee(1).reveal()).body
    assert isinstance(good, Reveal)
    for change in ({"coefficients": good.coefficients[:1]}, {"coefficients": good.coefficients[::-1]}):
        body = msgspec.structs.replace(good, **change)
        with pytest.raises(EntryRefused, match="trustee 1 reveals"):
            rehearsal.office.log().append([signed(rehearsal.office, body, "trustee/1")])
    rehearsal._each_trustee(Trustee.reveal)


def test_a_complaint_without_reason_is_refused(shared: Rehearsal) -> None:
    body = Complaint(attempt=1, accuser=2, accused=3, receiving_secret="11" * 32)
    with pytest.raises(EntryRefused, match="trustee 2, who complains"):
        shared.office.log().append([signed(shared.office, body, "trustee/2")])
    assert shared.office.log().order.voided == set()
