"""Forged ballots (classes 1-5, 7, 11): signed by real tokens, in batches signed by the box."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from stembus.audit.formats.ballot_shape import SECOND, QuestionShape
from stembus.audit.formats.cast_ballot import BallotContext, encode_body, encode_unsigned
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.crypto.elgamal import Ciphertext, encrypt, weigh_ciphertexts
from stembus.crypto.group import GENERATOR, ORDER, generator_times, random_scalar, scalar_to_bytes
from stembus.crypto.proofs import MembershipProof, commit_membership, respond_membership
from stembus.crypto.signing import SchnorrKey
from stembus.crypto.transcript import Transcript
from tests.tampered.catalogue import PROJECTS, STANDS, YES_NO, add, forgery
from tests.tampered.forge import Forge, make_voter

BODY = 1
CIPHERTEXTS = BODY + 32


def put(forge: Forge, raw: bytes) -> None:
    """In the place of voter 0's ballot."""
    forge.batches[0][0] = raw


def resign(forge: Forge, raw: bytes, voter: int = 0, context: BallotContext | None = None) -> bytes:
    """The same bytes with a new signature of the token key."""
    unsigned = raw[:-64]
    token_key = forge.voters[voter].voting_pass.token_key
    return unsigned + token_key.sign((context or forge.context).cast_digest(unsigned))


def with_body(forge: Forge, body: bytes, nonce: bytes, voter: int = 0, seq: int = 0) -> bytes:
    voting_pass = forge.voters[voter].voting_pass
    signatures = [s for s in voting_pass.signatures if s]
    unsigned = encode_unsigned(body, nonce, voting_pass.token_key.public, signatures, seq)
    return unsigned + voting_pass.token_key.sign(forge.context.cast_digest(unsigned))


# Class 1: weak Fiat-Shamir. A prover whose challenge leaves something out.


class WeakContext(BallotContext):
    """Computes challenges without one of the fields; everything else is as it should be."""

    missing = ""

    def challenges(self, commitment: bytes, ciphertexts: bytes, commitments: bytes) -> list[int]:
        fields = [
            ("referendum", self.referendum),
            ("election-key", self.election_key),
            ("joint-key", self.joint_key.to_bytes()),
            ("shape", self.shape),
            ("token-commitment", commitment),
            ("ciphertexts", ciphertexts),
            ("commitments", commitments),
        ]
        transcript = Transcript("" if self.missing == "tag" else "ballot-proof")
        for label, value in fields:
            if label != self.missing and (self.missing != "all but commitments" or label == "commitments"):
                transcript.add(label, value)
        start = Transcript("ballot-challenge").add("statement", transcript.digest())
        return [start.copy().add_int("position", k).scalar() for k in range(len(self.proofs))]


def weak(missing: str) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        fields = {name: getattr(forge.context, name) for name in BallotContext.__dataclass_fields__}
        context = type("Weak", (WeakContext,), {"missing": missing})(**fields)
        voting_pass = forge.voters[0].voting_pass
        prepared = prepare(context, voting_pass, [[0]])
        put(forge, sign_ballot(forge.context, voting_pass, prepared, 0))

    return maker


for field in (
    "tag", "referendum", "election-key", "joint-key", "shape", "token-commitment", "ciphertexts", "commitments",
    "all but commitments",
):  # fmt: skip
    add(f"challenge_without_{field.replace(' ', '_').replace('-', '_')}", 1, "V19", weak(field), STANDS)


def simulated(forge: Forge, numbers: Sequence[int], liar: Sequence[int] = ()) -> bytes:
    """A ballot that encrypts `numbers`, whatever they are; a proof that would be false, or stands at a position in
    `liar`, claims the first of its values."""
    context, voting_pass = forge.context, forge.voters[0].voting_pass
    nonce = hashlib.sha256(b"nonce").digest()
    commitment = context.token_commitment(voting_pass.token_key.public, nonce)
    randomness = [random_scalar() for _ in numbers]
    ciphertexts = [encrypt(context.joint_key, n % ORDER, r) for n, r in zip(numbers, randomness, strict=True)]
    witnesses = []
    for position, shape in enumerate(context.proofs):
        held = sum(numbers[position] * weight for position, weight in shape.terms)
        branch = shape.values.index(held) if held in shape.values and position not in liar else 0
        total = weigh_ciphertexts(ciphertexts, shape.terms)
        secret = sum(randomness[position] * weight for position, weight in shape.terms) % ORDER
        witnesses.append(commit_membership(context.joint_key, total, branch, secret, shape.values, random_scalar))
    points = b"".join(p.to_bytes() for w in witnesses for pair in w.commitments for p in pair)
    challenges = context.challenges(commitment, b"".join(c.to_bytes() for c in ciphertexts), points)
    proofs = [respond_membership(w, c) for w, c in zip(witnesses, challenges, strict=True)]
    return with_body(forge, encode_body(context, commitment, ciphertexts, proofs), nonce)


