"""A voter's device tells the registrars that the token was used; the vote never waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import load_setup
from stembus.ballot.errors import BallotError, Closed, DatabaseBehind
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.issuance.registrar import Registrar
from stembus.ballot.issuance.token import Acknowledgement, TokenRequest
from stembus.ballot.voter.session import VotingSession
from tests.ballot.conftest import Poll


class Hearing:
    """A registrar that may refuse to hear; `heard` is what it took."""

    def __init__(self, registrar: Registrar, refusal: BallotError | None = None) -> None:
        self._registrar, self.refusal = registrar, refusal
        self.heard: list[Acknowledgement] = []
        self.asked = 0

    def issue(self, request: TokenRequest) -> bytes:
        return self._registrar.issue(request)

    def acknowledge(self, said: Acknowledgement) -> None:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        self._registrar.acknowledge(said)
        self.heard.append(said)


def session(poll: Poll, folder: Path, registrar: Hearing) -> VotingSession:
    setup = load_setup(FolderPlace(poll.office.public), poll.office.referendum)
    return VotingSession(setup, [registrar], poll.office.box, folder)


def take_token(poll: Poll, turn: VotingSession) -> None:
    turn.take_token(poll.letter_key(0), poll.letters[0][1])


def test_a_device_acknowledges_once_its_ballot_is_promised_and_not_before(lite: Poll, tmp_path: Path) -> None:
    hearing = Hearing(lite.office.registrar())
    with session(lite, tmp_path, hearing) as turn:
        take_token(lite, turn)
        turn.acknowledge()
        assert hearing.asked == 0
        turn.cast(turn.prepare([[1]]))
        turn.acknowledge()
        turn.acknowledge()
        turn.cast(turn.prepare([[0]]))
        turn.acknowledge()
    assert [said.credential for said in hearing.heard] == [lite.credential(0)]
    assert not list(tmp_path.glob("acknowledgement-*"))


@pytest.mark.parametrize("refusal", [ServiceUnreachable("away"), DatabaseBehind("old")])
def test_a_registrar_that_is_away_is_told_at_the_next_occasion(
    lite: Poll, tmp_path: Path, refusal: BallotError
) -> None:
    hearing = Hearing(lite.office.registrar(), refusal)
    with session(lite, tmp_path, hearing) as turn:
        take_token(lite, turn)
        assert turn.cast(turn.prepare([[1]])).batch == 1
        turn.acknowledge()
    hearing.refusal = None
    with session(lite, tmp_path, hearing) as turn:
        turn.acknowledge()
    assert (hearing.asked, len(hearing.heard)) == (2, 1)


def test_what_comes_too_late_is_not_said_again(lite: Poll, tmp_path: Path) -> None:
    hearing = Hearing(lite.office.registrar(), Closed("over"))
    with session(lite, tmp_path, hearing) as turn:
        take_token(lite, turn)
        turn.cast(turn.prepare([[1]]))
        turn.acknowledge()
        turn.acknowledge()
    assert hearing.asked == 1


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[]", b'{"credential":"x","request":"y","signature":"z"}'])
def test_a_damaged_file_stops_nobody(lite: Poll, tmp_path: Path, damaged: bytes) -> None:
    hearing = Hearing(lite.office.registrar())
    with session(lite, tmp_path, hearing) as turn:
        take_token(lite, turn)
        turn.cast(turn.prepare([[1]]))
        (tmp_path / "acknowledgement-1.json").write_bytes(damaged)
        turn.acknowledge()
    assert (hearing.asked, list(tmp_path.glob("acknowledgement-*"))) == (0, [])
