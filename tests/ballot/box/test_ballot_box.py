"""The ballot box: what it accepts, when it publishes, and that a promise is kept."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, text

from stembus.audit.errors import ReceiptInvalid
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import Batch, Cancel
from stembus.audit.formats.receipt import Promise, Receipt, check_promise, check_receipt, parse_receipt
from stembus.audit.log.note import Checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.errors import BallotRejected, CastOutOfTurn, NotOpen, TooEarly
from stembus.ballot.issuance.token import VotingPass
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.crypto.signing import SchnorrKey
from tests.ballot.conftest import Poll


@pytest.fixture
def box(poll: Poll) -> BallotBox:
    return poll.office.box


def logged(poll: Poll) -> list[bytes]:
    """The ballots of the published log, in order."""
    poll.office.log().refresh()
    reader = poll.office.log().reader()
    entries = (reader.entry(index) for index in range(1, reader.size))
    return [raw for raw in entries if raw[:1] != b"{"]


def batches(poll: Poll) -> dict[int, list[bytes]]:
    """The ballots of each published batch."""
    poll.office.log().refresh()
    reader = poll.office.log().reader()
    found: dict[int, list[bytes]] = {}
    for index, entry in poll.office.log().entries():
        if isinstance(entry.body, Batch):
            found[entry.body.number] = [reader.entry(index + 1 + k) for k in range(entry.body.size)]
    return found


def ballot_id(poll: Poll, raw: bytes) -> bytes:
    context = poll.office.context()
    return context.ballot_id(raw[1 : 1 + context.body_bytes])


def cast_many(poll: Poll, voters: Sequence[int]) -> dict[bytes, Promise]:
    promises = {}
    for voter in voters:
        raw = poll.ballot(poll.token(voter))
        promises[raw] = poll.office.box.cast(raw)
    return promises


# Accepting


def test_the_same_ballot_gets_the_same_promise(poll: Poll, box: BallotBox) -> None:
    raw = poll.ballot(poll.token(0))
    promise = box.cast(raw)
    check_promise(poll.office.manifest, poll.office.referendum, promise)
    assert (promise.cast_hash, promise.batch) == (hashlib.sha256(raw).hexdigest(), 1)
    assert promise.ballot_id == ballot_id(poll, raw).hex()
    assert box.cast(raw) == promise
    assert poll.reopen().office.box.cast(raw) == promise
    assert box.accepted() == box.pending() == 1
    poll.until_close()
    poll.rehearsal.close()
    assert box.cast(raw) == promise, "also after the close"


def test_a_new_ballot_costs_the_database_two_statements(poll: Poll, box: BallotBox) -> None:
    """On a quiet evening nobody notices; 9,880 people at once would."""
    first, second = (poll.ballot(poll.token(voter)) for voter in (0, 1))
    box.cast(first)
    seen: list[str] = []
    event.listen(box._engine, "before_cursor_execute", lambda *args: seen.append(args[2].split()[0]))
    promise = box.cast(second)
    assert [word for word in seen if word != "BEGIN"] == ["SELECT", "INSERT"]
    seen.clear()
    assert box.cast(second) == promise
    assert [word for word in seen if word != "BEGIN"] == ["SELECT", "INSERT", "SELECT", "SELECT"]


def test_a_promise_names_one_referendum_and_one_ballot(poll: Poll, box: BallotBox) -> None:
    promise = box.cast(poll.ballot(poll.token(0)))
    manifest = poll.office.manifest
    with pytest.raises(ReceiptInvalid):
        check_promise(manifest, bytes(32), promise)
    fields = {name: getattr(promise, name) for name in promise.__struct_fields__}
    for change in ({"batch": 2}, {"cast_hash": "00" * 32}, {"ballot_id": "00" * 32}, {"signature": "00" * 64}):
        with pytest.raises(ReceiptInvalid):
            check_promise(manifest, poll.office.referendum, Promise(**(fields | change)))


def test_a_cast_that_is_not_above_the_last_one_is_refused_with_that_one(poll: Poll, box: BallotBox) -> None:
    voting_pass = poll.token(0)
    first = poll.ballot(voting_pass, seq=1)
    box.cast(first)
    for seq in (0, 1):
        with pytest.raises(CastOutOfTurn) as refusal:
            box.cast(poll.ballot(voting_pass, [[0]], seq))
        assert (refusal.value.current, refusal.value.expected) == (first, 2)
    second = poll.ballot(voting_pass, [[0]], 2)
    box.cast(second)
    with pytest.raises(CastOutOfTurn) as refusal:
        box.cast(poll.ballot(voting_pass, [[0]], 2))
    assert refusal.value.current == second
    assert box.accepted() == 2


def test_a_turn_that_was_lost_on_the_way_is_left_out(poll: Poll, box: BallotBox) -> None:
    voting_pass = poll.token(0)
    box.cast(poll.ballot(voting_pass))
    box.cast(poll.ballot(voting_pass, [[0]], 3))
    with pytest.raises(CastOutOfTurn):
        box.cast(poll.ballot(voting_pass, [[1]], 2))
    poll.until_close()
    poll.rehearsal.close()
    poll.rehearsal.tally()
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    assert report.faults == []
    assert report.result is not None
    assert (report.result.participants, report.figures.ballots) == (1, 2)


def test_a_voter_may_cast_five_times_and_no_more(poll: Poll, box: BallotBox) -> None:
    voting_pass = poll.token(0)
    for seq in range(poll.office.manifest.max_casts):
        box.cast(poll.ballot(voting_pass, [[seq % 2]], seq))
    with pytest.raises(BallotRejected, match="V20"):
        box.cast(poll.ballot(voting_pass, [[1]], poll.office.manifest.max_casts))
    assert box.accepted() == 5


def test_the_same_body_under_a_second_cast_number_is_refused(poll: Poll, box: BallotBox) -> None:

    voting_pass, context = poll.token(0), poll.office.context()
    prepared = prepare(context, voting_pass, [[1]])
    box.cast(sign_ballot(context, voting_pass, prepared, 0))
    with pytest.raises(CastOutOfTurn):
        box.cast(sign_ballot(context, voting_pass, prepared, 1))
    assert box.accepted() == 1


def test_the_same_body_is_refused_also_when_it_stands_in_an_earlier_batch(poll: Poll, box: BallotBox) -> None:
    """In the log it would be excluded (V20), and any voter could put such a fault there."""
    context, voting_pass = poll.office.context(), poll.token(0)
    prepared = prepare(context, voting_pass, [[1]])
    box.cast(sign_ballot(context, voting_pass, prepared, 0))
    cast_many(poll, [1, 2])
    assert poll.rehearsal.seal() == 1
    with pytest.raises(CastOutOfTurn):
        box.cast(sign_ballot(context, voting_pass, prepared, 1))
    assert box.pending() == 0


def test_an_invalid_ballot_is_refused_with_the_check_it_fails(poll: Poll, box: BallotBox) -> None:
    voting_pass, context = poll.token(0), poll.office.context()
    raw = poll.ballot(voting_pass)
    tail = 1 + context.body_bytes

    def flip(position: int) -> bytes:
        return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]

    def resign(unsigned: bytes, key: SchnorrKey = voting_pass.token_key) -> bytes:
        return unsigned + key.sign(context.cast_digest(unsigned))

    stranger = SchnorrKey.generate()
    scalar = context.scalars_at
    for damaged, check in (
        (b"", "V16"),
        (raw[:-1], "V16"),
        (raw + b"\0", "V16"),
        (b"\x02" + raw[1:], "V16"),
        (raw[:33] + b"\x05" + raw[34:], "V16"),  # no point
        (raw[: 1 + scalar] + b"\xff" * 32 + raw[33 + scalar :], "V16"),  # no scalar
        (flip(1), "V17"),  # commitment
        (flip(tail), "V17"),  # nonce
        (flip(tail + 64), "V17"),  # the registrar's signature
        (resign(raw[: tail + 32] + stranger.public + raw[tail + 64 : -64], stranger), "V17"),
        (flip(len(raw) - 1), "V18"),
        (flip(len(raw) - 65), "V18"),  # cast number
        (raw[:-64] + stranger.sign(context.cast_digest(raw[:-64])), "V18"),
        (resign(flip(scalar + 32)[:-64]), "V19"),
    ):
        with pytest.raises(BallotRejected) as refusal:
            box.cast(damaged)
        assert refusal.value.check == check, damaged.hex()[:80]
    assert box.accepted() == 0
    box.cast(raw)


def test_a_ballot_of_another_election_key_is_refused(poll: Poll, box: BallotBox) -> None:

    voting_pass = poll.token(0)
    foreign = dataclasses.replace(poll.office.context(), election_key=bytes(32))
    with pytest.raises(BallotRejected, match="V18"):
        box.cast(sign_ballot(foreign, voting_pass, prepare(foreign, voting_pass, [[1]]), 0))


# Times


def test_ballots_are_taken_from_the_opening_until_the_grace_is_over(poll: Poll, box: BallotBox) -> None:
    manifest = poll.office.manifest
    raws = [poll.ballot(poll.token(voter)) for voter in range(3)]
    with pytest.raises(NotOpen, match="opens at"):
        poll.reopen(manifest.opens_at - 1).office.box.cast(raws[0])
    box.cast(raws[0])
    poll.rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds - 1)
    box.cast(raws[1])
    poll.wait(1)
    with pytest.raises(NotOpen, match="closed"):
        box.cast(raws[2])
    assert box.accepted() == 2


def test_no_ballot_is_taken_before_the_log_says_open(lite: Poll) -> None:
    """The clock alone does not open the box."""
    raw = lite.ballot(lite.token(0))
    box = lite.office.box
    order = box._log.order
    order.phase = type(order.phase).ROLLED
    with pytest.raises(NotOpen):
        box.cast(raw)
    assert box.accepted() == 0


def test_a_referendum_that_officers_cancel_elsewhere_takes_no_more_ballots(poll: Poll, box: BallotBox) -> None:
    """Officers append from their own machine; the box must notice."""
    first, second = (poll.ballot(poll.token(voter)) for voter in range(2))
    box.cast(first)
    office = poll.reopen().office
    texts = dict.fromkeys(office.manifest.languages, "cancelled")
    office.log().append([office.officers_sign(Cancel(text=texts))])
    with pytest.raises(NotOpen):
        box.cast(second)
    assert box.accepted() == 1


# Batches


def test_a_batch_waits_its_minimum_time_after_the_one_before(poll: Poll, box: BallotBox) -> None:
    cast_many(poll, range(3))
    assert poll.rehearsal.seal() == 1
    cast_many(poll, range(3, 6))
    poll.wait(poll.office.manifest.batching.minimum_seconds - 1)
    assert poll.rehearsal.seal() is None
    assert poll.reopen().rehearsal.seal() is None, "nor after a restart"
    poll.wait(1)
    assert poll.rehearsal.seal() == 2


def test_from_the_quiet_time_on_a_batch_is_published_with_the_close_alone(poll: Poll, box: BallotBox) -> None:
    """Also after the grace: by a clock that is ahead for a moment, a batch would come too late and not be the last."""
    manifest = poll.office.manifest
    promises = cast_many(poll, range(4))
    start, end = manifest.closes_at - manifest.batching.quiet_seconds, manifest.closes_at + manifest.grace_seconds
    for moment in (start, manifest.closes_at - 1, manifest.closes_at, end - 1):
        poll.rehearsal.clock.move_to(moment)
        assert poll.rehearsal.seal() is None
        with pytest.raises(TooEarly):
            box.finish(poll.office.count_statements)
    for moment in (end, end + 3600):
        poll.rehearsal.clock.move_to(moment)
        assert poll.rehearsal.seal() is None
    box.finish(poll.office.count_statements)
    assert set(logged(poll)) == set(promises)


def test_the_last_second_before_the_quiet_time_still_publishes(poll: Poll) -> None:
    manifest = poll.office.manifest
    cast_many(poll, range(3))
    poll.rehearsal.clock.move_to(manifest.closes_at - manifest.batching.quiet_seconds - 1)
    assert poll.rehearsal.seal() == 1


def test_the_last_batch_needs_no_minimum_and_nothing_is_published_when_nothing_came(poll: Poll, box: BallotBox) -> None:
    poll.until_close()
    box.finish(poll.office.count_statements)
    assert batches(poll) == {}
    other = poll.reopen(poll.office.manifest.closes_at)
    with pytest.raises(NotOpen):
        other.token(0)


def test_one_voter_alone_stands_in_the_last_batch(poll: Poll, box: BallotBox) -> None:
    promises = cast_many(poll, [0])
    poll.until_close()
    box.finish(poll.office.count_statements)
    assert batches(poll) == {1: list(promises)}
    box.finish(poll.office.count_statements)
    assert batches(poll) == {1: list(promises)}


def test_a_batch_is_sorted_by_ballot_id_and_states_the_tokens_issued(poll: Poll) -> None:
    cast_many(poll, range(8))
    poll.token(8)
    assert poll.rehearsal.seal() == 1
    ids = [ballot_id(poll, raw) for raw in batches(poll)[1]]
    assert ids == sorted(ids)
    assert len(ids) == 8
    header = next(e.body for _, e in poll.office.log().entries() if isinstance(e.body, Batch))
    assert [statement.count for statement in header.issued] == [9]


def stored(box: BallotBox) -> int:
    """Ballots that the database still has, and not only their hashes."""
    with box._engine.connect() as db:
        return int(db.execute(text("SELECT count(*) FROM ballot WHERE cast_ballot IS NOT NULL")).scalar_one())


def test_ballots_leave_the_database_once_the_close_is_published_and_not_before(poll: Poll, box: BallotBox) -> None:
    promises = cast_many(poll, range(3))
    poll.rehearsal.seal()
    assert (box.forget(), stored(box)) == (0, 3)
    poll.until_close()
    poll.rehearsal.close()
    assert (box.forget(), stored(box)) == (0, 0)
    raw = next(iter(promises))
    assert box.cast(raw) == promises[raw]
    assert box.accepted() == 3


def test_a_ballot_that_is_not_in_the_log_stays_in_the_database_and_is_counted(poll: Poll, box: BallotBox) -> None:
    cast_many(poll, range(3))
    poll.until_close()
    poll.rehearsal.close()
    with box._engine.begin() as db:
        changed = "UPDATE ballot SET cast_hash = :other WHERE ballot_id = (SELECT min(ballot_id) FROM ballot)"
        if db.dialect.name == "postgresql":
            changed = changed.replace("SELECT min(ballot_id) FROM ballot", "SELECT ballot_id FROM ballot LIMIT 1")
        db.execute(text(changed), {"other": bytes(32)})
    assert (box.forget(), stored(box)) == (1, 1)


def test_a_promise_names_the_batch_in_which_the_ballot_then_stands(poll: Poll) -> None:
    promises = cast_many(poll, range(4))
    poll.rehearsal.seal()
    promises |= cast_many(poll, range(4, 7))
    poll.wait(600)
    poll.rehearsal.seal()
    promises |= cast_many(poll, range(7, 9))
    poll.until_close()
    poll.rehearsal.close()
    stands = {raw: number for number, raws in batches(poll).items() for raw in raws}
    assert stands == {raw: promise.batch for raw, promise in promises.items()}
    assert set(stands.values()) == {1, 2, 3}


def test_a_recast_before_and_after_its_batch_both_stand_in_the_log(poll: Poll, box: BallotBox) -> None:
    voting_pass = poll.token(0)
    raws = [poll.ballot(voting_pass, [[seq % 2]], seq) for seq in range(3)]
    box.cast(raws[0])
    box.cast(raws[1])
    cast_many(poll, range(1, 4))
    assert poll.rehearsal.seal() == 1
    with pytest.raises(CastOutOfTurn) as refusal:
        box.cast(poll.ballot(voting_pass, [[0]], 1))
    assert refusal.value.current == raws[1], "the stored ballot left for the log, and is shown from there"
    box.cast(raws[2])
    poll.until_close()
    poll.rehearsal.close()
    assert set(raws) <= set(logged(poll))


# Many at once


def test_casts_in_many_threads_with_sealing_in_between_are_neither_lost_nor_doubled(poll: Poll, box: BallotBox) -> None:
    voters = 24
    passes = [poll.token(voter) for voter in range(voters)]
    work: list[list[bytes]] = [[poll.ballot(p, [[seq]], seq) for seq in range(2)] for p in passes]
    promises: dict[bytes, Promise] = {}
    done = threading.Event()

    def vote(raws: list[bytes]) -> None:
        for raw in raws:
            promises[raw] = box.cast(raw)
            assert box.cast(raw) == promises[raw]

    def publish() -> int:
        sealed = 0
        while not done.wait(0.005):
            if poll.rehearsal.seal() is not None:
                poll.wait(600)
                sealed += 1
        return sealed

    with ThreadPoolExecutor(7) as pool:
        sealing = pool.submit(publish)
        try:
            for future in [pool.submit(vote, raws) for raws in work]:
                future.result(60)
        finally:
            done.set()
        assert sealing.result(60) >= 1
    poll.until_close()
    poll.rehearsal.close()
    assert sorted(logged(poll)) == sorted(promises)
    assert len(promises) == 2 * voters
    stands = {raw: number for number, raws in batches(poll).items() for raw in raws}
    assert stands == {raw: promise.batch for raw, promise in promises.items()}


def test_many_ballots_of_one_token_at_once_have_one_winner(poll: Poll, box: BallotBox) -> None:
    voting_pass = poll.token(0)
    raws = [poll.ballot(voting_pass, [[k % 2]]) for k in range(10)]
    boxes = [box, poll.reopen().office.box]
    barrier = threading.Barrier(10)

    def cast(number: int) -> Promise | CastOutOfTurn:
        barrier.wait()
        try:
            return boxes[number % 2].cast(raws[number])
        except CastOutOfTurn as refusal:
            return refusal

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(cast, range(10)))
    winners = [k for k, answer in enumerate(answers) if isinstance(answer, Promise)]
    assert len(winners) == 1
    assert box.accepted() == 1
    assert box.cast(raws[winners[0]]) == answers[winners[0]]


def test_the_same_ballot_in_many_threads_is_promised_in_each(poll: Poll, box: BallotBox) -> None:
    """A browser that repeats an impatient request must not be told that its own ballot is out of turn."""
    raw = poll.ballot(poll.token(0))
    boxes = [box, poll.reopen().office.box]
    barrier = threading.Barrier(10)

    def cast(number: int) -> Promise | Exception:
        barrier.wait()
        try:
            return boxes[number % 2].cast(raw)
        except CastOutOfTurn as refusal:
            return refusal

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(cast, range(10)))
    assert box.accepted() == 1
    assert answers == [box.cast(raw)] * 10


def test_a_slow_second_sealer_does_not_forget_a_batch_that_was_sealed_meanwhile(
    poll: Poll, box: BallotBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes clean up after the same crash; one of them is overtaken by the next batch."""
    cast_many(poll, range(3))

    class Killed(Exception):
        pass

    def killed(*_: object, **__: object) -> int | None:
        raise Killed

    append = box._log.append

    def killed_after(*arguments: object, **named: object) -> int:
        append(*arguments, **named)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(box._log, "append", killed_after)
    with pytest.raises(Killed):
        poll.rehearsal.seal()  # batch 1 is in the log, the database still holds its header
    fast, slow = poll.reopen(), poll.reopen()
    cosign = slow.office.log().cosign
    promises: dict[bytes, Promise] = {}

    def overtaken() -> bool:
        reached = cosign()
        assert fast.rehearsal.seal() == 1
        promises.update(cast_many(fast, range(3, 6)))
        fast.wait(600)
        monkeypatch.setattr(fast.office.log(), "append", killed)
        with pytest.raises(Killed):
            fast.rehearsal.seal()  # batch 2 is fixed in the database and not in the log
        return reached

    slow.office.log()
    _ = fast.office.box, slow.office.box
    monkeypatch.setattr(slow.office.log(), "cosign", overtaken)
    slow.rehearsal.seal()
    last = poll.reopen(poll.office.manifest.closes_at + poll.office.manifest.grace_seconds)
    last.rehearsal.close()
    assert set(promises) <= set(logged(last))