def encryption_of(label: str, *numbers: int, attack: int = 5) -> None:
    def maker(forge: Forge) -> None:
        put(forge, simulated(forge, numbers))

    add(f"encryption_of_{label}", attack, "V19", maker, STANDS, base=PROJECTS if len(numbers) > 1 else YES_NO)


# The one ciphertext of yes or no holds 0, 1 or SECOND.
encryption_of("five", 5, attack=1)
encryption_of("a_random_number", random_scalar(), attack=1)
encryption_of("two", 2)
encryption_of("minus_one", -1)
encryption_of("both_options", 1 + SECOND)
encryption_of("the_second_option_twice", 2 * SECOND)
encryption_of("the_second_option_without_the_first", SECOND - 1)
encryption_of("minus_the_second_option", -SECOND)
encryption_of("half_the_second_option", SECOND // 2)
encryption_of("a_value_between", 12_345)
encryption_of("the_square_of_the_second_option", SECOND * SECOND)
encryption_of("a_hundred_second_options_less_a_hundred_first", 100 * (SECOND - 1))
# Each of three projects holds 0 or 1, and so does their sum.
encryption_of("five_projects", 5, 0, 0, attack=1)
encryption_of("a_random_number_of_projects", random_scalar(), 0, 0, attack=1)
encryption_of("two_projects_in_one", 0, 0, 2)
encryption_of("minus_one_project", -1, 1, 0)
encryption_of("two_projects", 1, 1, 0)
encryption_of("all_projects", 1, 1, 1)
encryption_of("a_hundred_and_minus", 100, -99, 0)
encryption_of("a_second_option_where_there_is_none", SECOND, 0, 0)


# Class 2 and 3: replayed, copied, mauled.


def edit(change: Callable[[Forge, bytearray], None]) -> Callable[[Forge], None]:
    """Changes bytes of voter 0's ballot and signs it again."""

    def maker(forge: Forge) -> None:
        raw = bytearray(forge.batches[0][0])
        change(forge, raw)
        put(forge, resign(forge, bytes(raw)))

    return maker


def swap_parts(raw: bytearray, first: int, second: int, length: int) -> None:
    raw[first : first + length], raw[second : second + length] = (
        raw[second : second + length],
        raw[first : first + length],
    )


def commitments_at(forge: Forge) -> int:
    return BODY + forge.context.commitments_at


def scalars_at(forge: Forge) -> int:
    return BODY + forge.context.scalars_at


@forgery(2, "V17", STANDS)
def whole_ballot_of_another_referendum(forge: Forge) -> None:
    other = replace(forge.context, referendum=hashlib.sha256(b"other").digest())
    stranger = make_voter(other, forge.keys, forge.keys.credentials[0])
    put(forge, sign_ballot(other, stranger.voting_pass, prepare(other, stranger.voting_pass, [[0]]), 0))


@forgery(2, "V19", STANDS)
def body_of_another_referendum_under_a_token_of_this_one(forge: Forge) -> None:
    other = replace(forge.context, referendum=hashlib.sha256(b"other").digest())
    voting_pass = forge.voters[0].voting_pass
    put(forge, sign_ballot(forge.context, voting_pass, prepare(other, voting_pass, [[0]]), 0))


@forgery(2, "V19", STANDS)
def body_under_another_election_key_hash(forge: Forge) -> None:
    other = replace(forge.context, election_key=hashlib.sha256(b"other").digest())
    voting_pass = forge.voters[0].voting_pass
    put(forge, sign_ballot(forge.context, voting_pass, prepare(other, voting_pass, [[0]]), 0))


@forgery(2, "V18", STANDS)
def ballot_signed_for_another_referendum(forge: Forge) -> None:
    other = replace(forge.context, referendum=hashlib.sha256(b"other").digest())
    put(forge, resign(forge, forge.batches[0][0], context=other))


@edit
def _swap_proofs(forge: Forge, raw: bytearray) -> None:
    swap_parts(raw, commitments_at(forge), commitments_at(forge) + 132, 132)
    swap_parts(raw, scalars_at(forge), scalars_at(forge) + 96, 96)


@edit
def _reuse_sum_proof(forge: Forge, raw: bytearray) -> None:
    start, scalars = commitments_at(forge), scalars_at(forge)
    raw[start + 396 : start + 528] = raw[start : start + 132]
    raw[scalars + 288 : scalars + 384] = raw[scalars : scalars + 96]


@edit
def _permute(forge: Forge, raw: bytearray) -> None:
    swap_parts(raw, CIPHERTEXTS, CIPHERTEXTS + 66, 66)


@edit
def _permute_with_proofs(forge: Forge, raw: bytearray) -> None:
    swap_parts(raw, CIPHERTEXTS, CIPHERTEXTS + 66, 66)
    swap_parts(raw, commitments_at(forge), commitments_at(forge) + 132, 132)
    swap_parts(raw, scalars_at(forge), scalars_at(forge) + 96, 96)


@edit
def _rerandomise(forge: Forge, raw: bytearray) -> None:
    extra = random_scalar()
    old = Ciphertext.from_bytes(bytes(raw[CIPHERTEXTS : CIPHERTEXTS + 66]))
    new = old + encrypt(forge.context.joint_key, 0, extra)
    raw[CIPHERTEXTS : CIPHERTEXTS + 66] = new.to_bytes()


@edit
def _lift_option(forge: Forge, raw: bytearray) -> None:
    donor = forge.batches[0][1]
    raw[CIPHERTEXTS : CIPHERTEXTS + 66] = donor[CIPHERTEXTS : CIPHERTEXTS + 66]
    start, scalars = commitments_at(forge), scalars_at(forge)
    raw[start : start + 132] = donor[start : start + 132]
    raw[scalars : scalars + 96] = donor[scalars : scalars + 96]


add("proofs_of_two_options_swapped", 2, "V19", _swap_proofs, STANDS, base=PROJECTS)
add("option_proof_reused_as_sum_proof", 2, "V19", _reuse_sum_proof, STANDS, base=PROJECTS)
add("options_permuted", 3, "V19", _permute, STANDS, base=PROJECTS)
add("options_permuted_with_their_proofs", 3, "V19", _permute_with_proofs, STANDS, base=PROJECTS)
add("rerandomised_with_the_old_proof", 3, "V19", _rerandomise, STANDS)
add("one_option_lifted_from_another_ballot", 3, "V19", _lift_option, STANDS, base=PROJECTS)


@forgery(3, "V19", STANDS)
def ciphertexts_copied_under_another_token(forge: Forge) -> None:
    donor = forge.batches[0][1]
    nonce = hashlib.sha256(b"copy").digest()
    commitment = forge.context.token_commitment(forge.voters[0].voting_pass.token_key.public, nonce)
    put(forge, with_body(forge, commitment + donor[33 : 1 + forge.context.body_bytes], nonce))


@forgery(3, "V17", STANDS)
def whole_body_copied_under_another_token(forge: Forge) -> None:
    donor = forge.batches[0][1]
    end = 1 + forge.context.body_bytes
    put(forge, with_body(forge, donor[1:end], donor[end : end + 32]))


@forgery(3, "V20", STANDS)
def one_ballot_in_two_batches(forge: Forge) -> None:
    forge.batches[1].append(forge.batches[0][0])


@forgery(3, "V20", STANDS)
def one_body_cast_twice_with_different_seq(forge: Forge) -> None:
    raw = forge.batches[0][0]
    forge.batches[1].append(resign(forge, raw[:-68] + (1).to_bytes(4, "big") + raw[-64:]))


@forgery(10, "V20", STANDS)
def two_ballots_with_one_id(forge: Forge) -> None:
    raw = forge.batches[0][0]
    forge.batches[0].append(resign(forge, raw[:-68] + (2).to_bytes(4, "big") + raw[-64:]))


# Class 4: elements and encodings.

OFF_CURVE = bytes([2]) + (5).to_bytes(32, "big")


def poke(
    name: str,
    offset: Callable[[Forge], int],
    data: bytes,
    attack: int = 4,
    check: str = "V16",
    base: str = YES_NO,
) -> None:
    @edit
    def change(forge: Forge, raw: bytearray) -> None:
        start = offset(forge)
        raw[start : start + len(data)] = data

    add(name, attack, check, change, STANDS, base=base)


for place, at in {"ciphertext": lambda f: CIPHERTEXTS, "commitment": commitments_at}.items():
    poke(f"{place}_off_the_curve", at, OFF_CURVE)
    poke(f"{place}_with_the_prefix_of_an_uncompressed_point", at, b"\x04")
    poke(f"{place}_with_the_prefix_of_a_hybrid_point", at, b"\x06")
    poke(f"{place}_that_is_infinity", at, bytes(33))
    poke(f"{place}_above_the_field", at, b"\x02" + b"\xff" * 32)
for k in range(5):
    poke(f"scalar_{k}_equal_to_the_order", lambda f, k=k: scalars_at(f) + 32 * k, scalar_to_bytes(ORDER))
    poke(f"scalar_{k}_replaced_by_zero", lambda f, k=k: scalars_at(f) + 32 * k, bytes(32), 4, "V19")
poke("scalar_of_all_ones", scalars_at, b"\xff" * 32)
poke("unknown_ballot_version", lambda f: 0, b"\x02")
for k in range(12):
    at = lambda f, k=k: scalars_at(f) + 32 * k  # noqa: E731
    poke(f"projects_scalar_{k}_equal_to_the_order", at, scalar_to_bytes(ORDER), base=PROJECTS)
    poke(f"projects_scalar_{k}_replaced_by_zero", at, bytes(32), 4, "V19", base=PROJECTS)


def resized(change: Callable[[bytes], bytes]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        raw = forge.batches[0][0]
        put(forge, resign(forge, change(raw[:-64]) + raw[-64:]))

    return maker


add("ballot_one_byte_too_long", 4, "V16", resized(lambda raw: raw + b"\x00"), STANDS)
add("ballot_one_byte_too_short", 4, "V16", resized(lambda raw: raw[:-1]), STANDS)
add("ballot_cut_to_its_body", 4, "V16", resized(lambda raw: raw[:490]), STANDS)
add("ballot_of_one_byte", 4, "V16", lambda forge: put(forge, b"\x01"), STANDS)
add("one_ciphertext_too_many", 5, "V16", resized(lambda raw: raw[:33] + raw[33:99] + raw[33:]), STANDS)
add("no_ciphertext", 5, "V16", resized(lambda raw: raw[:33] + raw[99:]), STANDS)
add("one_option_too_many", 5, "V16", resized(lambda raw: raw[:33] + raw[33:99] + raw[33:]), STANDS, base=PROJECTS)
add("one_option_too_few", 5, "V16", resized(lambda raw: raw[:33] + raw[99:]), STANDS, base=PROJECTS)
add("ballot_without_proofs", 5, "V16", resized(lambda raw: raw[:99] + raw[99 + 198 + 160 :]), STANDS)
add("one_branch_too_few", 5, "V16", resized(lambda raw: raw[:231] + raw[297:393] + raw[457:]), STANDS)
add("two_answers_to_one_question", 5, "V16", resized(lambda raw: raw[:1] + raw[1:457] + raw[1:]), STANDS)


@forgery(5, "V16", STANDS)
def ballot_of_two_ciphertexts_for_yes_and_no(forge: Forge) -> None:
    """As a question of two options was answered before."""
    context = replace(forge.context, questions=(QuestionShape(2, 2),))
    voting_pass = forge.voters[0].voting_pass
    put(forge, sign_ballot(forge.context, voting_pass, prepare(context, voting_pass, [[0]]), 0))


@forgery(5, "V16", STANDS, base=PROJECTS)
def randomness_that_cancels_to_infinity(forge: Forge) -> None:
    context, voting_pass = forge.context, forge.voters[0].voting_pass
    nonce = hashlib.sha256(b"cancel").digest()
    commitment = context.token_commitment(voting_pass.token_key.public, nonce)
    r = random_scalar()
    parts = [encrypt(context.joint_key, *part) for part in ((1, r), (0, r), (0, ORDER - 2 * r % ORDER))]
    filler = tuple((generator_times(7), GENERATOR) for _ in range(2))
    proofs = [MembershipProof(filler, (1,), (1, 1)) for _ in range(4)]
    put(forge, with_body(forge, encode_body(context, commitment, parts, proofs), nonce))


# Class 7: tokens.


@forgery(7, "V17", STANDS)
def ballot_without_a_registrars_signature(forge: Forge) -> None:
    voter = forge.voters[0]
    forge.voters[0] = replace_signature(voter, bytes(384))
    put(forge, forge.ballot(0))
    forge.voters[0] = voter


def replace_signature(voter, signature: bytes):  # type: ignore[no-untyped-def]
    return replace(voter, voting_pass=replace(voter.voting_pass, signatures=(signature,)))


@forgery(7, "V17", STANDS)
def token_signature_of_another_token(forge: Forge) -> None:
    voter = forge.voters[0]
    forge.voters[0] = replace_signature(voter, forge.voters[1].voting_pass.signatures[0] or b"")
    put(forge, forge.ballot(0))
    forge.voters[0] = voter


@forgery(7, "V17", STANDS)
def token_signature_with_one_bit_flipped(forge: Forge) -> None:
    voter = forge.voters[0]
    good = voter.voting_pass.signatures[0] or b""
    forge.voters[0] = replace_signature(voter, good[:-1] + bytes([good[-1] ^ 1]))
    put(forge, forge.ballot(0))
    forge.voters[0] = voter


@forgery(7, "V17", STANDS)
def token_signature_plus_the_modulus(forge: Forge) -> None:
    voter = forge.voters[0]
    value = int.from_bytes(voter.voting_pass.signatures[0] or b"", "big") + forge.context.registrars[0].modulus
    if value.bit_length() > 3072:
        value = forge.context.registrars[0].modulus
    forge.voters[0] = replace_signature(voter, value.to_bytes(384, "big"))
    put(forge, forge.ballot(0))
    forge.voters[0] = voter


@forgery(7, "V18", STANDS)
def ballot_signed_by_another_key(forge: Forge) -> None:
    put(forge, resign(forge, forge.batches[0][0], voter=1))


@forgery(7, "V18", STANDS)
def token_key_off_the_curve(forge: Forge) -> None:
    voter = forge.voters[0]
    stranger = SchnorrKey.generate()
    stranger.public = (5).to_bytes(32, "big")
    message = forge.context.token_message(stranger.public)
    signature = _registrar_signs(forge, message)
    voting_pass = replace(voter.voting_pass, token_key=stranger, signatures=(signature,))
    put(forge, sign_ballot(forge.context, voting_pass, prepare(forge.context, voting_pass, [[0]]), 0))


def _registrar_signs(forge: Forge, message: bytes) -> bytes:
    """The registrar itself signs what it likes: a forged token."""
    from stembus.crypto.blind_rsa import blind, finalize

    public = forge.context.registrars[0]
    blinding = blind(public, message)
    return finalize(public, message, forge.keys.signer.sign(blinding.blinded_message), blinding)


@edit
def _other_nonce(forge: Forge, raw: bytearray) -> None:
    raw[1 + forge.context.body_bytes] ^= 1


add("nonce_that_does_not_open_the_commitment", 7, "V17", _other_nonce, STANDS)


add(
    "cast_signature_with_one_bit_flipped",
    7,
    "V18",
    lambda forge: put(forge, forge.batches[0][0][:-1] + bytes([forge.batches[0][0][-1] ^ 1])),
    STANDS,
)


# Class 11: the set.


@forgery(11, "V20", STANDS)
def one_token_and_seq_twice(forge: Forge) -> None:
    forge.batches[1].append(forge.ballot(0, 1))


@forgery(11, "V20", STANDS)
def cast_number_at_the_maximum(forge: Forge) -> None:
    forge.batches[1].append(forge.ballot(0, 1, seq=5))


@forgery(11, "V20", STANDS)
def cast_number_far_above_the_maximum(forge: Forge) -> None:
    forge.batches[1].append(forge.ballot(0, 1, seq=2**32 - 1))


@forgery(11, "V27", also=("V25", "V26", "V28"))
def one_ballot_left_out_of_the_tally(forge: Forge) -> None:
    forge.tally_set = lambda raws: raws[1:]


@forgery(11, "V27", also=("V25", "V26"))
def a_replaced_ballot_counted_instead_of_the_later_one(forge: Forge) -> None:
    forge.batches[1].append(forge.ballot(0, 1, seq=1))
    forge.tally_set = lambda raws: raws[:12]


@forgery(11, "V27", also=("V25", "V26", "V28"))
def both_ballots_of_a_token_counted(forge: Forge) -> None:
    forge.batches[1].append(forge.ballot(0, 1, seq=1))
    forge.tally_set = lambda raws: raws


@forgery(11, "V27", also=("V25", "V26", "V28", "V19"))
def an_invalid_ballot_counted(forge: Forge) -> None:
    put(forge, simulated(forge, (5,)))
    forge.tally_set = lambda raws: raws


@forgery(11, "V27", also=("V25", "V26", "V28"))
def a_single_ballot_offered_for_decryption(forge: Forge) -> None:
    forge.tally_set = lambda raws: raws[:1]


@forgery(8, "V9", STANDS)
def ballot_before_the_opening(forge: Forge) -> None:
    forge.setup.insert(forge.find_setup("open"), forge.ballot(12))


@forgery(8, "V9", STANDS)
def ballot_after_the_close(forge: Forge) -> None:
    forge.after_close.append(forge.ballot(12))


@forgery(8, "V9", STANDS)
def ballot_between_batches(forge: Forge) -> None:
    forge.between.append(forge.ballot(12))
