"""A voter's promise and receipt, held against the log: kept, broken, not due yet, or of another history."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from stembus.audit.errors import ReceiptInvalid
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.formats.receipt import (
    Receipt,
    check_promise,
    check_receipt,
    encode_promise,
    make_promise,
    make_receipt,
    parse_promise,
    parse_receipt,
)
from stembus.audit.log.merkle import inclusion_proof, leaf_hash, root_from_proof
from stembus.audit.log.note import Checkpoint, parse_checkpoint, sign_checkpoint
from stembus.audit.log.source import MemoryPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.ballot.voter.encrypt import PreparedBallot, build_body, sign_ballot
from tests.tampered.forge import Forge, judge


def promise_of(forge: Forge, raw: bytes, batch: int = 1, referendum: bytes | None = None, key: str = "box") -> bytes:
    names = (referendum or forge.referendum, hashlib.sha256(raw).digest(), forge.body_id(raw), batch)
    return encode_promise(make_promise(*names, forge.keys.parties[key]))


def head_of(place: MemoryPlace) -> Checkpoint:
    return parse_checkpoint(place.files["checkpoint"])


def receipt_of(place: MemoryPlace, index: int, head: Checkpoint | None = None) -> Receipt:
    seen = head or head_of(place)
    reader = TileReader(place, head_of(place).size)
    return make_receipt(index, inclusion_proof(index, seen.size, reader.subtree), seen)


def find(place: MemoryPlace, raw: bytes) -> int:
    reader = TileReader(place, head_of(place).size)
    return next(index for index in range(head_of(place).size) if reader.entry(index) == raw)


def judged(
    forge: Forge,
    place: MemoryPlace,
    promise: bytes | None = None,
    receipt: bytes | None = None,
    ballot: bytes | None = None,
    status: int | None = None,
) -> tuple[str, list[tuple[str, str, str]]]:
    """What is said of the promise, and the faults."""
    report = judge(forge, place)
    assert report.faults == []
    found = check_voter_evidence(report, promise, receipt, ballot)
    assert report.exit_status != 0 or not report.faults
    assert status is None or report.exit_status == status
    return found, [(fault.check, fault.where, fault.message) for fault in report.faults]


def test_a_kept_promise_and_its_receipt_name_the_ballots_place(forge: Forge) -> None:
    place = forge.build()
    for number, batch in enumerate(forge.batches, 1):
        for raw in batch:
            index = find(place, raw)
            found, faults = judged(forge, place, promise_of(forge, raw, number), receipt_of(place, index).to_bytes())
            held = f"the receipt holds: entry {index} is that ballot"
            assert found == f"kept: the ballot is entry {index}, in batch {number}; {held}"
            assert faults == []


def test_a_receipt_is_enough_without_a_promise(forge: Forge) -> None:
    place = forge.build()
    index = find(place, forge.batches[1][3])
    found = f"the receipt holds: entry {index} is in the log"
    assert judged(forge, place, None, receipt_of(place, index).to_bytes()) == (found, [])


UNLESS = "broken, unless the voter cast again with the same token: the ballot itself shows that"


def test_a_ballot_that_stands_before_its_promised_batch_is_kept_and_one_after_it_is_late_but_counted(
    forge: Forge,
) -> None:
    place, header = forge.build(), len(forge.setup) + 7
    early, late = forge.batches[0][0], forge.batches[1][0]
    kept = f"kept: the ballot is entry {find(place, early)}, in batch 1"
    for batch in (1, 2, 9):
        assert judged(forge, place, promise_of(forge, early, batch), status=0) == (kept, [])
    index = find(place, late)
    assert index > header
    found, faults = judged(forge, place, promise_of(forge, late, 1), status=5)
    assert found == f"late but counted: the ballot is entry {index}, in batch 2"
    said = "the ballot stands in batch 2, and was promised for batch 1"
    assert faults == [("V30", f"entry {index}", said)]
    assert judged(forge, place, promise_of(forge, late, 2), status=0)[1] == []


def test_a_ballot_that_the_whole_log_lacks_is_a_broken_promise_once_voting_has_closed(forge: Forge) -> None:
    raw, header = forge.ballot(12), len(forge.setup) + 7
    lacks = ("V30", f"entry {header}", "batch 2 lacks the ballot that was promised for it")
    place = forge.build()
    assert judged(forge, place, promise_of(forge, raw, 2), status=1) == (UNLESS, [lacks])
    told = "broken: neither the ballot nor a later cast of its token is in the log"
    assert judged(forge, place, promise_of(forge, raw, 2), ballot=raw, status=1) == (told, [lacks])


def _without_issuance(files: dict[str, bytes]) -> None:
    del files["issuance/1"], files["struck/1"]


def test_before_the_close_a_missing_ballot_can_still_be_handed_in(forge: Forge) -> None:
    forge.with_tally = False
    forge.entries_hook = lambda entries: entries.pop() and None
    forge.files_hook = _without_issuance
    place, raw, header = forge.build(), forge.ballot(12), len(forge.setup) + 7
    said = "batch 2 lacks the ballot that was promised for it; voting is not closed, and it can still be handed in"
    found, faults = judged(forge, place, promise_of(forge, raw, 2), ballot=raw, status=5)
    assert found == "missing so far: hand the ballot in again"
    assert faults == [("V30", f"entry {header}", said)]
    assert judged(forge, place, promise_of(forge, raw, 3), ballot=raw, status=4) == (
        "not due yet: the ballot is promised for batch 3",
        [],
    )


@pytest.mark.parametrize("finished", [False, True])
def test_a_batch_that_never_came_breaks_the_promise_once_voting_has_closed(forge: Forge, finished: bool) -> None:
    forge.with_tally = finished
    raw = forge.ballot(12)
    found, faults = judged(forge, forge.bundle(forge.setup), promise_of(forge, raw, 3), status=4)
    assert found == "not due yet: the ballot is promised for batch 3"
    assert faults == []
    found, faults = judged(forge, forge.build(), promise_of(forge, raw, 3), status=1)
    assert found == UNLESS
    assert faults == [("V30", "promise", "the log closed without batch 3, which was promised")]


def test_a_lost_ballot_whose_token_cast_again_later_is_superseded_and_only_the_ballot_shows_it(forge: Forge) -> None:
    first, second = forge.ballot(12, 0, 0), forge.ballot(12, 1, 1)
    forge.batches[1].append(second)
    place = forge.build()
    index = find(place, second)
    promise = promise_of(forge, first, 1)
    found, faults = judged(forge, place, promise, ballot=first, status=5)
    assert found == f"superseded by the same token: its later cast is entry {index}, in batch 2"
    said = "the ballot promised for batch 1 is not in the log; a later cast of its token is, and counts"
    assert faults == [("V30", "promise", said)]
    assert judged(forge, place, promise, status=1)[0] == UNLESS


def unsigned(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def naming(forge: Forge, voter: int, other: int) -> bytes:
    """A valid ballot whose nonce, which is free, is the token key of another voter."""
    voting_pass, key = forge.voters[voter].voting_pass, forge.voters[other].voting_pass.token_key.public
    commitment = forge.context.token_commitment(voting_pass.token_key.public, key)
    body = build_body(forge.context, commitment, [[1]], bytes(32))
    prepared = PreparedBallot(body, forge.context.ballot_id(body), commitment, key, bytes(32))
    return sign_ballot(forge.context, voting_pass, prepared, 2)


@pytest.mark.parametrize("other", ["an earlier cast", "the same turn", "another token", "only named", "not signed"])
def test_nothing_but_a_valid_later_cast_of_the_same_token_replaces_a_ballot(forge: Forge, other: str) -> None:
    lost = forge.ballot(12, 0, 1)
    stands = {
        "an earlier cast": lambda: forge.ballot(12, 1, 0),
        "the same turn": lambda: forge.ballot(12, 1, 1),
        "another token": lambda: forge.ballot(13, 1, 2),
        "only named": lambda: naming(forge, 13, 12),
        "not signed": lambda: unsigned(forge.ballot(12, 1, 2)),
    }[other]()
    forge.batches[1].append(stands)
    report = judge(forge, forge.build())
    found = check_voter_evidence(report, promise_of(forge, lost, 2), None, lost)
    assert found == "broken: neither the ballot nor a later cast of its token is in the log"
    assert report.exit_status == 1


def test_another_ballot_than_the_promised_one_is_no_evidence_and_excuses_nobody(forge: Forge) -> None:
    lost, other = forge.ballot(12, 0, 0), forge.ballot(13, 0, 0)
    forge.batches[1].append(forge.ballot(13, 1, 1))
    place = forge.build()
    for handed in (other, lost[:-1], b""):
        found, faults = judged(forge, place, promise_of(forge, lost, 1), ballot=handed, status=1)
        assert found == UNLESS
        assert ("V30", "ballot", "this is not the ballot of the promise") in faults


@pytest.mark.parametrize("closed", [False, True])
def test_a_cancellation_before_the_close_voids_a_promise_and_one_after_it_does_not(forge: Forge, closed: bool) -> None:
    forge.with_tally = False
    cancel = forge.entry("cancel", {"text": dict.fromkeys(("nl", "en", "fr"), "geen stroom")})
    forge.entries_hook = lambda entries: entries.append(cancel) if closed else entries.__setitem__(-1, cancel)
    forge.files_hook = None if closed else _without_issuance
    place, raw = forge.build(), forge.ballot(12)
    for batch in (2, 3):
        found, faults = judged(forge, place, promise_of(forge, raw, batch), status=1 if closed else 6)
        assert found == (UNLESS if closed else "void: the referendum was cancelled, and nothing is counted")
        assert bool(faults) is closed


def test_a_promise_that_gives_the_ballot_another_number_is_broken_in_whichever_batch_it_stands(forge: Forge) -> None:
    place, raw = forge.build(), forge.batches[1][0]
    key = forge.keys.parties["box"]
    for batch in (1, 2):
        wrong = make_promise(forge.referendum, hashlib.sha256(raw).digest(), bytes(32), batch, key)
        found, faults = judged(forge, place, encode_promise(wrong), ballot=raw, status=1)
        assert found == "broken"
        assert faults == [("V30", "promise", f"it gives the ballot at entry {find(place, raw)} another number")]


@pytest.mark.parametrize(("key", "other"), [("log", False), ("box", True)])
def test_a_promise_is_by_this_box_for_this_referendum(forge: Forge, key: str, other: bool) -> None:
    place = forge.build()
    referendum = bytes(32) if other else None
    _, faults = judged(forge, place, promise_of(forge, forge.batches[0][0], 1, referendum, key))
    said = "a promise of another referendum" if other else "the ballot box did not sign this promise"
    assert faults == [("V30", "promise", said)]


@pytest.mark.parametrize("field", ["cast_hash", "ballot_id", "batch"])
def test_every_field_of_a_promise_is_signed(forge: Forge, field: str) -> None:
    parsed = parse_promise(promise_of(forge, forge.batches[0][0]))
    manifest = parse_manifest(forge.setup[0])
    check_promise(manifest, forge.referendum, parsed)
    value = 2 if field == "batch" else "00" * 32
    changed = type(parsed)(**{name: getattr(parsed, name) for name in parsed.__struct_fields__} | {field: value})
    with pytest.raises(ReceiptInvalid, match="did not sign"):
        check_promise(manifest, forge.referendum, changed)


def test_a_receipt_of_an_earlier_size_of_the_same_log_is_good(forge: Forge) -> None:
    place = forge.build()
    size = len(forge.setup) + 7
    earlier = parse_checkpoint(place.files[f"checkpoints/{size}"])
    found = f"the receipt holds: entry {size - 1} is in the log"
    assert judged(forge, place, None, receipt_of(place, size - 1, earlier).to_bytes()) == (found, [])


def _history(forge: Forge) -> MemoryPlace:
    """The same parties sign a second log, in which one ballot of the second batch is another."""
    second = replace(forge, batches=[forge.batches[0], [forge.ballot(12), *forge.batches[1][1:]]])
    return second.build()


def test_a_receipt_of_another_history_is_evidence_even_if_its_ballot_stands_here(forge: Forge) -> None:
    """The ballot stands at the same place in both logs; what follows differs."""
    place, other = forge.build(), _history(forge)
    raw = forge.batches[0][0]
    index = find(place, raw)
    assert index == find(other, raw)
    for size in (head_of(place).size, len(forge.setup) + 14):
        seen = parse_checkpoint(other.files[f"checkpoints/{size}"])
        receipt = receipt_of(other, index, seen)
        _, faults = judged(forge, place, promise_of(forge, raw), receipt.to_bytes())
        said = "the receipt's checkpoint contradicts this log: two histories were signed"
        assert faults == [("V30", "receipt", said)]


def test_a_receipt_from_before_the_histories_part_is_good(forge: Forge) -> None:
    place, other = forge.build(), _history(forge)
    size = len(forge.setup) + 7
    seen = parse_checkpoint(other.files[f"checkpoints/{size}"])
    found = f"the receipt holds: entry {size - 1} is in the log"
    assert judged(forge, place, None, receipt_of(other, size - 1, seen).to_bytes()) == (found, [])


def test_a_receipt_of_a_longer_log_proves_nothing_of_this_copy(forge: Forge) -> None:
    longer = forge.build()
    forge.with_tally = False
    place = forge.build()
    index = find(place, forge.batches[0][0])
    _, faults = judged(forge, place, None, receipt_of(longer, index).to_bytes())
    assert [(check, where) for check, where, _ in faults] == [("V30", "receipt")]


def test_promise_and_receipt_name_the_same_ballot(forge: Forge) -> None:
    place = forge.build()
    first, second = forge.batches[0][:2]
    _, faults = judged(forge, place, promise_of(forge, first), receipt_of(place, find(place, second)).to_bytes())
    assert faults == [("V30", "receipt", "the receipt is for another ballot than the promise")]


# A receipt by itself, against manifest and ballot


def test_a_receipt_is_for_exactly_this_entry_at_this_index(forge: Forge) -> None:
    place, manifest = forge.build(), parse_manifest(forge.setup[0])
    raw = forge.batches[0][0]
    index = find(place, raw)
    receipt = receipt_of(place, index)
    check_receipt(manifest, receipt, raw)
    assert parse_receipt(receipt.to_bytes()) == receipt
    with pytest.raises(ReceiptInvalid, match="not this ballot"):
        check_receipt(manifest, receipt, forge.batches[0][1])
    with pytest.raises(ReceiptInvalid):
        check_receipt(manifest, replace(receipt, index=index + 1), raw)
    for proof in (receipt.proof[:-1], (*receipt.proof, bytes(32)), receipt.proof[::-1]):
        with pytest.raises(ReceiptInvalid):
            check_receipt(manifest, replace(receipt, proof=proof), raw)


@pytest.mark.parametrize(("seen", "enough"), [(0, False), (1, False), (2, True)])
def test_a_quorum_has_seen_the_checkpoint_of_a_receipt(forge: Forge, seen: int, enough: bool) -> None:
    place, manifest = forge.build(), parse_manifest(forge.setup[0])
    raw = forge.batches[0][0]
    receipt = receipt_of(place, find(place, raw))
    head = replace(receipt.checkpoint, signatures=receipt.checkpoint.signatures[: 1 + seen])
    if enough:
        check_receipt(manifest, replace(receipt, checkpoint=head), raw)
    else:
        with pytest.raises(ReceiptInvalid, match=f"{seen} witnesses cosigned where 2 must"):
            check_receipt(manifest, replace(receipt, checkpoint=head), raw)


def test_a_receipt_is_signed_by_the_log_of_the_manifest(forge: Forge) -> None:
    place, manifest = forge.build(), parse_manifest(forge.setup[0])
    raw = forge.batches[0][0]
    receipt = receipt_of(place, find(place, raw))
    head = receipt.checkpoint
    root = root_from_proof(leaf_hash(raw), receipt.index, head.size, receipt.proof)
    assert root == head.root
    for origin, key in ((head.origin, "box"), ("elsewhere.example.org/log", "log")):
        made = sign_checkpoint(origin, head.size, head.root, forge.keys.parties[key])
        seen = replace(made, signatures=(*made.signatures, *(forge.cosignature(made, k, 1) for k in (1, 2))))
        with pytest.raises(ReceiptInvalid):
            check_receipt(manifest, replace(receipt, checkpoint=seen), raw)
