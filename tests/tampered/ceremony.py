"""Forged key ceremonies (class 14): every later message follows the forged one, signed by all trustees."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

import msgspec

from stembus.audit.formats.ceremony import (
    commitment_hash,
    drill_context,
    drill_randomness,
    latest_attempt,
    possession_context,
)
from stembus.audit.formats.entries import parse_entry
from stembus.audit.log.merkle import root_of
from stembus.audit.log.source import MemoryPlace
from stembus.audit.verify import Report
from stembus.crypto.group import GENERATOR, ORDER, Point, generator_times, random_scalar, scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs, prove_key
from stembus.crypto.sealed import new_box_key, seal_to
from stembus.crypto.threshold import evaluate
from tests.tampered.catalogue import PASSED, add, forgery
from tests.tampered.forge import Body, Forge, judge


def conclude(forge: Forge, skip_confirms: bool = False, swap_keys: bool = False) -> MemoryPlace:
    """Confirmations and election key made anew from whatever the commits, reveals and shares say; the log
    ends there. With `swap_keys` the verification keys stand in a wrong order."""
    kept = [raw for raw in forge.setup[1:] if _kind(raw) in ("commit", "reveal", "share", "complaint")]
    attempt = latest_attempt(parse_entry(raw).body for raw in kept)
    key = attempt.election_key(forge.referendum, 3)
    entries = [forge.setup[0], *kept]
    if not skip_confirms:
        for k in (1, 2, 3):
            body = {"attempt": attempt.number, "trustee": k, "joint_key": key.joint_key, "transcript": key.transcript}
            entries.append(forge.entry("confirm", body))
        root = root_of(entries)
        entries += [drill(forge, attempt.number, k, root) for k in (1, 2, 3)]
    keys = key.verification_keys[:: -1 if swap_keys else 1]
    entries.append(forge.entry("election-key", msgspec.structs.replace(key, verification_keys=keys), []))
    return forge.bundle(entries)


def drill(forge: Forge, attempt: int, trustee: int, at: bytes, share: int | None = None, **change: object) -> bytes:
    """With the trustee's own share, unless another one is given."""
    secret = forge.keys.shares[trustee - 1] if share is None else share
    base = generator_times(drill_randomness(forge.referendum, attempt, at))
    proof = prove_equal_logs(secret, base, drill_context(forge.referendum, attempt, at, trustee))
    body = {
        "attempt": attempt,
        "trustee": trustee,
        "root": at.hex(),
        "point": (base * secret).to_bytes().hex(),
        "challenge": scalar_to_bytes(proof.challenge).hex(),
        "response": scalar_to_bytes(proof.response).hex(),
    }
    return forge.entry("drill", body | change)


def _kind(raw: bytes) -> str:
    return str(json.loads(raw)["type"])


def reveal(forge: Forge, trustee: int, points: Sequence[bytes], secret: int, commit: bool = True) -> None:
    """Trustee commits to and reveals these points, with a proof for `secret`."""
    proof = prove_key(secret, possession_context(forge.referendum, 1, trustee, points))

    def change(body: Body) -> None:
        body["coefficients"] = [point.hex() for point in points]
        body["proof_challenge"] = scalar_to_bytes(proof.challenge).hex()
        body["proof_response"] = scalar_to_bytes(proof.response).hex()

    forge.edit_setup("reveal", change, trustee - 1)
    if commit:
        digest = commitment_hash(forge.referendum, 1, trustee, points).hex()
        forge.edit_setup("commit", lambda body: body.update(commitment=digest), trustee - 1)


def points_of(forge: Forge, trustee: int) -> list[bytes]:
    body = json.loads(forge.setup[forge.find_setup("reveal", trustee - 1)])["body"]
    return [bytes.fromhex(text) for text in body["coefficients"]]


@forgery(14, "V11")
def reveal_that_was_not_committed_to(forge: Forge) -> MemoryPlace:
    secret = random_scalar()
    reveal(forge, 1, [generator_times(secret).to_bytes(), GENERATOR.to_bytes()], secret, commit=False)
    return conclude(forge)