@pytest.mark.parametrize("faster", ["another sealer", "an officer"])
def test_a_sealer_that_is_overtaken_while_it_appends_goes_on(
    poll: Poll, box: BallotBox, monkeypatch: pytest.MonkeyPatch, faster: str
) -> None:
    """The timer's `seal` and an official's `close` meet."""
    promises = cast_many(poll, range(3))
    other = poll.reopen()
    append = box._log.append

    def overtaken(*arguments: Any, **named: Any) -> int:
        monkeypatch.undo()
        if faster == "an officer":
            other.office.tell({"nl": "voorval"})
        else:
            assert other.rehearsal.seal() == 1
        return append(*arguments, **named)

    monkeypatch.setattr(box._log, "append", overtaken)
    assert poll.rehearsal.seal() == 1
    assert sorted(logged(poll)) == sorted(promises)
    assert list(batches(poll)) == [1]


# Receipts


def receipts(poll: Poll, voters: Sequence[int]) -> dict[bytes, Receipt]:
    promises = cast_many(poll, voters)
    assert all(poll.office.box.receipt(ballot_id(poll, raw), hashlib.sha256(raw).digest()) is None for raw in promises)
    assert poll.rehearsal.seal() == 1
    found = {}
    for raw in promises:
        receipt = poll.office.box.receipt(ballot_id(poll, raw), hashlib.sha256(raw).digest())
        assert receipt is not None
        found[raw] = receipt
    return found


