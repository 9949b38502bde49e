"""Each transcript of docs/protocol.md, section 3.2, hashed here a second time from its table, field by field.

A field that is left out, moved or renamed gives another digest than the one computed here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stembus.audit.formats import entry_bodies as bodies
from stembus.audit.formats.ballot_shape import ProofShape, QuestionShape
from stembus.audit.formats.canonical import encode
from stembus.audit.formats.cast_ballot import BallotContext, promise_digest
from stembus.audit.formats.ceremony import Attempt, commitment_hash, possession_context
from stembus.audit.formats.entries import KINDS, entry_digest, issuance_digest, issued_digest
from stembus.audit.formats.lists import acknowledgement_digest, request_digest
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.crypto.elgamal import encrypt
from stembus.crypto.group import generator_times
from tests.framing import Field, challenge, framed_digest

REFERENDUM, ELECTION_KEY, OTHER = b"\1" * 32, b"\2" * 32, b"\3" * 32
POINTS = [generator_times(k) for k in range(1, 9)]
CIPHERTEXTS = [encrypt(POINTS[4], 1, 7), encrypt(POINTS[4], 0, 9)]


QUESTIONS = (QuestionShape(2, 1), QuestionShape(3, 3), QuestionShape(3, 2))
CONTEXT = BallotContext(REFERENDUM, ELECTION_KEY, POINTS[4], (), QUESTIONS, 0, 5)
# of each proof how many terms, and of each its position in two bytes and its weight in eight; then how many values, and
# these in eight bytes each
SHAPE = bytes.fromhex(
    "0001 0000 0000000000000001  0003  0000000000000000 0000000000000001 0000000100000000"
    + "".join(f"0001 {k:04x} 0000000000000001  0002  0000000000000000 0000000000000001" for k in range(1, 7))
    + "0003 0004 0000000000000001 0005 0000000000000001 0006 0000000000000001"
    + "0003  0000000000000000 0000000000000001 0000000000000002"
)
BOUND: list[Field] = [("referendum", REFERENDUM), ("election-key", ELECTION_KEY)]

# (made by the product, tag, fields in order)
DIGESTS: dict[str, tuple[Callable[[], bytes], str, list[Field]]] = {
    "issued": (
        lambda: issued_digest(REFERENDUM, 2, 3, 4),
        "issued",
        [("referendum", REFERENDUM), ("registrar", 2), ("batch", 3), ("count", 4)],
    ),
    "issuance": (
        lambda: issuance_digest(REFERENDUM, 2, (4, OTHER), (5, ELECTION_KEY)),
        "issuance",
        [
            ("referendum", REFERENDUM),
            ("registrar", 2),
            ("count", 4),
            ("root", OTHER),
            ("struck", 5),
            ("struck-root", ELECTION_KEY),
        ],
    ),
    "token-request": (
        lambda: request_digest(REFERENDUM, 2, OTHER),
        "token-request",
        [("referendum", REFERENDUM), ("registrar", 2), ("request", OTHER)],
    ),
    "acknowledgement": (
        lambda: acknowledgement_digest(REFERENDUM, 2, OTHER),
        "acknowledgement",
        [("referendum", REFERENDUM), ("registrar", 2), ("request", OTHER)],
    ),
    "token": (lambda: CONTEXT.token_message(OTHER), "token", [*BOUND, ("token-key", OTHER)]),
    "paper-commitment": (lambda: CONTEXT.paper_commitment, "paper-commitment", BOUND),
    "token-commitment": (
        lambda: CONTEXT.token_commitment(OTHER, b"\4" * 32),
        "token-commitment",
        [("token-key", OTHER), ("nonce", b"\4" * 32)],
    ),
    "ballot-id": (lambda: CONTEXT.ballot_id(b"body"), "ballot-id", [*BOUND, ("body", b"body")]),
    "cast": (lambda: CONTEXT.cast_digest(b"all of it"), "cast", [*BOUND, ("ballot", b"all of it")]),
    "promise": (
        lambda: promise_digest(REFERENDUM, OTHER, b"\4" * 32, 3),
        "promise",
        [("referendum", REFERENDUM), ("cast", OTHER), ("ballot-id", b"\4" * 32), ("batch", 3)],
    ),
    "ceremony-commitment": (
        lambda: commitment_hash(REFERENDUM, 2, 3, [b"\5" * 33, b"\6" * 33]),
        "ceremony-commitment",
        [("referendum", REFERENDUM), ("attempt", 2), ("trustee", 3), ("coefficients", b"\5" * 33 + b"\6" * 33)],
    ),
    "possession": (
        lambda: possession_context(REFERENDUM, 2, 3, [b"\5" * 33, b"\6" * 33]).digest(),
        "possession",
        [("referendum", REFERENDUM), ("attempt", 2), ("trustee", 3), ("coefficients", b"\5" * 33 + b"\6" * 33)],
    ),
    "sums": (
        lambda: sums_digest(REFERENDUM, CIPHERTEXTS),
        "sums",
        [("referendum", REFERENDUM), ("ciphertexts", CIPHERTEXTS[0].to_bytes() + CIPHERTEXTS[1].to_bytes())],
    ),
    "decryption": (
        lambda: decryption_context(REFERENDUM, OTHER, 2, 1, 3).digest(),
        "decryption",
        [("referendum", REFERENDUM), ("root", OTHER), ("trustee", 2), ("question", 1), ("sum", 3)],
    ),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_digest_is_over_the_fields_of_the_protocol_in_their_order(name: str) -> None:
    make, tag, fields = DIGESTS[name]
    assert make() == framed_digest(tag, *fields)


def test_a_ballots_challenges_are_over_the_whole_statement() -> None:
    digest = framed_digest(
        "ballot-proof",
        *BOUND,
        ("joint-key", POINTS[4].to_bytes()),
        ("shape", SHAPE),
        ("token-commitment", OTHER),
        ("ciphertexts", b"ciphertexts"),
        ("commitments", b"commitments"),
    )
    expected = [challenge(framed_digest("ballot-challenge", ("statement", digest), ("position", k))) for k in range(8)]
    assert CONTEXT.challenges(OTHER, b"ciphertexts", b"commitments") == expected


def test_a_ballot_proves_each_ciphertext_and_the_sum_where_not_all_may_be_chosen() -> None:
    assert CONTEXT.ciphertexts == 7
    assert CONTEXT.shape == SHAPE
    singles = [ProofShape(((k, 1),), (0, 1)) for k in range(1, 7)]
    last = ProofShape(((4, 1), (5, 1), (6, 1)), (0, 1, 2))
    assert CONTEXT.proofs == (ProofShape(((0, 1),), (0, 1, 2**32)), *singles, last)
    branches = [3, 2, 2, 2, 2, 2, 2, 3]
    points, scalars = 32 + 66 * 7, 2 * 33 * sum(branches)
    assert (CONTEXT.commitments_at, CONTEXT.scalars_at) == (points, points + scalars)
    assert CONTEXT.body_bytes == points + scalars + 32 * sum(2 * n - 1 for n in branches)


@pytest.mark.parametrize(
    ("options", "most", "values"),
    [
        (1, 1, [(0, 1)]),
        (2, 1, [(0, 1, 2**32)]),
        (2, 2, [(0, 1), (0, 1)]),
        (3, 1, [(0, 1), (0, 1), (0, 1), (0, 1)]),
        (3, 2, [(0, 1), (0, 1), (0, 1), (0, 1, 2)]),
        (3, 3, [(0, 1), (0, 1), (0, 1)]),
    ],
)
def test_only_two_options_of_which_one_may_be_chosen_share_a_ciphertext(
    options: int, most: int, values: list[tuple[int, ...]]
) -> None:
    shape = QuestionShape(options, most)
    proofs = shape.proofs(5)
    assert [proof.values for proof in proofs] == values
    assert shape.size == 66 * shape.ciphertexts + sum(66 * len(v) + 32 * (2 * len(v) - 1) for v in values)
    assert shape.ciphertexts == (1 if (options, most) == (2, 1) else options)
    assert proofs[0].terms == ((5, 1),)
    assert proofs[-1].terms[-1] == (4 + shape.ciphertexts, 1)


def _bodies() -> list[Any]:
    """One body of a few types."""
    return [
        bodies.Commit(attempt=1, trustee=2, commitment="00" * 32, receiving_keys=["11" * 32]),
        bodies.Open(election_key="22" * 32),
        bodies.Batch(number=1, size=2, issued=[]),
        bodies.Purge(destroyed=["codes"]),
    ]


@pytest.mark.parametrize("body", _bodies(), ids=lambda body: type(body).__name__)
def test_an_entrys_signature_is_over_referendum_type_and_body(body: Any) -> None:
    (name,) = (name for name, (kind, _) in KINDS.items() if kind is type(body))
    expected = framed_digest("entry", ("referendum", REFERENDUM), ("type", name.encode()), ("body", encode(body)))
    assert entry_digest(REFERENDUM, body) == expected


def _attempt() -> tuple[Attempt, list[Field]]:
    """An attempt of two trustees, filed in another order than the transcript's; and the fields."""
    attempt = Attempt(3)
    commits = [
        bodies.Commit(attempt=3, trustee=k, commitment=f"{k:02}" * 32, receiving_keys=["11" * 32]) for k in range(1, 12)
    ]
    reveals = [
        bodies.Reveal(attempt=3, trustee=k, coefficients=[], proof_challenge=f"{k:02}" * 32, proof_response="22" * 32)
        for k in range(1, 12)
    ]
    shares = [
        bodies.Share(attempt=3, sender=a, receiver=b, sealed=f"{a}{b}" * 80)
        for a in (1, 2)
        for b in (1, 2, 3)
        if a != b
    ]
    confirm = bodies.Confirm(attempt=3, trustee=1, joint_key="02" + "00" * 32, transcript="33" * 32)
    for body in (*reversed(commits), *reversed(reveals), *reversed(shares), confirm):
        attempt.take(body)
    named = [*(("commit", b) for b in commits), *(("reveal", b) for b in reveals), *(("share", b) for b in shares)]
    return attempt, [(label, encode(body)) for label, body in named]


def test_the_ceremonys_transcript_holds_every_commit_reveal_and_share_in_order() -> None:
    attempt, fields = _attempt()
    expected = framed_digest("ceremony", ("referendum", REFERENDUM), ("attempt", 3), *fields)
    assert attempt.transcript(REFERENDUM) == expected
