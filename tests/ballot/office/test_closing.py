"""The end of the voting: what two officers' words can explain, and what they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from stembus.audit.formats.entry_bodies import Replace
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.report import Verdict
from stembus.ballot.errors import CountsContradict, ListsContradict
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.statements import FinalLists
from stembus.ballot.office.closing import close_voting
from stembus.ballot.storage import ballots
from tests.ballot.conftest import Poll

WORDS = {"nl": "een proef van voor de opening"}


@pytest.fixture
def voted(lite: Poll) -> Iterator[Poll]:
    """Three tokens with a ballot, and a fourth without; voting is over."""
    passes = [lite.token(voter) for voter in range(4)]
    for voting_pass in passes[:3]:
        lite.rehearsal.cast(voting_pass, [[1]])
    lite.until_close()
    return lite


def open_still(poll: Poll) -> bool:
    return poll.office.log().order.phase.value == "open" and not (poll.office.public / "issuance").exists()


@pytest.mark.parametrize("despite", [None, WORDS])
def test_fewer_tokens_than_the_log_uses_close_nothing_whatever_officers_say(
    voted: Poll, despite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = voted.office.statements()

    class Short:
        """Forgets some tokens at the close, and nothing before."""

        def __init__(self, forgets: int) -> None:
            self._forgets = forgets

        def count_statement(self, batch: int, at_least: int) -> Any:
            return real.count_statement(batch, at_least)

        def close(self, at_least: int) -> Any:
            final = real.close(at_least)
            kept = final.issued[self._forgets :]
            return FinalLists(real._final_statement(kept, final.struck), kept, final.struck)

    with monkeypatch.context() as patch:
        patch.setattr(voted.office, "statements", lambda number=1: Short(2))
        with pytest.raises(CountsContradict, match="gave out 2 tokens, the log holds 3 ballots of 3 tokens"):
            close_voting(voted.office, despite)
    assert open_still(voted)
    counts = close_voting(voted.office)
    assert (counts.issued, counts.used, counts.ballots) == ([4], 3, 3)


def test_a_promised_ballot_that_is_not_in_the_log_is_noticed_also_where_the_numbers_agree(voted: Poll) -> None:
    voted.office.box.finish(voted.office.count_statements)
    with voted.office.box._engine.begin() as db:
        [one, *_] = db.execute(ballots.select()).all()
        changed = update(ballots).where(ballots.c.ballot_id == one.ballot_id)
        db.execute(changed.values(cast_hash=bytes(32)))
    assert voted.office.box.missing() == 1
    with pytest.raises(CountsContradict, match="the box 3 ballots, of which 1 are not in the log"):
        close_voting(voted.office)
    assert open_still(voted)
    assert close_voting(voted.office, WORDS).ballots == 3
    assert voted.office.box.forget() == 1


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("a token left out of the list", "list of tokens is not the one"),
        ("somebody struck left out of the list", "struck for paper is not the one"),
        ("struck and with a token", "have a token and are struck"),
        ("struck and not on the roll", "not on the roll"),
        ("struck with a letter that was replaced", "not on the roll"),
        ("struck twice", "not sorted, each credential once"),
    ],
)
def test_a_registrar_whose_lists_cannot_be_right_closes_nothing(
    voted: Poll, monkeypatch: pytest.MonkeyPatch, what: str, words: str
) -> None:
    """Else the log would be closed for good with lists that no verifier accepts (V21, V23)."""
    real = voted.office.registrar()
    final = real.close(0)
    token, other = final.issued[0].credential, voted.credential(9)
    struck = {
        "a token left out of the list": [],
        "somebody struck left out of the list": [other],
        "struck and with a token": [token],
        "struck and not on the roll": [bytes(32)],
        "struck with a letter that was replaced": [other],
        "struck twice": [other, other],
    }[what]
    issued = final.issued[1:] if what.startswith("a token") else final.issued
    listed = [] if what.startswith("somebody") else struck
    lists = FinalLists(real._final_statement(final.issued, struck), issued, listed)
    if "replaced" in what:
        spare = voted.spares[0].public.hex()
        office = voted.office
        office.log().append([office.officers_sign(Replace(struck=other.hex(), replacement=spare))])
    with monkeypatch.context() as patch:
        patch.setattr(real, "close", lambda at_least: lists)
        with pytest.raises(ListsContradict, match=words):
            close_voting(voted.office)
    assert open_still(voted)


def test_a_registrar_that_stated_more_while_people_voted_ends_no_referendum(
    lite: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lists what it gave out: no token more is used than that, and every report says what it had stated."""
    for voter in range(3):
        lite.rehearsal.cast(lite.token(voter), [[1]])
    with monkeypatch.context() as patch:
        honest = Registrar.issued_count
        patch.setattr(Registrar, "issued_count", lambda self: honest(self) + 2)
        lite.rehearsal.clock.move_to(lite.rehearsal.clock.now() + 3600)
        lite.rehearsal.seal()
    assert lite.office.log().issued == [5]
    lite.until_close()
    closed = Registrar.close
    monkeypatch.setattr(Registrar, "close", lambda self, least: closed(self, 0))
    counts = close_voting(lite.office)
    assert (counts.issued, counts.stated, counts.used) == ([3], [5], 3)
    report = verify(FolderPlace(lite.office.public), lite.office.referendum)
    assert [(fault.check, fault.verdict) for fault in report.faults] == [("V22", Verdict.STANDS)]
    assert "had stated 5 tokens while people voted, and lists 3" in report.faults[0].message


def test_a_batch_that_another_process_sealed_after_this_one_read_the_log_is_closed_with(lite: Poll) -> None:
    """As the timer of seal does while an officer's command is starting."""
    early = lite.reopen()
    early.office.log()
    lite.rehearsal.cast(lite.token(0), [[1]])
    assert lite.rehearsal.seal() is not None
    late = lite.reopen(lite.office.manifest.closes_at + lite.office.manifest.grace_seconds)
    early.until_close()
    assert close_voting(early.office).batches == 1
    assert late.office.log().order.phase.value == "closed"