@forgery(14, "V11")
def reveal_that_was_not_committed_to_before_a_false_election_key(forge: Forge) -> MemoryPlace:
    """Where the attempt is at fault already, nothing is said of the key that it should make (V12)."""
    secret = random_scalar()
    reveal(forge, 1, [generator_times(secret).to_bytes(), GENERATOR.to_bytes()], secret, commit=False)
    return conclude(forge, swap_keys=True)


@forgery(14, "V11")
def polynomial_of_a_higher_degree(forge: Forge) -> MemoryPlace:
    secret = random_scalar()
    reveal(forge, 1, [generator_times(secret).to_bytes(), GENERATOR.to_bytes(), GENERATOR.to_bytes()], secret)
    return conclude(forge)


@forgery(14, "V11")
def polynomial_of_a_lower_degree(forge: Forge) -> MemoryPlace:
    secret = random_scalar()
    reveal(forge, 1, [generator_times(secret).to_bytes()], secret)
    return conclude(forge)


@forgery(14, "V11")
def rogue_key_target_minus_the_others(forge: Forge) -> MemoryPlace:
    target = generator_times(42)
    others = [Point.from_bytes(points_of(forge, k)[0]) for k in (1, 2)]
    rogue = target - others[0] - others[1]
    reveal(forge, 3, [rogue.to_bytes(), GENERATOR.to_bytes()], 42)
    return conclude(forge)


@forgery(14, "V11")
def proof_of_possession_copied_from_another_trustee(forge: Forge) -> MemoryPlace:
    donor = json.loads(forge.setup[forge.find_setup("reveal", 1)])["body"]

    def change(body: Body) -> None:
        body["proof_challenge"], body["proof_response"] = donor["proof_challenge"], donor["proof_response"]

    forge.edit_setup("reveal", change, 0)
    return conclude(forge)


@forgery(14, "V11")
def another_trustees_commitments_copied_with_their_proof(forge: Forge) -> MemoryPlace:
    donor = json.loads(forge.setup[forge.find_setup("reveal", 1)])["body"]
    forge.edit_setup("reveal", lambda body: body.update({**donor, "trustee": 1}), 0)
    digest = commitment_hash(forge.referendum, 1, 1, points_of(forge, 2)).hex()
    forge.edit_setup("commit", lambda body: body.update(commitment=digest), 0)
    return conclude(forge)


def proof_field(field: str, value: str) -> Callable[[Forge], MemoryPlace]:
    def maker(forge: Forge) -> MemoryPlace:
        forge.edit_setup("reveal", lambda body: body.update({field: value}), 0)
        return conclude(forge)

    return maker


add("proof_of_possession_with_a_zero_challenge", 14, "V11", proof_field("proof_challenge", "00" * 32))
add("proof_of_possession_with_a_zero_response", 14, "V11", proof_field("proof_response", "00" * 32))


def unparsed_reveal(field: str, value: object) -> Callable[[Forge], MemoryPlace]:
    """A reveal that does not parse is none: the shares after it have no place."""

    def maker(forge: Forge) -> MemoryPlace:
        forge.edit_setup("reveal", lambda body: body.update({field: value}), 0)
        return _raw(forge)

    return maker


RECEIVING_KEYS = {
    "zero": bytes(32),
    "one": b"\1" + bytes(31),
    "order_8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "order_8_as_well": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "minus_one": (2**255 - 20).to_bytes(32, "little"),
    "the_field": (2**255 - 19).to_bytes(32, "little"),
    "one_above_the_field": (2**255 - 18).to_bytes(32, "little"),
    "a_high_bit": b"\x09" + bytes(30) + b"\x80",
}


def unparsed_commit(receiving_key: bytes) -> Callable[[Forge], MemoryPlace]:
    def maker(forge: Forge) -> MemoryPlace:
        forge.edit_setup("commit", lambda body: body.update(receiving_keys=[receiving_key.hex()] * 3), 2)
        return forge.bundle(forge.setup[:4])

    return maker


for name, encoded in RECEIVING_KEYS.items():
    add(f"receiving_key_of_{name}", 14, "V8", unparsed_commit(encoded))

AT_THE_ORDER = scalar_to_bytes(ORDER).hex()
for name in ("proof_challenge", "proof_response"):
    add(f"reveal_with_a_{name}_at_the_order", 14, "V8", unparsed_reveal(name, AT_THE_ORDER), also=("V9",))
add("reveal_of_33_points", 14, "V8", unparsed_reveal("coefficients", ["02" + "11" * 32] * 33), also=("V9",))


