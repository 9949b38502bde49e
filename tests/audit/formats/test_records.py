"""Every published format has one valid encoding, and whatever else comes in ends in a named refusal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec.inspect as inspect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stembus.audit import bounds
from stembus.audit.errors import ManifestInvalid, NoteInvalid, ReceiptInvalid, RecordInvalid
from stembus.audit.formats.canonical import Record, decode, encode
from stembus.audit.formats.cast_ballot import BallotContext, parse_ballot
from stembus.audit.formats.entries import KINDS, Signature, encode_entry, parse_entry
from stembus.audit.formats.entry_bodies import Batch, Open
from stembus.audit.formats.lists import Issued, encode_keys, parse_issued, parse_keys
from stembus.audit.formats.manifest_rules import encode_manifest, parse_manifest
from stembus.audit.formats.receipt import check_receipt, make_promise, make_receipt, parse_promise, parse_receipt
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import encode_bundle, parse_bundle, parse_tile
from stembus.audit.verify.ballots import BallotRefused, check_ballot, context_of
from stembus.ballot.eligibility.letter_code import ALPHABET, CHECK_SYMBOLS, SYMBOLS, format_code, new_code, parse_code
from stembus.ballot.errors import CodeMistyped, RequestInvalid
from stembus.ballot.issuance.token import VotingPass, new_pass
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.crypto.errors import EncodingInvalid
from stembus.crypto.group import ORDER
from stembus.crypto.sealed import box_public, seal_to
from stembus.crypto.signing import SigningKey
from tests.conftest import Finished
from tests.log_view import LogView, read_log
from tests.tampered.ceremony import RECEIVING_KEYS

Refusals = tuple[type[Exception], ...]


@dataclass(frozen=True, repr=False)
class Samples:
    """One valid example of each format, out of a finished referendum."""

    context: BallotContext
    view: LogView
    ballots: list[bytes]
    encoded: dict[str, bytes]


@pytest.fixture(scope="module")
def samples(finished: Finished) -> Samples:
    view = read_log(FolderPlace(finished.public))
    raws = [view.reader.entry(index) for index in range(view.head.size)]
    key_entry = next(raw for _, raw, entry in view.entries() if entry.type == "election-key")
    context = context_of(view.manifest_raw, key_entry)
    ballots = [raw for raw in raws if raw[:1] == b"\1"]
    place = next(index for index, raw in enumerate(raws) if raw == ballots[0])
    promise = make_promise(view.referendum, bytes(32), bytes(range(32)), 3, SigningKey(b"\1" * 32))
    encoded = {
        "manifest": view.manifest_raw,
        "entry": key_entry,
        "checkpoint": view.head.to_bytes(),
        "receipt": make_receipt(place, view.reader.inclusion(place), view.head).to_bytes(),
        "promise": encode(promise),
        "bundle": encode_bundle(raws[:3]),
        "tile": bytes(range(96)),
        "keys": (finished.public / "credentials").read_bytes(),
        "issued": (finished.public / "issuance" / "1").read_bytes(),
        "ballot": ballots[0],
        "pass": new_pass(context).to_json().encode(),
        "code": format_code(new_code()).encode(),
    }
    return Samples(context, view, ballots, encoded)


def _parser(samples: Samples, name: str) -> tuple[Callable[[bytes], object], Refusals]:
    """How a format is read, and all that may come of it."""
    parsers: dict[str, tuple[Callable[[bytes], object], Refusals]] = {
        "manifest": (parse_manifest, (ManifestInvalid,)),
        "entry": (parse_entry, (RecordInvalid,)),
        "checkpoint": (parse_checkpoint, (NoteInvalid,)),
        "receipt": (parse_receipt, (ReceiptInvalid,)),
        "promise": (parse_promise, (RecordInvalid,)),
        "bundle": (lambda data: parse_bundle(data, 3), (RecordInvalid,)),
        "tile": (lambda data: parse_tile(data, 3), (RecordInvalid,)),
        "keys": (lambda data: list(parse_keys(io.BytesIO(data))), (RecordInvalid,)),
        "issued": (lambda data: list(parse_issued(io.BytesIO(data))), (RecordInvalid,)),
        "ballot": (lambda data: parse_ballot(samples.context, data), (RecordInvalid, EncodingInvalid)),
        "pass": (lambda data: VotingPass.from_json(data.decode("utf-8", "replace")), (RequestInvalid,)),
        "code": (lambda data: parse_code(data.decode("utf-8", "replace")), (CodeMistyped,)),
    }
    return parsers[name]


FORMATS = [
    "manifest", "entry", "checkpoint", "receipt", "promise", "bundle", "tile", "keys", "issued", "ballot", "pass",
    "code",
]  # fmt: skip


def _read(samples: Samples, name: str, data: bytes) -> bool:
    """Whether `data` is accepted; anything but the format's own refusal escapes."""
    parse, refusals = _parser(samples, name)
    try:
        parse(data)
    except refusals:
        return False
    return True