def test_a_receipt_proves_that_its_ballot_stands_in_the_log(poll: Poll) -> None:
    manifest = poll.office.manifest
    for raw, receipt in receipts(poll, range(5)).items():
        check_receipt(manifest, receipt, raw)
        again = parse_receipt(receipt.to_bytes())
        assert again == receipt
        check_receipt(manifest, again, raw)


def test_a_receipt_of_another_ballot_or_without_the_quorum_is_refused(lite: Poll) -> None:
    manifest = lite.office.manifest
    found = receipts(lite, range(4))
    (raw, receipt), (other, other_receipt) = list(found.items())[:2]
    head = receipt.checkpoint
    log_line, *witnesses = head.signatures
    assert len(witnesses) == 2

    def with_signatures(*signatures: object) -> Receipt:
        return Receipt(receipt.index, receipt.proof, Checkpoint(head.origin, head.size, head.root, signatures))  # type: ignore[arg-type]

    wrong = [
        (other, receipt),
        (raw, other_receipt),
        (raw[:-1], receipt),
        (raw, Receipt(receipt.index + 1, receipt.proof, head)),
        (raw, Receipt(receipt.index, receipt.proof[:-1], head)),
        (raw, Receipt(receipt.index, (*receipt.proof, bytes(32)), head)),
        (raw, Receipt(head.size, receipt.proof, head)),
        (raw, Receipt(receipt.index, receipt.proof, Checkpoint(head.origin, head.size, bytes(32), head.signatures))),
        (raw, with_signatures(log_line, witnesses[0])),
        (raw, with_signatures(log_line, witnesses[0], witnesses[0])),
        (raw, with_signatures(*witnesses)),
    ]
    for entry, candidate in wrong:
        with pytest.raises(ReceiptInvalid):
            check_receipt(manifest, candidate, entry)