@forgery(14, "V11")
def dealers_commitment_off_the_curve(forge: Forge) -> MemoryPlace:
    forge.edit_setup(
        "reveal", lambda body: body["coefficients"].__setitem__(1, "02" + (5).to_bytes(32, "big").hex()), 0
    )
    return _ends_as_it_was(forge)


def _ends_as_it_was(forge: Forge) -> MemoryPlace:
    end = forge.find_setup("election-key") + 1
    return forge.bundle(forge.setup[:end])


@forgery(14, "V8", also=("V9",))
def identity_as_a_commitment(forge: Forge) -> MemoryPlace:
    forge.edit_setup("reveal", lambda body: body["coefficients"].__setitem__(0, "00" * 33), 0)
    return _raw(forge)


def _raw(forge: Forge) -> MemoryPlace:
    kinds = [_kind(raw) if k else "manifest" for k, raw in enumerate(forge.setup)]
    return forge.bundle(forge.setup[: kinds.index("share") + 1])


def on_key(change: Callable[[Forge, Body], None]) -> Callable[[Forge], MemoryPlace]:
    """The election-key entry itself is forged."""

    def maker(forge: Forge) -> MemoryPlace:
        index = forge.find_setup("election-key")
        body = json.loads(forge.setup[index])["body"]
        change(forge, body)
        return forge.bundle([*forge.setup[:index], forge.entry("election-key", body, [])])

    return maker


OTHER_POINT = generator_times(42).to_bytes().hex()
add("joint_key_that_is_not_the_sum", 14, "V12", on_key(lambda f, b: b.update(joint_key=OTHER_POINT)))
add(
    "verification_key_of_another_share",
    14,
    "V12",
    on_key(lambda f, b: b["verification_keys"].__setitem__(0, OTHER_POINT)),
)
add("verification_key_missing", 14, "V12", on_key(lambda f, b: b["verification_keys"].pop()))
add("verification_keys_swapped", 14, "V12", on_key(lambda f, b: b["verification_keys"].reverse()))
add("election_key_of_another_transcript", 14, "V12", on_key(lambda f, b: b.update(transcript="00" * 32)))


@forgery(14, "V12")
def ballots_under_a_key_whose_share_is_no_point(forge: Forge) -> Report:
    """The log goes on as if nothing were wrong: key, opening and first ballot are each named, and nothing after it."""
    nowhere = "02" + (5).to_bytes(32, "big").hex()
    forge.edit_setup("election-key", lambda body: body["verification_keys"].__setitem__(0, nowhere), by=[])
    raw = forge.setup[forge.find_setup("election-key")]
    forge.edit_setup("open", lambda body: body.update(election_key=hashlib.sha256(raw).hexdigest()))
    forge.with_tally = False
    report = judge(forge, forge.build())
    assert [fault.message for fault in report.faults] == [
        "the election key is not what the trustees' commitments add up to",
        "not a compressed point of secp256k1",
        "voting was opened for another election key",
        "a ballot without a valid election key",
    ]
    return report


def on_confirm(change: Callable[[Body], None]) -> Callable[[Forge], MemoryPlace]:
    def maker(forge: Forge) -> MemoryPlace:
        forge.edit_setup("confirm", change, 1)
        return _ends_as_it_was(forge)

    return maker


OTHER_TRANSCRIPT: Body = {"transcript": "00" * 32}
OTHER_KEY: Body = {"joint_key": OTHER_POINT}
for name, other in (("transcript", OTHER_TRANSCRIPT), ("key", OTHER_KEY)):
    maker = on_confirm(lambda b, other=other: b.update(other))  # type: ignore[misc]
    add(f"election_key_after_a_confirmation_of_another_{name}", 14, "V9", maker, also=("V11",))


# Who confirmed different keys cannot drill.
FIRST_ATTEMPT = ("commit", "reveal", "share", "confirm", "drill")


def _statement(raw: bytes) -> list[str]:
    body = json.loads(raw)["body"]
    return [body["joint_key"], body["transcript"]]


