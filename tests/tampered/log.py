"""Forged logs (classes 2, 4, 6, 8, 9, 10, 15): files, tree, checkpoints, encodings, order, manifest."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from stembus.audit.formats.receipt import encode_promise, make_promise, make_receipt
from stembus.audit.log.note import Checkpoint, NoteSignature, cosign, sign_checkpoint
from stembus.audit.log.source import MemoryPlace
from stembus.audit.log.tiles import encode_bundle, parse_bundle
from stembus.audit.verify import Report, verify
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.crypto.signing import SigningKey
from tests.questions import choose, option
from tests.tampered.catalogue import BREACH, NO_EVIDENCE, PASSED, STANDS, UNCHECKED, add, forgery
from tests.tampered.forge import Body, Forge, dump, judge, log_files

# Class 8 and 15: files of the bundle.


def flip(path: Callable[[dict[str, bytes]], str], position: int = 0) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        def hook(files: dict[str, bytes]) -> None:
            name = path(files)
            data = bytearray(files[name])
            data[position] ^= 1
            files[name] = bytes(data)

        forge.files_hook = hook

    return maker


def drop(path: Callable[[dict[str, bytes]], str]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        def hook(files: dict[str, bytes]) -> None:
            del files[path(files)]

        forge.files_hook = hook

    return maker


def starting(prefix: str, last: bool = False) -> Callable[[dict[str, bytes]], str]:
    def pick(files: dict[str, bytes]) -> str:
        names = sorted(name for name in files if name.startswith(prefix))
        return names[-1 if last else 0]

    return pick


add("one_bit_of_a_hash_tile", 8, "V5", flip(starting("tile/0")))
# The last letters of the last entry are `result"}`: a flipped bit makes it a type that does not exist.
add("one_bit_of_an_entry_bundle", 8, "V5", flip(starting("tile/entries"), -3), also=("V6", "V8"))
add("one_bit_of_the_verifier_key", 8, "V4", flip(starting("log.vkey")))
add("one_bit_of_the_credentials", 8, "V13", flip(starting("credentials"), 64), also=("V21",))
add("one_bit_of_the_spares", 8, "V13", flip(starting("spares")))
add("one_bit_of_the_issuance_list", 8, "V21", flip(starting("issuance"), 200))
for name in ("log.vkey", "tile/0", "spares", "issuance"):
    add(f"missing_{name.replace('/', '_').replace('.', '_')}", 15, "V1", drop(starting(name)))
# Without the head, or its entry 0, nothing says that there is a log.
for name in ("checkpoint", "tile/entries"):
    add(f"missing_{name.replace('/', '_')}", 15, "V1", drop(starting(name)), UNCHECKED)
add("missing_credentials", 15, "V1", drop(starting("credentials")), also=("V21",))


@forgery(15, "V1", STANDS, where="credentials", status=5)
def list_of_credentials_before_the_roll(forge: Forge) -> MemoryPlace:
    place = forge.bundle(forge.setup[: forge.find_setup("roll")])
    place.files["credentials"] = forge.lists["credentials"]
    return place


@forgery(15, "V1", STANDS)
def unknown_file_beside_the_log(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"results.csv": b"yes,100\n"})


@forgery(8, "V5")
def outgrown_partial_tile_of_another_log(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"tile/0/000.p/3": files[_tile(files)][32:128]})


@forgery(8, "V5")
def full_tile_that_does_not_begin_with_the_partial_one(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"tile/0/000": files[_tile(files)][:32].ljust(8192, b"x")})


@forgery(8, "V5")
def outgrown_partial_bundle_of_another_log(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"tile/entries/000.p/1": b"\0\1x"})


@forgery(15, "V1", STANDS)
def outgrown_partial_tile_cut_short(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"tile/0/000.p/3": files[_tile(files)][:95]})


@forgery(15, "V1", STANDS)
def checkpoint_of_a_size_that_no_log_has(forge: Forge) -> None:
    """One digit more than a size may have: not one of the series, so nobody looks into it there."""
    forge.files_hook = lambda files: files.update({"checkpoints/1" + "0" * 18: b"anything"})


@forgery(15, "V1", PASSED)
def what_file_managers_leave_behind(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"__MACOSX/._tile": b"", "tile/.DS_Store": b"", "Thumbs.db": b""})


@forgery(8, "V5")
def outgrown_bundle_with_an_entry_more(forge: Forge) -> None:
    def hook(files: dict[str, bytes]) -> None:
        bundle = next(path for path in files if path.startswith("tile/entries"))
        entries = parse_bundle(files[bundle], int(bundle.rsplit("/", 1)[1]))
        files["tile/entries/000.p/2"] = encode_bundle([entries[0], entries[2]])

    forge.files_hook = hook


def _tile(files: dict[str, bytes]) -> str:
    return next(name for name in files if name.startswith("tile/0/"))


@forgery(15, "V1")
def verifier_fed_an_oversized_checkpoint(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"checkpoint": files["checkpoint"] + b"x" * 300_000})


# Class 8: the tree, by an operator without and with the log key.


def after_signing(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Forge], MemoryPlace]:
    """Entries changed under checkpoints that were signed before."""

    def maker(forge: Forge) -> MemoryPlace:
        honest = forge.build()
        name = next(path for path in honest.files if path.startswith("tile/entries"))
        entries = parse_bundle(honest.files[name], int(name.rsplit("/", 1)[1]))
        forged = forge.bundle(change(entries))
        for path, data in honest.files.items():
            if path.startswith("checkpoint"):
                forged.files[path] = data
        return forged

    return maker


def _last_ballot(entries: list[bytes]) -> int:
    return max(i for i, raw in enumerate(entries) if raw[:1] == b"\x01")


def _replace(entries: list[bytes]) -> list[bytes]:
    entries[-1] = dump({**json.loads(entries[-1]), "signatures": []}).replace(b"12", b"13")
    return entries


def _swap(entries: list[bytes]) -> list[bytes]:
    k = _last_ballot(entries)
    entries[k], entries[k - 1] = entries[k - 1], entries[k]
    return entries


add("an_entry_replaced_without_the_log_key", 8, "V5", after_signing(_replace), also=("V6", "V10", "V28"))
add("two_ballots_swapped_without_the_log_key", 8, "V5", after_signing(_swap), also=("V15", "V6", "V25", "V26", "V27"))


@forgery(8, "V9", also=("V1",))
def a_ballot_removed_by_the_log_operator(forge: Forge) -> None:
    def hook(entries: list[bytes]) -> None:
        del entries[_last_ballot(entries)]

    forge.entries_hook = hook
    forge.with_tally = True


@forgery(8, "V9", also=("V1", "V22"))
def batches_swapped_in_number(forge: Forge) -> None:
    forge.with_tally = False
    forge.header_hook = lambda number, body: body.update(number=3 - number)


def not_tallied(forge: Forge) -> None:
    forge.with_tally = False


@forgery(8, "V9", also=("V1",))
def close_that_states_fewer_ballots(forge: Forge) -> None:
    not_tallied(forge)
    forge.close_hook = lambda body: body.update(ballots=11)


@forgery(8, "V9", also=("V1",))
def close_that_states_fewer_batches(forge: Forge) -> None:
    not_tallied(forge)
    forge.close_hook = lambda body: body.update(batches=1)


@forgery(8, "V9")
def log_that_ends_inside_a_batch(forge: Forge) -> MemoryPlace:
    forge.with_tally = False
    ballots = forge.batches[0]
    return forge.bundle([*forge.setup, forge.header(1, ballots), *sorted(ballots, key=forge.body_id)[:3]])


@forgery(8, "V15", STANDS)
def batch_that_is_not_sorted(forge: Forge) -> None:
    forge.sort = False
    forge.batches[0].sort(key=forge.body_id, reverse=True)


@forgery(8, "V15", STANDS)
def batch_with_too_few_tokens(forge: Forge) -> None:
    forge.batches = [forge.batches[0][:2], forge.batches[0][2:], forge.batches[1]]


@forgery(8, "V15", STANDS)
def last_batch_with_too_few_tokens(forge: Forge) -> None:
    """It comes after the close; who is in it stands nearly alone."""
    forge.batches = [forge.batches[0], forge.batches[1][:4], forge.batches[1][4:]]


@forgery(8, "V15", STANDS)
def only_batch_with_too_few_tokens_before_the_close(forge: Forge) -> None:
    forge.batches = [forge.batches[0][:2]]
    forge.batch_times = [opens(forge) + 3600]


@forgery(8, "V15", STANDS)
def batch_of_one_tokens_many_casts(forge: Forge) -> None:
    first = [forge.ballot(12, 0, seq) for seq in range(4)]
    forge.batches = [first, *forge.batches]


def third_batch(*new: int) -> Callable[[Forge], None]:
    """Six voters vote again, and these for the first time, in a batch before the close."""

    def maker(forge: Forge) -> None:
        forge.batches.append([*(forge.ballot(voter) for voter in new), *(forge.ballot(k, 0, 1) for k in range(6))])
        forge.batch_times = [opens(forge) + 3600 * k for k in (1, 2, 3)]

    return maker


add("batch_of_second_casts_alone", 8, "V15", third_batch(), STANDS)
add("one_new_token_among_many_that_vote_again", 8, "V15", third_batch(12), STANDS)
add("two_new_tokens_among_many_that_vote_again", 8, "V15", third_batch(12, 13), STANDS)


def opens(forge: Forge) -> int:
    return 1_571_036_400


def timed(*offsets: int) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        first, second = forge.batches
        forge.batches = [first[:3], first[3:], second]
        forge.batch_times = [opens(forge) + offset for offset in offsets]

    return maker


CLOSE = 1_571_587_200 - 1_571_036_400
add("batch_ten_seconds_after_the_one_before", 8, "V15", timed(3600, 3610, CLOSE + 300), STANDS)
add("batch_one_second_too_early", 8, "V15", timed(3600, 4199, CLOSE + 300), STANDS)
add("batch_in_the_quiet_hour", 8, "V15", timed(3600, CLOSE - 1800, CLOSE + 300), STANDS)
add("batch_after_the_close_that_is_not_the_last", 8, "V15", timed(3600, CLOSE + 10, CLOSE + 300), STANDS)


@forgery(8, "V15", STANDS)
def empty_batch(forge: Forge) -> None:
    forge.batches.append([])


@forgery(8, "V15", STANDS)
def empty_batch_between_others(forge: Forge) -> None:
    forge.batches.insert(1, [])


@forgery(8, "V14")
def opened_before_the_time(forge: Forge) -> None:
    forge.open_time = opens(forge) - 1


@forgery(8, "V14", also=("V7",))
def opened_after_the_close(forge: Forge) -> None:
    forge.open_time = opens(forge) + CLOSE


@forgery(8, "V14", also=("V7",))
def closed_before_the_time(forge: Forge) -> None:
    forge.close_time = opens(forge) + CLOSE + 299


def without_checkpoint(pick: Callable[[Forge, int], bool]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        forge.checkpoint_hook = lambda size, checkpoint: None if pick(forge, size) else checkpoint

    return maker


add("checkpoint_of_the_opening_missing", 8, "V6", without_checkpoint(lambda f, size: size == len(f.setup)))
add("checkpoint_of_a_batch_missing", 8, "V6", without_checkpoint(lambda f, size: size == len(f.setup) + 7))
add(
    "checkpoint_of_the_close_missing",
    8,
    "V6",
    without_checkpoint(lambda f, size: size == len(f.setup) + 15),
    also=("V25", "V26", "V27"),
)


@forgery(8, "V6", PASSED, also=("V1",), status=5)
def rolled_back_to_an_older_head(forge: Forge) -> None:
    _roll_back(forge, whole=True)


@forgery(8, "V1", UNCHECKED)
def rolled_back_to_an_older_head_without_its_tiles(forge: Forge) -> None:
    _roll_back(forge, whole=False)


def _roll_back(forge: Forge, whole: bool) -> None:
    """An older head beside the newer checkpoints: with the files of its own size, or without them."""
    older = len(forge.setup) + 7

    def hook(files: dict[str, bytes]) -> None:
        files["checkpoint"] = files[f"checkpoints/{older}"]
        if whole:
            name = next(path for path in files if path.startswith("tile/entries"))
            entries = parse_bundle(files[name], int(name.rsplit("/", 1)[1]))
            files.update(log_files(entries[:older]))

    forge.files_hook = hook


# Class 9: split views and quorums.


@forgery(9, "V6")
def two_roots_for_one_size(forge: Forge) -> None:
    def hook(size: int, checkpoint: Checkpoint) -> Checkpoint:
        if size != len(forge.setup) + 7:
            return checkpoint
        forked = sign_checkpoint(checkpoint.origin, size, hashlib.sha256(b"fork").digest(), forge.keys.parties["log"])
        lines = [forge.cosignature(forked, k, 1_571_040_000) for k in (1, 2)]
        return replace(forked, signatures=(*forked.signatures, *lines))

    forge.checkpoint_hook = hook


def change_checkpoints(
    change: Callable[[Forge, Checkpoint], tuple[NoteSignature, ...]], batch: bool = False
) -> Callable[[Forge], None]:
    """Changes the signature lines of the opening's checkpoint, or of the first batch's."""

    def maker(forge: Forge) -> None:
        target = len(forge.setup) + (7 if batch else 0)

        def hook(size: int, checkpoint: Checkpoint) -> Checkpoint:
            return replace(checkpoint, signatures=change(forge, checkpoint)) if size == target else checkpoint

        forge.checkpoint_hook = hook

    return maker


TIME = 1_571_036_400
STRANGER = SigningKey(bytes(range(32)))
QUORUM_CASES: dict[str, Callable[[Forge, Checkpoint], tuple[NoteSignature, ...]]] = {
    "quorum_one_short": lambda f, c: c.signatures[:2],
    "no_cosignature_at_all": lambda f, c: c.signatures[:1],
    "cosignature_by_an_unknown_witness": lambda f, c: (*c.signatures[:2], cosign(c, "witness-9", STRANGER, TIME)),
    "cosignature_by_a_stranger_in_a_witness_name": lambda f, c: (
        *c.signatures[:2],
        cosign(c, "witness-2", STRANGER, TIME),
    ),
    "the_same_witness_twice": lambda f, c: (*c.signatures[:2], f.cosignature(c, 1, TIME + 1)),
    "cosignature_at_time_zero": lambda f, c: (*c.signatures[:2], f.cosignature(c, 2, 0)),
    "cosignature_in_the_year_ten_thousand": lambda f, c: (*c.signatures[:2], f.cosignature(c, 2, 253_402_300_800)),
    "cosignature_of_another_checkpoint": lambda f, c: (
        *c.signatures[:2],
        f.cosignature(replace(c, size=c.size + 1), 2, TIME),
    ),
    "cosignature_of_another_origin": lambda f, c: (
        *c.signatures[:2],
        f.cosignature(replace(c, origin="example.org/other"), 2, TIME),
    ),
    "cosignature_too_short": lambda f, c: (*c.signatures[:2], replace(c.signatures[2], signature=bytes(71))),
}
for name, case in QUORUM_CASES.items():
    add(name, 9, "V7", change_checkpoints(case))
add("batch_checkpoint_without_quorum", 9, "V7", change_checkpoints(lambda f, c: c.signatures[:2], True), STANDS)
add(
    "cosignature_too_many_of_a_witness",
    9,
    "V7",
    change_checkpoints(lambda f, c: (*c.signatures, f.cosignature(c, 2, TIME + 1))),
    STANDS,
)
add("checkpoint_signed_by_a_stranger", 9, "V4", change_checkpoints(lambda f, c: (_foreign(c), *c.signatures[1:])))
add("checkpoint_signed_twice_by_the_log", 9, "V4", change_checkpoints(lambda f, c: (c.signatures[0], *c.signatures)))


def under_the_logs_name(f: Forge, c: Checkpoint) -> tuple[NoteSignature, ...]:
    return (*c.signatures, NoteSignature(c.origin, b"junk", bytes(64)))


add("checkpoint_with_junk_under_the_logs_name", 9, "V4", change_checkpoints(under_the_logs_name))
add("checkpoint_signed_by_a_stranger_as_well", 9, "V4", change_checkpoints(lambda f, c: (*c.signatures, _foreign(c))))
KEY_NAMES = {
    "with_a_space": "witness 9",
    "with_a_no_break_space": "witness\u00a09",
    "with_a_tab": "witness\t9",
    "with_a_plus": "witness+9",
    "beyond_ascii": "getuig\u00e9",
    "that_is_empty": "",
    "of_256_characters": "w" * 256,
}
for name, holder in KEY_NAMES.items():
    named = change_checkpoints(
        lambda f, c, holder=holder: (*c.signatures, NoteSignature(holder, b"\1\2\3\4", bytes(72)))
    )
    add(f"signature_line_in_a_name_{name}", 9, "V4", named)


def _foreign(checkpoint: Checkpoint) -> NoteSignature:
    return sign_checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, STRANGER).signatures[0]


@forgery(9, "V4")
def checkpoint_of_another_origin(forge: Forge) -> None:
    def hook(files: dict[str, bytes]) -> None:
        name = f"checkpoints/{len(forge.setup)}"
        files[name] = files[name].replace(b"stembus.example.org", b"stembus.example.com")

    forge.files_hook = hook


@forgery(9, "V4")
def checkpoint_with_loose_base64(forge: Forge) -> None:
    def hook(files: dict[str, bytes]) -> None:
        name = f"checkpoints/{len(forge.setup)}"
        lines = files[name].split(b"\n")
        raw = base64.b64decode(lines[2])
        lines[2] = base64.b64encode(raw)[:-2] + b"B="
        files[name] = b"\n".join(lines)

    forge.files_hook = hook


@forgery(9, "V4")
def checkpoint_without_its_last_newline(forge: Forge) -> None:
    def hook(files: dict[str, bytes]) -> None:
        name = f"checkpoints/{len(forge.setup)}"
        files[name] = files[name][:-1]

    forge.files_hook = hook


# Class 4: encodings of entries. An incident is the entry whose loss changes nothing else.


def incident(forge: Forge) -> bytes:
    return forge.entry("incident", {"number": 1, "text": {"nl": "storing", "en": "outage"}})


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "trailing_newline": lambda raw: raw + b"\n",
    "white_space": lambda raw: raw.replace(b'":', b'": ', 1),
    "duplicate_key": lambda raw: raw[:-1] + b',"type":"incident"}',
    "unknown_field": lambda raw: raw[:-1] + b',"zeal":1}',
    "unknown_field_in_the_body": lambda raw: raw.replace(b'"number":1,', b'"extra":0,"number":1,'),
    "missing_field_in_the_body": lambda raw: raw.replace(b'"number":1,', b""),
    "keys_out_of_order": lambda raw: b'{"type":"incident",' + raw[1:].replace(b',"type":"incident"', b""),
    "minus_zero": lambda raw: raw.replace(b'"number":1', b'"number":-0'),
    "a_float": lambda raw: raw.replace(b'"number":1', b'"number":1.0'),
    "an_exponent": lambda raw: raw.replace(b'"number":1', b'"number":1e0'),
    "a_number_as_text": lambda raw: raw.replace(b'"number":1', b'"number":"1"'),
    "an_escaped_letter": lambda raw: raw.replace(b"storing", b"st\\u006fring"),
    "upper_case_hex": lambda raw: _upper(raw),
    "invalid_utf8": lambda raw: raw.replace(b"storing", b"st\xff\xfering"),
    "a_lone_surrogate": lambda raw: raw.replace(b"storing", b"st\\ud800ring"),
    "an_unknown_type": lambda raw: raw.replace(b'"type":"incident"', b'"type":"accident"'),
    "null_instead_of_text": lambda raw: raw.replace(b'"storing"', b"null"),
    "a_cut_off_entry": lambda raw: raw[:-10],
    "signatures_not_a_list": lambda raw: raw.replace(b'"signatures":[', b'"signatures":[[').replace(
        b'}],"t', b'}]],"t'
    ),
}


def _upper(raw: bytes) -> bytes:
    data = json.loads(raw)
    data["signatures"][0]["signature"] = data["signatures"][0]["signature"].upper()
    return dump(data)


for name, change in ENCODINGS.items():
    add(f"entry_with_{name}", 4, "V8", lambda forge, change=change: forge.between.append(change(incident(forge))))
add("entry_with_a_byte_order_mark", 4, "V9", lambda f: f.between.append(b"\xef\xbb\xbf" + incident(f)), STANDS)


# Order and signatures, by those who hold keys.


@forgery(15, "V9")
def incident_out_of_number(forge: Forge) -> None:
    forge.between.append(forge.entry("incident", {"number": 2, "text": {"nl": "storing"}}))


@forgery(15, "V9")
def incident_replayed(forge: Forge) -> None:
    forge.between += [incident(forge), incident(forge)]


@forgery(15, "V9")
def second_opening(forge: Forge) -> None:
    forge.between.append(forge.setup[-1])


@forgery(15, "V9")
def minutes_before_the_result(forge: Forge) -> None:
    forge.between.append(forge.entry("minutes", {"name": "m.pdf", "sha256": "00" * 32}))


@forgery(15, "V9")
def cancelled_after_the_result(forge: Forge) -> None:
    forge.after_result.append(forge.entry("cancel", {"text": {"nl": "toch niet"}}))


@forgery(15, "V9")
def second_result(forge: Forge) -> None:
    forge.tally_hook = lambda made: made.append(made[-1])


@forgery(15, "V9")
def result_before_the_close(forge: Forge) -> None:
    forge.with_tally = False
    forge.between.append(
        forge.entry(
            "result",
            {
                "status": "counted",
                "online_ballots": 0,
                "paper_ballots": 0,
                "participants": 0,
                "trustees": [],
                "questions": [],
            },
        )
    )


def signed_by(*names: str, keys: tuple[str, ...] = ()) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        body: Body = {"number": 1, "text": {"nl": "storing"}}
        forge.between.append(forge.entry("incident", body, names, keys))

    return maker


add("entry_signed_by_nobody", 15, "V10", signed_by())
add("entry_signed_by_an_unknown_officer", 15, "V10", signed_by("officer/3", keys=("officer-1",)))
add("entry_signed_by_another_role", 15, "V10", signed_by("box"))
add("entry_signed_with_anothers_key", 15, "V10", signed_by("officer/1", keys=("officer-2",)))
add("entry_signed_by_officer_number_zero", 15, "V10", signed_by("officer/0", keys=("officer-1",)))
add("entry_signed_by_officer_01", 15, "V10", signed_by("officer/01", keys=("officer-1",)))


@forgery(15, "V10")
def opened_by_one_officer(forge: Forge) -> None:
    body = json.loads(forge.setup[-1])["body"]
    forge.setup[-1] = forge.entry("open", body, ["officer/1"])


@forgery(15, "V8")
def opened_by_one_officer_twice(forge: Forge) -> MemoryPlace:
    body = json.loads(forge.setup[-1])["body"]
    return forge.bundle([*forge.setup[:-1], forge.entry("open", body, ["officer/1", "officer/1"], ["officer-1"] * 2)])


@forgery(15, "V10")
def batch_signed_by_an_officer(forge: Forge) -> None:
    def hook(entries: list[bytes]) -> None:
        index = next(i for i, raw in enumerate(entries) if i and b'"type":"batch"' in raw)
        entries[index] = forge.entry("batch", json.loads(entries[index])["body"], ["officer/1"])

    forge.with_tally = False
    forge.entries_hook = hook


# Class 6 and 15: the manifest. Whoever changes it changes the referendum's id.


@forgery(15, "V2")
def one_letter_of_one_translation(forge: Forge) -> Report:
    return _other_manifest(forge, lambda m: m["questions"][0]["text"].update(fr="Voulez-vous un dimanche ?"), False)


def _other_manifest(forge: Forge, change: Callable[[Body], None], anchored: bool = True) -> Report:
    manifest: dict[str, Any] = json.loads(dump(forge.manifest))
    change(manifest)
    raw = dump(manifest)
    place = forge.bundle([raw])
    asked = hashlib.sha256(raw).digest() if anchored else forge.referendum
    return verify(place, asked)


def rsa_key(bits: int, exponent: int = 65537) -> str:
    key = rsa.generate_private_key(public_exponent=exponent, key_size=bits).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return spki.hex()


def binding(change: Callable[[Body], None]) -> Callable[[Body], None]:
    """A manifest that is binding and right in all else."""

    def make(m: Body) -> None:
        m.update(binding=True, clock="real")
        m["privacy_floor"] = {"online": 30, "paper": 30}
        m["batching"].update(minimum_seconds=600, minimum_tokens=50, healing_seconds=900)
        m["second_factor"].update(memory_kib=19456, passes=2)
        change(m)

    return make


# What no two verifiers may read in two ways: addresses, times, days, texts.
URLS = {
    "without_a_host": "https://",
    "without_a_scheme": "box.example.org",
    "of_another_scheme": "ftp://box.example.org",
    "in_capitals": "https://Box.example.org",
    "with_the_usual_port": "https://box.example.org:443",
    "with_the_usual_port_of_http": "http://box.example.org:80",
    "with_port_0": "https://box.example.org:0",
    "with_a_port_above_all": "https://box.example.org:65536",
    "with_a_padded_port": "https://box.example.org:0444",
    "with_user_info": "https://box@box.example.org",
    "with_a_query": "https://box.example.org/?a",
    "with_a_fragment": "https://box.example.org/#a",
    "with_a_final_dot": "https://box.example.org./",
    "with_a_space": "https://box.example.org ",
    "with_a_newline": "https://box.example.org\n",
    "with_an_escape": "https://box.example.org/%61",
    "with_a_backslash": "https://box.example.org\\a",
    "with_a_dot_part": "https://box.example.org/a/../b",
    "with_an_empty_part": "https://box.example.org//a",
    "with_an_underscore": "https://my_box.example.org",
    "with_a_dash_at_an_end": "https://box-.example.org",
    "with_a_host_of_one_number": "https://2130706433",
    "with_a_short_ipv4_host": "https://127.1",
    "with_a_padded_ipv4_host": "https://127.0.0.01",
    "with_an_ipv4_host_above_255": "https://127.0.0.256",
    "with_an_ipv6_host": "https://[::1]",
    "with_a_letter_beyond_ascii": "https://b\u00f6x.example.org",
    "of_301_characters": "https://box.example.org/" + "a" * 277,
    "with_a_label_of_64_characters": f"https://{'a' * 64}.example.org",
    "with_a_host_of_254_characters": f"https://{'a.' * 127}",
}
TIMES = {
    "a_year_0000": "0000-10-14T09:00:00+02:00",
    "the_first_second_of_all": "1970-01-01T00:00:00+00:00",
    "month_13": "2019-13-14T09:00:00+02:00",
    "a_day_that_is_none": "2019-02-29T09:00:00+02:00",
    "hour_24": "2019-10-13T24:00:00+02:00",
    "a_leap_second": "2019-10-14T09:00:60+02:00",
    "an_offset_of_24_hours": "2019-10-14T09:00:00+24:00",
    "an_offset_of_minus_zero": "2019-10-14T09:00:00-00:00",
    "z": "2019-10-14T09:00:00Z",
    "a_fraction": "2019-10-14T09:00:00.0+02:00",
    "other_digits": "\u0662019-10-14T09:00:00+02:00",
    "a_newline": "2019-10-14T09:00:00+02:00\n",
}
DAYS = ["0000-01-01", "2019-02-29", "1900-02-29", "2019-00-10", "2019-10-00", "20191014", "2019-W42-1", "2019-10-14\n"]
TEXTS = {
    "that_is_empty": "",
    "of_spaces": "  ",
    "of_nothing_visible": "\u200b",
    "with_an_invisible_letter": "Ja\u200b",
    "with_a_soft_hyphen": "J\u00ada",
    "turned_around": "\u202eeeN",
    "with_a_control": "J\u0007a",
    "with_a_line_end": "J\na",
    "of_private_letters": "\ue000",
    "with_a_tag": "Ja\U000e0061",
    "that_is_not_composed": "Ja\u0308",
    "with_a_space_at_its_end": "Ja ",
    "with_a_no_break_space_at_its_end": "Ja\u00a0",
    "with_two_spaces": "Ja  graag",
    "of_4001_characters": "J" * 4001,
}


def _url(url: str) -> Callable[[Body], None]:
    return lambda m: m["box"].update(url=url)


def _opening(time: str) -> Callable[[Body], None]:
    return lambda m: m.update(opens=time)


def _reference(day: str) -> Callable[[Body], None]:
    return lambda m: m["eligibility"].update(age_date=day)


def _option(text: str) -> Callable[[Body], None]:
    return lambda m: m["questions"][0]["options"][0]["text"].update(nl=text)


MANIFESTS: dict[str, Callable[[Body], None]] = {
    "rsa_of_1024_bit": lambda m: m["registrars"][0].update(blind_key=rsa_key(1024)),
    "rsa_of_2048_bit": lambda m: m["registrars"][0].update(blind_key=rsa_key(2048)),
    "rsa_with_exponent_3": lambda m: m["registrars"][0].update(blind_key=rsa_key(3072, 3)),
    "rsa_key_with_a_trailing_byte": lambda m: m["registrars"][0].update(
        blind_key=m["registrars"][0]["blind_key"] + "00"
    ),
    "an_ed25519_key_of_small_order": lambda m: m["log"].update(key="01" + "00" * 31),
    "two_parties_with_one_key": lambda m: m["box"].update(key=m["log"]["key"]),
    "an_mldsa_key_that_is_not_named": lambda m: m["witnesses"]["members"][0].update(key="00" * 1312),
    "an_mldsa_key_that_is_too_short": lambda m: m["witnesses"]["members"][0].update(key="ml-dsa-44:" + "00" * 1311),
    "an_mldsa_key_of_an_officer": lambda m: m["officers"][0].update(key="ml-dsa-44:" + "00" * 1312),
    "one_mldsa_key_twice": lambda m: [w.update(key="ml-dsa-44:" + "00" * 1312) for w in m["witnesses"]["members"]],
    "an_unknown_version": lambda m: m.update(version=2),
    "an_unknown_field": lambda m: m.update(colour="red"),
    "a_missing_translation": lambda m: m["title"].pop("fr"),
    "an_extra_translation": lambda m: m["title"].update(de="Autofreier Sonntag"),
    "two_options_of_one_text": lambda m: m["questions"][0]["options"][0]["text"].update(nl="Ja"),
    "three_options_to_yes_or_no": lambda m: m["questions"][0]["options"].append(option("?")),
    "no_accepting_option": lambda m: m["questions"][0].update(accepts=None),
    "a_close_before_the_opening": lambda m: m.update(closes="2019-10-13T18:00:00+02:00"),
    "a_time_without_offset": lambda m: m.update(opens="2019-10-14T09:00:00"),
    "a_threshold_above_the_trustees": lambda m: m["trustees"].update(threshold=4),
    "a_quorum_above_the_witnesses": lambda m: m["witnesses"].update(quorum=3),
    "one_officer_only": lambda m: m["officers"].pop(),
    "a_margin_above_everything": lambda m: m["rules"].update(minimum_margin_permille=1001),
    "a_negative_minimum": lambda m: m["rules"].update(minimum_participants=-1),
    "no_questions": lambda m: m.update(questions=[]),
    "max_choices_above_the_options": lambda m: m["questions"][0].update(kind="choose", accepts=None, max_choices=3),
    "a_ballot_too_long_for_the_log": lambda m: m["questions"].extend([_long_question(k) for k in range(2)]),
    "binding_with_simulated_clock": binding(lambda m: m.update(clock="simulated")),
    "binding_with_floor_29": binding(lambda m: m["privacy_floor"].update(online=29)),
    "binding_with_short_batches": binding(lambda m: m["batching"].update(minimum_seconds=599)),
    "binding_with_a_short_healing": binding(lambda m: m["batching"].update(healing_seconds=899)),
    "binding_with_small_batches": binding(lambda m: m["batching"].update(minimum_tokens=49)),
    "binding_with_weak_argon2": binding(lambda m: m["second_factor"].update(memory_kib=19455)),
    "binding_with_one_argon2_pass": binding(lambda m: m["second_factor"].update(passes=1)),
    "binding_with_threshold_1_of_3": binding(lambda m: m["trustees"].update(threshold=1)),
    "binding_with_quorum_half": binding(lambda m: m["witnesses"].update(quorum=1)),
    "binding_with_one_origin_for_all": binding(lambda m: m["box"].update(url=m["client"]["url"])),
    "binding_over_plain_http": binding(lambda m: m["box"].update(url="http://box.example.org")),
    "no_postcodes": lambda m: m["eligibility"].update(postcodes=[]),
    "2001_postcodes": lambda m: m["eligibility"].update(postcodes=[str(1000 + k) for k in range(2001)]),
    "more_ballots_than_a_log_holds": lambda m: [
        m["eligibility"].update(official_count=99_001),
        m.update(max_casts=1000),
    ],
    "an_origin_of_201_characters": lambda m: m["log"].update(origin="a" * 201),
    "a_roll_of_more_than_any_list_can_hold": lambda m: m["eligibility"].update(official_count=16_000_001),
    **{f"a_url_{name}": _url(url) for name, url in URLS.items()},
    **{f"opening_at_{name}": _opening(time) for name, time in TIMES.items()},
    **{f"the_day_{day}": _reference(day) for day in DAYS},
    **{f"a_text_{name}": _option(text) for name, text in TEXTS.items()},
    "options_that_differ_in_a_space": lambda m: [
        option["text"].update(nl=text)
        for option, text in zip(m["questions"][0]["options"], ("Ja graag", "Ja\u00a0graag"), strict=True)
    ],
}


def _long_question(number: int) -> Body:
    return choose([f"project {number}-{k}" for k in range(100)], 50, f"vraag {number}")


for name, alter in MANIFESTS.items():
    add(f"manifest_with_{name}", 6, "V3", lambda forge, alter=alter: _other_manifest(forge, alter))


@forgery(6, "V3")
def manifest_with_a_trailing_newline(forge: Forge) -> Report:
    raw = dump(forge.manifest) + b"\n"
    return verify(forge.bundle([raw]), hashlib.sha256(raw).digest())


# Class 10: what a voter kept.


def kept(change: Callable[[Forge, MemoryPlace], tuple[bytes | None, bytes | None]]) -> Callable[[Forge], Report]:
    def maker(forge: Forge) -> Report:
        place = forge.build()
        report = judge(forge, place)
        check_voter_evidence(report, *change(forge, place))
        return report

    return maker


def promise(forge: Forge, raw: bytes, batch: int = 1, key: str = "box", ballot_id: bytes | None = None) -> bytes:
    arguments = (forge.referendum, hashlib.sha256(raw).digest(), ballot_id or forge.body_id(raw), batch)
    return encode_promise(make_promise(*arguments, forge.keys.parties[key]))


def renaming_promise(forge: Forge, raw: bytes) -> bytes:
    """For this very ballot, under the number of another one."""
    other = forge.body_id(forge.batches[0][1])
    key = forge.keys.parties["box"]
    return encode_promise(make_promise(forge.referendum, hashlib.sha256(raw).digest(), other, 1, key))


def receipt(forge: Forge, place: MemoryPlace, index: int, cut: int = 0) -> bytes:
    from stembus.audit.log.note import parse_checkpoint
    from stembus.audit.log.tile_reader import TileReader

    head = parse_checkpoint(place.files["checkpoint"])
    reader = TileReader(place, head.size)
    lines = head.signatures[: len(head.signatures) - cut]
    return make_receipt(index, reader.inclusion(index), replace(head, signatures=lines)).to_bytes()


KEPT: dict[str, Callable[[Forge, MemoryPlace], tuple[bytes | None, bytes | None]]] = {
    "promise_for_a_ballot_that_is_not_in_the_log": lambda f, p: (promise(f, f.ballot(12)), None),
    "promise_for_an_earlier_batch": lambda f, p: (promise(f, f.batches[1][0], 1), None),
    "promise_for_a_batch_that_never_came": lambda f, p: (promise(f, f.ballot(12), 9), None),
    "promise_signed_by_another_key": lambda f, p: (promise(f, f.batches[0][0], 1, "log"), None),
    "promise_that_gives_the_ballot_another_number": lambda f, p: (renaming_promise(f, f.batches[0][0]), None),
    "promise_that_is_not_one": lambda f, p: (b"{}", None),
    "receipt_of_anothers_ballot": lambda f, p: (
        promise(f, sorted(f.batches[0], key=f.body_id)[0]),
        receipt(f, p, len(f.setup) + 2),
    ),
    "receipt_of_another_history": lambda f, p: (None, receipt(f, _another_history(f), len(f.setup) + 1)),
    "receipt_below_the_quorum": lambda f, p: (None, receipt(f, p, len(f.setup) + 1, 1)),
    "receipt_with_another_index": lambda f, p: (
        None,
        receipt(f, p, len(f.setup) + 1).replace(b"index %d" % (len(f.setup) + 1), b"index %d" % (len(f.setup) + 2)),
    ),
    "receipt_with_a_shortened_proof": lambda f, p: (None, _shortened(receipt(f, p, len(f.setup) + 1))),
    "receipt_that_is_not_one": lambda f, p: (None, b"c2sp.org/tlog-proof@v1\n"),
}


def _another_history(forge: Forge) -> MemoryPlace:
    """A log that the same keys signed, without the last ballot of the first batch."""
    entries = forge.entries_hook
    batches = [list(batch) for batch in forge.batches]
    forge.batches[0] = forge.batches[0][:-1]
    place = forge.build()
    forge.batches, forge.entries_hook = batches, entries
    return place


def _shortened(data: bytes) -> bytes:
    lines = data.split(b"\n")
    del lines[2]
    return b"\n".join(lines)


# A file that anybody can make is no evidence; what the box or the log signed is.
SIGNED = (
    "promise_for_a_ballot_that_is_not_in_the_log",
    "promise_for_a_batch_that_never_came",
    "promise_that_gives_the_ballot_another_number",
    "receipt_of_another_history",
)
# The box broke its word, and the ballot counts all the same.
LATE = ("promise_for_an_earlier_batch",)
for name, keep in KEPT.items():
    add(name, 10, "V30", kept(keep), BREACH if name in SIGNED else STANDS if name in LATE else NO_EVIDENCE)
