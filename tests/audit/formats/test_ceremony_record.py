"""What the entries of a ceremony add up to, filed in any order of the trustees: the attempt, its state, its key."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stembus.audit.formats import entry_bodies as bodies
from stembus.audit.formats.ceremony import Attempt, latest_attempt
from stembus.audit.formats.entry_bodies import Body
from stembus.crypto.group import Point, generator_times
from stembus.crypto.threshold import evaluate

HASH, POINT = "00" * 32, "02" + "00" * 32
# Three trustees, any two of whom decrypt.
POLYNOMIALS = {1: (11, 5), 2: (7, 3), 3: (2, 9)}


def commit(trustee: int, attempt: int = 1) -> bodies.Commit:
    return bodies.Commit(attempt=attempt, trustee=trustee, commitment=HASH, receiving_keys=[HASH])


def reveal(trustee: int, attempt: int = 1) -> bodies.Reveal:
    points = [generator_times(coefficient).to_bytes().hex() for coefficient in POLYNOMIALS[trustee]]
    return bodies.Reveal(
        attempt=attempt, trustee=trustee, coefficients=points, proof_challenge=HASH, proof_response=HASH
    )


def share(sender: int, receiver: int) -> bodies.Share:
    return bodies.Share(attempt=1, sender=sender, receiver=receiver, sealed="00" * 80)


def confirm(trustee: int) -> bodies.Confirm:
    return bodies.Confirm(attempt=1, trustee=trustee, joint_key=POINT, transcript=HASH)


COMPLAINT = bodies.Complaint(attempt=1, accuser=1, accused=2, receiving_secret=HASH)
KEY = bodies.ElectionKey(attempt=1, joint_key=POINT, verification_keys=[POINT], transcript=HASH)
OTHERS: list[Body] = [bodies.Open(election_key=HASH), bodies.Incident(number=1, text={"nl": "storing"})]


def test_each_entry_is_filed_under_its_trustee() -> None:
    attempt = Attempt(1)
    filed: list[Body] = [commit(2), reveal(2), share(2, 3), confirm(2), *OTHERS]
    for body in filed:
        attempt.take(body)
    assert attempt.commits == {2: filed[0]}
    assert attempt.reveals == {2: filed[1]}
    assert attempt.shares == {(2, 3): filed[2]}
    assert attempt.confirms == {2: filed[3]}
    assert (attempt.void, attempt.complete) == (False, False)


@pytest.mark.parametrize(
    ("body", "void", "complete"),
    [(COMPLAINT, True, False), (KEY, False, True), *((body, False, False) for body in OTHERS)],
)
def test_a_complaint_makes_an_attempt_void_and_an_election_key_completes_it(
    body: Body, void: bool, complete: bool
) -> None:
    attempt = latest_attempt([commit(1), body])
    assert (attempt.void, attempt.complete) == (void, complete)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_the_election_key_adds_up_all_polynomials_whatever_the_order_in_the_log(order: Sequence[int]) -> None:
    attempt = latest_attempt([commit(1), *(reveal(trustee) for trustee in order)])
    commitments = [[generator_times(c) for c in POLYNOMIALS[trustee]] for trustee in (1, 2, 3)]
    assert attempt.commitments() == commitments
    made = attempt.election_key(bytes(32), 3)
    assert made.attempt == 1
    assert Point.from_bytes(bytes.fromhex(made.joint_key)) == generator_times(11 + 7 + 2)
    shares = [sum(evaluate(polynomial, trustee) for polynomial in POLYNOMIALS.values()) for trustee in (1, 2, 3)]
    assert made.verification_keys == [generator_times(value).to_bytes().hex() for value in shares]
    assert made.transcript == attempt.transcript(bytes(32)).hex()


def test_the_latest_attempt_forgets_the_ones_before() -> None:
    assert latest_attempt([]) == Attempt(0)
    assert latest_attempt(OTHERS) == Attempt(0)
    first: list[Body] = [commit(1), commit(2), reveal(1), COMPLAINT]
    assert latest_attempt(first).number == 1
    assert set(latest_attempt(first).commits) == {1, 2}
    second = latest_attempt([*first, commit(3, 2), reveal(3, 2), *OTHERS])
    assert (second.number, second.void, second.complete) == (2, False, False)
    assert (set(second.commits), set(second.reveals)) == ({3}, {3})