def again(forge: Forge, spoiled: Callable[[Forge], None]) -> MemoryPlace:
    """A first attempt that somebody spoiled, and a second one as it should be."""
    spoiled(forge)
    agreed = len({json.dumps(_statement(raw)) for raw in forge.setup[1:] if _kind(raw) == "confirm"}) == 1
    kinds = FIRST_ATTEMPT if agreed else FIRST_ATTEMPT[:-1]
    first = [raw for raw in forge.setup[1:] if _kind(raw) in kinds]
    commits, reveals, shares = [], [], []
    polynomials = [(random_scalar(), random_scalar()) for _ in range(3)]
    for k, (secret, slope) in enumerate(polynomials, 1):
        points = [generator_times(secret).to_bytes(), generator_times(slope).to_bytes()]
        proof = prove_key(secret, possession_context(forge.referendum, 2, k, points))
        own: Body = {"attempt": 2, "trustee": k}
        digest = commitment_hash(forge.referendum, 2, k, points).hex()
        commits.append(
            forge.entry(
                "commit", own | {"commitment": digest, "receiving_keys": [new_box_key()[1].hex() for _ in range(3)]}
            )
        )
        response = {
            "proof_challenge": scalar_to_bytes(proof.challenge).hex(),
            "proof_response": scalar_to_bytes(proof.response).hex(),
        }
        reveals.append(forge.entry("reveal", own | response | {"coefficients": [point.hex() for point in points]}))
        for receiver in {1, 2, 3} - {k}:
            share = {"attempt": 2, "sender": k, "receiver": receiver, "sealed": "00" * 80}
            shares.append(forge.entry("share", share))
    second = [*commits, *reveals, *shares]
    attempt = latest_attempt(parse_entry(raw).body for raw in second)
    key = attempt.election_key(forge.referendum, 3)
    statement = {"attempt": 2, "joint_key": key.joint_key, "transcript": key.transcript}
    confirms = [forge.entry("confirm", statement | {"trustee": k}) for k in (1, 2, 3)]
    ready = [forge.setup[0], *first, *second, *confirms]
    held = {k: sum(evaluate(polynomial, k) for polynomial in polynomials) % ORDER for k in (1, 2, 3)}
    drills = [drill(forge, 2, k, root_of(ready), held[k]) for k in (1, 2, 3)]
    return forge.bundle([*ready, *drills, forge.entry("election-key", key, [])])


for name, other in (("transcript", OTHER_TRANSCRIPT), ("key", OTHER_KEY)):
    for nth in (0, 2):

        def spoil(forge: Forge, other: Body = other, nth: int = nth) -> None:
            forge.edit_setup("confirm", lambda body: body.update(other), nth)

        def spoiled(forge: Forge, spoil: Callable[[Forge], None] = spoil) -> MemoryPlace:
            return again(forge, spoil)

        add(f"attempt_spoiled_by_confirmation_{nth}_of_another_{name}", 14, "V11", spoiled, PASSED, status=4)


@forgery(14, "V11")
def wrong_key_that_all_trustees_confirmed(forge: Forge) -> MemoryPlace:
    for nth in range(3):
        forge.edit_setup("confirm", lambda body: body.update(OTHER_KEY), nth)
    return _ends_as_it_was(forge)


@forgery(14, "V9")
def one_confirmation_missing(forge: Forge) -> MemoryPlace:
    del forge.setup[forge.find_setup("confirm", 2)]
    return _ends_as_it_was(forge)


@forgery(14, "V9")
def election_key_without_any_confirmation(forge: Forge) -> MemoryPlace:
    return conclude(forge, skip_confirms=True)


@forgery(14, "V9", also=("V10",))
def trustee_that_is_not_in_the_manifest(forge: Forge) -> MemoryPlace:
    body = json.loads(forge.setup[1])["body"] | {"trustee": 4}
    return forge.bundle([forge.setup[0], forge.entry("commit", body, ["trustee/1"])])


@forgery(14, "V10", also=("V9",))
def commit_signed_by_another_trustee(forge: Forge) -> MemoryPlace:
    body = json.loads(forge.setup[1])["body"]
    late = forge.entry("reveal", json.loads(forge.setup[forge.find_setup("reveal")])["body"])
    return forge.bundle([forge.setup[0], forge.entry("commit", body, ["trustee/2"]), late])


@forgery(14, "V10")
def commit_in_anothers_name(forge: Forge) -> MemoryPlace:
    body = json.loads(forge.setup[1])["body"]
    return forge.bundle([forge.setup[0], forge.entry("commit", body, ["trustee/1"], ["trustee-2"])])


