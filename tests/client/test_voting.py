"""Tokens and ballots cross between the browser's client and the Python programs, in both directions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.verify.ballots import BallotRefused, check_ballot
from stembus.ballot.errors import TokenNotIssued
from stembus.ballot.issuance.token import (
    Acknowledgement,
    TokenRequest,
    VotingPass,
    make_request,
    new_pass,
    take_answer,
)
from stembus.ballot.voter.encrypt import rebuild_id
from tests.ballot.conftest import Poll, copy_of
from tests.client.conftest import Client, Published, Refused
from tests.conftest import Finished
from tests.tampered import ballots as forged
from tests.tampered import budget as budgets
from tests.tampered.catalogue import BUDGET, FORGERIES, PROJECTS, YES_NO, Forgery
from tests.tampered.forge import new_forge

SINGLE = [
    f
    for f in FORGERIES
    if f.maker.__module__ in (forged.__name__, budgets.__name__) and f.expect in ("V16", "V17", "V18", "V19", "V20")
]


@pytest.fixture
def poll(opened: Finished, tmp_path: Path) -> Iterator[Poll]:
    copy = copy_of(opened, tmp_path / "copy")
    yield copy
    copy.end()


def browser_request(log: Published, poll: Poll, voting_pass: str, voter: int = 0) -> TokenRequest:
    code, factor = poll.letters[voter]
    wire = log.ask("makeRequest", **{"pass": voting_pass}, registrar=1, code=code, factor=factor)
    parts = (bytes.fromhex(wire[name]) for name in ("credential", "blinded", "signature"))
    return TokenRequest(*parts, wire["factor"])


def browser_token(log: Published, poll: Poll, voter: int = 0) -> str:
    voting_pass = log.ask("newPass")
    answer = poll.office.registrar(1).issue(browser_request(log, poll, voting_pass, voter))
    return log.ask("takeAnswer", **{"pass": voting_pass}, registrar=1, answer=answer)


def acknowledgement(wire: dict[str, str]) -> Acknowledgement:
    return Acknowledgement(*(bytes.fromhex(wire[name]) for name in ("credential", "request", "signature")))


def test_an_acknowledgement_made_in_the_browser_is_taken_by_python(open_log: Published, poll: Poll) -> None:
    registrar, voting_pass = poll.office.registrar(1), open_log.ask("newPass")
    registrar.issue(browser_request(open_log, poll, voting_pass))
    said = open_log.ask("makeAcknowledgement", **{"pass": voting_pass}, registrar=1, code=poll.letters[0][0])
    registrar.acknowledge(acknowledgement(said))
    other = open_log.ask("makeAcknowledgement", **{"pass": voting_pass}, registrar=1, code=poll.letters[1][0])
    with pytest.raises(TokenNotIssued):
        registrar.acknowledge(acknowledgement(other))


def test_a_ballot_made_in_the_browser_is_accepted_by_python(open_log: Published, poll: Poll) -> None:
    voting_pass = browser_token(open_log, poll)
    for seq, choice in enumerate(([[0]], [[1]], [[]])):
        made = open_log.ask("cast", **{"pass": voting_pass}, choice=choice, seq=seq)
        raw = bytes.fromhex(made["raw"])
        ballot = check_ballot(poll.office.context(), raw)
        assert ballot.ballot_id.hex() == made["ballot_id"]
        assert poll.office.box.cast(raw).ballot_id == made["ballot_id"]


def test_a_ballot_made_in_the_browser_is_rebuilt_by_python(open_log: Published, poll: Poll) -> None:
    made = open_log.ask("cast", **{"pass": browser_token(open_log, poll)}, choice=[[1]], seq=0)
    secrets = (bytes.fromhex(made["commitment"]), [[1]], bytes.fromhex(made["seed"]))
    assert rebuild_id(poll.office.context(), *secrets).hex() == made["ballot_id"]


def test_a_ballot_made_by_python_is_accepted_by_the_client(open_log: Published, poll: Poll) -> None:
    raw = poll.ballot(poll.token(0), ((1,),), 3)
    expected = check_ballot(poll.office.context(), raw)
    assert open_log.ask("checkBallot", raw=raw) == {"ballot_id": expected.ballot_id.hex(), "seq": 3}


def test_a_pass_wanders_between_the_browser_and_python(open_log: Published, poll: Poll) -> None:
    started = open_log.ask("newPass")
    there = VotingPass.from_json(started)
    answer = poll.office.registrar(1).issue(browser_request(open_log, poll, started))
    complete = take_answer(poll.office.context(), there, 1, answer).to_json()
    back = VotingPass.from_json(open_log.ask("readPass", **{"pass": complete}))
    assert back.to_json() == complete
    raw = bytes.fromhex(open_log.ask("cast", **{"pass": complete}, choice=[[1]], seq=0)["raw"])
    assert check_ballot(poll.office.context(), raw).seq == 0


def test_an_answer_for_a_pass_of_python_is_taken_in_the_browser(open_log: Published, poll: Poll) -> None:
    voting_pass = new_pass(poll.office.context())
    answer = poll.office.registrar(1).issue(make_request(voting_pass, 1, poll.letter_key(1), poll.letters[1][1]))
    complete = open_log.ask("takeAnswer", **{"pass": voting_pass.to_json()}, registrar=1, answer=answer)
    assert (
        VotingPass.from_json(complete).to_json() == take_answer(poll.office.context(), voting_pass, 1, answer).to_json()
    )


def test_a_pass_with_a_short_inverse_is_read(open_log: Published, poll: Poll) -> None:
    data = json.loads(new_pass(poll.office.context()).to_json())
    data["blindings"][0][1] = "abc"
    again = VotingPass.from_json(open_log.ask("readPass", **{"pass": json.dumps(data)}))
    assert again.blindings[0].inverse == 0xABC


@pytest.mark.parametrize(
    "change",
    [
        {"format": "stembus-voting-pass-v2"}, {"token_key": "00" * 32}, {"token_key": "ff" * 32}, {"token_key": "01"},
        {"signatures": []}, {"casts": -1}, {"referendum": "xy"}, {"blindings": [["00"]]},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_pass_is_refused(open_log: Published, poll: Poll, change: dict[str, object]) -> None:
    data = json.loads(new_pass(poll.office.context()).to_json()) | change
    with pytest.raises(Refused) as refusal:
        open_log.ask("readPass", **{"pass": json.dumps(data)})
    assert refusal.value.code == "pass-damaged"


def test_an_answer_with_one_bit_changed_is_not_kept(open_log: Published, poll: Poll) -> None:
    voting_pass = open_log.ask("newPass")
    answer = poll.office.registrar(1).issue(browser_request(open_log, poll, voting_pass))
    modulus = poll.office.context().registrars[0].modulus
    wrong = [answer[:-1] + bytes([answer[-1] ^ 1]), answer[:-1], answer + b"\x00", b"", modulus.to_bytes(384, "big")]
    if (larger := int.from_bytes(answer, "big") + modulus) < 1 << 3072:
        wrong.append(larger.to_bytes(384, "big"))
    for other in wrong:
        with pytest.raises(Refused) as refusal:
            open_log.ask("takeAnswer", **{"pass": voting_pass}, registrar=1, answer=other)
        assert refusal.value.code == "signature-invalid"


def test_every_multiple_of_an_answer_is_refused_that_python_refuses(open_log: Published, poll: Poll) -> None:
    """An answer at or above the modulus would unblind to the same signature."""
    context = poll.office.context()
    modulus = context.registrars[0].modulus
    for _ in range(40):
        voting_pass = new_pass(context)
        # The registrar would sign any of these; only an answer small enough leaves room for the modulus.
        answer = poll.office.registrar(1)._signer.sign(voting_pass.blindings[0].blinded_message)
        larger = int.from_bytes(answer, "big") + modulus
        if larger >> 3072 == 0:
            break
    else:
        pytest.skip("the modulus is so large that no answer leaves room")
    with pytest.raises(Refused) as refusal:
        open_log.ask("takeAnswer", **{"pass": voting_pass.to_json()}, registrar=1, answer=larger.to_bytes(384, "big"))
    assert refusal.value.code == "signature-invalid"


def test_a_promise_of_the_box_is_accepted_and_no_other(open_log: Published, poll: Poll) -> None:
    raw = poll.ballot(poll.token(2))
    promise = poll.office.box.cast(raw)
    text = encode_promise(promise).decode()
    assert open_log.ask("checkPromise", promise=text)["cast_hash"] == hashlib.sha256(raw).hexdigest()
    other = make_promise(bytes(32), bytes(32), bytes(32), 1, poll.office.signing_key("box"))
    stranger = make_promise(poll.office.referendum, bytes(32), bytes(32), 1, poll.office.signing_key("log"))
    wrong = [encode_promise(other).decode(), encode_promise(stranger).decode(), text + "\n", text.replace(":1,", ":2,")]
    wrong += ["", "{}", "null", text.replace('"type"', '"Type"'), text.replace('"batch":', '"aaa":1,"batch":')]
    for changed in wrong:
        assert changed != text
        with pytest.raises(Refused) as refusal:
            open_log.ask("checkPromise", promise=changed)
        assert refusal.value.code == "promise-invalid"


def test_only_a_ballot_of_this_pass_shows_that_a_turn_was_taken(open_log: Published, poll: Poll) -> None:
    mine, other = poll.token(3), poll.token(4)
    for seq in (0, 3):
        raw = poll.ballot(mine, [[1]], seq)
        assert open_log.ask("turnOf", **{"pass": mine.to_json()}, raw=raw) == seq
    altered = raw[:-68] + (9).to_bytes(4, "big") + raw[-64:]
    for shown in (poll.ballot(other), altered, raw[:-1], raw + b"\x00", b""):
        with pytest.raises(Refused) as refusal:
            open_log.ask("turnOf", **{"pass": mine.to_json()}, raw=shown)
        assert refusal.value.code == "turn-unproven"


@pytest.mark.parametrize("forgery", SINGLE, ids=lambda forgery: forgery.name)
def test_a_forged_ballot_is_refused_by_the_same_check(
    forgery: Forgery, client: Client, request: pytest.FixtureRequest
) -> None:
    base = {YES_NO: "opened_crowd", PROJECTS: "opened_projects", BUDGET: "opened_budget"}[forgery.base]
    opened, forge = request.getfixturevalue(base), new_forge(request.getfixturevalue(forgery.base))
    honest = {raw for batch in forge.batches for raw in batch}
    forgery.maker(forge)
    changed = [raw for batch in forge.batches for raw in batch if raw not in honest]
    log = Published(client, opened.public, opened.referendum)
    assert outcome(lambda: log.ask("checkBallot", raw=min(honest))) is None
    for raw in changed:
        found = outcome(lambda raw=raw: log.ask("checkBallot", raw=raw))
        assert found == outcome(lambda raw=raw: check_ballot(forge.context, raw))


def outcome(check: Callable[[], object]) -> str | None:
    """The check that refuses, if any."""
    try:
        check()
    except (BallotRefused, Refused) as refusal:
        return refusal.check
    return None


def test_most_forgeries_of_ballots_are_a_single_ballot(parts: dict[str, Any]) -> None:
    assert len(SINGLE) > 60


def test_budget_ballots_cross_in_both_directions(client: Client, opened_budget: Finished, tmp_path: Path) -> None:
    poll = copy_of(opened_budget, tmp_path / "copy")
    log = Published(client, opened_budget.public, opened_budget.referendum)
    voting_pass = browser_token(log, poll)
    for seq, choice in enumerate(([[0]], [[1, 3]], [[]], [[2, 1]])):
        made = log.ask("cast", **{"pass": voting_pass}, choice=choice, seq=seq)
        ballot = check_ballot(poll.office.context(), bytes.fromhex(made["raw"]))
        assert ballot.ballot_id.hex() == made["ballot_id"]
        secrets = (bytes.fromhex(made["commitment"]), choice, bytes.fromhex(made["seed"]))
        assert rebuild_id(poll.office.context(), *secrets).hex() == made["ballot_id"]
        raw = poll.ballot(poll.token(seq + 1), choice)
        assert log.ask("checkBallot", raw=raw)["ballot_id"] == check_ballot(poll.office.context(), raw).ballot_id.hex()
    for choice in ([[0, 2]], [[0, 1, 3]], [[4]], [[0, 0]]):
        with pytest.raises(Refused) as refusal:
            log.ask("cast", **{"pass": voting_pass}, choice=choice, seq=9)
        assert refusal.value.code == "choice-invalid"
    poll.end()