@pytest.mark.parametrize("name", FORMATS)
def test_each_example_is_valid(samples: Samples, name: str) -> None:
    assert _read(samples, name, samples.encoded[name])


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_end_in_a_named_refusal(samples: Samples, name: str, data: bytes) -> None:
    _read(samples, name, data)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_damaged_example_ends_in_a_named_refusal(samples: Samples, name: str, data: st.DataObject) -> None:
    valid = samples.encoded[name]
    start = data.draw(st.integers(0, len(valid)), "start")
    length = data.draw(st.one_of(st.integers(0, 3), st.integers(0, len(valid))), "length")
    pieces = st.sampled_from(
        (b"", b"\0", b"\n", b'"', b"[", b"{}", b"-0", b"1e9", b"null", b"\xc3\xa9", b"\xff", b"ff")
    )
    inserted = data.draw(st.one_of(pieces, st.binary(max_size=4)), "inserted")
    _read(samples, name, valid[:start] + inserted + valid[start + length :])


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_or_extended_example_ends_in_a_named_refusal(samples: Samples, name: str) -> None:
    valid = samples.encoded[name]
    step = max(1, len(valid) // 200)
    for end in range(0, len(valid), step):
        # Lists and signature lines may end after any whole line; what must be there is for others to decide.
        whole = name in ("keys", "issued", "checkpoint", "receipt") and valid[:end].endswith(b"\n")
        empty = name in ("keys", "issued") and end == 0
        assert whole or empty or not _read(samples, name, valid[:end])
    for extra in (b"\0", b"\n", b" ", b"x"):
        spaces = (name == "pass" and extra.isspace()) or (name == "code" and not extra.isalnum())
        assert spaces or not _read(samples, name, valid + extra)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(("00" * 32,))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(field=st.sampled_from(("format", "referendum", "token_key", "blindings", "signatures", "casts")), value=JSON)
def test_a_voting_pass_with_a_strange_field_ends_in_a_named_refusal(
    samples: Samples, field: str, value: object
) -> None:
    record = json.loads(samples.encoded["pass"])
    record[field] = value
    _read(samples, "pass", json.dumps(record).encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "change",
    [
        {"token_key": ""},
        {"token_key": "01"},
        {"token_key": "00" * 32},
        {"token_key": "ff" * 32},
        {"casts": float("inf")},
        {"casts": float("nan")},
        {"blindings": [["00", "zz"]]},
        {"blindings": [[]]},
        {"signatures": [5]},
    ],
)
def test_a_damaged_voting_pass_is_refused_by_name(samples: Samples, change: dict[str, object]) -> None:
    with pytest.raises(RequestInvalid):
        VotingPass.from_json(json.dumps(json.loads(samples.encoded["pass"]) | change))


def test_a_voting_pass_of_endless_brackets_is_refused_by_name() -> None:
    with pytest.raises(RequestInvalid):
        VotingPass.from_json("[" * 100_000)


@pytest.mark.parametrize("name", ["manifest", "entry", "promise"])
def test_a_record_of_endless_brackets_is_refused_by_name(samples: Samples, name: str) -> None:
    for data in (b"[" * 60_000, b'{"body":' * 7_000, samples.encoded[name].replace(b":", b":" + b"[" * 5_000, 1)):
        assert not _read(samples, name, data)


# One valid encoding.

_HASH = "ab" * 32
_OPEN = encode_entry(Open(election_key=_HASH), [Signature(by="box", signature="cd" * 64)])
_BATCH = encode_entry(Batch(number=1, size=0, issued=[]))


@pytest.mark.parametrize(
    ("valid", "old", "new"),
    [
        (_BATCH, b'"number":1', b'"number":1,"number":1'),
        (_BATCH, b'"number":1', b'"number":2,"number":1'),
        (_BATCH, b'"number":1', b'"number":1,"other":1'),
        (_BATCH, b'"type":"batch"', b'"type":"batch","zoo":1'),
        (_BATCH, b'"type":"batch"', b'"type":"batch","type":"batch"'),
        (_BATCH, b'"size":0', b'"size":-0'),
        (_BATCH, b'"size":0', b'"size":0.0'),
        (_BATCH, b'"size":0', b'"size":0e0'),
        (_BATCH, b'"size":0', b'"size":00'),
        (_BATCH, b'"size":0', b'"size":"0"'),
        (_BATCH, b'"size":0', b'"size":null'),
        (_BATCH, b'"size":0', b'"size":false'),
        (_BATCH, b'"size":0', b'"size":-1'),
        (_BATCH, b'"size":0', b'"size":9007199254740992'),
        (_BATCH, b'"number":1', b'"number":0'),
        (_BATCH, b'"number":1', b'"number":1.0'),
        (_BATCH, b'"number":1', b'"number":1e0'),
        (_BATCH, b'"number":1', b'"number":2147483648'),
        (_BATCH, b',"size":0', b""),
        (_BATCH, b'{"issued":[],"number":1,"size":0}', b'{"number":1,"issued":[],"size":0}'),
        (_BATCH, b'"signatures":[],"type":"batch"', b'"type":"batch","signatures":[]'),
        (_BATCH, b'"type":"batch"', b'"type":"\\u0062atch"'),
        (_BATCH, b'"type":"batch"', b'"type":"unknown"'),
        (_BATCH, b'"number"', b'"\\u006eumber"'),
        (_BATCH, b'"size":0', b'"size": 0'),
        (_BATCH, b'"size":0', b'"size":\t0'),
        (_BATCH, b'"size":0', b'"size":0\n'),
        (_BATCH, b'{"body"', b' {"body"'),
        (_BATCH, b'{"body"', b'\xef\xbb\xbf{"body"'),
        (_BATCH, b'"batch"}', b'"batch"}\n'),
        (_BATCH, b'"batch"}', b'"batch"} '),
        (_BATCH, b'"batch"}', b'"batch"}\0'),
        (_BATCH, b'"batch"}', b'"batch"}{}'),
        (_BATCH, b'"batch"}', b'"batch",}'),
        (_OPEN, b"ab" * 32, b"AB" * 32),
        (_OPEN, b"ab" * 32, b"ab" * 31 + b"aB"),
        (_OPEN, b"ab" * 32, b"ab" * 31),
        (_OPEN, b"ab" * 32, b"ab" * 33),
        (_OPEN, b"ab" * 32, b"ab" * 31 + b"ag"),
        (_OPEN, b"ab" * 32, b"ab" * 32 + b"\\n"),
        (_OPEN, b"cd" * 64, b"CD" * 64),
        (_OPEN, b"cd" * 64, b"cd" * 63),
        (_OPEN, b'"type":"open"', b'"type":"batch"'),
        (_OPEN, b'"by":"box"', b'"by":"b\\u006fx"'),
        (_OPEN, b'"by":"box"', b'"by":"box","x":1'),
    ],
)
def test_an_entry_in_any_other_encoding_is_refused(valid: bytes, old: bytes, new: bytes) -> None:
    parse_entry(valid)
    assert valid.count(old) == 1
    with pytest.raises(RecordInvalid):
        parse_entry(valid.replace(old, new))


def test_the_signatures_of_an_entry_are_sorted_and_differ() -> None:
    first, second = (Signature(by=f"officer/{n}", signature="cd" * 64) for n in (1, 2))
    body = Open(election_key=_HASH)
    valid = encode_entry(body, [second, first])
    assert parse_entry(valid).signatures == (first, second)
    for wrong in ([second, first], [first, first]):
        data = encode({"body": body, "signatures": wrong, "type": "open"})
        with pytest.raises(RecordInvalid, match="sorted"):
            parse_entry(data)


def _reveal(scalar: int, points: int = 2, signatures: int = 1) -> bytes:
    body = {
        "attempt": 1,
        "coefficients": ["02" + "11" * 32] * points,
        "proof_challenge": "00" * 32,
        "proof_response": scalar.to_bytes(32, "big").hex(),
        "trustee": 1,
    }
    names = sorted(f"trustee/{number}" for number in range(1, signatures + 1))
    signed = [{"by": name, "signature": "cd" * 64} for name in names]
    return encode({"body": body, "signatures": signed, "type": "reveal"})


@pytest.mark.parametrize("scalar", [0, 1, ORDER - 1, ORDER - 2**200, 2**255, 2**128])
def test_a_scalar_below_the_order_is_parsed(scalar: int) -> None:
    assert parse_entry(_reveal(scalar)).type == "reveal"


@pytest.mark.parametrize("scalar", [ORDER, ORDER + 1, ORDER + 2**64, 2**256 - 1, 2**256 - 2**64])
def test_a_scalar_at_or_above_the_order_is_not_parsed(scalar: int) -> None:
    with pytest.raises(RecordInvalid):
        parse_entry(_reveal(scalar))


@settings(deadline=None)
@given(st.integers(0, 2**256 - 1) | st.integers(ORDER - 2**130, ORDER + 2**128))
def test_exactly_the_scalars_below_the_order_are_parsed(scalar: int) -> None:
    try:
        parse_entry(_reveal(scalar))
    except RecordInvalid:
        assert scalar >= ORDER
    else:
        assert scalar < ORDER


def _commit(receiving_key: bytes) -> bytes:
    body = {"attempt": 1, "commitment": "00" * 32, "receiving_keys": [receiving_key.hex()], "trustee": 1}
    return encode({"body": body, "signatures": [], "type": "commit"})


@pytest.mark.parametrize("number", [2, 9, 2**255 - 21, 2**254, 2**248])
def test_a_receiving_key_of_large_order_is_parsed_and_can_be_sealed_to(number: int) -> None:
    key = number.to_bytes(32, "little")
    assert parse_entry(_commit(key)).type == "commit"
    assert len(seal_to(key, bytes(32))) == 80


@given(st.binary(min_size=32, max_size=32))
def test_every_key_that_a_secret_gives_is_parsed(secret: bytes) -> None:
    assert parse_entry(_commit(box_public(secret))).type == "commit"


@pytest.mark.parametrize("key", RECEIVING_KEYS.values(), ids=RECEIVING_KEYS)
def test_a_receiving_key_of_small_order_or_in_another_encoding_is_not_parsed(key: bytes) -> None:
    with pytest.raises(RecordInvalid):
        parse_entry(_commit(key))


def test_a_list_at_its_bound_is_parsed_and_one_above_is_not() -> None:
    parse_entry(_reveal(1, points=bounds.TRUSTEES, signatures=bounds.SIGNATURES))
    for longer in ({"points": bounds.TRUSTEES + 1}, {"signatures": bounds.SIGNATURES + 1}):
        with pytest.raises(RecordInvalid):
            parse_entry(_reveal(1, **longer))


def _lists(kind: inspect.Type) -> list[inspect.ListType]:
    found: list[inspect.ListType] = []
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            found += _lists(field.type)
    elif isinstance(kind, inspect.ListType):
        found += [kind, *_lists(kind.item_type)]
    elif isinstance(kind, inspect.UnionType):
        for part in kind.types:
            found += _lists(part)
    return found


@pytest.mark.parametrize("name", KINDS)
def test_no_list_of_an_entry_is_without_a_bound(name: str) -> None:
    assert all(kind.max_length is not None for kind in _lists(inspect.type_info(KINDS[name][0])))


@pytest.mark.parametrize("extra", [b"\n", b" ", b"\0", b"{}"])
def test_a_manifest_or_promise_with_anything_behind_it_is_refused(samples: Samples, extra: bytes) -> None:
    for name in ("manifest", "promise"):
        for data in (samples.encoded[name] + extra, extra + samples.encoded[name]):
            assert not _read(samples, name, data)


def test_a_manifest_is_encoded_as_it_was_read(samples: Samples) -> None:
    assert encode_manifest(parse_manifest(samples.view.manifest_raw)) == samples.view.manifest_raw


# Every entry type round-trips, over all values its fields allow.


def _values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    if isinstance(kind, inspect.StructType):
        fields = {field.encode_name: _values(field.type) for field in kind.fields}
        return st.fixed_dictionaries(fields).map(lambda values: kind.cls(**values))
    if isinstance(kind, inspect.ListType):
        return st.lists(_values(kind.item_type), min_size=kind.min_length or 0, max_size=3)
    if isinstance(kind, inspect.DictType):
        return st.dictionaries(_values(kind.key_type), _values(kind.value_type), max_size=3)
    if isinstance(kind, inspect.LiteralType):
        return st.sampled_from(kind.values)
    if isinstance(kind, inspect.IntType):
        return st.integers(kind.ge, kind.le)
    if isinstance(kind, inspect.NoneType):
        return st.none()
    if isinstance(kind, inspect.UnionType):
        return st.one_of([_values(part) for part in kind.types])
    assert isinstance(kind, inspect.StrType), kind
    return st.from_regex(kind.pattern) if kind.pattern else st.text(max_size=20)


SIGNATURES = st.dictionaries(
    st.text(min_size=1, max_size=10), st.binary(min_size=64, max_size=64), max_size=3
).map(lambda parties: [Signature(by=name, signature=data.hex()) for name, data in parties.items()])  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_every_entry_type_round_trips(name: str, data: st.DataObject) -> None:
    kind: type[Record] = KINDS[name][0]
    body, signatures = data.draw(_values(inspect.type_info(kind))), data.draw(SIGNATURES)
    encoded = encode_entry(body, signatures)
    entry = parse_entry(encoded)
    assert (entry.type, entry.body) == (name, body)
    assert list(entry.signatures) == sorted(signatures, key=lambda signature: signature.by)
    assert encode_entry(entry.body, entry.signatures) == encoded  # type: ignore[arg-type]
    assert decode(encode(body), kind) == body


def test_every_entry_of_a_finished_log_round_trips(samples: Samples) -> None:
    types = set()
    for _, raw, entry in samples.view.entries():
        assert encode_entry(entry.body, entry.signatures) == raw  # type: ignore[arg-type]
        types.add(entry.type)
    assert {"commit", "roll", "open", "batch", "close", "tally-intent", "result"} <= types


# Lists beside the log.


def test_lists_round_trip_and_are_strictly_ascending(samples: Samples) -> None:
    keys = list(parse_keys(io.BytesIO(samples.encoded["keys"])))
    assert encode_keys(reversed(keys)).encode() == samples.encoded["keys"]
    issued = list(parse_issued(io.BytesIO(samples.encoded["issued"])))
    assert "".join(line.line() for line in issued).encode() == samples.encoded["issued"]
    assert {len(line.leaf()) for line in issued} == {192}
    for name in ("keys", "issued"):
        lines = samples.encoded[name].splitlines(keepends=True)
        assert len(lines) >= 20
        wrong = [
            [lines[1], lines[0]],
            [lines[0], lines[0]],
            [lines[0].upper()],
            [lines[0].replace(b"\n", b"\r\n")],
            [lines[0][:-1]],
            [b" " + lines[0]],
            [lines[0][:-1] + b" \n"],
            [lines[0][:-1] + b" " + b"0" * 127 + b"\n"],
            [lines[0][:-1] + b" " + b"0" * 128 + b" " + b"0" * 128 + b"\n"],
            [lines[0], b"\n", lines[1]],
            [b"\n"],
        ]
        for part in wrong:
            assert not _read(samples, name, b"".join(part)), part


def test_one_credential_appears_once_in_an_issuance_list() -> None:
    lines = [Issued(bytes(32), bytes([n]) * 32, bytes(64)).line().encode() for n in (1, 2)]
    assert len(list(parse_issued(lines[:1]))) == 1
    with pytest.raises(RecordInvalid, match="line 2"):
        list(parse_issued(lines))


# Receipts.


def test_a_receipt_proves_its_own_ballot_only(samples: Samples) -> None:
    receipt = parse_receipt(samples.encoded["receipt"])
    assert receipt.to_bytes() == samples.encoded["receipt"]
    check_receipt(samples.view.manifest, receipt, samples.ballots[0])
    for other in (samples.ballots[1], samples.ballots[0][:-1], b""):
        with pytest.raises(ReceiptInvalid):
            check_receipt(samples.view.manifest, receipt, other)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_receipt_with_one_byte_altered_is_refused(samples: Samples, data: st.DataObject) -> None:
    altered = bytearray(samples.encoded["receipt"])
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ReceiptInvalid):
        check_receipt(samples.view.manifest, parse_receipt(bytes(altered)), samples.ballots[0])