@forgery(14, "V9")
def reveal_before_all_commitments(forge: Forge) -> MemoryPlace:
    first = forge.setup[forge.find_setup("reveal")]
    return forge.bundle([*forge.setup[:3], first])


@forgery(14, "V9")
def second_commitment_of_one_trustee(forge: Forge) -> MemoryPlace:
    return forge.bundle([*forge.setup[:2], forge.setup[1]])


@forgery(14, "V12")
def opened_for_another_election_key(forge: Forge) -> MemoryPlace:
    forge.edit_setup("open", lambda body: body.update(election_key="00" * 32))
    return forge.bundle(forge.setup)


@forgery(14, "V11", PASSED, status=4)
def complaint_about_a_bad_share_names_the_dealer(forge: Forge) -> MemoryPlace:
    secret, public = new_box_key()
    forge.edit_setup("commit", lambda body: body.update(receiving_keys=[public.hex()] * 3), 1)
    bad = seal_to(public, scalar_to_bytes(random_scalar()))
    forge.edit_setup("share", lambda body: body.update(sealed=bad.hex()), 0)
    return _complain(forge, secret, 2, 1)


@forgery(14, "V11", PASSED, status=4)
def false_complaint_names_the_accuser(forge: Forge) -> MemoryPlace:
    public = new_box_key()[1]
    forge.edit_setup("commit", lambda body: body.update(receiving_keys=[public.hex()] * 3), 1)
    return _complain(forge, bytes(31) + b"\x01", 2, 1)


def _complain(forge: Forge, secret: bytes, accuser: int, accused: int) -> MemoryPlace:
    index = forge.find_setup("confirm")
    body = {"attempt": 1, "accuser": accuser, "accused": accused, "receiving_secret": secret.hex()}
    return forge.bundle([*forge.setup[:index], forge.entry("complaint", body)])


@forgery(14, "V9", also=("V11",))
def confirmation_of_a_void_attempt(forge: Forge) -> MemoryPlace:
    index = forge.find_setup("confirm")
    body = {"attempt": 1, "accuser": 2, "accused": 1, "receiving_secret": "00" * 31 + "01"}
    return forge.bundle([*forge.setup[:index], forge.entry("complaint", body), forge.setup[index]])


@forgery(14, "V9", also=("V11",))
def election_key_of_an_older_attempt_that_nobody_confirmed(forge: Forge) -> MemoryPlace:
    """All trustees confirm a second attempt; the election key then names the first."""
    kinds = {
        kind: [json.loads(raw)["body"] for raw in forge.setup[1:] if _kind(raw) == kind]
        for kind in ("commit", "reveal", "share", "confirm")
    }
    first = [forge.setup[0], *(raw for raw in forge.setup[1:] if _kind(raw) in ("commit", "reveal", "share"))]
    second = [
        forge.entry(kind, {**body, "attempt": 2}) for kind in ("commit", "reveal", "share") for body in kinds[kind]
    ]
    other = {"attempt": 2, "joint_key": OTHER_POINT, "transcript": "00" * 32}
    second += [forge.entry("confirm", body | other) for body in kinds["confirm"]]
    return forge.bundle([*first, *second, forge.setup[forge.find_setup("election-key")]])


# The drill.


def drilled(make: Callable[[Forge, bytes], list[bytes]], election_key: bool = True) -> Callable[[Forge], MemoryPlace]:
    """In the place of the three drills those that `make` gives, for the root at which they are due; the log ends with
    the election key."""

    def maker(forge: Forge) -> MemoryPlace:
        first, key = forge.find_setup("drill"), forge.find_setup("election-key")
        before = forge.setup[:first]
        ending = [forge.setup[key]] if election_key else []
        return forge.bundle([*before, *make(forge, root_of(before)), *ending])

    return maker


def first_drill(**change: object) -> Callable[[Forge], MemoryPlace]:
    return drilled(lambda f, root: [drill(f, 1, 1, root, **change), *(drill(f, 1, k, root) for k in (2, 3))])  # type: ignore[arg-type]


