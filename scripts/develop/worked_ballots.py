"""The ballots of the worked example in docs/protocol.md: yes or no byte by byte, and what is different in a budget.

Decides what is shown of them; the bytes are made as every voter's device makes them.
"""

from __future__ import annotations

from dataclasses import replace

from coincurve import PrivateKey

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.cast_ballot import BallotContext, encode_unsigned, parse_ballot, parse_body
from stembus.audit.verify.ballots import check_ballot
from stembus.ballot.voter.encrypt import build_body
from stembus.crypto.batch import ProvenBallot, verify_one
from stembus.crypto.derive import scalar_stream
from stembus.crypto.group import scalar_to_bytes
from stembus.crypto.signing import SchnorrKey
from stembus.crypto.transcript import Transcript
from stembus.scripts.develop.example_referendum import Example, secret
from stembus.scripts.develop.markdown_page import Page

CHOICE = [[1]]


def show_ballot(page: Page, example: Example, token: SchnorrKey, signature: bytes) -> bytes:
    context, nonce, seed = example.context, secret("nonce"), secret("seed")
    commitment = context.token_commitment(token.public, nonce)
    body = build_body(context, commitment, CHOICE, seed)
    unsigned = encode_unsigned(body, nonce, token.public, [signature], 0)
    digest = context.cast_digest(unsigned)
    raw = unsigned + PrivateKey(token.secret).sign_schnorr(digest, bytes(32))
    check_ballot(context, raw)
    page.say(
        "**A ballot.** The choice is option 2, *Ja*: one ciphertext that holds 2^32, the last of its three values. The "
        "first scalar of the seed's stream is the encryption's randomness, the second the proof's commitment secret."
    )
    info = b"stembus/v1 ballot randomness" + context.election_key + commitment + bytes([2])
    stream = scalar_stream(seed, context.referendum, info)
    rows = [
        ("seed", seed.hex()),
        ("HKDF info", page.hex(info)),
        ("scalar 0", scalar_to_bytes(stream()).hex()),
        ("scalar 1", scalar_to_bytes(stream()).hex()),
        ("joint key", context.joint_key.to_bytes().hex()),
    ]
    page.table(("what", "value"), [(what, f"`{value}`") for what, value in rows])
    page.say(f"The cast ballot has {len(raw)} bytes. Offsets are from its first byte; the body begins at 1.")
    page.table(("offset", "bytes", "field", "value"), _fields(page, raw))
    page.say("Derived from it:")
    ballot = parse_ballot(context, raw)
    challenges = [scalar_to_bytes(s.challenge).hex() for s in ballot.statements]
    last = [s.proof.all_challenges(s.challenge)[-1] for s in ballot.statements]
    statement = _statement(context, body)
    page.block(
        [
            f"ballot id         {ballot.ballot_id.hex()}",
            f"statement digest  {statement.hex()}",
            *(f"challenge {k}       {challenge}" for k, challenge in enumerate(challenges)),
            *(f"  last branch     {scalar_to_bytes(challenge).hex()}" for challenge in last),
            f"cast digest       {digest.hex()}",
            f"cast hash         {ballot.cast_hash.hex()}",
        ]
    )
    if page.full:
        page.block([raw.hex()])
    return raw


def _statement(context: BallotContext, body: bytes) -> bytes:
    transcript = Transcript("ballot-proof").add("referendum", context.referendum)
    transcript.add("election-key", context.election_key).add("joint-key", context.joint_key.to_bytes())
    transcript.add("shape", context.shape).add("token-commitment", body[:32])
    transcript.add("ciphertexts", body[32 : context.commitments_at])
    return transcript.add("commitments", body[context.commitments_at : context.scalars_at]).digest()


def _fields(page: Page, raw: bytes) -> list[tuple[str, ...]]:
    names: list[tuple[int, str]] = [(1, "version"), (32, "token commitment")]
    names += [(66, "ciphertext: A, B")]
    branches = ("branch 0, blank", "branch 1, option 1", "branch 2, option 2")
    names += [(66, f"proof, {branch}: a, b") for branch in branches]
    names += [(32, f"proof, {branch}: challenge") for branch in branches[:2]]
    names += [(32, f"proof, {branch}: response") for branch in branches]
    names += [(32, "nonce"), (32, "token key"), (384, "registrar 1's signature"), (4, "seq"), (64, "token's signature")]
    rows: list[tuple[str, ...]] = []
    at = 0
    for size, name in names:
        rows.append((str(at), str(size), name, f"`{page.hex(raw[at : at + size])}`"))
        at += size
    assert at == len(raw)
    return rows


def show_budget_ballot(page: Page, example: Example) -> None:
    """Of another question under the same keys: nothing else of the referendum is different."""
    question = QuestionShape(2, 2, (3, 4), 6)
    context = replace(example.context, questions=(question,))
    commitment, seed = secret("budget token commitment"), secret("budget seed")
    body = build_body(context, commitment, [[0]], seed)
    ciphertexts, statements = parse_body(context, body)
    verify_one(context.joint_key, ProvenBallot(ciphertexts, statements))
    page.say(
        "**A ballot of a budget.** As if the only question were one of two projects that cost 3 and 4 of a budget of "
        "6, both of which may be chosen. The voter chooses the first, and 3 are left: bits 011, as 6 has three. So "
        "there are four ciphertexts, of the two projects, bit 1 and bit 2. The last proof is about 3 times the first, "
        "4 times the second, 2 times the third and 4 times the fourth, which hold 3 + 2 = 5: the budget less bit 0."
    )
    rows = [
        ("token commitment", commitment.hex()),
        ("seed", seed.hex()),
        ("shape, proofs 0 to 3", page.hex(b"".join(proof.encode() for proof in context.proofs[:4]))),
        ("shape, proof 4", context.proofs[4].encode().hex()),
        *((f"ciphertext {k}: A, B", page.hex(c.to_bytes())) for k, c in enumerate(ciphertexts)),
        ("challenge of proof 4", scalar_to_bytes(statements[4].challenge).hex()),
        ("bytes of the body", str(len(body))),
        ("ballot id", context.ballot_id(body).hex()),
    ]
    page.table(("what", "value"), [(what, f"`{value}`") for what, value in rows])