# Ballots.


def test_every_ballot_of_the_log_is_valid(samples: Samples) -> None:
    assert len(samples.ballots) == 21
    for raw in samples.ballots:
        ballot = check_ballot(samples.context, raw)
        assert ballot.raw == raw
        assert ballot.ballot_id == samples.context.ballot_id(ballot.body)


def test_a_ballot_with_any_one_byte_altered_is_refused(samples: Samples) -> None:
    valid = samples.ballots[0]
    for position in range(len(valid)):
        altered = bytearray(valid)
        altered[position] ^= 1 + position % 255
        with pytest.raises(BallotRefused):
            check_ballot(samples.context, bytes(altered))


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_ballot_with_one_byte_altered_somehow_is_refused(samples: Samples, data: st.DataObject) -> None:
    altered = bytearray(data.draw(st.sampled_from(samples.ballots)))
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BallotRefused):
        check_ballot(samples.context, bytes(altered))


def test_a_ballot_of_parts_of_two_is_refused(samples: Samples) -> None:
    one, two = samples.ballots[:2]
    context = samples.context
    seams = [1, 33, 1 + context.commitments_at, 1 + context.scalars_at, 1 + context.body_bytes, len(one) - 68]
    for seam in (*seams[1:], seams[4] + 32, seams[4] + 64):
        for mixed in (one[:seam] + two[seam:], two[:seam] + one[seam:]):
            with pytest.raises(BallotRefused):
                check_ballot(context, mixed)