def copied_drill(forge: Forge, root: bytes) -> list[bytes]:
    """Trustee 2 hands in what trustee 1 showed."""
    shown = json.loads(drill(forge, 1, 1, root))["body"]
    return [forge.entry("drill", shown), forge.entry("drill", shown | {"trustee": 2}), drill(forge, 1, 3, root)]


def drill_without_share(forge: Forge, root: bytes) -> list[bytes]:
    """Everybody can compute the point, and prove something else of it."""
    secret = forge.keys.shares[0]
    base = generator_times(drill_randomness(forge.referendum, 1, root))
    forged = drill(forge, 1, 1, root, share=7, point=(base * secret).to_bytes().hex())
    return [forged, *(drill(forge, 1, k, root) for k in (2, 3))]


add("drill_with_another_share", 14, "V11", first_drill(share=7))
add("drill_without_the_share", 14, "V11", drilled(drill_without_share))
add("drill_of_another_trustee_copied", 14, "V11", drilled(copied_drill))
add("drill_with_a_zero_challenge", 14, "V11", first_drill(challenge="00" * 32))
add("drill_with_a_zero_response", 14, "V11", first_drill(response="00" * 32))
add("drill_that_names_another_root", 14, "V11", first_drill(root="00" * 32))
add("drill_off_the_curve", 14, "V11", first_drill(point="02" + (5).to_bytes(32, "big").hex()))
add("drill_for_an_earlier_root", 14, "V11", drilled(lambda f, _: [drill(f, 1, k, bytes(32)) for k in (1, 2, 3)]))
add("drill_at_the_order", 14, "V8", first_drill(response=AT_THE_ORDER), also=("V9",))
add("election_key_before_all_have_drilled", 14, "V9", drilled(lambda f, root: [drill(f, 1, k, root) for k in (1, 2)]))
add("election_key_without_a_drill", 14, "V9", drilled(lambda *_: []))
add("drill_of_an_attempt_to_come", 14, "V9", drilled(lambda f, root: [drill(f, 2, 1, root)], election_key=False))
add(
    "drill_by_a_trustee_who_does_not_exist",
    14,
    "V9",
    drilled(lambda f, root: [forge_drill_of_nobody(f, root)], election_key=False),
    also=("V10",),
)
add(
    "drill_twice",
    14,
    "V9",
    drilled(lambda f, root: [drill(f, 1, k, root) for k in (1, 1, 2, 3)]),
)
add(
    "drill_signed_by_another_trustee",
    14,
    "V10",
    drilled(lambda f, root: [signed_by_another(f, root), *(drill(f, 1, k, root) for k in (2, 3))]),
)


def forge_drill_of_nobody(forge: Forge, root: bytes) -> bytes:
    body = json.loads(drill(forge, 1, 3, root))["body"] | {"trustee": 4}
    return forge.entry("drill", body, ["trustee/4"], ["trustee-3"])


def signed_by_another(forge: Forge, root: bytes) -> bytes:
    return forge.entry("drill", json.loads(drill(forge, 1, 1, root))["body"], ["trustee/2"])


@forgery(14, "V9")
def drill_before_all_have_confirmed(forge: Forge) -> MemoryPlace:
    before = forge.setup[: forge.find_setup("drill") - 1]
    return forge.bundle([*before, drill(forge, 1, 1, root_of(before))])


def before_the_opening(make: Callable[[Forge, bytes], bytes]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        at = forge.find_setup("roll") + 1
        forge.setup.insert(at, make(forge, root_of(forge.setup[:at])))

    return maker


add("second_drill_with_another_share", 14, "V11", before_the_opening(lambda f, r: drill(f, 1, 1, r, share=7)), PASSED)
add("second_drill_for_the_first_root", 14, "V11", before_the_opening(lambda f, _: second_like_the_first(f)), PASSED)


def second_like_the_first(forge: Forge) -> bytes:
    return forge.setup[forge.find_setup("drill")]


@forgery(14, "V9")
def second_drill_twice(forge: Forge) -> None:
    at = forge.find_setup("roll") + 1
    root = root_of(forge.setup[:at])
    forge.setup[at:at] = [drill(forge, 1, 1, root), drill(forge, 1, 1, root)]


@forgery(14, "V9")
def drill_while_voting_is_open(forge: Forge) -> None:
    at = forge.find_setup("roll") + 1
    forge.between.append(drill(forge, 1, 1, root_of(forge.setup[:at])))
