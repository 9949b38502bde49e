"""A device says that its letter's token was used; the registrar publishes that with the token, and learns no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from stembus.audit.formats.lists import acknowledgement_digest, list_root
from stembus.ballot.database import reading
from stembus.ballot.errors import Cancelled, Closed, CredentialUnknown, RequestInvalid, TokenNotIssued
from stembus.ballot.issuance.letter_changes import fold
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.token import Acknowledgement, make_acknowledgement
from stembus.ballot.storage import acknowledgements
from stembus.crypto.signing import SchnorrKey, verify_schnorr
from tests.ballot.conftest import Poll


@pytest.fixture
def registrar(poll: Poll) -> Registrar:
    return poll.office.registrar()


def issue(poll: Poll, registrar: Registrar, voter: int) -> Acknowledgement:
    """The voter has the token; returns what the device will say."""
    voting_pass, request = poll.ask(voter)
    registrar.issue(request)
    return make_acknowledgement(voting_pass, 1, poll.letter_key(voter))


def waiting(registrar: Registrar) -> int:
    with reading(registrar._engine) as db:
        return db.execute(select(func.count()).select_from(acknowledgements)).scalar_one()


def test_what_devices_acknowledge_before_and_after_a_statement_is_on_the_final_list(
    poll: Poll, registrar: Registrar
) -> None:
    first, second, third = (issue(poll, registrar, voter) for voter in range(3))
    registrar.acknowledge(first)
    registrar.count_statement(1, 0)
    assert waiting(registrar) == 0
    registrar.acknowledge(second)
    poll.until_close()
    final = registrar.close(0)
    said = {line.credential: line.acknowledgement for line in final.issued}
    assert said == {
        first.credential: first.signature,
        second.credential: second.signature,
        third.credential: b"",
    }
    assert list_root(line.leaf() for line in final.issued) == (3, bytes.fromhex(final.statement.root))
    for line in final.issued:
        if line.acknowledgement:
            digest = acknowledgement_digest(poll.office.referendum, 1, line.request_hash)
            verify_schnorr(line.credential, digest, line.acknowledgement)
    assert waiting(registrar) == 0
    assert registrar.close(0) == final


def test_the_first_word_of_a_device_is_kept_and_the_same_again_changes_nothing(
    poll: Poll, registrar: Registrar
) -> None:
    said = issue(poll, registrar, 0)
    other = replace(said, signature=poll.letter_key(0).sign(bytes(32)))
    registrar.acknowledge(said)
    registrar.acknowledge(said)
    with pytest.raises(RequestInvalid):
        registrar.acknowledge(other)
    fold(registrar._engine)
    registrar.acknowledge(said)
    assert waiting(registrar) == 0
    poll.until_close()
    assert [line.acknowledgement for line in registrar.close(0).issued] == [said.signature]


def test_only_the_letter_itself_acknowledges_and_only_its_own_request_at_this_registrar(
    poll: Poll, registrar: Registrar
) -> None:
    voting_pass, request = poll.ask(0)
    key = poll.letter_key(0)
    with pytest.raises(TokenNotIssued):
        registrar.acknowledge(make_acknowledgement(voting_pass, 1, key))
    registrar.issue(request)
    with pytest.raises(TokenNotIssued):
        registrar.acknowledge(make_acknowledgement(poll.ask(0)[0], 1, key))
    stranger = SchnorrKey.generate()
    with pytest.raises(CredentialUnknown):
        registrar.acknowledge(make_acknowledgement(voting_pass, 1, stranger))
    referendum = poll.office.referendum
    forged = {
        "another letter's signature": make_acknowledgement(voting_pass, 1, poll.letter_key(1)).signature,
        "the signature on the request": request.signature,
        "another registrar": key.sign(acknowledgement_digest(referendum, 2, request.request_hash)),
        "another request": key.sign(acknowledgement_digest(referendum, 1, bytes(32))),
        "another referendum": key.sign(acknowledgement_digest(bytes(32), 1, request.request_hash)),
    }
    for signature in forged.values():
        with pytest.raises(RequestInvalid):
            registrar.acknowledge(Acknowledgement(key.public, request.request_hash, signature))
    assert waiting(registrar) == 0
    registrar.acknowledge(make_acknowledgement(voting_pass, 1, key))
    assert waiting(registrar) == 1


def test_nobody_without_the_letter_learns_whether_it_had_a_token(poll: Poll, registrar: Registrar) -> None:
    used = issue(poll, registrar, 0)
    unused = replace(used, credential=poll.letter_key(1).public)
    unknown = replace(used, credential=SchnorrKey.generate().public)
    refusals = set()
    for said in (replace(used, signature=bytes(64)), unused, unknown):
        with pytest.raises(RequestInvalid) as refused:
            registrar.acknowledge(said)
        refusals.add(str(refused.value))
    assert len(refusals) == 1


def test_nothing_is_acknowledged_once_the_list_is_signed(poll: Poll, registrar: Registrar) -> None:
    said = issue(poll, registrar, 0)
    poll.until_close()
    registrar.close(0)
    with pytest.raises(Closed):
        registrar.acknowledge(said)
    assert [line.acknowledgement for line in registrar.close(0).issued] == [b""]


def test_a_word_after_the_closing_time_is_heard_until_the_list_is_signed(poll: Poll, registrar: Registrar) -> None:
    said = issue(poll, registrar, 0)
    poll.until_close()
    registrar.acknowledge(said)
    assert [line.acknowledgement for line in registrar.close(0).issued] == [said.signature]


def test_a_cancelled_referendum_hears_nothing_more(poll: Poll, registrar: Registrar) -> None:
    said = issue(poll, registrar, 0)
    registrar.cancel()
    with pytest.raises(Cancelled):
        registrar.acknowledge(said)