def test_an_altered_body_is_refused_even_when_its_voter_signs_it(
    opened: Finished, samples: Samples, tmp_path: Path
) -> None:
    rehearsal = opened.rehearsal(tmp_path)
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    voting_pass, context = rehearsal.token(*opened.letters[30]), samples.context
    prepared = prepare(context, voting_pass, [[1]])
    valid = sign_ballot(context, voting_pass, prepared, 0)
    check_ballot(context, valid)
    seen = set()
    for position in range(1, 1 + context.body_bytes, 7):
        unsigned = bytearray(valid[:-64])
        unsigned[position] ^= 1
        signature = voting_pass.token_key.sign(context.cast_digest(bytes(unsigned)))
        with pytest.raises(BallotRefused) as refusal:
            check_ballot(context, bytes(unsigned) + signature)
        seen.add(refusal.value.check)
    assert seen == {"V16", "V17", "V19"}
    beyond = sign_ballot(context, voting_pass, prepared, context.max_casts)
    with pytest.raises(BallotRefused) as refusal:
        check_ballot(context, beyond)
    assert refusal.value.check == "V20"


# Letter codes.


# What word processors, keyboards and screen readers put between or around symbols.
FORGIVEN = (
    " -\t\n.,;:'\"\u2010\u2011\u2012\u2013\u2014\u2212\u00ad\u00b7"
    "\u00a0\u202f\u2009\u200b\ufeff\u2018\u2019\u201c\u201d\u00ab\u00bb"
)
CODES = ["0" * SYMBOLS, "Z" * SYMBOLS, "0123456789ABCDEFGHJK", "1A0B1C0D1E0F1G0H1J0K"]


