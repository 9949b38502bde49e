"""Who is at fault when a trustee complains of a share: all four ways that it can be."""

from __future__ import annotations

import pytest

from stembus.audit.formats.ceremony import Attempt
from stembus.audit.formats.entry_bodies import Commit, Complaint, Reveal, Share
from stembus.audit.verify.ceremony import guilty
from stembus.crypto.group import scalar_to_bytes
from stembus.crypto.sealed import box_public, new_box_key, seal_to
from stembus.crypto.threshold import commit_polynomial, evaluate

ACCUSED, ACCUSER = 1, 2
POLYNOMIAL = (5, 7)
SECRET, PUBLIC = new_box_key()
OTHER = new_box_key()[1]


def attempt(share: int, sealed_to: bytes = PUBLIC) -> Attempt:
    record = Attempt(1)
    points = [point.to_bytes().hex() for point in commit_polynomial(POLYNOMIAL)]
    record.take(Commit(attempt=1, trustee=ACCUSER, commitment="00" * 32, receiving_keys=[PUBLIC.hex(), OTHER.hex()]))
    record.take(Reveal(attempt=1, trustee=ACCUSED, coefficients=points, proof_challenge="", proof_response=""))
    sealed = seal_to(sealed_to, scalar_to_bytes(share)).hex()
    record.take(Share(attempt=1, sender=ACCUSED, receiver=ACCUSER, sealed=sealed))
    return record


def complaint(secret: bytes = SECRET) -> Complaint:
    return Complaint(attempt=1, accuser=ACCUSER, accused=ACCUSED, receiving_secret=secret.hex())


def test_a_share_that_is_not_on_the_dealers_polynomial_is_the_dealers_fault() -> None:
    wrong = evaluate(POLYNOMIAL, ACCUSER) + 1
    assert guilty(attempt(wrong), complaint()) == (ACCUSED, "is at fault")


def test_a_share_that_cannot_be_opened_is_the_dealers_fault() -> None:
    sealed_to_somebody_else = attempt(evaluate(POLYNOMIAL, ACCUSER), new_box_key()[1])
    assert guilty(sealed_to_somebody_else, complaint()) == (ACCUSED, "is at fault")


def test_a_complaint_about_a_good_share_is_the_accusers_fault() -> None:
    assert guilty(attempt(evaluate(POLYNOMIAL, ACCUSER)), complaint()) == (ACCUSER, "is at fault")


@pytest.mark.parametrize("share", [0, 1])
def test_a_key_that_is_not_the_receiving_key_is_the_accusers_fault_whatever_the_share(share: int) -> None:
    other = new_box_key()[0]
    assert box_public(other) != PUBLIC
    record = attempt(evaluate(POLYNOMIAL, ACCUSER) + share)
    assert guilty(record, complaint(other)) == (ACCUSER, "shows a key that is not its receiving key")