def test_a_damaged_receipt_is_refused_and_nothing_else_happens(lite: Poll) -> None:
    raw, receipt = next(iter(receipts(lite, range(3)).items()))
    data = receipt.to_bytes()
    for position in range(len(data)):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(ReceiptInvalid):
            check_receipt(lite.office.manifest, parse_receipt(damaged), raw)
    for length in range(0, len(data), 7):
        with pytest.raises(ReceiptInvalid):
            check_receipt(lite.office.manifest, parse_receipt(data[:length]), raw)


def test_the_header_of_a_batch_is_signed_by_the_box(lite: Poll) -> None:
    cast_many(lite, range(3))
    lite.rehearsal.seal()
    reader = lite.office.log().reader()
    index = next(i for i, entry in lite.office.log().entries() if isinstance(entry.body, Batch))
    assert [signature.by for signature in parse_entry(reader.entry(index)).signatures] == ["box"]


def test_a_pass_survives_its_file(lite: Poll) -> None:
    """What the voter's device keeps is enough to vote and to vote again."""
    voting_pass = VotingPass.from_json(lite.token(0).to_json())
    lite.office.box.cast(lite.ballot(voting_pass))
    lite.office.box.cast(lite.ballot(VotingPass.from_json(voting_pass.to_json()), seq=1))
    assert lite.office.box.accepted() == 2