def _mistyped(text: str) -> bool:
    try:
        parse_code(text)
    except CodeMistyped:
        return True
    return False


@pytest.mark.parametrize("symbols", CODES)
def test_every_single_wrong_symbol_is_detected(symbols: str) -> None:
    full = format_code(symbols).replace("-", "")
    assert len(full) == SYMBOLS + CHECK_SYMBOLS
    for place, right in enumerate(full):
        for wrong in ALPHABET:
            if wrong != right:
                assert _mistyped(full[:place] + wrong + full[place + 1 :])


@pytest.mark.parametrize("symbols", CODES)
def test_every_exchange_of_two_different_symbols_is_detected(symbols: str) -> None:
    full = format_code(symbols).replace("-", "")
    for first in range(len(full)):
        for second in range(first + 1, len(full)):
            swapped = list(full)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            assert full[first] == full[second] or _mistyped("".join(swapped))


@pytest.mark.parametrize("symbols", CODES)
def test_a_missing_or_an_extra_symbol_is_detected(symbols: str) -> None:
    full = format_code(symbols).replace("-", "")
    for place in range(len(full)):
        assert _mistyped(full[:place] + full[place + 1 :])
        assert _mistyped(full[:place] + "7" + full[place:])


@settings(deadline=None)
@given(st.text(ALPHABET, min_size=SYMBOLS, max_size=SYMBOLS), st.data())
def test_a_code_is_read_however_it_is_typed(symbols: str, data: st.DataObject) -> None:
    printed = format_code(symbols)
    assert parse_code(printed) == symbols
    typed = ""
    for symbol in printed.replace("-", ""):
        forgiven = {"0": "0Oo", "1": "1IiLl"}.get(symbol, symbol + symbol.lower())
        typed += data.draw(st.sampled_from(forgiven)) + data.draw(st.sampled_from(("", "", *FORGIVEN)))
    assert parse_code(typed) == symbols


@pytest.mark.parametrize("symbol", "Uu*$é_ⅠО０")
def test_a_symbol_that_codes_do_not_have_is_refused(symbol: str) -> None:
    with pytest.raises(CodeMistyped):
        parse_code(symbol + format_code("0" * SYMBOLS)[1:])


@given(st.text(max_size=40))
def test_arbitrary_text_is_a_code_or_a_named_refusal(text: str) -> None:
    assert _mistyped(text)


def test_new_codes_differ_and_read() -> None:
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100
    for symbols in codes:
        assert parse_code(format_code(symbols)) == symbols
